"""Things that last too long: each is told once, soon after its time and never before, on a loop whose clock is turned by hand."""

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.kit.overdue import TICK, Overdue


class HandLoop(asyncio.SelectorEventLoop):
    """Its clock stands still until `turn` is called; counts the timers it was asked for."""

    def __init__(self) -> None:
        """At zero."""
        super().__init__()
        self.hand = 0.0
        self.timers = 0

    def time(self) -> float:
        """Where the hand stands."""
        return self.hand

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None) -> Any:
        """As every loop, and counted."""
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)

    def turn(self, seconds: float) -> None:
        """Turn the hand, running what falls due on the way."""
        until = self.hand + seconds
        while self.hand < until:
            self.hand = min(until, self.hand + TICK / 2)
            self.run_until_complete(asyncio.sleep(0))


class Thing:
    """Keeps when it was told; may do something more then."""

    def __init__(self, loop: HandLoop, then: Callable[[], None] = lambda: None) -> None:
        """Not told yet."""
        self._loop = loop
        self._then = then
        self.told: list[float] = []

    def late(self) -> None:
        """Be told."""
        self.told.append(self._loop.hand)
        self._then()


@contextmanager
def under_way() -> Iterator[tuple[HandLoop, Overdue, Callable[[Thing, float], None]]]:
    """A loop, what is overdue on it, and `begin` as it is called there."""
    with closing(HandLoop()) as loop:
        overdue = Overdue(loop.time)

        def begin(thing: Thing, due: float) -> None:
            async def on_the_loop() -> None:
                overdue.begin(thing, due)

            loop.run_until_complete(on_the_loop())

        yield loop, overdue, begin


steps = st.lists(st.tuples(st.sampled_from(["begin", "end", "turn"]), st.integers(0, 5), st.integers(0, 40)), max_size=30)


@given(steps)
def test_each_thing_is_told_once_within_a_tick_after_its_time_unless_it_ended(plan: list[tuple[str, int, int]]) -> None:
    """Whatever begins, ends and passes in whatever order: nothing is told before its time, twice, or after it ended."""
    with under_way() as (loop, overdue, begin):
        things: list[tuple[Thing, float]] = []
        ended: dict[int, float] = {}
        for what, which, hundredths in plan:
            if what == "begin":
                things.append((Thing(loop), loop.hand + hundredths / 100))
                begin(*things[-1])
            elif what == "turn":
                loop.turn(hundredths / 100)
            elif which < len(things):
                overdue.end(things[which][0])
                ended.setdefault(which, loop.hand)
        loop.turn(1)
        for at, (thing, due) in enumerate(things):
            assert len(thing.told) <= 1
            assert all(due <= when <= due + 2 * TICK for when in thing.told)
            assert thing.told or at in ended
            assert not thing.told or thing.told[0] <= ended.get(at, 2e9)


def test_it_looks_only_while_something_is_under_way() -> None:
    """No timer is set before the first thing begins or after the last has ended, and one for all of them between."""
    with under_way() as (loop, overdue, begin):
        loop.turn(1)
        assert loop.timers == 0
        first, second = Thing(loop), Thing(loop)
        begin(first, 100)
        begin(second, 100)
        assert loop.timers == 1
        overdue.end(first)
        overdue.end(second)
        loop.turn(TICK * 2)
        assert loop.timers == 1
        begin(first, loop.hand)
        loop.turn(1)
        assert loop.timers <= 3
        assert len(first.told) == 1
        assert second.told == []


def test_ending_twice_or_never_having_begun_is_no_error() -> None:
    """`end` may be called whenever a thing is over, whether it was told or not."""
    with under_way() as (loop, overdue, begin):
        thing = Thing(loop)
        overdue.end(thing)
        begin(thing, 0)
        loop.turn(1)
        overdue.end(thing)
        overdue.end(thing)
        assert len(thing.told) == 1


def test_what_is_told_may_end_and_begin_things_itself() -> None:
    """A thing ended by another that is told at the same look is not told any more; one that is begun there is told in its time."""
    with under_way() as (loop, overdue, begin):
        later = Thing(loop)
        second = Thing(loop)

        def then() -> None:
            overdue.end(second)
            overdue.begin(later, loop.hand + 1)

        begin(Thing(loop, then), 0)
        begin(second, 0)
        loop.turn(0.5)
        assert (second.told, later.told) == ([], [])
        loop.turn(1)
        assert len(later.told) == 1
        assert second.told == []


def test_one_that_breaks_when_told_does_not_keep_the_others_waiting() -> None:
    """An error in one `late` is the loop's to report; every other thing, then and afterwards, is told all the same."""
    with under_way() as (loop, _, begin):
        reported: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: reported.append(context))

        def breaks() -> None:
            raise LookupError

        broken, beside, after = Thing(loop, breaks), Thing(loop), Thing(loop)
        begin(broken, 0)
        begin(beside, 0)
        loop.turn(0.5)
        begin(after, 0)
        loop.turn(0.5)
        assert [len(thing.told) for thing in (broken, beside, after)] == [1, 1, 1]
        assert [type(one["exception"]) for one in reported] == [LookupError]


@pytest.mark.parametrize("left", [0, 1])
def test_it_moves_to_a_new_loop_once_its_own_is_closed(left: int) -> None:
    """An application started again on another loop is served there, also when things were under way on the old one."""
    with under_way() as (loop, overdue, begin):
        for _ in range(left):
            begin(Thing(loop), 9)
    with closing(HandLoop()) as fresh:
        thing = Thing(fresh)

        async def on_the_loop() -> None:
            overdue.begin(thing, 0)
            assert overdue.task() is asyncio.current_task()

        fresh.run_until_complete(on_the_loop())
        fresh.turn(0.5)
        assert len(thing.told) == 1
