"""The arithmetic of a token bucket, by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.domains.limits.bucket import SECOND, interval, microseconds, take
from freehold.kit.state import Bucket

rates = st.floats(min_value=0.001, max_value=20_000, allow_nan=False)
bursts = st.integers(1, 1_000)


@given(
    rate=rates,
    burst=bursts,
    moves=st.lists(st.tuples(st.integers(0, 10 * SECOND), st.integers(1, 5)), max_size=60),
)
def test_a_bucket_never_gives_more_than_it_promises(rate: float, burst: int, moves: list[tuple[int, int]]) -> None:
    """Over any spends and advances of the clock at most the burst and the rate times what has passed comes out (RL-08)."""
    bucket, start = Bucket("b", rate, burst), 1_000 * SECOND
    full_at, now, given_out = 0, start, 0
    for advance, cost in moves:
        now += advance
        full_at, wait = take(full_at, now, bucket, min(cost, burst))
        given_out += 0 if wait else min(cost, burst)
        assert given_out <= burst + rate * (now - start) / SECOND + 1e-9


@given(rate=rates, burst=bursts, spent=st.integers(0, 2_000), cost=st.integers(1, 5))
def test_the_wait_is_exact(rate: float, burst: int, spent: int, cost: int) -> None:
    """A refused cost is taken after exactly the wait, and not a microsecond before (RL-03)."""
    bucket, now, full_at = Bucket("b", rate, burst), 1_000 * SECOND, 0
    cost = min(cost, burst)
    for _ in range(min(spent, burst)):
        full_at, _ = take(full_at, now, bucket, 1)
    kept, wait = take(full_at, now, bucket, cost)
    if wait:
        assert take(kept, now + wait - 1, bucket, cost)[1] == 1
        assert take(kept, now + wait, bucket, cost)[1] == 0


@given(rate=rates, burst=bursts, ahead=st.integers(0, 10**12))
def test_nobody_waits_longer_than_for_a_whole_bucket(rate: float, burst: int, ahead: int) -> None:
    """However far ahead the kept instant lies, a clock set back or a plan changed, the wait is at most a whole refill (RL-04)."""
    bucket, now = Bucket("b", rate, burst), 1_000 * SECOND
    kept, wait = take(now + ahead, now, bucket, burst)
    assert wait <= interval(bucket) * burst
    if wait:
        assert take(kept, now + wait, bucket, burst)[1] == 0


def test_a_full_bucket_gives_its_burst_at_once_and_no_more() -> None:
    """Three of three pass at the same instant, the fourth waits for one interval."""
    bucket, full_at, waits = Bucket("b", 2.0, 3), 0, []
    for _ in range(4):
        full_at, wait = take(full_at, SECOND, bucket, 1)
        waits.append(wait)
    assert waits == [0, 0, 0, SECOND // 2]


def test_a_refused_cost_takes_nothing() -> None:
    """What is kept after a refusal is what was kept before."""
    bucket = Bucket("b", 1.0, 2)
    full_at, _ = take(0, SECOND, bucket, 2)
    assert take(full_at, SECOND, bucket, 1)[0] == full_at


def test_a_cost_above_the_burst_is_a_mistake() -> None:
    """It is said at once rather than with a wait that would never end."""
    with pytest.raises(ValueError, match="A cost of 3 can never be taken from a bucket of 2"):
        take(0, SECOND, Bucket("b", 1.0, 2), 3)


@pytest.mark.parametrize(("per_second", "each"), [(1, 1_000_000), (3, 333_334), (1_000, 1_000), (7, 142_858), (5_000_000, 1)])
def test_an_interval_is_rounded_up(per_second: float, each: int) -> None:
    """A token never comes back sooner than promised, and never at once."""
    assert interval(Bucket("b", per_second, 1)) == each


def test_seconds_become_the_nearest_microsecond() -> None:
    """Also for today's dates, where a float holds little more than that."""
    assert microseconds(1_800_000_000.333_334) == 1_800_000_000_333_334
    assert microseconds(0.000_000_6) == 1
