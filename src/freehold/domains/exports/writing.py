"""Records become a file: CSV (RFC 4180) with the columns any of them has, or one JSON value a line. Pure, and held to a number of bytes."""

import csv
from collections.abc import Sequence
from typing import Final

import msgspec

from freehold.core.records import Path
from freehold.domains.exports.formulas import guarded
from freehold.domains.exports.model import Format, Written
from freehold.domains.exports.values import flat, only, pick, text

MOST_COLUMNS: Final = 500
"""Columns of their own; the values of further ones share the last column, as JSON."""
OTHERS: Final = "other_fields"


def write(records: Sequence[bytes], form: Format, fields: Sequence[str], cap: int) -> Written:
    """As many of the records as fit into `cap` bytes, with these fields alone where there are any."""
    paths = [tuple(field.split(".")) for field in fields]
    made = _csv(records, paths, cap) if form == "csv" else _jsonl(records, paths, cap)
    unknown = tuple(field for field, path in zip(fields, paths, strict=True) if all(pick(one, path) is None for one in records))
    return msgspec.structs.replace(made, unknown=unknown)


class _Sheet:
    """The lines so far; takes no more once one did not fit."""

    def __init__(self, cap: int) -> None:
        self.lines: list[bytes] = []
        self.full = False
        self._left = cap

    def write(self, line: str, /) -> int:
        """What `csv` calls with each row."""
        self.add(line.encode("utf-8", "replace"))
        return len(line)

    def add(self, line: bytes) -> None:
        self.full = self.full or len(line) > self._left
        if not self.full:
            self.lines.append(line)
            self._left -= len(line)

    def written(self, heads: int) -> Written:
        return Written(data=b"".join(self.lines), rows=max(len(self.lines) - heads, 0))


def _jsonl(records: Sequence[bytes], paths: Sequence[Path], cap: int) -> Written:
    sheet = _Sheet(cap)
    for record in records:
        sheet.add((only(record, paths) if paths else record) + b"\n")
        if sheet.full:
            break
    return sheet.written(0)


def _csv(records: Sequence[bytes], paths: Sequence[Path], cap: int) -> Written:
    sheet = _Sheet(cap)
    put = csv.writer(sheet, lineterminator="\r\n").writerow
    columns, further = ([".".join(path) for path in paths], "") if paths else _columns(records)
    heads = [*columns, further] if further else columns
    if heads:
        put(map(guarded, heads))
    for record in records:
        put([_cell(pick(record, path)) for path in paths] if paths else _row(record, columns, further))
        if sheet.full:
            break
    return sheet.written(1 if heads else 0)


def _columns(records: Sequence[bytes]) -> tuple[list[str], str]:
    """In order of first appearance, and the name of the last one where they are too many.

    What is null in some records and an object in others has the object's columns and none of its own.
    """
    filled: dict[str, bool] = {}
    for record in records:
        for name, value in flat(record):
            filled[name] = filled.get(name, False) or value != b"null"
    objects = {name[:end] for name in filled for end in range(len(name)) if name[end] == "."}
    found = [name for name, some in filled.items() if some or name not in objects]
    further = OTHERS
    while further in filled:
        further += "_"
    return found[:MOST_COLUMNS], further if len(found) > MOST_COLUMNS else ""


def _row(record: bytes, columns: Sequence[str], further: str) -> list[str]:
    values = dict(flat(record))
    row = [_cell(values.pop(column, None)) for column in columns]
    if further:
        rest = {name: msgspec.Raw(value) for name, value in values.items() if value != b"null"}
        row.append(guarded(msgspec.json.encode(rest).decode()) if rest else "")
    return row


def _cell(value: bytes | None) -> str:
    """Numbers and truth values as the API wrote them, null as nothing, text guarded, the rest as guarded JSON."""
    if value is None or value == b"null":
        return ""
    said = text(value)
    if said is None and value[:1] not in b"[{":
        return value.decode()
    return guarded(value.decode() if said is None else said)
