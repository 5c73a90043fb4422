"""Values kept for a while in `kit.state.State`, over every adapter: whose give way, what is refused, when they are gone."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from freehold.adapters.state_memory import MemoryState
from freehold.adapters.state_redis import open_redis
from freehold.kit.errors import Unavailable
from freehold.kit.state import Share, State
from tests.clocks import HandClock

pytestmark = pytest.mark.anyio

PATIENT = 30.0
"""Seconds a question may take where a slow machine must not decide the test."""
SECONDS = 600.0
ROOM = 1_000


@dataclass(frozen=True, slots=True)
class Replicas:
    """Two replicas' views of one state, and the clock both go by."""

    here: State
    there: State
    clock: HandClock

    async def keep(self, key: str, *values: str, user: str = "ann", tenant: str = "acme", most: int = 100) -> bool:
        """Keep by the one replica, a moment after what was kept before; a tenant has twice the share of a user."""
        self.clock.advance(0.001)
        shares = (Share(user, most), Share(tenant, 2 * most))
        return await self.here.keep(key, values, seconds=SECONDS, shares=shares, room=ROOM)

    async def there_is(self, *keys: str) -> list[bool]:
        """Whether the other replica has the first value of each."""
        return [await self.there.kept(key, 0) is not None for key in keys]


@pytest.fixture(params=["memory", "redis"])
async def replicas(request: pytest.FixtureRequest) -> AsyncIterator[Replicas]:
    """Two replicas on a Redis; in memory there is one process, so both are the same."""
    clock = HandClock()
    if request.param == "memory":
        memory = MemoryState(clock)
        yield Replicas(memory, memory, clock)
        return
    url, prefix = request.getfixturevalue("redis_url"), f"{uuid4().hex}:"
    here, there = (open_redis(url, prefix=prefix, seconds=PATIENT, clock=clock) for _ in range(2))
    yield Replicas(here, there, clock)
    await here.close()
    await there.close()


async def test_what_one_replica_keeps_the_other_has_value_by_value(replicas: Replicas) -> None:
    """Each value is had by its place, beyond the last there is none, and nothing under another key."""
    assert await replicas.keep("k1", "a", "bb", "ccc")
    assert [await replicas.there.kept("k1", at) for at in range(4)] == ["a", "bb", "ccc", None]
    assert await replicas.there.kept("k2", 0) is None


async def test_an_owners_oldest_gives_way_and_nobody_elses(replicas: Replicas) -> None:
    """A user's share holds his newest values; a colleague's stay, until the tenant's share is used up too; other tenants' always stay."""
    assert await replicas.keep("other", "x" * 100, user="zoe", tenant="60")
    assert await replicas.keep("bob1", "x" * 90, user="bob")
    assert await replicas.keep("ann1", "x" * 60)
    assert await replicas.keep("ann2", "x" * 30, "x" * 10)
    assert await replicas.there_is("bob1", "ann1", "ann2") == [True, True, True]
    assert await replicas.keep("ann3", "x" * 60)
    assert await replicas.there_is("bob1", "ann1", "ann2", "ann3") == [True, False, True, True]
    assert await replicas.keep("cid1", "x" * 100, user="cid")
    assert await replicas.there_is("bob1", "ann2", "ann3", "cid1", "other") == [False, True, True, True, True]
    assert await replicas.keep("more", "x" * 100, user="yan", tenant="60")
    assert await replicas.there_is("ann3", "other", "more") == [True, True, True], "a tenant's name that is also a size"


async def test_what_is_larger_than_a_share_or_the_room_is_not_kept_and_takes_nothing_away(replicas: Replicas) -> None:
    """A refused keeping leaves everything as it was: also what would have had to give way."""
    assert await replicas.keep("ann1", "x" * 100)
    assert not await replicas.keep("ann2", "x" * 101)
    for number in range(9):
        assert await replicas.keep(f"k{number}", "x" * 100, user=f"u{number}", tenant=f"t{number}")
    assert not await replicas.keep("zoe1", "x", user="zoe", tenant="globex")
    assert not await replicas.keep("ann3", "x" * 150, user="ann", tenant="acme", most=150)
    assert await replicas.there_is("ann1", "ann2", "ann3", "zoe1", "k0", "k8") == [True, False, False, False, True, True]
    assert await replicas.keep("ann4", "x" * 100), "her own gives way to it"
    assert await replicas.there_is("ann1", "ann4") == [False, True]


