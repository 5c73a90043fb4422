"""What the two ledger writers share: the port they fill, the columns they write, the row of a block."""

from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol

from freehold.domains.ledger.blocks import Block, Row, Sealed
from freehold.domains.ledger.tables import ledger_blocks, ledger_entries

Durability = Literal["process", "power"]

ENTRY: Final = tuple(ledger_entries.c.keys())
BLOCK: Final = tuple(ledger_blocks.c.keys())
UNREACHABLE: Final = "The ledger's database does not answer ({why}). Check that it runs and that `freehold migrate` was run."


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


def block_row(block: Block) -> Row:
    """A block as its table's row."""
    return (block.writer, block.block, block.at_us, block.entries, block.previous, block.root, block.digest)


def place(block: Block) -> tuple[str, int, bytes]:
    """Where a block is and what it must be to be this one."""
    return (block.writer, block.block, block.digest)
