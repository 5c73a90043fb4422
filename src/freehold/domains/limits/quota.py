"""What a plan allows a tenant at a given moment: a bucket for its rate, a window for its UTC day. Pure."""

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from freehold.core.plan import Plan
from freehold.core.principal import Principal
from freehold.kit.errors import Misconfigured
from freehold.kit.state import Bucket, Window

DAY: Final = 86_400

_OWN: Final = ":own:"
GRACE: Final = 300
"""Seconds a state keeps a window beyond its end, so that a replica whose clock is behind still counts on it."""


class Allowance(Struct, frozen=True):
    """Everything one call of a tenant has to be paid from, until the day ends."""

    plan: Plan
    buckets: tuple[Bucket, ...]
    windows: tuple[Window, ...]
    ends_at: float
    """Unix seconds of the next UTC midnight; the windows are another day's from then on."""


def allowance(tenant: str, plan: Plan, now: float) -> Allowance:
    """The allowance of the UTC day `now` lies in. Both keys carry the tenant as hash tag, so one script may touch both."""
    starts_at = now // DAY * DAY
    ends_at = starts_at + DAY
    buckets = () if plan.per_second is None else (Bucket(f"{{{tenant}}}:rate", plan.per_second, plan.burst),)
    day = datetime.fromtimestamp(starts_at, UTC).date().isoformat()
    windows = () if plan.calls_per_day is None else (Window(f"{{{tenant}}}:calls:{day}", plan.calls_per_day, ends_at),)
    return Allowance(plan, buckets, windows, ends_at)


def own_rate(principal: Principal) -> Bucket | None:
    """What the credential itself may spend, so many a minute and at once; None when it is not limited itself."""
    if principal.per_minute is None:
        return None
    return Bucket(f"{{{principal.tenant}}}{_OWN}{principal.credential}", principal.per_minute / 60, principal.per_minute)


def is_own(bucket: Bucket) -> bool:
    """Whether the bucket is a credential's own, not its plan's."""
    return _OWN in bucket.key


def minute(at: float) -> str:
    """An instant as people and machines read it: `2026-11-22T00:00Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")


def checked(plan: Plan) -> Plan:
    """The plan itself, or `Misconfigured` when no call could ever pass as it says."""
    if plan.per_second is not None and not (plan.per_second > 0 and plan.burst >= 1):
        raise Misconfigured(
            f"Plan {plan.name} lets no call through: per_second must be above 0 and burst at least 1, or leave per_second out."
        )
    if plan.calls_per_day is not None and plan.calls_per_day < 0:
        raise Misconfigured(f"Plan {plan.name} has a negative calls_per_day; write 0 for none, or leave it out for no quota.")
    return plan
