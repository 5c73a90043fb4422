"""The contract of `kit.state.State`, over every adapter."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from uuid import uuid4

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.adapters.state_memory import MemoryState
from freehold.adapters.state_redis import open_redis
from freehold.kit.state import Bucket, State, Verdict, Window
from tests.clocks import HandClock

pytestmark = pytest.mark.anyio

PATIENT = 30.0
"""Seconds a question may take where a slow machine must not decide the test."""

NOON = 1_800_014_400.0
MIDNIGHT = 1_800_057_600.0


@dataclass(frozen=True, slots=True)
class Replicas:
    """Two replicas' views of one state, and the clock both go by."""

    here: State
    there: State
    clock: HandClock


@pytest.fixture(params=["memory", "redis"])
async def replicas(request: pytest.FixtureRequest) -> AsyncIterator[Replicas]:
    """Two replicas on a Redis; in memory there is one process, so both are the same."""
    clock = HandClock(NOON)
    if request.param == "memory":
        memory = MemoryState(clock)
        yield Replicas(memory, memory, clock)
        return
    url, prefix = request.getfixturevalue("redis_url"), f"{uuid4().hex}:"
    here, there = (open_redis(url, prefix=prefix, seconds=PATIENT, clock=clock) for _ in range(2))
    yield Replicas(here, there, clock)
    await here.close()
    await there.close()


@pytest.fixture
def state(replicas: Replicas) -> State:
    """One replica's view."""
    return replicas.here


@pytest.fixture
def clock(replicas: Replicas) -> HandClock:
    """The hands to turn."""
    return replicas.clock


async def spend_at_once(states: list[State], bucket: Bucket, window: Window, calls: int) -> int:
    """How many of so many concurrent spends pass, taken by the states in turn."""
    spends = [state.spend((bucket,), (window,)) for state, _ in zip(itertools.cycle(states), range(calls), strict=False)]
    return sum(verdict.allowed for verdict in await asyncio.gather(*spends))


async def test_a_window_lets_exactly_its_limit_through(replicas: Replicas) -> None:
    """Of 150 concurrent spends by two replicas on a window of 100, exactly 100 pass (RL-01, BILL-01)."""
    window = Window("{acme}:day", 100, MIDNIGHT)
    await replicas.here.seed(window, 0)
    assert await spend_at_once([replicas.here, replicas.there], Bucket("{acme}:rate", 1, 1_000), window, 150) == 100


async def test_a_bucket_lets_exactly_its_burst_through(replicas: Replicas) -> None:
    """Of 150 concurrent spends by two replicas on a bucket of 100, exactly 100 pass while the clock stands (RL-01)."""
    window = Window("{acme}:day", 1_000, MIDNIGHT)
    await replicas.here.seed(window, 0)
    assert await spend_at_once([replicas.here, replicas.there], Bucket("{acme}:rate", 1, 100), window, 150) == 100


async def test_an_empty_bucket_leaves_the_others_untouched(state: State) -> None:
    """When the second bucket refuses, the first has lost nothing."""
    wide, narrow = Bucket("{acme}:wide", 1, 2), Bucket("{acme}:narrow", 1, 1)
    assert (await state.spend((narrow,), ())).allowed
    refused = await state.spend((wide, narrow), ())
    assert not refused.allowed
    assert refused.refused_by == "{acme}:narrow"
    assert (await state.spend((wide,), (), 2)).allowed


async def test_a_full_window_leaves_the_bucket_untouched(state: State) -> None:
    """When the window refuses, the bucket has lost nothing, and the refusal says what the window holds."""
    bucket, window = Bucket("{acme}:rate", 1, 1), Window("{acme}:day", 5, MIDNIGHT)
    await state.seed(window, 5)
    refused = await state.spend((bucket,), (window,))
    assert refused == Verdict(allowed=False, refused_by="{acme}:day", retry_after=MIDNIGHT - NOON, used=5)
    assert (await state.spend((bucket,), ())).allowed


async def test_a_bucket_is_looked_at_before_a_window(state: State) -> None:
    """With both empty it is the bucket that refuses."""
    bucket, window = Bucket("{acme}:rate", 1, 1), Window("{acme}:day", 0, MIDNIGHT)
    await state.seed(window, 0)
    await state.spend((bucket,), ())
    assert (await state.spend((bucket,), (window,))).refused_by == "{acme}:rate"


async def test_an_unseeded_window_takes_nothing(state: State) -> None:
    """A window nobody seeded is named as such, is no refusal by a limit, and the bucket has lost nothing."""
    bucket, window = Bucket("{acme}:rate", 1, 1), Window("{acme}:day", 5, MIDNIGHT)
    assert await state.spend((bucket,), (window,)) == Verdict(allowed=False, unseeded="{acme}:day")
    await state.seed(window, 4)
    assert (await state.spend((bucket,), (window,))).allowed


async def test_the_first_seed_wins(replicas: Replicas) -> None:
    """A second seed, also of another replica, changes nothing."""
    window = Window("{acme}:day", 5, MIDNIGHT)
    await replicas.here.seed(window, 4)
    await replicas.there.seed(window, 0)
    assert (await replicas.here.spend((), (window,), 2)).used == 4


