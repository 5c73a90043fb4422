"""Recomputes the whole book and names the first place that does not hold. Reads pages; keeps one page and one block.

What was cut off at the end of a chain, or a chain that is gone altogether, leaves nothing to see here: that needs a
head kept elsewhere. Entries that are being written meanwhile are left for the next time."""

from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final

from msgspec import Struct

from freehold.domains.ledger.blocks import Block, Head, block_digest, root
from freehold.domains.ledger.entry import Entry, digest, entry_of
from freehold.domains.ledger.store import Statement, blocks_after, entries_after, last_block, next_writer, stray_entry
from freehold.kit.db import Database

_PAGE: Final = 500
_BEFORE_ALL: Final = -(2**63)
_FIELDS: Final = len(Entry.__struct_fields__)


class Fault(Struct, frozen=True, kw_only=True):
    """The first place where the book is not what was written."""

    writer: str
    block: int
    entry: str = ""
    """Id of the entry, when it is one entry's."""
    what: str
    """A clause: what does not hold."""

    def __str__(self) -> str:
        """The place and the clause."""
        entry = f", entry {self.entry}" if self.entry else ""
        return f"Writer {self.writer}, block {self.block}{entry}: {self.what}."


class Verification(Struct, frozen=True, kw_only=True):
    """What was recomputed; when there is a fault, up to it."""

    entries: int
    blocks: int
    writers: int
    fault: Fault | None

    @property
    def holds(self) -> bool:
        """Whether the book is what was written."""
        return self.fault is None


async def verify(db: Database) -> Verification:
    """Recompute every digest, root and link, chain by chain in the order of writers. Reads every tenant's entries."""
    writers = blocks = entries = 0
    fault, writer = None, ""
    while fault is None and (writer := await _value(db, next_writer(writer))) is not None:
        last = await _value(db, last_block(writer))
        chain = _Chain(db, writer, _BEFORE_ALL if last is None else last)
        fault = await chain.verify()
        writers, blocks, entries = writers + 1, blocks + chain.blocks, entries + chain.entries
    return Verification(entries=entries, blocks=blocks, writers=writers, fault=fault)


class _Chain:
    """One writer's blocks and entries up to the block that was its last when the verification came to it."""

    def __init__(self, db: Database, writer: str, last: int) -> None:
        self.blocks = 0
        self.entries = 0
        self._db = db
        self._writer = writer
        self._last = last
        self._rows: deque[Any] = deque()
        self._read = (_BEFORE_ALL, -1)

    async def verify(self) -> Fault | None:
        head = Head(self._writer)
        async for block in self._pages():
            if (fault := _link_fault(head, block) or await self._content_fault(block)) is not None:
                return fault
            self.blocks += 1
            head = block.next()
        return await self._stray()

    async def _pages(self) -> AsyncIterator[Block]:
        number = _BEFORE_ALL
        while page := await _all(self._db, blocks_after(self._writer, number, self._last, _PAGE)):
            for row in page:
                yield Block(*row)
            number = page[-1].block

    async def _content_fault(self, block: Block) -> Fault | None:
        """Whether the block's entries are all there, as they were, in their order."""
        digests: list[bytes] = []
        while (row := await self._peek()) is not None and row.block <= block.block and len(digests) <= block.entries:
            if (what := _row_fault(row, block.block, len(digests))) is not None:
                return Fault(writer=self._writer, block=row.block, entry=row.id, what=what)
            digests.append(row.digest)
            self._rows.popleft()
        if len(digests) != block.entries:
            what = f"it was sealed with {block.entries} entries and {'more' if len(digests) > block.entries else len(digests)} are there"
        elif root(digests) != block.root:
            what = "its entries are not those, or not in the order, that it was sealed with"
        else:
            self.entries += len(digests)
            return None
        return Fault(writer=self._writer, block=block.block, what=what)

    async def _stray(self) -> Fault | None:
        """Whether an entry lies beyond the chain's end; one that was written meanwhile has its block by now."""
        row = await _first(self._db, stray_entry(self._writer, self._last))
        return None if row is None else Fault(writer=self._writer, block=row.block, entry=row.id, what=_NO_BLOCK)

    async def _peek(self) -> Any | None:
        """The next entry of this writer, or None."""
        if not self._rows:
            self._rows.extend(await _all(self._db, entries_after(self._writer, *self._read, self._last, _PAGE)))
            if self._rows:
                self._read = (self._rows[-1].block, self._rows[-1].position)
        return self._rows[0] if self._rows else None


_NO_BLOCK: Final = "the entry belongs to no block"


def _link_fault(head: Head, block: Block) -> Fault | None:
    """Whether the block is the next of its chain and its digest its own."""
    if block.block != head.block:
        what = f"the block is missing, the next one there is {block.block}"
    elif block.previous != head.previous:
        what = "the block does not follow the one before it"
    elif block_digest(head, block.root, block.entries, block.at_us) != block.digest:
        what = "the block's fields do not give its digest"
    else:
        return None
    return Fault(writer=head.writer, block=head.block, what=what)


def _row_fault(row: Any, block: int, position: int) -> str | None:
    if row.block != block:
        return _NO_BLOCK
    if row.position != position:
        return f"an entry is missing or moved: position {position} was expected, {row.position} is there"
    if digest(entry_of(row[:_FIELDS])) != row.digest:
        return "the entry's content does not give its digest"
    return None


async def _first(db: Database, statement: Statement) -> Any | None:
    async with db.system() as scope:
        return await scope.one(statement)


async def _value(db: Database, statement: Statement) -> Any | None:
    row = await _first(db, statement)
    return None if row is None else row[0]


async def _all(db: Database, statement: Statement) -> Any:
    async with db.system() as scope:
        return await scope.all(statement)
