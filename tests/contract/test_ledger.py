"""The ledger on every store: what is acknowledged is in the book, once, and only its own tenant sees it."""

import asyncio
import csv
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from freehold.core.call import Outcome
from freehold.core.refusals import Refusal
from freehold.domains.ledger.book import Book
from freehold.domains.ledger.writer import Ledger, Twice
from freehold.kit.db import Database, connect
from freehold.kit.errors import Unavailable
from freehold.kit.ids import Ids
from tests.clocks import HandClock
from tests.entries import AT, DONE, a_call, a_deed, exported

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> HandClock:
    """Stands at `AT`."""
    return HandClock(AT)


@pytest.fixture
def ids(clock: HandClock) -> Ids:
    """Ids of this test."""
    return Ids(clock)


@pytest.fixture
async def ledger(db: Database, clock: HandClock, ids: Ids) -> AsyncIterator[Ledger]:
    """A started ledger on each store."""
    ledger = Ledger(db, clock=clock, ids=ids)
    await ledger.start()
    yield ledger
    await ledger.close()


@pytest.fixture
def book(db: Database) -> Book:
    """The same book, for reading."""
    return Book(db)


async def _record(ledger: Ledger, call_id: str, tenant: str = "acme", units: int = 1, *, at: float = AT, **who: str) -> None:
    await ledger.call(a_call(call_id, tenant, at=at, **who), Outcome(status="ok", units=units), microseconds=1234, bytes_out=512)


async def test_a_recorded_call_is_in_the_book_when_the_caller_is_told(ledger: Ledger, book: Book, ids: Ids) -> None:
    """Every field of the call is in the book as soon as `call` returns, and the book holds."""
    await _record(ledger, call_id := ids.new())
    (line,) = await exported(book, "acme")
    assert len(line.pop("digest")) == 64
    assert line == {
        "id": call_id, "tenant_id": "acme", "kind": "call", "at_us": 1_800_000_000_000_000, "subject": "user-1", "client": "agent-1",
        "credential": "key:k1", "what": "create_task", "on_what": "trackline", "outcome": "ok", "refusal": "", "units": 1,
        "duration_us": 1234, "bytes_in": 330, "bytes_out": 512, "request_id": "request-1",
    }  # fmt: skip
    found = await book.verify()
    assert (found.entries, found.blocks, found.writers, found.holds) == (1, 1, 1, True)


async def test_a_deed_stands_in_the_same_book(ledger: Ledger, book: Book) -> None:
    """A deed is recorded for its tenant, with its actor, and is charged nothing."""
    await ledger.deed(a_deed())
    (line,) = await exported(book, "acme")
    assert (line["kind"], line["subject"], line["what"], line["on_what"]) == ("deed", "cli:operator", "key.revoked", "k1")
    assert await book.units_since("acme", AT) == 0


async def test_a_refused_call_is_recorded_with_its_code_and_without_its_arguments(ledger: Ledger, book: Book, ids: Ids) -> None:
    """Refusals are in the book too; neither arguments nor content are (AU-03)."""
    refused = Outcome(status="refused", refusal=Refusal("overloaded"), content=({"type": "text", "text": "canary-content"},))
    await ledger.call(a_call(ids.new(), arguments={"q": "canary-argument"}), refused, microseconds=5, bytes_out=0)
    (line,) = await exported(book, "acme")
    assert (line["outcome"], line["refusal"], line["units"]) == ("refused", "overloaded", 0)
    assert "canary" not in str(line)


async def test_of_many_concurrent_callers_each_is_recorded_exactly_once(ledger: Ledger, book: Book, ids: Ids) -> None:
    """500 callers of two tenants: every entry is in the book once, under its own tenant, and in no other's export (AU-01, AU-04)."""
    wanted = {tenant: [ids.new() for _ in range(250)] for tenant in ("acme", "globex")}
    await asyncio.gather(
        *[_record(ledger, one, tenant) for pair in zip(*wanted.values(), strict=True) for tenant, one in zip(wanted, pair, strict=True)]
    )
    for tenant, expected in wanted.items():
        lines = await exported(book, tenant)
        assert Counter(line["id"] for line in lines) == Counter(expected)
        assert {line["tenant_id"] for line in lines} == {tenant}
    found = await book.verify()
    assert found.fault is None
    assert found.entries == 500
    assert found.blocks < 500


