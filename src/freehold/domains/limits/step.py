"""Step: reserve one call from what the tenant's plan allows, or refuse with the time to come back.

The count itself is `State`'s, and what was used before this state existed is asked of the ledger once a day."""

import asyncio
import logging
import math
from collections.abc import Mapping
from typing import Final, Protocol

from msgspec.structs import replace

from freehold.core.call import Call, Next, Outcome
from freehold.core.plan import Plan
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.limits.quota import DAY, Allowance, allowance, checked, is_own, minute, own_rate
from freehold.kit.clock import Clock
from freehold.kit.errors import Unavailable
from freehold.kit.state import State, Verdict, Window

_log = logging.getLogger("freehold.limits")

_TENANTS_KEPT: Final = 10_000
_SEEDINGS: Final = 2
_FREE: Final = frozenset({"completion/complete"})
"""Methods that keep to the rate but use up no quota: a completion is asked for at every key stroke."""


class Usage(Protocol):
    """What this room needs of the ledger."""

    async def units_since(self, tenant: str, at: float) -> int:
        """Units charged to the tenant since `at`, Unix seconds."""
        ...


class Limits:
    """Spends before the call and settles after it: only an outcome `ok` is charged, with one unit; completions are free.

    A plan this replica does not know (its settings are older or newer than the tenants' table) is refused with
    `state_unavailable` and reported once in the log: no limit can be checked, and another plan's would be a guess.
    """

    def __init__(self, state: State, *, plans: Mapping[str, Plan], usage: Usage, clock: Clock) -> None:
        """`plans` by the name principals carry. Raises `Misconfigured` for a plan under which no call could pass."""
        self._state = state
        self._plans = {name: checked(plan) for name, plan in plans.items()}
        self._usage = usage
        self._now = clock.now
        self._today: dict[tuple[str, str], Allowance] = {}
        self._seeding: dict[str, asyncio.Event] = {}
        self._unknown: set[str] = set()

    async def __call__(self, call: Call, *, nxt: Next) -> Outcome:
        """Reserve, run the rest, settle."""
        allowed = self._allowance(call.principal)
        free = call.method in _FREE
        windows = () if free else allowed.windows
        if allowed.buckets or windows:
            await self._reserve(call.principal.tenant, allowed, windows)
        charged = False
        try:
            outcome = await nxt(call)
            charged = outcome.status == "ok" and not free
        finally:
            if not charged and windows:
                await asyncio.shield(self._give_back(windows))
        return replace(outcome, units=1) if charged else outcome

    async def admit(self, principal: Principal) -> None:
        """Hold a request that is no call to the plan's rate; it uses up no quota. Raises `Refusal`."""
        allowed = self._allowance(principal)
        if allowed.buckets:
            await self._reserve(principal.tenant, allowed, ())

    def _allowance(self, principal: Principal) -> Allowance:
        allowed = self._of_plan(principal)
        own = own_rate(principal)
        return allowed if own is None else replace(allowed, buckets=(*allowed.buckets, own))

    def _of_plan(self, principal: Principal) -> Allowance:
        key = (principal.tenant, principal.plan)
        known = self._today.get(key)
        if known is not None and self._now() < known.ends_at:
            return known
        if len(self._today) >= _TENANTS_KEPT:
            self._today.clear()
        self._today[key] = made = allowance(principal.tenant, self._plan(principal), self._now())
        return made

    def _plan(self, principal: Principal) -> Plan:
        plan = self._plans.get(principal.plan)
        if plan is None:
            if principal.plan not in self._unknown:
                self._unknown.add(principal.plan)
                _log.error("plan_unknown", extra={"code": "plan_unknown", "tenant": principal.tenant})
            raise Refusal("state_unavailable", retry_after=60)
        return plan

    async def _reserve(self, tenant: str, allowed: Allowance, windows: tuple[Window, ...]) -> None:
        try:
            verdict = await self._state.spend(allowed.buckets, windows)
            if verdict.unseeded:
                verdict = await self._seeded(tenant, allowed)
        except Unavailable:
            self._without_state()
            return
        if not verdict.allowed:
            raise self._refusal(allowed, verdict)

    def _without_state(self) -> None:
        raise Refusal("state_unavailable", retry_after=1)

    async def _seeded(self, tenant: str, allowed: Allowance) -> Verdict:
        for _ in range(_SEEDINGS):
            for window in allowed.windows:
                await self._seed(tenant, window)
            verdict = await self._state.spend(allowed.buckets, allowed.windows)
            if not verdict.unseeded:
                return verdict
        raise Unavailable("The state forgets a window as soon as it is seeded; see that its server keeps keys until they expire.")

    async def _seed(self, tenant: str, window: Window) -> None:
        """Ask the ledger, or wait for the call that is asking it already."""
        asking = self._seeding.get(window.key)
        if asking is not None:
            await asking.wait()
            return
        self._seeding[window.key] = asked = asyncio.Event()
        try:
            await self._state.seed(window, await self._usage.units_since(tenant, window.resets_at - DAY))
        finally:
            del self._seeding[window.key]
            asked.set()

    async def _give_back(self, windows: tuple[Window, ...]) -> None:
        try:
            for window in windows:
                await self._state.refund(window)
        except Unavailable:
            _log.warning("refund_lost", extra={"code": "refund_lost"})

    def _refusal(self, allowed: Allowance, verdict: Verdict) -> Refusal:
        for window in allowed.windows:
            if window.key == verdict.refused_by:
                return Refusal(
                    "quota_exhausted",
                    retry_after=max(window.resets_at - self._now(), 0.0),
                    plan=allowed.plan.name,
                    used=verdict.used,
                    limit=window.limit,
                    resets_at=minute(window.resets_at),
                )
        wait = math.ceil(verdict.retry_after * 1000) / 1000
        for bucket in allowed.buckets:
            if bucket.key == verdict.refused_by and is_own(bucket):
                return Refusal("key_rate_limited", retry_after=wait, per_minute=bucket.burst)
        return Refusal("rate_limited", retry_after=wait, per_second=f"{allowed.plan.per_second:g}")
