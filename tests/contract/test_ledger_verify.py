"""Verification finds any single change of the book, and names the place (AU-02)."""
# ruff: noqa: S608  the statements here are put together from this file's own words

import asyncio
import sqlite3
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.domains.ledger.blocks import Head, seal
from freehold.domains.ledger.tables import ledger_blocks, ledger_entries
from freehold.domains.ledger.verify import Verification, verify
from freehold.kit.db import Database, connect
from tests.entries import an_entry

pytestmark = pytest.mark.anyio

Batches = list[list[str]]


def _chain(writer: str, sizes: list[int]) -> Batches:
    """Ids of a chain's entries, batch by batch."""
    return [[f"{writer}-{block}-{position}" for position in range(size)] for block, size in enumerate(sizes, 1)]


def _inserts(writer: str, batches: Batches) -> list[tuple[str, list[tuple[object, ...]]]]:
    """Statements that write a chain the way a ledger would."""
    head, statements = Head(writer), []
    for ids in batches:
        sealed = seal(head, [an_entry(one, tenant=f"tenant-{one[-1]}", subject=one) for one in ids], 1_800_000_000_000_000)
        head = sealed.block.next()
        block = tuple(getattr(sealed.block, name) for name in ledger_blocks.c.keys())  # noqa: SIM118  columns, not a dict
        statements += [(_insert("ledger_entries", len(ledger_entries.c)), sealed.rows), (_insert("ledger_blocks", len(block)), [block])]
    return statements


def _insert(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"


def _write_sqlite(path: Path, *statements: tuple[str, list[tuple[object, ...]]]) -> None:
    connection = sqlite3.connect(path)
    with connection:
        for statement, rows in statements:
            connection.executemany(statement, rows)
    connection.close()


async def _write(url: str, *statements: tuple[str, list[tuple[object, ...]]]) -> None:
    """Write behind the product's back; on PostgreSQL as the owner, who first lifts the rule that binds even the owner."""
    if url.startswith("sqlite"):
        _write_sqlite(Path(url.removeprefix("sqlite:///")), *statements)
        return
    connection = await asyncpg.connect(url)
    for table in ("ledger_entries", "ledger_blocks"):
        await connection.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    for statement, rows in statements:
        for number in range(statement.count("?"), 0, -1):
            head, _, tail = statement.rpartition("?")
            statement = f"{head}${number}{tail}"  # noqa: PLW2901  the same statement, in the driver's words
        await connection.executemany(statement, rows)
    for table in ("ledger_entries", "ledger_blocks"):
        await connection.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    await connection.close()


class Change(NamedTuple):
    """A change of the book and where it must be found: the block of writer `b`, and the entry when it is one's."""

    statements: list[str]
    block: int
    entry: str
    says: str


_ENTRY = "UPDATE ledger_entries SET"
_GONE, _BLOCK_2 = "DELETE FROM", "WHERE writer = 'b' AND block = 2"
_SWAP_DIGESTS = f"{_ENTRY} digest = (SELECT digest FROM ledger_entries WHERE id = 'b-2-0') WHERE id = 'b-2-1'"
CHANGES = {
    "a field": Change([f"{_ENTRY} units = 9 WHERE id = 'b-2-1'"], 2, "b-2-1", "content"),
    "the tenant": Change([f"{_ENTRY} tenant_id = 'mallory' WHERE id = 'b-3-0'"], 3, "b-3-0", "content"),
    "a digest": Change([_SWAP_DIGESTS], 2, "b-2-1", "content"),
    "an entry gone": Change(["DELETE FROM ledger_entries WHERE id = 'b-2-0'"], 2, "b-2-1", "position 0 was expected"),
    "the last entry gone": Change(["DELETE FROM ledger_entries WHERE id = 'b-2-2'"], 2, "", "3 entries and 2 are there"),
    "all entries of a block gone": Change([f"{_GONE} ledger_entries {_BLOCK_2}"], 2, "", "3 entries and 0 are there"),
    "a position": Change([f"{_ENTRY} position = 7 WHERE id = 'b-2-1'"], 2, "b-2-2", "position 1 was expected"),
    "two swapped": Change(
        [f"{_ENTRY} position = 1 - position WHERE id IN ('b-2-0', 'b-2-1')"], 2, "", "not in the order"
    ),
    "two blocks' entries swapped": Change(
        [f"{_ENTRY} block = 4 - block WHERE id IN ('b-1-0', 'b-3-0')"], 1, "", "not those"
    ),
    "an entry to the next block": Change([f"{_ENTRY} block = 3, position = 1 WHERE id = 'b-2-2'"], 2, "", "3 entries and 2 are there"),
    "an entry added": Change([f"{_ENTRY} writer = 'b', block = 2, position = 3 WHERE id = 'c-2-0'"], 2, "", "3 entries and more"),
    "an entry to no block": Change([f"{_ENTRY} block = 9 WHERE id = 'b-3-0'"], 3, "", "1 entries and 0 are there"),
    "an entry to no writer": Change([f"{_ENTRY} writer = 'nobody', block = 1 WHERE id = 'd-1-1'"], 1, "", "2 entries and 1 are there"),
    "a block gone": Change(["DELETE FROM ledger_blocks WHERE writer = 'b' AND block = 2"], 2, "", "missing"),
    "a block gone with its entries": Change([f"{_GONE} ledger_entries {_BLOCK_2}", f"{_GONE} ledger_blocks {_BLOCK_2}"], 2, "", "missing"),
    "the first block gone": Change(["DELETE FROM ledger_blocks WHERE writer = 'b' AND block = 1"], 1, "", "missing"),
    "a block's time": Change(["UPDATE ledger_blocks SET at_us = 1 WHERE writer = 'b' AND block = 2"], 2, "", "fields do not give"),
    "a block's link": Change(["UPDATE ledger_blocks SET previous = root WHERE writer = 'b' AND block = 2"], 2, "", "does not follow"),
    "a block's root": Change(["UPDATE ledger_blocks SET root = previous WHERE writer = 'b' AND block = 3"], 3, "", "fields do not give"),
    "a block's digest": Change(["UPDATE ledger_blocks SET digest = root WHERE writer = 'b' AND block = 3"], 3, "", "fields do not give"),
    "a block before the first": Change(["UPDATE ledger_blocks SET block = 0 WHERE writer = 'b' AND block = 1"], 1, "", "missing"),
}  # fmt: skip


@pytest.fixture
async def written(db: Database, database_url: str) -> str:
    """A database with four chains of three blocks."""
    chains = [_inserts(writer, _chain(writer, [2, 3, 1])) for writer in "abcd"]
    await _write(database_url, *[statement for chain in chains for statement in chain])
    before = await verify(db)
    assert (before.entries, before.blocks, before.writers, before.fault) == (24, 12, 4, None)
    return database_url


@pytest.mark.parametrize("name", CHANGES)
async def test_a_single_change_is_found_where_it_is(db: Database, written: str, name: str) -> None:
    """One edit, removal, swap or move makes the book fail at the block, and the entry when it is one entry's (AU-02)."""
    change = CHANGES[name]
    await _write(written, *[(statement, [()]) for statement in change.statements])
    fault = (await verify(db)).fault
    assert fault is not None
    writer = "d" if "d-1" in change.statements[0] else "b"
    assert (fault.writer, fault.block, fault.entry) == (writer, change.block, change.entry)
    assert change.says in str(fault)


async def test_an_entry_of_no_block_is_found_though_every_chain_holds(db: Database, written: str) -> None:
    """Entries slipped in beside the chains, under a writer there is or one there is not, are named."""
    for writer, block in (("nobody", 1), ("a", 4), ("a", 0)):
        stray = next(iter(seal(Head(writer, block), [an_entry("stray")], 1).rows))
        await _write(written, (_insert("ledger_entries", len(stray)), [stray]))
        fault = (await verify(db)).fault
        assert fault is not None
        assert (fault.writer, fault.block, fault.entry, fault.what) == (writer, block, "stray", "the entry belongs to no block")
        await _write(written, ("DELETE FROM ledger_entries WHERE id = 'stray'", [()]))
    assert (await verify(db)).holds


async def test_counts_say_how_far_the_book_held(db: Database, written: str) -> None:
    """With a fault in the second chain, what was counted is what came before it."""
    await _write(written, *[(statement, [()]) for statement in CHANGES["a field"].statements])
    found = await verify(db)
    assert (found.writers, found.blocks, found.entries, found.holds) == (2, 4, 8, False)


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_book_in_any_batching_holds_until_one_thing_changes(sqlite_url: str, data: st.DataObject) -> None:
    """Whatever the chains and batch sizes: as written the book holds, and any one change is found in the block it is in (AU-02)."""
    sizes = data.draw(st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(1, 9), min_size=1, max_size=6), min_size=1))
    chains = {writer: _chain(writer, counts) for writer, counts in sizes.items()}
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    empty = [("DELETE FROM ledger_entries", [()]), ("DELETE FROM ledger_blocks", [()])]
    _write_sqlite(path, *empty, *[statement for writer, batches in chains.items() for statement in _inserts(writer, batches)])
    found = _verified(sqlite_url)
    assert (found.fault, found.entries) == (None, sum(map(sum, sizes.values())))
    writer, block, statement = data.draw(_one_change(sizes))
    _write_sqlite(path, (statement, [()]))
    fault = _verified(sqlite_url).fault
    assert fault is not None
    assert (fault.writer, fault.block) == (writer, block)


