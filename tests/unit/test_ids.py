"""Identifiers: sorted by time, unique, increasing whatever the clock does."""

from hypothesis import given
from hypothesis import strategies as st

from freehold.kit.ids import Ids
from freehold.kit.randomness import Pool
from tests.clocks import HandClock


@given(st.lists(st.floats(-5, 5), max_size=200))
def test_ids_strictly_increase(steps: list[float]) -> None:
    """Ids of one instance increase and have 26 characters, also when the clock stands still or goes back."""
    clock = HandClock()
    ids = Ids(clock)
    made = []
    for step in steps:
        clock.advance(step)
        made.append(ids.new())
    assert made == sorted(set(made))
    assert {len(one) for one in made} <= {26}


@given(st.floats(0, 4e9), st.floats(0.001, 1e6))
def test_ids_of_different_instances_sort_by_time(at: float, later: float) -> None:
    """An id made at least a millisecond later sorts after, whichever instance made it."""
    assert Ids(HandClock(at)).new() < Ids(HandClock(at + later + 0.001)).new()


def test_a_full_millisecond_runs_into_the_next() -> None:
    """When the counter of one millisecond is used up the next one begins, and order holds."""
    clock = HandClock()
    ids = Ids(clock, randomness=lambda count: b"\xff" * count)
    first = ids.new()
    ids._tail = (1 << 40) - 1  # noqa: SLF001  a trillion ids would have to be made
    second = ids.new()
    assert first < second < Ids(HandClock(clock.now() + 0.002)).new()


def test_instances_do_not_meet() -> None:
    """Two instances at the same moment make different ids."""
    clock = HandClock()
    one, other = Ids(clock), Ids(clock)
    assert not {one.new() for _ in range(1000)} & {other.new() for _ in range(1000)}


@given(st.lists(st.integers(1, 5000), max_size=30))
def test_random_bytes_are_given_once(counts: list[int]) -> None:
    """A pool gives exactly as many bytes as asked, in the source's order, none of them twice."""
    drawn = bytearray()

    def source(count: int) -> bytes:
        part = bytes((len(drawn) + at) * 7919 % 251 for at in range(count))
        drawn.extend(part)
        return part

    pool = Pool(source)
    given_out = [pool(count) for count in counts]
    assert [len(part) for part in given_out] == counts
    at = 0
    for part in given_out:
        at = bytes(drawn).index(part, at) + len(part)