async def test_two_writers_cannot_fork_a_chain(ledger: Ledger, db: Database, book: Book, clock: HandClock, ids: Ids) -> None:
    """Two ledgers on one database append at once, each to a chain of its own, and the book holds (AU-05)."""
    other = Ledger(db, clock=clock, ids=ids)
    await other.start()
    await asyncio.gather(*[_record(one, ids.new()) for _ in range(100) for one in (ledger, other)])
    await other.close()
    found = await book.verify()
    assert (found.entries, found.writers, found.fault) == (200, 2, None)


async def test_verifying_while_calls_are_written_finds_no_fault(ledger: Ledger, book: Book, ids: Ids) -> None:
    """Blocks that arrive during a verification are left for the next one, never taken for a fault."""
    writing = asyncio.gather(*[_record_one_by_one(ledger, [ids.new() for _ in range(40)]) for _ in range(10)])
    looks = [await book.verify()]
    while not writing.done():
        looks.append(await book.verify())
    await writing
    assert {look.fault for look in looks} == {None}
    assert (await book.verify()).entries == 400


async def _record_one_by_one(ledger: Ledger, call_ids: list[str]) -> None:
    for one in call_ids:
        await _record(ledger, one)


async def test_a_caller_that_goes_away_leaves_its_entry(ledger: Ledger, book: Book, ids: Ids) -> None:
    """Cancelling the wait for the commit does not take the entry back, nor disturb the others of its batch."""
    gone, staying = ids.new(), ids.new()
    tasks = [asyncio.ensure_future(_record(ledger, one)) for one in (gone, staying)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    await tasks[1]
    await ledger.close()
    assert [line["id"] for line in await exported(book, "acme")] == [gone, staying]


async def test_closing_writes_what_was_taken_and_takes_no_more(ledger: Ledger, book: Book, ids: Ids) -> None:
    """Every waiting caller is told before `close` returns; closing again is nothing; later callers are refused."""
    taken = [asyncio.ensure_future(_record(ledger, ids.new())) for _ in range(50)]
    await asyncio.sleep(0)
    await asyncio.gather(ledger.close(), ledger.close())
    await ledger.close()
    assert all(task.done() and task.exception() is None for task in taken)
    with pytest.raises(Refusal, match="cannot be recorded"):
        await _record(ledger, ids.new())
    assert len(await exported(book, "acme")) == 50


async def test_beyond_the_bound_callers_are_refused_not_forgotten(db: Database, book: Book, clock: HandClock, ids: Ids) -> None:
    """With room for two, five callers at once are two recorded and three refused, and the book has the two."""
    ledger = Ledger(db, clock=clock, ids=ids, waiting=2)
    await ledger.start()
    wanted = [ids.new() for _ in range(5)]
    results = await asyncio.gather(*[_record(ledger, one) for one in wanted], return_exceptions=True)
    assert [getattr(result, "code", None) for result in results] == [None, None, *["ledger_unavailable"] * 3]
    await _record(ledger, later := ids.new())
    await ledger.close()
    assert [line["id"] for line in await exported(book, "acme")] == [*wanted[:2], later]


async def test_an_id_is_taken_once(ledger: Ledger, book: Book, ids: Ids) -> None:
    """A second entry with an id of the book, or of its own batch, is refused to its caller alone; the others are recorded."""
    await _record(ledger, known := ids.new())
    with pytest.raises(Twice):
        await _record(ledger, known)
    fresh, twice = ids.new(), ids.new()
    results = await asyncio.gather(*[_record(ledger, one, units=7) for one in (known, twice, fresh, twice)], return_exceptions=True)
    assert [type(result) for result in results] == [Twice, type(None), type(None), Twice]
    await _record(ledger, after := ids.new())
    assert [line["id"] for line in await exported(book, "acme")] == [known, fresh, twice, after]
    assert await book.units_since("acme", AT) == 1 + 7 + 7 + 1
    found = await book.verify()
    assert (found.fault, found.entries, found.blocks) == (None, 4, 3)


async def test_a_hostile_field_does_not_stop_its_batch(ledger: Ledger, book: Book, ids: Ids) -> None:
    """NUL, lone surrogates and a megabyte in a field are made storable, beside ordinary entries of the same batch."""
    hostile = [{"subject": "a\0b"}, {"client": "\ud800"}, {"client": "c" * 1_000_000}, {}]
    await asyncio.gather(*[_record(ledger, ids.new(), **who) for who in hostile], _record(ledger, ids.new(), units=2**80))
    lines = await exported(book, "acme")
    assert [line["subject"] for line in lines] == ["a\ufffdb", *["user-1"] * 4]
    assert [len(line["client"]) for line in lines] == [7, 1, 512, 7, 7]
    assert lines[-1]["units"] == 2**53 - 1
    assert (await book.verify()).fault is None


async def test_units_are_summed_for_one_tenant_from_a_time_on(ledger: Ledger, book: Book, clock: HandClock, ids: Ids) -> None:
    """Only the tenant's own entries at or after the time count; a tenant without entries has used nothing."""
    for units, tenant in ((1, "acme"), (100, "globex"), (3, "acme")):
        await _record(ledger, ids.new(), tenant, units, at=clock.now())
        clock.advance(7200)
    assert await book.units_since("acme", AT) == 4
    assert await book.units_since("acme", AT + 1) == 3
    assert await book.units_since("acme", AT + 2 * 7200 + 1) == 0
    assert await book.units_since("initech", 0) == 0


async def test_an_export_pages_through_everything_and_ends(ledger: Ledger, book: Book, ids: Ids) -> None:
    """2,001 entries come out once each, in the order of their ids, in more than one chunk."""
    wanted = [ids.new() for _ in range(2001)]
    await asyncio.gather(*[_record(ledger, one) for one in reversed(wanted)])
    chunks = [chunk async for chunk in book.export("acme", "jsonl")]
    assert len(chunks) > 1
    assert [line["id"] for line in await exported(book, "acme")] == wanted


async def test_a_spreadsheet_finds_no_formula_in_an_export(ledger: Ledger, book: Book, ids: Ids) -> None:
    """In CSV, texts that begin like a formula get an apostrophe, negative numbers stay numbers, JSON lines are untouched (INJ-16)."""
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a=1"]
    for formula in formulas:
        await _record(ledger, ids.new(), units=-5, subject=formula)
    text = b"".join([chunk async for chunk in book.export("acme", "csv")]).decode()
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    assert [row["subject"] for row in rows] == [*(f"'{formula}" for formula in formulas[:-1]), "a=1"]
    assert {row["units"] for row in rows} == {"-5"}
    assert [line["subject"] for line in await exported(book, "acme")] == formulas


async def test_a_tenant_without_entries_exports_nothing(ledger: Ledger, book: Book, ids: Ids) -> None:
    """An empty export is a header in CSV and nothing in JSON lines, whatever others have."""
    await _record(ledger, ids.new(), "globex")
    header = [chunk async for chunk in book.export("acme", "csv")]
    assert header[0].startswith(b"id,tenant_id,kind,at_us,")
    assert len(header) == 1
    assert await exported(book, "acme") == []


async def test_an_empty_book_holds(book: Book) -> None:
    """Nothing written is nothing wrong."""
    found = await book.verify()
    assert (found.entries, found.blocks, found.writers, found.holds) == (0, 0, 0, True)


async def test_a_ledger_without_its_tables_does_not_start(empty_database_url: str, clock: HandClock, ids: Ids) -> None:
    """Starting before the migration says what to run, and calls are refused."""
    db = connect(empty_database_url)
    ledger = Ledger(db, clock=clock, ids=ids)
    with pytest.raises(Unavailable, match="freehold migrate"):
        await ledger.start()
    with pytest.raises(Refusal, match="cannot be recorded"):
        await ledger.call(a_call("id"), DONE, microseconds=1, bytes_out=0)
    await ledger.close()
    await db.close()


async def test_power_durability_records_the_same(db: Database, book: Book, clock: HandClock, ids: Ids) -> None:
    """With `power` the book is the same; only when a commit counts as done differs."""
    ledger = Ledger(db, clock=clock, ids=ids, durability="power")
    await ledger.start()
    await asyncio.gather(*[_record(ledger, ids.new()) for _ in range(10)])
    await ledger.close()
    found = await book.verify()
    assert (found.entries, found.fault) == (10, None)