@st.composite
def _one_change(draw: st.DrawFn, sizes: dict[str, list[int]]) -> tuple[str, int, str]:
    """Any one change of any entry or block that is not the end of its chain."""
    writer = draw(st.sampled_from(sorted(sizes)))
    block = draw(st.integers(1, len(sizes[writer])))
    one = f"{writer}-{block}-{draw(st.integers(0, sizes[writer][block - 1] - 1))}"
    field = draw(st.sampled_from(list(ledger_entries.c.keys())[1:16]))
    changes = [
        f"{_ENTRY} {field} = CASE {field} WHEN 'deed' THEN 'call' WHEN 'call' THEN 'deed' ELSE {field} || '1' END WHERE id = '{one}'",
        f"DELETE FROM ledger_entries WHERE id = '{one}'",
        f"UPDATE ledger_entries SET id = id || 'x' WHERE id = '{one}'",
        f"UPDATE ledger_entries SET position = position + 100 WHERE id = '{one}'",
        f"UPDATE ledger_entries SET block = block + 100 WHERE id = '{one}'",
        f"UPDATE ledger_blocks SET at_us = at_us + 1 WHERE writer = '{writer}' AND block = {block}",
        f"UPDATE ledger_blocks SET entries = entries + 1 WHERE writer = '{writer}' AND block = {block}",
    ]
    if block < len(sizes[writer]):
        changes.append(f"DELETE FROM ledger_blocks WHERE writer = '{writer}' AND block = {block}")
        changes.append(f"UPDATE ledger_entries SET block = block + 1, position = position + 100 WHERE id = '{one}'")
    return writer, block, draw(st.sampled_from(changes))


def _verified(url: str) -> Verification:
    async def look() -> Verification:
        db = connect(url)
        found = await verify(db)
        await db.close()
        return found

    return asyncio.run(look())