@pytest.mark.parametrize("per_second", [0.3, 1.0, 3.0, 7.7, 333.3])
async def test_the_time_to_come_back_is_truthful(state: State, clock: HandClock, per_second: float) -> None:
    """A refused spend passes after exactly `retry_after`, and not a twentieth of a millisecond sooner (RL-03)."""
    bucket = Bucket("{acme}:rate", per_second, 3)
    assert (await state.spend((bucket,), (), 2)).allowed
    wait = (await state.spend((bucket,), (), 3)).retry_after
    clock.advance(wait - 0.000_05)
    assert not (await state.spend((bucket,), (), 3)).allowed
    clock.advance(0.000_05)
    assert (await state.spend((bucket,), (), 3)).allowed


async def test_a_clock_set_back_makes_nobody_wait_longer_than_for_a_whole_bucket(state: State, clock: HandClock) -> None:
    """After the clock went back an hour an empty bucket of 10 at 10 a second is full again after a second (RL-04)."""
    bucket = Bucket("{acme}:rate", 10, 10)
    await state.spend((bucket,), (), 10)
    clock.advance(-3_600)
    assert (await state.spend((bucket,), (), 10)).retry_after == 1.0
    clock.advance(1)
    assert (await state.spend((bucket,), (), 10)).allowed


async def test_a_cost_above_the_burst_is_a_mistake(state: State) -> None:
    """What could never pass is said at once, and nothing is taken."""
    with pytest.raises(ValueError, match="never be taken"):
        await state.spend((Bucket("{acme}:rate", 1, 2),), (), 3)
    assert (await state.spend((Bucket("{acme}:rate", 1, 2),), (), 2)).allowed


async def test_a_refund_gives_back_what_was_reserved(replicas: Replicas) -> None:
    """A full window has room again after a refund, for one spend only."""
    window = Window("{acme}:day", 1, MIDNIGHT)
    await replicas.here.seed(window, 1)
    await replicas.there.refund(window)
    assert (await replicas.here.spend((), (window,))).allowed
    assert not (await replicas.here.spend((), (window,))).allowed


async def test_a_refund_never_goes_below_zero(state: State) -> None:
    """More refunds than spends leave the window at zero, so its limit is not raised."""
    window = Window("{acme}:day", 2, MIDNIGHT)
    await state.seed(window, 1)
    await state.refund(window, 5)
    await state.refund(window)
    assert (await state.spend((), (window,), 2)).allowed
    assert not (await state.spend((), (window,))).allowed


async def test_a_refund_does_not_seed(state: State) -> None:
    """Refunding a window nobody knows leaves it unknown."""
    window = Window("{acme}:day", 2, MIDNIGHT)
    await state.refund(window)
    assert (await state.spend((), (window,))).unseeded == "{acme}:day"


async def test_keys_of_one_tenant_are_not_anothers(state: State) -> None:
    """One tenant's empty bucket refuses no other tenant."""
    acme, globex = Bucket("{acme}:rate", 1, 1), Bucket("{globex}:rate", 1, 1)
    await state.spend((acme,), ())
    assert not (await state.spend((acme,), ())).allowed
    assert (await state.spend((globex,), ())).allowed


async def test_a_lease_has_one_holder(replicas: Replicas) -> None:
    """While one holds a name nobody else gets it, and another name is free."""
    assert await replicas.here.lease("refresh", "a", 10) is not None
    assert await replicas.there.lease("refresh", "b", 10) is None
    assert await replicas.there.lease("billing", "b", 10) is not None


async def test_a_renewed_lease_keeps_its_token_and_lasts(replicas: Replicas) -> None:
    """The holder's own second asking lengthens the lease under the same token."""
    token = await replicas.here.lease("refresh", "a", 10)
    replicas.clock.advance(9)
    assert await replicas.here.lease("refresh", "a", 10) == token
    replicas.clock.advance(9)
    assert await replicas.there.lease("refresh", "b", 10) is None


async def test_a_lease_that_ran_out_goes_to_the_next_with_a_larger_token(replicas: Replicas) -> None:
    """Fencing tokens only grow, over expiry and release, also when the first holder comes back (RF-02)."""
    tokens = [await replicas.here.lease("refresh", "a", 10)]
    replicas.clock.advance(10)
    tokens.append(await replicas.there.lease("refresh", "b", 10))
    await replicas.there.release("refresh", "b")
    tokens.append(await replicas.here.lease("refresh", "a", 10))
    known = [token for token in tokens if token is not None]
    assert len(set(known)) == 3
    assert known == sorted(known)


async def test_only_the_holder_gives_a_lease_back(replicas: Replicas) -> None:
    """Another's release changes nothing."""
    await replicas.here.lease("refresh", "a", 10)
    await replicas.there.release("refresh", "b")
    assert await replicas.there.lease("refresh", "b", 10) is None


