"""What a browser must be told before a page of an allowed origin may speak with this server (Fetch, CORS protocol).

Which origins are allowed is `edges.py`'s: whoever gets here has passed it."""

import re
from collections.abc import Iterable
from typing import Final

Extra = tuple[tuple[bytes, bytes], ...]

_EXPOSED: Final = (b"access-control-expose-headers", b"mcp-session-id, www-authenticate, retry-after, x-request-id")
_METHODS: Final = (b"access-control-allow-methods", b"GET, POST, DELETE")
_KEPT: Final = (b"access-control-max-age", b"7200")
_VARY: Final = (b"vary", b"origin")
_NAMES: Final = re.compile(rb"[A-Za-z0-9, -]{1,1000}")


def headers(origin: bytes) -> Extra:
    """What goes with every answer to a page of that origin. No cookies: credentials are headers the page itself sets."""
    return (b"access-control-allow-origin", origin), _EXPOSED, _VARY


def preflight(raw: Iterable[tuple[bytes, bytes]]) -> Extra:
    """What else goes with the answer to a preflight: the methods, and the headers asked for, since a tool may name any `Mcp-Param-*`."""
    asked = next((value for name, value in raw if name.lower() == b"access-control-request-headers"), b"")
    named = ((b"access-control-allow-headers", asked),) if _NAMES.fullmatch(asked) else ()
    return (_METHODS, _KEPT, *named)
