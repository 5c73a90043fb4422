"""What an export is asked to be, what it is held to, and what it came to."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

Format = Literal["csv", "jsonl"]
Reason = Literal["complete", "cap", "deadline", "incomplete"]


class Terms(Struct, frozen=True, kw_only=True):
    """What every export of one server is held to."""

    rows: int
    cap: int
    """Bytes of the records that are read, and of the file."""
    seconds: float
    """How long it may read, from the call on."""
    page_seconds: float
    keep_seconds: float
    """How long the file can be fetched."""
    per_caller: int
    """Files one caller may have at a time."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What the caller asked for."""

    tool: str
    arguments: dict[str, Any]
    """Of the first page."""
    format: Format
    most: int
    """Rows."""
    fields: tuple[str, ...]
    """Dotted paths of the only fields that are wanted; empty for all."""


class Ended(Struct, frozen=True):
    """Why no more was read."""

    reason: Reason
    why: str = ""
    """For a person; empty when there is nothing to say."""


class Gathered(Struct, frozen=True, kw_only=True):
    """Everything that was read."""

    records: Sequence[bytes]
    """Each a JSON value on one line, as the API said it."""
    ended: Ended


class Written(Struct, frozen=True, kw_only=True):
    """A file's contents."""

    data: bytes
    rows: int
    unknown: tuple[str, ...] = ()
    """Fields that were asked for and that no record has."""


class Export(Struct, frozen=True, kw_only=True):
    """A file and whose it is."""

    id: str
    """160 random bits; yet every request is authorised."""
    tenant: str
    subject: str
    client: str
    format: Format
    expires_at: float
    """Unix seconds."""