async def test_a_key_is_seen_once(replicas: Replicas) -> None:
    """Of 20 concurrent askings by two replicas exactly one is the first (WH-02)."""
    asked = [(replicas.here, replicas.there)[turn % 2].seen("evt_1", 60) for turn in range(20)]
    assert sorted(await asyncio.gather(*asked)) == [False] + [True] * 19
    assert not await replicas.here.seen("evt_2", 60)


async def test_a_broadcast_reaches_every_subscriber_of_its_topic(replicas: Replicas) -> None:
    """Subscribers of both replicas hear a message once; those of other topics and those that left hear nothing."""
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    for name, at in (("here", replicas.here), ("again", replicas.here), ("there", replicas.there)):
        at.subscribe("plans", lambda message, name=name: heard.put_nowait((name, message)))
    replicas.there.subscribe("keys", lambda message: heard.put_nowait(("keys", message)))
    leave = replicas.there.subscribe("plans", lambda message: heard.put_nowait(("left", message)))
    leave()
    leave()
    await replicas.here.check()
    await replicas.there.check()
    await replicas.here.publish("plans", "3\nü")
    await replicas.here.publish("plans", "end")
    with anyio.fail_after(PATIENT):
        messages = [await heard.get() for _ in range(6)]
    assert sorted(messages) == sorted((name, text) for name in ("here", "again", "there") for text in ("3\nü", "end"))
    assert heard.empty()


async def test_a_subscriber_that_raises_stops_no_other(state: State) -> None:
    """The next subscriber hears the message, the publisher sees no exception, and the next message arrives too."""
    faults: list[object] = []
    heard: asyncio.Queue[str] = asyncio.Queue()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    state.subscribe("plans", [].remove)
    state.subscribe("plans", heard.put_nowait)
    await state.check()
    await state.publish("plans", "1")
    await state.publish("plans", "2")
    with anyio.fail_after(PATIENT):
        assert [await heard.get(), await heard.get()] == ["1", "2"]
    assert [type(fault) for fault in faults] == [ValueError, ValueError]


async def test_memory_forgets_what_is_over() -> None:
    """100,000 tenants, each seen once over a day, leave a few hundred keys, and what is alive is not lost."""
    clock = HandClock(NOON)
    state = MemoryState(clock)
    held = Window("{acme}:day", 1, NOON + 1_000_000)
    await state.seed(held, 1)
    most = 0
    for number in range(25_000):
        await state.spend((Bucket(f"{{{number}}}:rate", 1, 10),), ())
        await state.seed(Window(f"{{{number}}}:minute", 1, clock.now() + 60), 0)
        await state.seen(f"{number}", 60)
        await state.lease(f"{number}", "a", 60)
        most = max(most, len(state))
        clock.advance(3.5)
    assert most < 700
    assert (await state.spend((), (held,))).used == 1


async def test_memory_forgets_a_window_after_its_end() -> None:
    """A window is counted on for callers whose clock is behind, and unknown five minutes after it ended."""
    clock = HandClock(NOON)
    state = MemoryState(clock)
    window = Window("{acme}:day", 1, NOON + 60)
    await state.seed(window, 1)
    clock.advance(120)
    assert (await state.spend((), (window,))).used == 1
    clock.advance(240)
    assert (await state.spend((), (window,))).unseeded == "{acme}:day"


async def test_memory_sees_a_key_again_after_its_time() -> None:
    """What was seen is unknown once its seconds are over, counted from the first time."""
    clock = HandClock(NOON)
    state = MemoryState(clock)
    assert not await state.seen("evt_1", 60)
    clock.advance(59)
    assert await state.seen("evt_1", 60)
    clock.advance(1)
    assert not await state.seen("evt_1", 60)


@pytest.fixture
def numbers() -> Callable[[], int]:
    """Numbers never given before, to keep the examples of one law apart."""
    return itertools.count().__next__


@given(
    rate=st.sampled_from([0.5, 3.0, 40.0]),
    burst=st.integers(1, 8),
    limit=st.integers(0, 12),
    moves=st.lists(st.tuples(st.sampled_from(["spend", "spend", "refund", "seed", "advance"]), st.integers(1, 64)), max_size=25),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_redis_and_memory_agree(
    redis_url: str, numbers: Callable[[], int], rate: float, burst: int, limit: int, moves: list[tuple[str, int]]
) -> None:
    """Over any sequence of spends, refunds, seeds and clock advances both adapters give the same verdicts."""
    clock = HandClock(NOON)
    key = f"{{law}}:{numbers()}"
    bucket, window = Bucket(f"{key}:rate", rate, burst), Window(f"{key}:day", limit, MIDNIGHT)
    states: list[State] = [MemoryState(clock), open_redis(redis_url, seconds=PATIENT, clock=clock)]
    verdicts: list[list[Verdict]] = [[], []]
    for move, size in moves:
        if move == "advance":
            clock.advance(size / 64)
            continue
        for state, said in zip(states, verdicts, strict=True):
            if move == "spend":
                said.append(await state.spend((bucket,), (window,), 1 + size % burst))
            else:
                await (state.refund(window, size % 3) if move == "refund" else state.seed(window, size % 5))
    assert verdicts[0] == verdicts[1]
    await states[1].close()
