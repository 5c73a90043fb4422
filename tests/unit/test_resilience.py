"""The step that counts calls in flight: one that waits for its client's answer is not in flight, and its deadline waits with it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from freehold.core.call import Call, Outcome
from freehold.core.channel import Ask
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.resilience.step import Resilience
from freehold.kit.overdue import Overdue
from tests.clocks import HandClock
from tests.functions import PRINCIPAL
from tests.recording import Client

pytestmark = pytest.mark.anyio

ASK = Ask(key="1", method="roots/list", params={})


class Slow(Client):
    """A person who takes his time, on a clock turned by hand."""

    parks = True

    def __init__(self, clock: HandClock) -> None:
        """Not asked yet."""
        super().__init__()
        self.asked, self.answered = asyncio.Event(), asyncio.Event()
        self._clock = clock
        self._since = 0.0

    async def ask(self, asks: Sequence[Ask]) -> Mapping[str, Any]:
        """Wait for the test."""
        self._since = self._clock.monotonic()
        self.asked.set()
        await self.answered.wait()
        return {"1": {"roots": []}}

    def waited(self) -> float:
        """Since it was asked."""
        return self._clock.monotonic() - self._since if self.asked.is_set() else 0.0


def call(client: Client, clock: HandClock) -> Call:
    """A call of a tool of one source."""
    tool = Tool(name="t", description="", input_schema={"type": "object"}, source="s", scopes=frozenset())
    return Call(
        id="1",
        at=0,
        principal=PRINCIPAL,
        tool=tool,
        arguments={},
        request_id="",
        revision="",
        bytes_in=0,
        deadline=clock.monotonic() + 30,
        channel=client,
    )


async def test_a_call_that_waits_for_its_client_leaves_its_place_to_others() -> None:
    """While one call waits for a person another may run; before and after, the source is full; the wait does not count as deadline."""
    clock = HandClock()
    step = Resilience(Overdue(clock.monotonic), in_flight=1, seconds=30)
    slow, go_on, running = Slow(clock), asyncio.Event(), asyncio.Event()

    async def asks(made: Call) -> Outcome:
        await made.channel.ask([ASK])
        running.set()
        await go_on.wait()
        return Outcome(status="ok")

    async def quick(_: Call) -> Outcome:
        return Outcome(status="ok")

    waiting = asyncio.create_task(step(call(slow, clock), nxt=asks))
    await slow.asked.wait()
    clock.advance(100)
    assert (await step(call(Client(), clock), nxt=quick)).status == "ok"
    await asyncio.sleep(0.12)  # real time: two ticks of the watch for calls that last too long
    assert not waiting.done()
    slow.answered.set()
    await running.wait()
    with pytest.raises(Refusal, match="as many calls in flight as it may"):
        await step(call(Client(), clock), nxt=quick)
    go_on.set()
    assert (await waiting).status == "ok"
    assert (await step(call(Client(), clock), nxt=quick)).status == "ok"
