"""Answers on the wire: refusals and faults by the table in `problems.py`, outcomes as tool results."""

import math
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET

from freehold.core.call import Outcome
from freehold.core.refusals import Refusal
from freehold.core.resource import Prompt, Resource
from freehold.protocol import wire
from freehold.protocol.methods import Results
from freehold.web.edges import Send
from freehold.web.identity import Identity
from freehold.web.problems import LOOKS

REFUSAL_KEY: Final = "dev.freehold/refusal"
"""Member of a refused result's `_meta`: code, retry_after and mend for the agent."""

_OURS: Final = 500
_WHY: Final = 300
"""Characters of a source's own words that go into a sentence of ours."""
_JSON: Final = (b"content-type", b"application/json")
_NO_STORE: Final = (b"cache-control", b"no-store")
_CHALLENGED: Final = frozenset({"unauthenticated", "invalid_token", "invalid_proof", "insufficient_scope"})
_LEGACY_CODES: Final = {"unknown_resource": -32002, "missing_capability": -32600}
"""Where the 2025 revisions have another code (2025-11-25, server/resources)."""
_PLAIN: Final = frozenset({"session_unknown", "too_many_streams"})
"""Whose HTTP status legacy clients get too: the latter refuses their GET, which has no message to answer."""
_FAILED: Final = frozenset({"error", "refused", "failed"})


async def send(send_: Send, status: int, body: bytes, extra: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    """One whole JSON answer."""
    headers = [_JSON, (b"content-length", b"%d" % len(body)), _NO_STORE, *extra]
    await send_({"type": "http.response.start", "status": status, "headers": headers})
    await send_({"type": "http.response.body", "body": body})


def fault_answer(fault: wire.Fault, identity: wire.Id | None) -> tuple[int, bytes]:
    """A JSON-RPC error for a message that cannot be served."""
    look = LOOKS[fault.kind]
    text = fault.why if fault.kind == "unsupported_version" else str(Refusal(fault.kind, why=fault.why))
    return look.status, wire.error(identity, look.code, text, fault.data)


def refusal_answer(refusal: Refusal, identity: wire.Id | None, *, modern: bool) -> tuple[int, bytes]:
    """A refusal outside a tool result: a JSON-RPC error also before any message was read, for clients show nothing else.

    A legacy client reads HTTP 404 as a dead session, so its other JSON-RPC errors travel as 200.
    """
    look = LOOKS.get(refusal.code, LOOKS["internal"])
    data: dict[str, Any] = {"code": refusal.code} | (refusal.data or {})
    if refusal.retry_after is not None:
        data["retry_after"] = refusal.retry_after
    if look.shown == "http":
        return look.status, wire.error(identity, look.status, str(refusal), data)
    status = look.status if modern or look.status >= _OURS or refusal.code in _PLAIN else 200
    return status, wire.error(identity, look.code if modern else _LEGACY_CODES.get(refusal.code, look.code), str(refusal), data)


def challenge_headers(refusal: Refusal, identity: Identity) -> tuple[tuple[bytes, bytes], ...]:
    """Headers that go with a refusal: the challenge of a 401 or 403, Allow, Retry-After."""
    headers: list[tuple[bytes, bytes]] = []
    if refusal.code in _CHALLENGED:
        headers.append((b"www-authenticate", identity.challenge(refusal)))
    if refusal.code == "method_not_allowed":
        headers.append((b"allow", b"POST"))
    if refusal.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(refusal.retry_after))))
    return tuple(headers)


class Answers:
    """Encodes outcomes for one era of one server. What is no result of the method is raised as the `Refusal` it is."""

    def __init__(self, results: Results, *, modern: bool) -> None:
        """The era decides which members a result carries."""
        self._results = results
        self._modern = modern

    def tool(self, outcome: Outcome) -> bytes:
        """The `tools/call` result; a refusal becomes an isError text with both sentences and a machine-readable `_meta`."""
        if outcome.refusal is not None:
            return self._refused(outcome.refusal)
        structured = outcome.structured
        encoded = None if structured is UNSET else bytes(structured) if isinstance(structured, msgspec.Raw) else wire.encode(structured)
        failed = outcome.status in _FAILED
        return self._results.call(wire.encode(outcome.content), encoded, outcome.meta, failed=failed, modern=self._modern)

    def resource(self, resource: Resource, uri: str, outcome: Outcome) -> bytes:
        """The `resources/read` result, each content under its URI and media type."""
        _good(outcome)
        known = {"uri": uri} if resource.mime_type is None else {"uri": uri, "mimeType": resource.mime_type}
        return self._results.read([{**known, **content} for content in outcome.content], modern=self._modern)

    def prompt(self, prompt: Prompt, outcome: Outcome) -> bytes:
        """The `prompts/get` result."""
        _good(outcome)
        return self._results.messages(outcome.content, outcome.description or prompt.description, modern=self._modern)

    def completion(self, outcome: Outcome) -> bytes:
        """The `completion/complete` result."""
        _good(outcome)
        return self._results.completions(cast("list[str]", outcome.structured), modern=self._modern)

    def _refused(self, refusal: Refusal) -> bytes:
        if LOOKS[refusal.code].shown == "rpc" and (self._modern or refusal.code == "url_elicitation_required"):
            raise refusal
        detail: dict[str, Any] = {"code": refusal.code, "mend": refusal.mend}
        if refusal.retry_after is not None:
            detail["retry_after"] = math.ceil(refusal.retry_after * 1000) / 1000
        content = wire.encode([{"type": "text", "text": str(refusal)}])
        return self._results.call(content, None, {REFUSAL_KEY: detail}, failed=True, modern=self._modern)


def _good(outcome: Outcome) -> None:
    """Only a tool's result can say in itself that something went wrong."""
    if outcome.refusal is not None:
        raise outcome.refusal
    if outcome.status != "ok":
        first = outcome.content[0].get("text", "") if outcome.content else ""
        raise Refusal("resource_failed", why=first[:_WHY] or "it gave no reason")
