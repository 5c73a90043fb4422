"""The book's SQL: appending one block in one transaction, and the statements its readers page with.

Knows neither queues nor retries: a failure is `Unavailable` (the block may or may not be in) or `Clash`."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, Final, Literal, Protocol, TypeVar, cast

from sqlalchemy import Executable, and_, func, select, union_all

from freehold.domains.ledger.blocks import Block, Row, Sealed
from freehold.domains.ledger.tables import ledger_blocks, ledger_entries
from freehold.kit.db import RAW_SYSTEM, Database
from freehold.kit.errors import Unavailable

T = TypeVar("T")
Durability = Literal["process", "power"]
_Job = tuple[Callable[[], object], asyncio.AbstractEventLoop, "asyncio.Future[object]"]

_ENTRY: Final = tuple(ledger_entries.c.keys())
_BLOCK: Final = tuple(ledger_blocks.c.keys())
_PRAGMAS: Final = ("busy_timeout=500", "journal_mode=WAL", "fullfsync=ON", "secure_delete=ON")
_UNREACHABLE: Final = "The ledger's database does not answer ({why}). Check that it runs and that `freehold migrate` was run."


class Clash(Exception):
    """An id or a block number of the batch is in the book already; nothing of the batch was written by this attempt."""


class Appender(Protocol):
    """One writer's connection to the book, used by one task."""

    async def open(self) -> None:
        """Connect afresh and see that a block could be written, or raise `Unavailable`. A failure later does the same at the next use."""
        ...

    async def append(self, seal: Callable[[], Sealed]) -> None:
        """Write what `seal` gives in one transaction. `seal` may be called on another thread."""
        ...

    async def holds(self, block: Block) -> bool:
        """Whether exactly this block is in the book."""
        ...

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these entry ids are in the book already."""
        ...

    async def close(self) -> None:
        """Give the connection back."""
        ...


def appender(db: Database, durability: Durability) -> Appender:
    """The way to write into this database. No I/O."""
    if db.sqlite_path is not None:
        return SqliteAppender(db.sqlite_path, durability)
    return PostgresAppender(cast("Callable[[], _Raw]", db.raw), durability)


# SQLite: one thread, one connection


_MARKS: Final = ", ".join("?" * len(_ENTRY))
_LITE_ENTRIES: Final = f"INSERT INTO ledger_entries ({', '.join(_ENTRY)}) VALUES ({_MARKS})"  # noqa: S608  our own column names
_LITE_BLOCK: Final = f"INSERT INTO ledger_blocks ({', '.join(_BLOCK)}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  same
_LITE_HOLDS: Final = "SELECT 1 FROM ledger_blocks WHERE writer = ? AND block = ? AND digest = ?"
_LITE_KNOWN: Final = "SELECT 1 FROM ledger_entries WHERE id = ?"


class SqliteAppender:
    """Writes on a thread of its own, so that the event loop never waits for the disk.

    `process` survives the death of this process (WAL, synchronous=NORMAL), `power` that of the machine (FULL).
    """

    def __init__(self, path: Path, durability: Durability) -> None:
        """Take the database file; nothing is opened yet."""
        self._path = path
        self._synchronous = "FULL" if durability == "power" else "NORMAL"
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Connect and take the write lock once."""
        if self._thread is None:
            self._thread = Thread(target=self._serve, name="freehold-ledger", daemon=True)
            self._thread.start()
        await self._on_thread(self._reconnect)

    async def append(self, seal: Callable[[], Sealed]) -> None:
        """Seal and write on the thread. When the wait is cancelled, what is not committed yet never will be."""
        given_up = Event()
        try:
            await self._on_thread(lambda: self._write(seal(), given_up))
        except asyncio.CancelledError:
            given_up.set()
            raise

    async def holds(self, block: Block) -> bool:
        """One look."""
        return await self._on_thread(lambda: self._ready().execute(_LITE_HOLDS, _place(block)).fetchone() is not None)

    async def known(self, ids: Sequence[str]) -> set[str]:
        """One look per id; this is not the hot path."""
        return await self._on_thread(lambda: {one for one in ids if self._ready().execute(_LITE_KNOWN, (one,)).fetchone()})

    async def close(self) -> None:
        """Close the connection and end the thread. Again is nothing."""
        if self._thread is None:
            return
        self._thread = None
        await self._on_thread(self._disconnect)
        self._jobs.put(None)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._jobs.put((work, loop, cast("asyncio.Future[object]", done)))
        return await done

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, loop, done = job
            result: object = None
            failure: Exception | None = None
            try:
                with _in_words():
                    result = work()
            except Exception as caught:  # noqa: BLE001  the thread's door: every failure belongs to who waits
                failure = caught
            try:
                loop.call_soon_threadsafe(_deliver, done, result, failure)
            except RuntimeError:
                return  # the loop is closed and nobody waits any more

    def _ready(self) -> sqlite3.Connection:
        return self._connection or self._reconnect()

    def _reconnect(self) -> sqlite3.Connection:
        self._disconnect()
        connection = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False)
        self._connection = connection
        for pragma in (*_PRAGMAS, f"synchronous={self._synchronous}"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_LITE_KNOWN, ("",)).fetchone()
        connection.execute("ROLLBACK")
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _write(self, sealed: Sealed, given_up: Event) -> None:
        connection = self._ready()
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_LITE_ENTRIES, sealed.rows)
            connection.execute(_LITE_BLOCK, _block_row(sealed.block))
            connection.execute("ROLLBACK" if given_up.is_set() else "COMMIT")
        except sqlite3.Error:
            self._disconnect()  # rolls back
            raise


