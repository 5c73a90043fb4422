"""JSON values taken apart without being read: every leaf keeps the very bytes the API sent, so that no digit is lost. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from freehold.core.records import Path

DEEPEST: Final = 3
"""Levels of objects that become columns of their own; what lies deeper is one column, as JSON."""
VALUE: Final = "value"
"""The column of records that are no objects."""

_object: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_array: Final = msgspec.json.Decoder(list[Raw]).decode
_string: Final = msgspec.json.Decoder(str).decode


def at(value: bytes, path: Path) -> list[bytes]:
    """The records at that place of an answer."""
    for name in path:
        value = bytes(_object(value)[name])
    return [bytes(each) for each in _array(value)]


def text(value: bytes) -> str | None:
    """What a string says; None for any other value."""
    return _string(value) if value[:1] == b'"' else None


def flat(record: bytes) -> Iterator[tuple[str, bytes]]:
    """Every column of a record and its value."""
    return _members("", record, DEEPEST) if record[:1] == b"{" else iter([(VALUE, record)])


def _members(prefix: str, value: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
    members = _object(value)
    if not members and prefix:
        yield prefix[:-1], b"{}"
    for name, each in members.items():
        data = bytes(each)
        if data[:1] == b"{" and depth > 1:
            yield from _members(f"{prefix}{name}.", data, depth - 1)
        else:
            yield f"{prefix}{name}", data


def pick(record: bytes, path: Path) -> bytes | None:
    """The value at that path; of a list on the way, a list of what its elements have there. None when there is nothing."""
    if not path:
        return record
    if record[:1] == b"[":
        found = [each for one in _array(record) if (each := pick(bytes(one), path)) is not None]
        return b"[%b]" % b",".join(found) if found else None
    member = _object(record).get(path[0]) if record[:1] == b"{" else None
    return None if member is None else pick(bytes(member), path[1:])


def only(record: bytes, paths: Sequence[Path]) -> bytes:
    """The record with these fields alone, each where it was."""
    return msgspec.json.encode(_only(record, paths)) if record[:1] == b"{" else record


def _only(value: bytes, paths: Sequence[Path]) -> Any:
    if value[:1] == b"[":
        return [_only(bytes(each), paths) for each in _array(value)]
    if value[:1] != b"{":
        return Raw(value)
    kept: dict[str, Any] = {}
    for name, each in _object(value).items():
        within = [path[1:] for path in paths if path[0] == name]
        if () in within:
            kept[name] = each
        elif within:
            kept[name] = _only(bytes(each), within)
    return kept
