"""Every replica hears of a committed change: by broadcast at once, by the version poll when the broadcast was lost."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url

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


class Noted(logging.Handler):
    """Sets an event at each log line, and keeps it."""

    def __init__(self) -> None:
        """Nothing yet."""
        super().__init__()
        self.lines: list[str] = []
        self.any = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.lines.append(record.getMessage())
        self.any.set()


@pytest.fixture
def noted() -> Iterator[Noted]:
    """What the ear logs."""
    handler = Noted()
    logging.getLogger("freehold.kit.changes").addHandler(handler)
    yield handler
    logging.getLogger("freehold.kit.changes").removeHandler(handler)


async def lock_out(url: str, server: str, *, out: bool) -> None:
    """Let nobody into the database and end every session, or let them in again."""
    name = make_url(url).database
    admin = await asyncpg.connect(server)
    await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {not out}")
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    await admin.close()


async def test_the_poll_outlives_a_database_that_is_away(postgres_url: str, postgres_server: str, noted: Noted) -> None:
    """While the database is away the poll goes on and logs a class, no message; a change made afterwards is heard."""
    db, told = connect(postgres_url), asyncio.Event()
    changes = Changes(db, Lossy(answers=True), poll_seconds=0.01)
    changes.watch(told.set)
    await changes.start()
    told.clear()
    await lock_out(postgres_url, postgres_server, out=True)
    await noted.any.wait()
    assert not told.is_set()
    await lock_out(postgres_url, postgres_server, out=False)
    async with db.system(write=True) as scope:
        await changes.bump(scope)
    await told.wait()
    assert set(noted.lines) == {"changes_unpolled"}
    await changes.close()
    await db.close()


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
