"""The ledger's writer on SQLite: one thread and one connection, and a second of each that keeps the log short."""

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Final, Literal, TypeVar, cast

from freehold.domains.ledger.appender import BLOCK, ENTRY, UNREACHABLE, Clash, Durability, block_row, place
from freehold.domains.ledger.blocks import Block, Row, Sealed
from freehold.kit.errors import Unavailable

T = TypeVar("T")
_Job = tuple[Callable[[], object], asyncio.AbstractEventLoop, "asyncio.Future[object]"]

_PRAGMAS: Final = ("busy_timeout=500", "journal_mode=WAL", "fullfsync=ON", "secure_delete=ON")
_MARKS: Final = ", ".join("?" * len(ENTRY))
_LITE_ENTRIES: Final = {
    count: f"INSERT INTO ledger_entries ({', '.join(ENTRY)}) VALUES {', '.join([f'({_MARKS})'] * count)}"  # noqa: S608  our own column names
    for count in (64, 16, 4, 1)
}
"""Statements by how many rows they insert: each step of a statement gives up the interpreter, and a busy loop is slow to give it back."""
_LITE_BLOCK: Final = f"INSERT INTO ledger_blocks ({', '.join(BLOCK)}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  same
_CHECKPOINT_ROWS: Final = 20_000
"""Rows between checkpoints, some 20 MB of log: while one runs, the disk holds up commits, so they are few."""
_MOST_FRAMES: Final = 16_384
"""Pages of 4 KiB the log may have before the writer waits."""
_LITE_HOLDS: Final = "SELECT 1 FROM ledger_blocks WHERE writer = ? AND block = ? AND digest = ?"
_LITE_KNOWN: Final = "SELECT 1 FROM ledger_entries WHERE id = ?"


class _Checkpointer:
    """Moves what the log holds into the database on a thread of its own: its fsync would hold up every call that waits for a commit."""

    def __init__(self, path: Path) -> None:
        """Take the database file; nothing is opened yet."""
        self._path = path
        self._asked: SimpleQueue[Literal["move", "stop"]] = SimpleQueue()
        self._thread: Thread | None = None
        self._rows = 0
        self.overflowing = False
        """The log has outgrown its bound because it is written faster than it is moved: the writer must wait for it once."""

    def start(self) -> None:
        """Begin; again is nothing."""
        if self._thread is None:
            self._thread = Thread(target=self._serve, name="freehold-checkpoint", daemon=True)
            self._thread.start()

    def written(self, rows: int) -> None:
        """So many more rows are in the log."""
        self._rows += rows
        if self._rows >= _CHECKPOINT_ROWS:
            self._rows = 0
            self._asked.put("move")

    def stop(self) -> None:
        """End the thread and wait for it."""
        if self._thread is not None:
            self._asked.put("stop")
            self._thread.join()
            self._thread = None

    def _serve(self) -> None:
        while self._asked.get() == "move":
            with suppress(sqlite3.Error), closing(_connected(self._path)) as connection:
                _, frames, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                self.overflowing = frames > _MOST_FRAMES


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
        self._checkpointer = _Checkpointer(path)

    async def open(self) -> None:
        """Connect and take the write lock once."""
        if self._thread is None:
            self._thread = Thread(target=self._serve, name="freehold-ledger", daemon=True)
            self._thread.start()
            self._checkpointer.start()
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
        return await self._on_thread(lambda: self._ready().execute(_LITE_HOLDS, place(block)).fetchone() is not None)

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
        await asyncio.to_thread(self._checkpointer.stop)

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
        connection = self._connection = _connected(self._path)
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
            _insert(connection, sealed.rows)
            connection.execute(_LITE_BLOCK, block_row(sealed.block))
            connection.execute("ROLLBACK" if given_up.is_set() else "COMMIT")
            self._checkpointer.written(len(sealed.rows))
            if self._checkpointer.overflowing:
                connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
                self._checkpointer.overflowing = False
        except sqlite3.Error:
            self._disconnect()  # rolls back
            raise


def _connected(path: Path) -> sqlite3.Connection:
    """A connection that leaves the log to the checkpointer."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA wal_autocheckpoint=0").fetchone()
    return connection


def _insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    at = 0
    for count, statement in _LITE_ENTRIES.items():
        while len(rows) - at >= count:
            connection.execute(statement, [value for row in rows[at : at + count] for value in row])
            at += count


def _deliver(done: "asyncio.Future[object]", result: object, failure: Exception | None) -> None:
    if done.done():
        return
    if failure is None:
        done.set_result(result)
    else:
        done.set_exception(failure)


@contextmanager
def _in_words() -> Generator[None]:
    """SQLite's failures in the house's words."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise Clash from None
    except sqlite3.Error as error:
        raise Unavailable(UNREACHABLE.format(why=getattr(error, "sqlite_errorname", type(error).__name__))) from None
