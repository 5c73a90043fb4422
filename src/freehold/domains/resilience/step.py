"""Step: give the call its deadline and a place among its source's calls in flight, or refuse."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from freehold.core.call import Call, Next, Outcome
from freehold.core.channel import Ask, Channel
from freehold.core.refusals import Refusal
from freehold.kit.overdue import Overdue


class Resilience:
    """Counts calls in flight per source and per tenant within it; a tenant may hold at most half of the places."""

    def __init__(self, overdue: Overdue, *, in_flight: int, seconds: float) -> None:
        """`in_flight` calls per source at once; `seconds` is the deadline the refusal names."""
        self._overdue = overdue
        self._limit = in_flight
        self._share = max(1, in_flight // 2)
        self._seconds = seconds
        self._flying: defaultdict[str, int] = defaultdict(int)
        self._mine: defaultdict[tuple[str, str], int] = defaultdict(int)

    async def __call__(self, call: Call, *, nxt: Next) -> Outcome:
        """Run the rest within the deadline, give or take a tick."""
        source = call.tool.source
        mine = (source, call.principal.tenant)
        if self._flying[source] >= self._limit or self._mine[mine] >= self._share:
            raise Refusal("overloaded", retry_after=1)
        self._take(mine)
        landing = None
        if call.channel.parks:
            landing = _Landing(call.channel, partial(self._release, mine), partial(self._take, mine))
            call = replace(call, channel=landing)
        flight = _Flight(self._overdue, call.deadline, call.channel)
        self._overdue.begin(flight, call.deadline)
        try:
            return await nxt(call)
        except asyncio.CancelledError:
            if flight.landed():
                raise Refusal("deadline_exceeded", seconds=self._seconds) from None
            raise
        finally:
            self._overdue.end(flight)
            if landing is not None:
                landing.over()
            self._release(mine)

    def _take(self, mine: tuple[str, str]) -> None:
        self._flying[mine[0]] += 1
        self._mine[mine] += 1

    def _release(self, mine: tuple[str, str]) -> None:
        self._flying[mine[0]] -= 1
        left = self._mine[mine] - 1
        if left:
            self._mine[mine] = left
        else:
            del self._mine[mine]


class _Landing:
    """The way back of a call that may wait for its client: while it waits it is not in flight, for a person may take minutes.

    What it comes back to may be full; it has begun, so it goes on all the same.
    """

    parks = True

    def __init__(self, channel: Channel, land: Callable[[], None], start: Callable[[], None]) -> None:
        self._channel = channel
        self._land = land
        self._start = start
        self._open = 0
        self._over = False
        self.progress = channel.progress
        self.log = channel.log
        self.can = channel.can
        self.notice = channel.notice
        self.waited = channel.waited

    async def ask(self, asks: Sequence[Ask]) -> Mapping[str, Any]:
        """As the call's own. A function may ask several at once; the first lands it, the last starts it again."""
        if not self._open and not self._over:
            self._land()
        self._open += 1
        try:
            return await self._channel.ask(asks)
        finally:
            self._open -= 1
            if not self._open and not self._over:
                self._start()

    def over(self) -> None:
        """The call has ended, perhaps with a question still open."""
        if self._open:
            self._start()
        self._over = True


class _Flight:
    """One call in flight, cancelled when it is late. Time spent waiting for the client's answers does not count."""

    __slots__ = ("_cancelled", "_cancelling", "_channel", "_deadline", "_granted", "_overdue", "_task")

    def __init__(self, overdue: Overdue, deadline: float, channel: Channel) -> None:
        """Remember the task and how often others want it cancelled already."""
        self._overdue = overdue
        self._task = task = overdue.task()
        self._cancelling = task.cancelling() if task is not None else 0
        self._cancelled = False
        self._deadline = deadline
        self._channel = channel
        self._granted = 0.0

    def late(self) -> None:
        """Stop it, unless it has waited since it was looked at last."""
        waited = self._channel.waited()
        if waited > self._granted:
            self._granted = waited
            self._overdue.begin(self, self._deadline + waited)
            return
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    def landed(self) -> bool:
        """Whether the cancellation was ours alone; then it goes no further."""
        return self._cancelled and self._task is not None and self._task.uncancel() <= self._cancelling
