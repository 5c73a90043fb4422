"""SQL of the ledger's reading side, through a scope of `kit.db`; the two writers are in `store_sqlite` and `store_postgres`."""

from typing import Any

from sqlalchemy import Executable, and_, func, select, union_all

from freehold.domains.ledger.tables import ledger_blocks, ledger_entries

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


def calls_by_tool(first_id: str, at_us: int) -> Statement:
    """How often each tool was called from `at_us` on, in the scope; of every tenant in the system's."""
    c = ledger_entries.c
    counted = select(c.what, func.count().label("calls")).where(c.kind == "call", c.id >= first_id, c.at_us >= at_us)
    return counted.group_by(c.what).order_by(c.what)
