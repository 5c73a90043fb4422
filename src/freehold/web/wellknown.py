"""Documents anyone may read: protected-resource metadata (RFC 9728) and the keys service tokens are signed with."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from freehold.protocol import wire
from freehold.web.edges import Receive, Scope, Send


class WellKnown:
    """Unauthenticated, cacheable, readable by pages of any origin."""

    def __init__(self, *, metadata: object, keys: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        """`keys` returns the JWKS as it is now."""
        self._metadata = wire.encode(metadata)
        self._keys = keys

    async def protected_resource(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """Which authorization servers guard the MCP endpoint."""
        await _document(send_, self._metadata, 3600)

    async def jwks(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """Public keys; kept five minutes, which the overlap of a rotation outlasts."""
        await _document(send_, wire.encode(await self._keys()), 300)


async def _document(send_: Send, body: bytes, seconds: int) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"public, max-age=%d" % seconds),
        (b"access-control-allow-origin", b"*"),
    ]
    await send_({"type": "http.response.start", "status": 200, "headers": headers})
    await send_({"type": "http.response.body", "body": body})
