"""Every replica hears of a committed change: by broadcast at once, by the version poll when the broadcast was lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from freehold.adapters.state_memory import MemoryState
from freehold.kit.changes import Changes
from freehold.kit.db import Database, connect
from freehold.kit.errors import Unavailable
from freehold.kit.state import State
from tests.clocks import HandClock

pytestmark = pytest.mark.anyio


class Lossy(MemoryState):
    """A state whose broadcasts never arrive: each as lost, or refused because the server does not answer."""

    def __init__(self, *, answers: bool) -> None:
        """`answers` False: publishing raises, as it does while Redis is away."""
        super().__init__(HandClock())
        self._answers = answers

    async def publish(self, topic: str, message: str) -> None:
        """Lose it."""
        if not self._answers:
            raise Unavailable("away")


class Replica:
    """One process: its ear, and how often it was told."""

    def __init__(self, db: Database, state: State) -> None:
        """Polls by hand only."""
        self.changes = Changes(db, state, poll_seconds=3600)
        self.told = 0
        self.changes.watch(self._hear)

    def _hear(self) -> None:
        self.told += 1

    def heard(self) -> bool:
        """Whether anything was said since the last look."""
        told, self.told = self.told, 0
        return told > 0


@pytest.fixture
async def replicas(db: Database) -> AsyncIterator[Callable[[State], Any]]:
    """Starts processes that share the database, each with the state given; closes them at the end."""
    started: list[Replica] = []

    async def start(state: State) -> Replica:
        replica = Replica(db, state)
        await replica.changes.start()
        assert replica.heard()  # the first look always tells
        started.append(replica)
        return replica

    yield start
    for replica in started:
        await replica.changes.close()


async def change(db: Database, by: Replica) -> None:
    """One administrative act: a transaction, then the announcement."""
    async with db.system(write=True) as scope:
        await by.changes.bump(scope)
    await by.changes.announce()


async def test_a_change_is_heard_at_once(db: Database, replicas: Callable[[State], Any]) -> None:
    """With the broadcast working, both the process that changed something and the other one hear before the next poll."""
    state = MemoryState(HandClock())
    first, second = await replicas(state), await replicas(state)
    await change(db, first)
    await asyncio.sleep(0)
    assert first.heard()
    assert second.heard()


@pytest.mark.parametrize("answers", [True, False])
async def test_a_lost_broadcast_is_made_good_by_the_poll(db: Database, replicas: Callable[[State], Any], answers: bool) -> None:  # noqa: FBT001  a parameter of the test
    """A lost or refused broadcast fails nobody's act; the other process hears at its next poll, and only once."""
    first, second = await replicas(Lossy(answers=answers)), await replicas(Lossy(answers=answers))
    await change(db, first)
    assert first.heard()
    assert not second.heard()
    await second.changes.poll()
    assert second.heard()
    await second.changes.poll()
    assert not second.heard()


async def test_what_was_rolled_back_is_not_heard(db: Database, replicas: Callable[[State], Any]) -> None:
    """A bump in a transaction that came to nothing tells nobody."""
    replica = await replicas(Lossy(answers=True))

    async def fail() -> None:
        async with db.tenant("acme", write=True) as scope:
            await replica.changes.bump(scope)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    await replica.changes.poll()
    assert not replica.heard()


async def test_the_poll_outlives_a_database_that_is_away(db: Database, postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """While the database is away the poll goes on and logs a class, no message; changes made meanwhile are heard afterwards."""
    away = connect(postgres_url.replace("/freehold_", "/missing_"))
    told = asyncio.Event()
    looked = asyncio.Event()
    changes = Changes(away, MemoryState(HandClock()), poll_seconds=0.001)
    changes.watch(told.set)
    with pytest.raises(Unavailable):
        await changes.poll()
    asyncio.get_running_loop().call_later(0.2, looked.set)
    polling = asyncio.ensure_future(changes._poll_for_ever())  # noqa: SLF001  start() insists on a first look
    await looked.wait()
    assert not polling.done()
    assert not told.is_set()
    assert {record.getMessage() for record in caplog.records} == {"changes_unpolled Unavailable"}
    changes._db = db  # noqa: SLF001  the database comes back
    await told.wait()
    polling.cancel()
    await away.close()


async def test_a_closed_ear_hears_nothing(db: Database, replicas: Callable[[State], Any]) -> None:
    """After `close` neither broadcast nor poll reaches the watchers; closing twice is no error."""
    state = MemoryState(HandClock())
    first, second = await replicas(state), await replicas(state)
    await second.changes.close()
    await second.changes.close()
    await change(db, first)
    await asyncio.sleep(0)
    assert first.heard()
    assert not second.heard()
