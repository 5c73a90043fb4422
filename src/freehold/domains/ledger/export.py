"""A tenant's own entries as a file, page by page in the order of their ids.

In CSV a text that a spreadsheet would take for a formula gets a leading apostrophe; JSON lines carry it as it is."""

import csv
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from io import StringIO
from typing import Any, Final, Literal

from msgspec.json import encode

from freehold.domains.ledger.store import exported_after, exported_columns, newest_id
from freehold.kit.db import Database

Format = Literal["jsonl", "csv"]
_PAGE: Final = 1000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  full-width signs are signs to a spreadsheet


async def export(db: Database, tenant: str, form: Format) -> AsyncIterator[bytes]:
    """Chunks of the file. It ends at the newest entry there was when it began."""
    write = _WRITERS[form]
    names = [column.name for column in exported_columns()]
    if form == "csv":
        yield write(names, [names])
    after = ""
    newest = await _newest(db, tenant)
    while page := await _page(db, tenant, after, newest):
        yield write(names, [_plain(row) for row in page])
        after = page[-1].id


def _plain(row: Iterable[Any]) -> list[str | int]:
    return [value.hex() if isinstance(value, bytes) else value for value in row]


def _jsonl(names: Sequence[str], rows: Sequence[Sequence[str | int]]) -> bytes:
    return b"".join([encode(dict(zip(names, row, strict=True))) + b"\n" for row in rows])


def _csv(_names: Sequence[str], rows: Sequence[Sequence[str | int]]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows([[_guarded(value) for value in row] for row in rows])
    return text.getvalue().encode()


def _guarded(value: str | int) -> str | int:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


_WRITERS: Final[dict[Format, Callable[[Sequence[str], Sequence[Sequence[str | int]]], bytes]]] = {"jsonl": _jsonl, "csv": _csv}


async def _newest(db: Database, tenant: str) -> str:
    async with db.tenant(tenant) as scope:
        row = await scope.one(newest_id())
    return (row[0] if row is not None else None) or ""


async def _page(db: Database, tenant: str, after: str, newest: str) -> Sequence[Any]:
    async with db.tenant(tenant) as scope:
        return await scope.all(exported_after(after, newest, _PAGE))
