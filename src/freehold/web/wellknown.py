"""Documents anyone may read: protected-resource metadata (RFC 9728), the keys service tokens are signed with, and what this server is.

What they say comes in as values; nothing of a tenant or of the catalog is among it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from freehold.core.refusals import Refusal
from freehold.protocol import description, wire
from freehold.web.answers import refusal_answer, send
from freehold.web.edges import Receive, Scope, Send

_JSON: Final = b"application/json"
_TEXT: Final = b"text/plain; charset=utf-8"
_HOUR: Final = 3_600
_READING: Final = ("GET", "HEAD")


class WellKnown:
    """Unauthenticated, cacheable, readable by pages of any origin, by GET and HEAD only."""

    def __init__(self, *, metadata: object, keys: Callable[[], Awaitable[Mapping[str, Any]]], about: description.About) -> None:
        """`keys` returns the JWKS as it is now."""
        self._metadata = wire.encode(metadata)
        self._keys = keys
        self._description = wire.encode(description.description(about))
        self._registry_entry = wire.encode(description.registry_entry(about))
        self._for_models = description.for_models(about).encode()

    async def protected_resource(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """Which authorization servers guard the MCP endpoint."""
        await _document(scope, send_, self._metadata)

    async def jwks(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """Public keys; kept five minutes, which the overlap of a rotation outlasts."""
        await _document(scope, send_, wire.encode(await self._keys()), seconds=300)

    async def described(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """Who this server is, where it answers and how to authenticate."""
        await _document(scope, send_, self._description)

    async def registry_entry(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """The same in the form of the MCP registry's server.json."""
        await _document(scope, send_, self._registry_entry)

    async def for_models(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """The same as a page for language models (llmstxt.org)."""
        await _document(scope, send_, self._for_models, kind=_TEXT)


def published(make: Callable[[], Awaitable[object]], *, seconds: int = _HOUR) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An endpoint for a document as it is when somebody asks."""

    async def endpoint(scope: Scope, _receive: Receive, send_: Send) -> None:
        await _document(scope, send_, wire.encode(await make()), seconds=seconds)

    return endpoint


async def _document(scope: Scope, send_: Send, body: bytes, *, kind: bytes = _JSON, seconds: int = _HOUR) -> None:
    if scope["method"] not in _READING:
        status, refused = refusal_answer(Refusal("document_read_only"), None, modern=True)
        await send(send_, status, refused, ((b"allow", b"GET, HEAD"),))
        return
    headers = [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"public, max-age=%d" % seconds),
        (b"access-control-allow-origin", b"*"),
    ]
    await send_({"type": "http.response.start", "status": 200, "headers": headers})
    await send_({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