def _deliver(done: "asyncio.Future[object]", result: object, failure: Exception | None) -> None:
    if done.done():
        return
    if failure is None:
        done.set_result(result)
    else:
        done.set_exception(failure)


def _block_row(block: Block) -> Row:
    return (block.writer, block.block, block.at_us, block.entries, block.previous, block.root, block.digest)


def _place(block: Block) -> tuple[str, int, bytes]:
    return (block.writer, block.block, block.digest)


@contextmanager
def _in_words() -> Generator[None]:
    """SQLite's failures in the house's words."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise Clash from None
    except sqlite3.Error as error:
        raise Unavailable(_UNREACHABLE.format(why=getattr(error, "sqlite_errorname", type(error).__name__))) from None


# PostgreSQL: one raw connection, three round trips a block


class _Connection(Protocol):
    """What is used of the driver's connection."""

    async def execute(self, query: str, *args: object) -> str: ...
    async def fetch(self, query: str, *args: object) -> Sequence[Any]: ...
    def terminate(self) -> None: ...


class _Raw(Protocol):
    async def __aenter__(self) -> _Connection: ...
    async def __aexit__(self, *failure: object) -> bool | None: ...


_WAIT_FOR_DISK: Final = "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
_BEGIN: Final[dict[Durability, str]] = {"process": f"BEGIN; {RAW_SYSTEM}", "power": f"BEGIN; {RAW_SYSTEM}; {_WAIT_FOR_DISK}"}
_PG_TYPES: Final = {"BIGINT": "bigint", "TEXT": "text", "BLOB": "bytea"}
_ARRAYS: Final = ", ".join(f"${number}::{_PG_TYPES[str(column.type)]}[]" for number, column in enumerate(ledger_entries.c, len(_BLOCK) + 1))
_PG_BLOCK: Final = f"INSERT INTO ledger_blocks ({', '.join(_BLOCK)}) VALUES ($1, $2, $3, $4, $5, $6, $7)"  # noqa: S608  same
_PG_ENTRIES: Final = f"INSERT INTO ledger_entries ({', '.join(_ENTRY)}) SELECT * FROM unnest({_ARRAYS})"  # noqa: S608  same
_PG_APPEND: Final = f"WITH block AS ({_PG_BLOCK}) {_PG_ENTRIES}"
_PG_HOLDS: Final = "SELECT 1 FROM ledger_blocks WHERE writer = $1 AND block = $2 AND digest = $3"
_PG_KNOWN: Final = "SELECT id FROM ledger_entries WHERE id = ANY($1::text[])"
_UNIQUE_VIOLATION: Final = "23505"


