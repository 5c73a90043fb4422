"""An entry: what the book says about one call or one deed, and the digest that stands for it.

Arguments and results are never in it. Everything here is pure, so that a stranger can recompute a digest:

    digest = SHA-256(UTF-8(["freehold-entry-1", <the sixteen fields of Entry, in order>]))

written as a JSON array in the form of RFC 8785: no white space, strings escaped only where JSON demands it, integers
as plain digits. `json.dumps(fields, ensure_ascii=False, separators=(",", ":"))` makes the same bytes in Python.
Quotes and commas inside a field are escaped, so no two entries share an encoding; the first element is the version."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.json import Encoder
from msgspec.structs import astuple

from freehold.core.call import Call, Outcome
from freehold.core.deed import Deed

LONGEST: Final = 512
"""Characters a text field keeps when an entry is larger than `LARGEST`."""
LARGEST: Final = 4096
"""Bytes of an encoded entry that are never looked at twice."""
_WHOLE: Final = 2**53 - 1
_MICRO: Final = 1_000_000
_NUL: Final = b"\\u0000"
_encode: Final = Encoder().encode

Kind = Literal["call", "deed"]


class Entry(Struct, frozen=True, array_like=True, tag="freehold-entry-1", gc=False):
    """One line of the book. The order of the fields is part of the digest: a change of it is a new version."""

    id: str
    tenant: str
    kind: Kind
    at_us: int
    """Microseconds since the Unix epoch."""
    subject: str
    client: str
    credential: str
    """`key:<id>` or `jti:<id>`; never a secret."""
    what: str
    """The tool of a call, the act of a deed."""
    on_what: str
    """The source of a call, the thing a deed was done to."""
    outcome: str
    refusal: str
    """The code of the refusal, or empty."""
    units: int
    duration_us: int
    bytes_in: int
    bytes_out: int
    request_id: str


def of_call(call: Call, outcome: Outcome, microseconds: int, bytes_out: int) -> Entry:
    """The entry of a finished call; it keeps the call's id."""
    who, refusal = call.principal, outcome.refusal
    return Entry(
        call.id,
        who.tenant,
        "call",
        int(call.at * _MICRO),
        who.subject,
        who.client,
        who.credential,
        call.tool.name,
        call.tool.source,
        outcome.status,
        refusal.code if refusal is not None else "",
        outcome.units,
        microseconds,
        call.bytes_in,
        bytes_out,
        call.request_id,
    )


def of_deed(deed: Deed, entry_id: str) -> Entry:
    """The entry of an administrative act, under an id of its own."""
    return Entry(entry_id, deed.tenant, "deed", int(deed.at * _MICRO), deed.actor, "", "", deed.act, deed.on, "ok", "", 0, 0, 0, 0, "")


def entry_of(fields: Sequence[Any]) -> Entry:
    """The entry with these sixteen fields, as a row of the book gives them."""
    return Entry(*fields)


def digest(entry: Entry) -> bytes:
    """SHA-256 of the canonical encoding. Raises UnicodeEncodeError or OverflowError for what no store could keep."""
    return sha256(_encode(entry)).digest()


def settle(entry: Entry) -> tuple[Entry, bytes]:
    """The entry as every store can keep it, and its digest.

    One hostile field must not stop the batch it is in, nor fill the disk: lone surrogates and NUL are replaced,
    text of an overlong entry is cut, numbers stay within 53 bits. An ordinary entry comes back as it is.
    """
    try:
        text = _encode(entry)
    except (UnicodeEncodeError, OverflowError):
        text = _NUL
    if len(text) > LARGEST or _NUL in text or not -_WHOLE <= entry.units <= _WHOLE:
        entry = entry_of([_storable(value) for value in astuple(entry)])
        text = _encode(entry)
    return entry, sha256(text).digest()


def _storable(value: str | int) -> str | int:
    if isinstance(value, int):
        return min(max(value, -_WHOLE), _WHOLE)
    return value[:LONGEST].encode("utf-8", "replace").decode().replace("\0", "\ufffd")
