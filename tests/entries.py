"""Calls, deeds and entries as the corridor would make them, for every test that writes into the book."""

import json
from typing import Any

from freehold.core.call import Call, Outcome
from freehold.core.deed import Deed
from freehold.core.principal import Principal
from freehold.core.tool import Tool
from freehold.domains.ledger.book import Book
from freehold.domains.ledger.entry import Entry

AT = 1_800_000_000.0
DONE = Outcome(status="ok", units=1)
_TOOL = Tool(name="create_task", description="", input_schema={}, source="trackline", scopes=frozenset())


def a_call(call_id: str, tenant: str = "acme", *, at: float = AT, arguments: dict[str, Any] | None = None, **who: str) -> Call:
    """A call of `create_task`; `who` changes the principal."""
    named = {"subject": "user-1", "client": "agent-1", "credential": "key:k1", "plan": "free", **who}
    principal = Principal(tenant=tenant, scopes=frozenset(), expires_at=AT + 3600, **named)
    return Call(
        id=call_id,
        at=at,
        principal=principal,
        tool=_TOOL,
        arguments=arguments or {},
        request_id="request-1",
        revision="2026-07-28",
        bytes_in=330,
        deadline=0.0,
    )


def a_deed(tenant: str = "acme", *, at: float = AT) -> Deed:
    """A key revoked by an operator."""
    return Deed(tenant=tenant, act="key.revoked", on="k1", actor="cli:operator", at=at)


def an_entry(entry_id: str, **changes: Any) -> Entry:
    """An entry of a call, less common in the named fields."""
    fields = {
        "id": entry_id, "tenant": "acme", "kind": "call", "at_us": 1_800_000_000_000_000, "subject": "user-1", "client": "agent-1",
        "credential": "key:k1", "what": "create_task", "on_what": "trackline", "outcome": "ok", "refusal": "", "units": 1,
        "duration_us": 1234, "bytes_in": 330, "bytes_out": 512, "request_id": "request-1",
    }  # fmt: skip
    return Entry(**{**fields, **changes})


async def exported(book: Book, tenant: str) -> list[dict[str, Any]]:
    """The tenant's entries, as its JSON lines say them."""
    text = b"".join([chunk async for chunk in book.export(tenant, "jsonl")])
    return [json.loads(line) for line in text.decode().split("\n") if line]