class PostgresAppender:
    """Writes through one held connection. COPY is not allowed under row-level security, so a batch is one `unnest`.

    `process` keeps the server's own synchronous_commit; `power` raises it to `on` where the server has it off.
    """

    def __init__(self, raw: Callable[[], _Raw], durability: Durability) -> None:
        """Take the way to a connection; nothing is opened yet."""
        self._raw = raw
        self._begin = _BEGIN[durability]
        self._held = AsyncExitStack()
        self._connection: _Connection | None = None

    async def open(self) -> None:
        """Connect and look into the table as the role that writes it."""
        await self.close()
        await self.known([])

    async def append(self, seal: Callable[[], Sealed]) -> None:
        """Begin, insert, commit."""
        sealed = seal()
        columns = zip(*sealed.rows, strict=True)
        await self._transaction(lambda connection: connection.execute(_PG_APPEND, *_block_row(sealed.block), *columns))

    async def holds(self, block: Block) -> bool:
        """One look."""
        return bool(await self._transaction(lambda connection: connection.fetch(_PG_HOLDS, *_place(block))))

    async def known(self, ids: Sequence[str]) -> set[str]:
        """One look for all of them."""
        return {row["id"] for row in await self._transaction(lambda connection: connection.fetch(_PG_KNOWN, list(ids)))}

    async def close(self) -> None:
        """Drop the connection and give its place in the pool back. Again is nothing."""
        connection, self._connection = self._connection, None
        held, self._held = self._held, AsyncExitStack()
        if connection is not None:
            connection.terminate()
        await held.aclose()

    async def _transaction(self, work: Callable[[_Connection], Awaitable[T]]) -> T:
        try:
            connection = self._connection or await self._connect()
            await connection.execute(self._begin)
            result = await work(connection)
            await connection.execute("COMMIT")
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  the driver's door: it is typed by its shape here, its exceptions by their SQLSTATE
            state: str = getattr(error, "sqlstate", None) or type(error).__name__
            await self.close()
            if state == _UNIQUE_VIOLATION:
                raise Clash from None
            raise Unavailable(_UNREACHABLE.format(why=state)) from None
        return result

    async def _connect(self) -> _Connection:
        self._connection = connection = await self._held.enter_async_context(self._raw())
        return connection


# Reading, through a scope of `kit.db`

Statement = Executable


def next_writer(after: str) -> Statement:
    """The first writer beyond `after` that has a block or an entry, or NULL. Two looks into an index, however many there are."""
    block, entry = ledger_blocks.c.writer, ledger_entries.c.writer
    first = [select(func.min(writer).label("writer")).where(writer > after) for writer in (block, entry)]
    return select(func.min(union_all(*first).subquery().c.writer))


def last_block(writer: str) -> Statement:
    """The number of the writer's last block, or NULL."""
    return select(func.max(ledger_blocks.c.block)).where(ledger_blocks.c.writer == writer)


def blocks_after(writer: str, number: int, last: int, limit: int) -> Statement:
    """A page of one writer's chain, in order, up to block `last`."""
    c = ledger_blocks.c
    return select(ledger_blocks).where(c.writer == writer, c.block > number, c.block <= last).order_by(c.block).limit(limit)


def entries_after(writer: str, block: int, position: int, last: int, limit: int) -> Statement:
    """A page of one writer's entries in the order of their blocks, up to block `last`."""
    c = ledger_entries.c
    beyond = (c.block > block) | and_(c.block == block, c.position > position)
    rows = select(ledger_entries).where(c.writer == writer, c.block >= block, c.block <= last, beyond)
    return rows.order_by(c.block, c.position).limit(limit)


def stray_entry(writer: str, beyond: int) -> Statement:
    """The writer's first entry in a block greater than `beyond` that is not in the book."""
    entry, block = ledger_entries.c, ledger_blocks.c
    theirs = ledger_entries.outerjoin(ledger_blocks, and_(entry.writer == block.writer, entry.block == block.block))
    strays = select(entry.id, entry.block).select_from(theirs).where(entry.writer == writer, entry.block > beyond, block.writer.is_(None))
    return strays.order_by(entry.block, entry.position).limit(1)


def newest_id() -> Statement:
    """The greatest id of the scope's tenant, or NULL."""
    return select(func.max(ledger_entries.c.id))


def exported_after(after: str, newest: str, limit: int) -> Statement:
    """A page of the scope's tenant: the sixteen fields and the digest, by id."""
    c = ledger_entries.c
    return select(*exported_columns()).where(c.id > after, c.id <= newest).order_by(c.id).limit(limit)


def exported_columns() -> tuple[Any, ...]:
    """What a tenant is shown of its entries; where they lie in a block would tell of other tenants' calls."""
    return tuple(ledger_entries.c)[:17]


def units_of(first_id: str, at_us: int) -> Statement:
    """What the scope's tenant was charged from `at_us` on. Ids grow with time: `first_id` only spares reading what is older."""
    c = ledger_entries.c
    return select(func.coalesce(func.sum(c.units), 0)).where(c.id >= first_id, c.at_us >= at_us)
