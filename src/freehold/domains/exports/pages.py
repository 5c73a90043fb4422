"""One page: a call of the exported tool through the corridor, and the records and the next page that its outcome shows."""

from typing import Any, Final, Protocol

import jiter
import msgspec
from msgspec import UNSET, Struct

from freehold.core import records
from freehold.core.call import Call, Outcome
from freehold.core.principal import Principal
from freehold.core.tool import Tool
from freehold.domains.exports import values

_SAID: Final = 300
"""Characters of somebody else's words that are passed on."""


class Calling(Protocol):
    """What this room needs of the catalog and of the corridor."""

    def find(self, principal: Principal, name: str) -> Tool | None:
        """The tool of that name in the caller's catalog, whatever its scopes; None hides and does not exist alike."""
        ...

    async def page(self, call: Call, tool: Tool, arguments: dict[str, Any], seconds: float) -> Outcome:
        """Call the tool for whoever makes this call, recorded as a call of its own. What it is refused with is in the outcome."""
        ...


class Page(Struct, frozen=True, kw_only=True):
    """What one page has."""

    records: list[bytes]
    following: dict[str, Any] | None
    """The whole arguments of the next page; None when the answer names none."""
    total: int | None
    """How many records there are on all pages, where the API says so."""


def read(outcome: Outcome) -> Page | None:
    """The page; None for an answer without a list of records."""
    found = _records(_body(outcome))
    if found is None:
        return None
    said: dict[str, Any] = (outcome.meta or {}).get(records.PAGE_KEY, {})
    return Page(records=found, following=said.get("next"), total=said.get("of"))


def _body(outcome: Outcome) -> bytes:
    """The answer as JSON, perhaps: its structure, or where it has none worth the name, its text."""
    if isinstance(outcome.structured, msgspec.Raw):
        return bytes(outcome.structured)
    if outcome.structured is not UNSET and outcome.structured != {}:
        return msgspec.json.encode(outcome.structured)
    return said(outcome).encode("utf-8", "replace")


def _records(body: bytes) -> list[bytes] | None:
    try:
        found = records.find(jiter.from_json(body))
        if found is None:
            return None
        plain = body if b"\n" not in body and b"\r" not in body else msgspec.json.format(body, indent=-1)
        return values.at(plain, found[0])
    except ValueError:  # no JSON, or a duplicate that the two parsers see differently
        return None


def said(outcome: Outcome) -> str:
    """The first text of it."""
    return next((block["text"] for block in outcome.content if block.get("type") == "text"), "")


def why(outcome: Outcome) -> str:
    """Why an outcome is no page, in a sentence or two."""
    if outcome.refusal is not None:
        return str(outcome.refusal)
    return said(outcome)[:_SAID] or "it gave no reason"