async def test_what_is_over_makes_room(replicas: Replicas) -> None:
    """After its seconds a value counts in no share and takes no room."""
    for number in range(10):
        assert await replicas.keep(f"k{number}", "x" * 100, user=f"u{number}", tenant=f"t{number}")
    assert not await replicas.keep("late", "x" * 100, user="late", tenant="late")
    replicas.clock.advance(SECONDS)
    assert await replicas.keep("late", "x" * 100, user="late", tenant="late")


async def test_memory_gives_nothing_after_its_time() -> None:
    """A value is had until its last second, and not after it."""
    clock = HandClock()
    alone = Replicas(memory := MemoryState(clock), memory, clock)
    await alone.keep("k1", "x")
    clock.advance(SECONDS - 0.01)
    assert await memory.kept("k1", 0) == "x"
    clock.advance(0.02)
    assert await memory.kept("k1", 0) is None


async def test_redis_keeps_nothing_for_ever(redis_url: str) -> None:
    """Values and their places expire by themselves, and what gave way is deleted at once."""
    clock = HandClock()
    state = open_redis(redis_url, seconds=PATIENT, clock=clock)
    both = Replicas(state, state, clock)
    assert await both.keep("k1", "x" * 60)
    assert await both.keep("k2", "x" * 60)
    async with Redis.from_url(redis_url, decode_responses=True) as other:
        ends = {key: await other.ttl(key) for key in await other.keys()}
    assert ends.keys() == {"freehold:{kept}:", "freehold:{kept}:k2"}
    assert all(0 < end <= SECONDS for end in ends.values())
    await state.close()


async def test_a_server_that_is_gone_is_unavailable() -> None:
    """Neither keeping nor asking says anything but that the state cannot be reached."""
    state = open_redis("redis://127.0.0.1:1")
    with pytest.raises(Unavailable):
        await state.keep("k1", ["x"], seconds=1, shares=(), room=1)
    with pytest.raises(Unavailable):
        await state.kept("k1", 0)
    await state.close()


@given(
    moves=st.lists(
        st.tuples(st.sampled_from(["ann", "bob", "zoe"]), st.lists(st.integers(1, 60), min_size=1, max_size=3), st.integers(0, 300)),
        max_size=25,
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_redis_and_memory_keep_the_same(redis_url: str, moves: list[tuple[str, list[int], int]]) -> None:
    """Over any sequence both adapters keep the same, within each share and the room."""
    clock = HandClock()
    states: list[State] = [MemoryState(clock), open_redis(redis_url, prefix=f"{uuid4().hex}:", seconds=PATIENT, clock=clock)]
    sizes: dict[str, tuple[str, int]] = {}
    for number, (user, lengths, seconds) in enumerate(moves):
        clock.advance(seconds + 0.001)
        key, shares = f"k{number}", (Share(user, 100), Share("acme" if user != "zoe" else "globex", 150))
        kept = [await each.keep(key, ["x" * one for one in lengths], seconds=SECONDS, shares=shares, room=200) for each in states]
        assert kept[0] == kept[1]
        sizes[key] = (user, sum(lengths))
        held = [key for key in sizes if await states[0].kept(key, 0) is not None]
        if clock.now() < HandClock().now() + SECONDS:
            assert held == [key for key in sizes if await states[1].kept(key, 0) is not None]
        assert sum(sizes[key][1] for key in held) <= 200
        assert all(sum(size for who, size in (sizes[key] for key in held) if who == user) <= 100 for user in ("ann", "bob", "zoe"))
    await states[1].close()
