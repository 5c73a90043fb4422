"""A name and a principal become a `Call`, the corridor runs it, the ledger has it before the answer leaves.

Knows neither the wire (the caller passes `encode`) nor what any step does."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

from freehold.core.call import Call, Method, Next, Outcome, Step
from freehold.core.channel import SILENT, Channel
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal, short_of
from freehold.core.tool import Tool, View
from freehold.domains.calls.pipeline import fold
from freehold.kit.clock import Clock
from freehold.kit.ids import Ids

_log = logging.getLogger("freehold.calls")
_AGAIN: Final = 1.0
"""Seconds after which another replica will have taken over."""
_RAISED: Final = (Exception, BaseExceptionGroup, SystemExit, asyncio.CancelledError)
"""What a tool may raise and the server must outlive."""


class Catalog(Protocol):
    """What this room needs of the catalog."""

    def find(self, principal: Principal, name: str) -> Tool | None:
        """The tool of that name in the caller's catalog, whatever its scopes; None hides and does not exist alike."""
        ...


class Recorder(Protocol):
    """What this room needs of the ledger."""

    def ready(self) -> None:
        """Raise `Refusal` when an entry handed in now would not be taken."""
        ...

    async def call(self, call: Call, outcome: Outcome, *, microseconds: int, bytes_out: int) -> None:
        """Return once the entry is committed, or raise `Refusal`."""
        ...


class Asked(Struct, frozen=True, kw_only=True):
    """A call as the door understood it."""

    principal: Principal
    name: str
    arguments: dict[str, Any]
    request_id: str
    revision: str
    bytes_in: int
    traceparent: str = ""
    tool: Tool | None = None
    """What to run, when the door has found it already; else `name` is looked up."""
    identity: str = ""
    """The call's id, when somebody had to know it before; else a new one."""
    seconds: float | None = None
    """How long it may take, in place of what every call may."""
    method: Method = "tools/call"
    channel: Channel = SILENT
    own_code: bool = False
    """See `Call`."""
    view: View | None = None


Encode = Callable[[Outcome], bytes]


class Calls:
    """The corridor with its two ends. One per process."""

    def __init__(
        self, catalog: Catalog, steps: Sequence[Step], *, innermost: Next, recorder: Recorder, clock: Clock, ids: Ids, seconds: float
    ) -> None:
        """`seconds` is how long one call may take, from the door to the answer."""
        self._catalog = catalog
        self._walk = fold(steps, innermost)
        self._recorder = recorder
        self._clock = clock
        self._ids = ids
        self._seconds = seconds
        self._under_way = 0
        self._done: asyncio.Event | None = None

    def open(self) -> None:
        """Take calls; they are taken from the beginning, and again after `close` with this."""
        self._done = None

    async def close(self) -> None:
        """Refuse new calls as `draining`; returns once the last one under way has been recorded."""
        self._done = self._done or asyncio.Event()
        if self._under_way:
            await self._done.wait()

    async def run(self, asked: Asked, encode: Encode) -> bytes:
        """The encoded answer, its entry committed.

        Raises `Refusal` for an unknown tool, missing scopes, a ledger that takes no entries and while draining, and those that
        `encode` raises; every other refusal is an outcome. A cancelled caller is recorded too, and what cannot be encoded.
        """
        if self._done is not None:
            raise Refusal("draining", retry_after=_AGAIN)
        self._under_way += 1
        try:
            return await self._run(self._begin(asked), encode)
        finally:
            self._under_way -= 1
            if self._done is not None and not self._under_way:
                self._done.set()

    async def _run(self, call: Call, encode: Encode) -> bytes:
        self._recorder.ready()
        started = self._clock.monotonic()
        if not call.tool.scopes <= call.principal.scopes:
            refusal = short_of(call.tool.scopes)
            await self._record(call, Outcome(status="refused", refusal=refusal), started, 0)
            raise refusal
        try:
            outcome = await self._outcome(call)
        except asyncio.CancelledError:
            await asyncio.shield(self._record(call, Outcome(status="cancelled"), started, 0))
            raise
        try:
            answer = encode(outcome)
        except Refusal:  # the method has no result that could carry it; the door answers with an error
            await self._record(call, outcome, started, 0)
            raise
        except Exception as fault:  # noqa: BLE001  # door: what a tool gave cannot be said; it ran all the same
            refusal = _failed(call, fault)
            await self._record(call, Outcome(status="failed", refusal=refusal), started, 0)
            raise refusal from None
        await self._record(call, outcome, started, len(answer))
        return answer

    def _begin(self, asked: Asked) -> Call:
        tool = asked.tool or self._catalog.find(asked.principal, asked.name)
        if tool is None:
            raise Refusal("unknown_tool")
        identity = asked.identity or self._ids.new()
        return Call(
            id=identity,
            at=self._clock.now(),
            principal=asked.principal,
            tool=tool,
            arguments=asked.arguments,
            request_id=asked.request_id or identity,
            revision=asked.revision,
            bytes_in=asked.bytes_in,
            deadline=self._clock.monotonic() + (asked.seconds or self._seconds),
            traceparent=asked.traceparent,
            method=asked.method,
            asked=asked.name,
            channel=asked.channel,
            own_code=asked.own_code,
            view=asked.view,
        )

    async def _outcome(self, call: Call) -> Outcome:
        try:
            return await self._walk(call)
        except Refusal as refusal:
            return Outcome(status="refused", refusal=refusal)
        except _RAISED as fault:  # door: whatever a tool raises is answered and recorded
            if isinstance(fault, asyncio.CancelledError) and _wanted():
                raise
            return Outcome(status="failed", refusal=_failed(call, fault))

    def _record(self, call: Call, outcome: Outcome, started: float, bytes_out: int) -> Awaitable[None]:
        microseconds = int((self._clock.monotonic() - started) * 1e6)
        return self._recorder.call(call, outcome, microseconds=microseconds, bytes_out=bytes_out)


def _failed(call: Call, fault: BaseException) -> Refusal:
    _log.error("call failed", extra={"code": "tool_failed", "request_id": call.request_id, "error": type(fault).__name__})
    return Refusal("tool_failed", request_id=call.request_id)


def _wanted() -> bool:
    """Whether somebody wants this task cancelled; a tool's own code may raise the same for a task of its own."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
