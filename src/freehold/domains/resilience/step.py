"""Step: give the call its deadline and a place among its source's calls in flight, or refuse."""

import asyncio
from collections import defaultdict

from freehold.core.call import Call, Next, Outcome
from freehold.core.refusals import Refusal
from freehold.kit.clock import Clock


class Resilience:
    """Counts calls in flight per source and per tenant within it; a tenant may hold at most half of the places."""

    def __init__(self, *, clock: Clock, in_flight: int, seconds: float) -> None:
        """`in_flight` calls per source at once; `seconds` is the deadline the refusal names."""
        self._clock = clock
        self._limit = in_flight
        self._share = max(1, in_flight // 2)
        self._seconds = seconds
        self._flying: defaultdict[str, int] = defaultdict(int)
        self._mine: defaultdict[tuple[str, str], int] = defaultdict(int)

    async def __call__(self, call: Call, *, nxt: Next) -> Outcome:
        """Run the rest within the deadline."""
        source = call.tool.source
        mine = (source, call.principal.tenant)
        if self._flying[source] >= self._limit or self._mine[mine] >= self._share:
            raise Refusal("overloaded", retry_after=1)
        self._flying[source] += 1
        self._mine[mine] += 1
        try:
            async with asyncio.timeout(call.deadline - self._clock.monotonic()):
                return await nxt(call)
        except TimeoutError:
            raise Refusal("deadline_exceeded", seconds=self._seconds) from None
        finally:
            self._flying[source] -= 1
            self._release(mine)

    def _release(self, mine: tuple[str, str]) -> None:
        left = self._mine[mine] - 1
        if left:
            self._mine[mine] = left
        else:
            del self._mine[mine]
