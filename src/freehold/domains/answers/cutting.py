"""Cuts a text into parts that each fit: JSON between the records of its largest list, anything else where a line or a sentence ends.

Pure. Of a text every byte is in exactly one part; of JSON every record is, as it was written."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct

from freehold.core.records import Path, put

_DEEPEST: Final = 3
"""Objects around the list that are looked into."""
_ENDS: Final = (b"\n", b". ", b"! ", b"? ", b" ")
"""Where text is cut, the best place first. Within UTF-8 none of these is part of another character."""

_encode = msgspec.json.Encoder().encode
_members = msgspec.json.Decoder(dict[str, Raw]).decode
_items = msgspec.json.Decoder(list[Raw]).decode


class Part(Struct, frozen=True):
    """What is shown at once."""

    text: str
    shown: int
    """Whole records; bytes where there are none. The last part of a record that had to be cut counts as that record."""
    json: bool = False
    """Whether the text is a JSON value."""


class Cut(Struct, frozen=True, kw_only=True):
    """All parts of one text, in order."""

    parts: Sequence[Part]
    of: int
    """How many records, or bytes, there are in all."""
    unit: Literal["records", "bytes"]
    alone: bool = False
    """Whether it is cut as text because its first record alone is too large."""
    records: "Listed | None" = None


class Listed(Struct, frozen=True):
    """A JSON value opened along the way to its largest list. Records and everything beside them keep their very bytes."""

    tree: Any
    path: Path
    records: Sequence[Raw]

    def around(self, records: Sequence[Raw]) -> bytes:
        """The value with these records alone."""
        return _encode(put(self.tree, self.path, records))

    def bare(self, records: Sequence[Raw]) -> bytes:
        """These records at the same place, with nothing beside them."""
        value: Any = records
        for name in reversed(self.path):
            value = {name: value}
        return _encode(value)


def listed(text: bytes) -> Listed | None:
    """The largest list of a JSON text in UTF-8, as a value or within objects; None where there is none, and for what is no JSON."""
    value = Raw(text.strip())
    try:
        found = _largest(value, 0)
        return None if found is None else Listed(_opened(value, found[0]), found[0], _items(found[1]))
    except (msgspec.MsgspecError, RecursionError):
        return None


def cut(text: bytes, *, first: int, room: int) -> Cut:
    """The parts of a text in UTF-8: at most `first` bytes in the first one, at most `room` in each of the others."""
    found = listed(text)
    alone = found is not None and bool(found.records) and len(found.bare(found.records[:1])) > room
    if found is not None and not alone and found.records and len(found.around(())) <= first // 2:
        return Cut(parts=_between(found, first, room), of=len(found.records), unit="records", records=found)
    return Cut(parts=list(_at_ends(text, first, room)), of=len(text), unit="bytes", alone=alone)


def _largest(value: Raw, depth: int) -> tuple[Path, Raw] | None:
    start = bytes(value)[:1]
    if start == b"[":
        return (), value
    if start != b"{" or depth > _DEEPEST:
        return None
    inside = ((name, _largest(each, depth + 1)) for name, each in _members(value).items())
    lists = [((name, *found[0]), found[1]) for name, found in inside if found is not None]
    return max(lists, key=lambda one: len(bytes(one[1])), default=None)


def _opened(value: Raw, path: Path) -> Any:
    if not path:
        return value
    node: dict[str, Any] = _members(value)
    return {**node, path[0]: _opened(node[path[0]], path[1:])}


def _between(found: Listed, first: int, room: int) -> list[Part]:
    """The first part has what stands beside the records too."""
    bare = len(found.bare(()))
    parts: list[Part] = []
    held: list[Raw] = []
    left = first - len(found.around(()))

    def show() -> None:
        written = found.bare(held) if parts else found.around(held)
        parts.append(Part(written.decode(), len(held), json=True))
        held.clear()

    for record in found.records:
        size = len(bytes(record)) + 1
        if size > left:
            if held or not parts:
                show()
            left = room - bare
        if size > left + 1:
            parts += _pieces(bytes(record), room)
        else:
            held.append(record)
            left -= size
    if held:
        show()
    return parts


def _pieces(record: bytes, room: int) -> list[Part]:
    """One record that fits nowhere, as text."""
    pieces = [part.text for part in _at_ends(record, room, room)]
    return [Part(text, int(at == len(pieces))) for at, text in enumerate(pieces, 1)]


def _at_ends(text: bytes, first: int, room: int) -> Iterator[Part]:
    start = 0
    while start < len(text):
        end = _end(text, start, room if start else first)
        yield Part(text[start:end].decode(), end - start)
        start = end


def _end(text: bytes, start: int, room: int) -> int:
    """After the last line or sentence of the second half of the room, else of the last character that fits; one always does."""
    if len(text) - start <= room:
        return len(text)
    for mark in _ENDS:
        at = text.rfind(mark, start + room // 2, start + room)
        if at >= 0:
            return at + len(mark)
    end = start + room
    while end > start and _continues(text, end):
        end -= 1
    return end if end > start else next(at for at in range(start + 1, len(text) + 1) if not _continues(text, at))


def _continues(text: bytes, at: int) -> bool:
    """Whether the byte there belongs to the character before it."""
    return at < len(text) and text[at] & 0xC0 == 0x80  # noqa: PLR2004  the mark of UTF-8's continuation bytes
