"""Refusals of the API: an HTTP status for each, and application/problem+json (RFC 9457) as the body."""

import math
from typing import Any, Final

from freehold.core.refusals import Refusal
from freehold.protocol import wire
from freehold.web.edges import Send
from freehold.web.problems import LOOKS

_STATUS: Final = {
    "tenant_unknown": 404,
    "edit_unknown": 404,
    "nothing_pending": 404,
    "unknown_tool": 404,
    "edit_invalid": 422,
    "plan_unknown": 422,
    "scope_invalid": 422,
    "invalid_arguments": 422,
    "argument_not_sendable": 422,
}
"""Where the API says something else than the table of MCP does, or that one says nothing."""
_GOOD: Final = 200


def status(refusal: Refusal) -> int:
    """The HTTP status; a refusal that MCP shows inside a good answer has its code."""
    look = LOOKS.get(refusal.code, LOOKS["internal"])
    return _STATUS.get(refusal.code) or (look.code if look.status == _GOOD else look.status)


async def send_problem(send: Send, refusal: Refusal, *, allowed: str = "") -> None:
    """The refusal as a whole answer. `allowed` are the methods of a 405."""
    number = status(refusal)
    said: dict[str, Any] = {
        "type": f"urn:freehold:refusal:{refusal.code}",
        "title": refusal.sentence,
        "status": number,
        "detail": refusal.mend,
        "code": refusal.code,
    }
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    if refusal.retry_after is not None:
        said["retry_after"] = refusal.retry_after
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(refusal.retry_after))))
    if refusal.code in {"unauthenticated", "invalid_token"}:
        headers.append((b"www-authenticate", b'Bearer realm="freehold-api"'))
    if allowed:
        headers.append((b"allow", allowed.encode()))
    body = wire.encode(said)
    await send({"type": "http.response.start", "status": number, "headers": [*headers, (b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
