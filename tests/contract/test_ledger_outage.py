"""The ledger when its database breaks off: never twice, never lost once acknowledged, refused in words, back by itself."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator

import pytest

from freehold.core.refusals import Refusal
from freehold.domains.ledger.book import Book
from freehold.domains.ledger.writer import Ledger
from freehold.kit.db import Database, connect
from freehold.kit.errors import Unavailable
from freehold.kit.ids import Ids
from tests.clocks import HandClock
from tests.entries import AT, DONE, a_call, exported
from tests.wire import Way, Wire, wire

pytestmark = pytest.mark.anyio

_SECONDS = 20.0


@pytest.fixture
def ids() -> Ids:
    """Ids of this test."""
    return Ids(HandClock(AT))


@pytest.fixture
async def cable(postgres_url: str) -> AsyncIterator[Wire]:
    """The wire between the ledger and its database."""
    async with wire(postgres_url) as it:
        yield it


@pytest.fixture
async def far(cable: Wire) -> AsyncIterator[Database]:
    """The database, seen through the wire."""
    database = connect(cable.url)
    yield database
    cable.set("through")
    await database.close()


async def _started(db: Database, ids: Ids, patience: float = 5.0) -> Ledger:
    ledger = Ledger(db, clock=HandClock(AT), ids=ids, patience=patience)
    await ledger.start()
    return ledger


async def _record(ledger: Ledger, call_id: str) -> None:
    await ledger.call(a_call(call_id), DONE, microseconds=1, bytes_out=0)


async def _refused(ledger: Ledger, *call_ids: str) -> None:
    """Each of them is refused, with a time to come back."""
    results = await asyncio.gather(*[_record(ledger, one) for one in call_ids], return_exceptions=True)
    assert all(isinstance(result, Refusal) and result.code == "ledger_unavailable" and result.retry_after for result in results), results


async def _recovered(ledger: Ledger) -> None:
    """Until the ledger takes entries again, by itself."""
    async with asyncio.timeout(_SECONDS):
        while True:
            try:
                return await ledger.check()
            except Unavailable:
                await asyncio.sleep(0.01)  # real time: a real database comes back in its own


async def _recorded(db: Database) -> list[str]:
    """Ids in the book, which must hold."""
    book = Book(db)
    assert (await book.verify()).fault is None
    return [line["id"] for line in await exported(book, "acme")]


@pytest.mark.parametrize("way", ["lose_commit", "lose_answer"])
async def test_a_commit_of_unknown_outcome_is_neither_lost_nor_doubled(cable: Wire, far: Database, ids: Ids, way: Way) -> None:
    """The connection dies before the commit arrives, or before its answer does: the callers are told it is recorded, and it is, once."""
    ledger = await _started(far, ids)
    await _record(ledger, first := ids.new())
    cable.set(way)
    lost = [ids.new() for _ in range(5)]
    await asyncio.gather(*[_record(ledger, one) for one in lost])
    assert cable.lost == 1
    await _record(ledger, last := ids.new())
    await ledger.close()
    assert await _recorded(far) == [first, *lost, last]
    assert (await Book(far).verify()).writers == 1


async def test_while_postgresql_is_away_callers_are_refused_and_afterwards_served(cable: Wire, far: Database, ids: Ids) -> None:
    """Waiting callers are refused after the patience, new ones at once; the ledger comes back by itself with a chain that holds (AU-06)."""
    ledger = await _started(far, ids, patience=0.2)
    await _record(ledger, first := ids.new())
    cable.set("down")
    await _refused(ledger, *[ids.new() for _ in range(5)])
    with pytest.raises(Unavailable, match="takes no entries"):
        await ledger.check()
    await _refused(ledger, ids.new())
    cable.set("through")
    await _recovered(ledger)
    await _record(ledger, last := ids.new())
    await ledger.close()
    assert await _recorded(far) == [first, last]


async def test_a_silent_postgresql_does_not_hold_callers_for_ever(cable: Wire, far: Database, ids: Ids) -> None:
    """A server that stops answering in the middle is given up after the patience, and picked up again when it answers."""
    ledger = await _started(far, ids, patience=0.2)
    await _record(ledger, first := ids.new())
    cable.set("silent")
    await _refused(ledger, ids.new(), ids.new())
    cable.set("through")
    await _recovered(ledger)
    await _record(ledger, last := ids.new())
    await ledger.close()
    assert await _recorded(far) == [first, last]


async def test_closing_during_an_outage_ends(cable: Wire, far: Database, ids: Ids) -> None:
    """A ledger whose database is away refuses those who wait and closes; it does not wait for the database."""
    ledger = await _started(far, ids, patience=0.1)
    cable.set("down")
    waiting = asyncio.ensure_future(_refused(ledger, ids.new()))
    await asyncio.sleep(0)
    async with asyncio.timeout(_SECONDS):
        await ledger.close()
        await waiting


async def test_another_writer_of_the_same_file_is_waited_for(sqlite_url: str, ids: Ids) -> None:
    """While another connection holds the file's write lock the entry waits, and is recorded once the lock is free."""
    db = connect(sqlite_url)
    ledger = await _started(db, ids)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    recording = asyncio.ensure_future(_record(ledger, one := ids.new()))
    done, _ = await asyncio.wait([recording], timeout=0.7)
    assert not done
    other.execute("ROLLBACK")
    other.close()
    await recording
    await ledger.close()
    assert await _recorded(db) == [one]
    await db.close()


async def test_while_the_file_is_locked_callers_are_refused_and_afterwards_served(sqlite_url: str, ids: Ids) -> None:
    """A lock held beyond the patience refuses the waiting and the new; when it is gone the ledger comes back by itself (AU-06)."""
    db = connect(sqlite_url)
    ledger = await _started(db, ids, patience=0.1)
    await _record(ledger, first := ids.new())
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await _refused(ledger, ids.new(), ids.new())
    await _refused(ledger, ids.new())
    other.execute("ROLLBACK")
    other.close()
    await _recovered(ledger)
    await _record(ledger, last := ids.new())
    await ledger.close()
    assert await _recorded(db) == [first, last]
    await db.close()
