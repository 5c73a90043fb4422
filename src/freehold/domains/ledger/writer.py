"""Group commit: callers hand in entries and wait; one task writes whatever has gathered as the next block.

While one batch commits the next one gathers, so a batch is as large as the load makes it. What a block is and how it
is written lies in `blocks` and `store`; this knows order, patience and who waits."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, cast

from freehold.core.call import Call, Outcome
from freehold.core.deed import Deed
from freehold.core.refusals import Refusal
from freehold.domains.ledger.appender import Appender, Clash, Durability
from freehold.domains.ledger.blocks import Head, Sealed, seal
from freehold.domains.ledger.entry import Entry, of_call, of_deed
from freehold.domains.ledger.store_postgres import PostgresAppender, Raw
from freehold.domains.ledger.store_sqlite import SqliteAppender
from freehold.kit.clock import Clock
from freehold.kit.db import Database
from freehold.kit.errors import Unavailable
from freehold.kit.ids import Ids

_log = logging.getLogger(__name__)
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 1.0
_RETRY_AFTER: Final = 1.0
_TWICE: Final = "An entry with this id is in the book already. Give every call an id of its own."

Waiting = tuple[Entry, "asyncio.Future[None]"]


class Twice(Exception):
    """An entry was handed in whose id is in the book already: a mistake in the calling code. Nothing was written."""


class Batch:
    """What one block will hold, and who waits for it. Sealed once, so that every attempt to write it writes the same block."""

    __slots__ = ("_at_us", "_head", "_sealed", "waiting")

    def __init__(self, head: Head, waiting: list[Waiting], at_us: int) -> None:
        """Take the place in the chain; hashing waits until `seal`."""
        self.waiting = waiting
        self._head = head
        self._at_us = at_us
        self._sealed: Sealed | None = None

    def seal(self) -> Sealed:
        """The block and its rows; runs on the thread that writes them."""
        if self._sealed is None:
            self._sealed = seal(self._head, [entry for entry, _ in self.waiting], self._at_us)
        return self._sealed

    def ids(self) -> list[str]:
        """The ids of its entries."""
        return [entry.id for entry, _ in self.waiting]

    def drop(self, known: set[str]) -> None:
        """Take out entries with these ids and repetitions within the batch, and tell their callers."""
        kept: list[Waiting] = []
        for entry, noted in self.waiting:
            if entry.id in known:
                _tell(noted, Twice(_TWICE))
            else:
                known.add(entry.id)
                kept.append((entry, noted))
        if len(kept) < len(self.waiting):
            self.waiting, self._sealed = kept, None


class Ledger:
    """The writing side of the book. One per process and event loop; each has a chain of its own.

    An entry is in the book, durably, when the method that took it returns, and never when it raised `Refusal` before
    waiting. A refusal after waiting means the database broke off: the entry may still have been written, at most once.
    """

    def __init__(
        self,
        db: Database,
        *,
        clock: Clock,
        ids: Ids,
        durability: Durability = "process",
        waiting: int = 10_000,
        patience: float = 5.0,
    ) -> None:
        """No I/O. At most `waiting` entries gather; a batch may take `patience` seconds before its callers are refused."""
        self._db = db
        self._clock = clock
        self._ids = ids
        self._most = waiting
        self._patience = patience
        self._appender: Appender = _appender(db, durability)
        self._head = Head(ids.new())
        self._gathering: list[Waiting] = []
        self._idle: asyncio.Future[None] | None = None
        self._open = False
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop

    async def start(self) -> None:
        """Connect and begin to take entries. Raises `Unavailable` when the book cannot be written."""
        await self._appender.open()
        self._closing = asyncio.Event()
        self._loop = asyncio.get_running_loop()  # kept: asking for it costs a system call before Python 3.12
        self._open = True
        self._task = self._loop.create_task(self._run(), name="ledger")

    async def close(self) -> None:
        """Take no more, write what was taken, let go. Any number of times."""
        self._open = False
        self._closing.set()
        self._wake()
        if self._task is not None:
            await asyncio.shield(self._task)
        await self._appender.close()

    @property
    def waiting(self) -> int:
        """Entries handed in and not yet on their way into the book."""
        return len(self._gathering)

    def ready(self) -> None:
        """Raise the refusal an entry handed in now would meet, so that nothing is done that cannot be recorded."""
        if not self._open or len(self._gathering) >= self._most:
            raise _refusal()

    async def check(self) -> None:
        """Raise `Unavailable` when an entry handed in now would be refused."""
        if not self._open:
            raise Unavailable("The ledger takes no entries. It recovers by itself once its database answers.")
        await self._db.check()

    async def call(self, call: Call, outcome: Outcome, *, microseconds: int, bytes_out: int) -> None:
        """Record a finished call; returns once it is committed. Raises Refusal `ledger_unavailable`."""
        await self._noted(of_call(call, outcome, microseconds, bytes_out))

    async def deed(self, deed: Deed) -> None:
        """Record an administrative act; returns once it is committed. Raises Refusal `ledger_unavailable`."""
        await self._noted(of_deed(deed, self._ids.new()))

    def _noted(self, entry: Entry) -> "asyncio.Future[None]":
        """Gather the entry. A caller that is cancelled drops the future, never the entry."""
        self.ready()
        noted = self._loop.create_future()
        self._gathering.append((entry, noted))
        if self._idle is not None:
            self._wake()
        return noted

    def _wake(self) -> None:
        idle, self._idle = self._idle, None
        if idle is not None:
            idle.set_result(None)

    async def _run(self) -> None:
        """Write batch after batch until closed and drained."""
        while await self._some():
            gathered, self._gathering = self._gathering, []
            batch = Batch(self._head, gathered, int(self._clock.now() * 1_000_000))
            try:
                async with asyncio.timeout(self._patience):
                    await self._write(batch)
            except Exception as failure:  # noqa: BLE001  the task's door: whoever waits must hear of it, and the book must stay open
                _log.error("ledger_unavailable", extra={"code": "ledger_unavailable", "error": type(failure).__name__})
                await self._recover(batch)
            else:
                self._settle(batch)

    async def _some(self) -> bool:
        """Wait for entries; False when none will come."""
        while not self._gathering:
            if self._closing.is_set():
                return False
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle
        return True

    async def _write(self, batch: Batch) -> None:
        """Write the batch exactly once, however often it takes."""
        pause, failed = _FIRST_PAUSE, False
        while True:
            try:
                if not failed or not await self._written(batch):
                    await self._appender.append(batch.seal)
                break
            except (Unavailable, Clash):
                failed = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _written(self, batch: Batch) -> bool:
        """Whether nothing is left to write: a failed attempt got through after all, or all of it was in the book already.

        Ids first, block second: an attempt that commits in between is then seen as this very block.
        """
        known = await self._appender.known(batch.ids())
        if await self._appender.holds(batch.seal().block):
            return True
        batch.drop(known)
        return not batch.waiting

    def _settle(self, batch: Batch) -> None:
        """Tell every caller of a written batch; those who went away are not told."""
        if batch.waiting:
            self._head = batch.seal().block.next()
        for _, noted in batch.waiting:
            if not noted.done():
                noted.set_result(None)

    async def _recover(self, batch: Batch) -> None:
        """Refuse everyone until the database answers again. The old chain may yet get its last block: begin a new one."""
        self._open = False
        gathered, self._gathering = self._gathering, []
        for _, noted in batch.waiting + gathered:
            _tell(noted, _refusal())
        while not self._closing.is_set() and not await self._reopened():
            await self._pause()
        self._head = Head(self._ids.new())
        self._open = not self._closing.is_set()

    async def _reopened(self) -> bool:
        try:
            async with asyncio.timeout(self._patience):
                await self._appender.open()
        except Exception:  # noqa: BLE001  the task's door: whatever keeps the database away, the next try may find it
            return False
        return True

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_LONGEST_PAUSE):
                await self._closing.wait()
        except TimeoutError:
            return


def _tell(noted: "asyncio.Future[None]", failure: Exception) -> None:
    if not noted.done():
        noted.set_exception(failure)


def _refusal() -> Refusal:
    return Refusal("ledger_unavailable", retry_after=_RETRY_AFTER)


def _appender(db: Database, durability: Durability) -> Appender:
    """The way to write into this database. No I/O."""
    if db.sqlite_path is not None:
        return SqliteAppender(db.sqlite_path, durability)
    return PostgresAppender(cast("Callable[[], Raw]", db.raw), durability)
