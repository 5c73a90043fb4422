"""Everything that leaves goes through here (law 5): addresses checked after DNS on the actual socket,
redirects off, environment proxies off, no cookies, caps on size, time and headers."""

import re
import zlib
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from typing import Final, Literal, Protocol

from msgspec import Struct

from freehold import __version__


class Request(Struct, frozen=True, kw_only=True):
    """One request to send. `url` is absolute, percent-encoded and goes out byte for byte."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    def __repr__(self) -> str:
        """Method and origin; what is asked, and the credential that goes with it, stay out of logs and error reports."""
        return f"Request({self.method!r}, {'/'.join(self.url.split('/')[:3])!r})"


class Answer(Struct, frozen=True, kw_only=True):
    """A whole answer. Header names are lower case; repeated ones are joined by `, `."""

    status: int
    headers: dict[str, str]
    body: bytes


Failure = Literal["address_refused", "unreachable", "timeout", "broken", "too_large"]


class SendFailed(Exception):
    """No whole answer came. `delivered` is False only when the request certainly did not reach the server."""

    def __init__(self, failure: Failure, *, delivered: bool) -> None:
        """Carries no address and no text of the peer, so it may be shown to a caller."""
        super().__init__(failure)
        self.failure: Failure = failure
        self.delivered = delivered


class Outbound(Protocol):
    """What rooms know of the client: `kit/outbound.py` sends over sockets, `kit/inprocess.py` into an ASGI app."""

    async def send(self, request: Request, *, seconds: float, cap: int) -> Answer:
        """Send and read the whole answer within `seconds` and `cap` bytes of body, or raise `SendFailed`."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Flowing(Struct, frozen=True, kw_only=True):
    """An answer whose body is still coming. Header names are lower case; nothing of its encoding is undone."""

    status: int
    headers: dict[str, str]
    parts: AsyncIterator[bytes]
    """The body as it arrives; raises `SendFailed` when it breaks off, falls silent or is too large."""


class StreamingOutbound(Outbound, Protocol):
    """A client that can hand on an answer while it is still coming."""

    def stream(self, request: Request, *, seconds: float, cap: int) -> AbstractAsyncContextManager[Flowing]:
        """Send and give the answer once its head is there, or raise `SendFailed`.

        `seconds` bounds the wait for the head and each silence after it, `cap` the body's bytes; how long it may take in all
        is for whoever reads it to say. Leaving the block before the end closes the connection.
        """
        ...


BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"})
"""Methods sent without Content-Length when there is no body (RFC 9110 8.6)."""

_DEFAULTS: Final = (
    ("user-agent", ("User-Agent", f"freehold/{__version__}")),
    ("accept", ("Accept", "*/*")),
    ("accept-encoding", ("Accept-Encoding", "identity")),
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS: Final = re.compile(r"[\r\n\0]")
_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection"}) | {
    *("te", "trailer", "upgrade", "expect")
}


def with_defaults(request: Request) -> list[tuple[str, str]]:
    """The headers as they go out, without those of the connection itself.

    Raises ValueError when one of those was given, or when the method or a header could not be sent as one line.
    """
    _method(request.method)
    headers = list(request.headers)
    given = {_name(name) for name, _ in headers}
    for _, value in headers:
        if not value.isprintable() and _BREAKS.search(value):
            message = "A header value carries a line break or NUL. Encode it, or leave the header out."
            raise ValueError(message)
    headers.extend(default for lower, default in _DEFAULTS if lower not in given)
    return headers


@lru_cache(maxsize=64)
def _method(method: str) -> None:
    if not _TOKEN.fullmatch(method):
        message = "That method is not a token. Use GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS."
        raise ValueError(message)


@lru_cache(maxsize=1024)
def _name(name: str) -> str:
    lower = name.lower()
    if lower in _OURS:
        message = "A header that belongs to the connection cannot be set. Leave Host, Content-Length and their like to the client."
        raise ValueError(message)
    if not _TOKEN.fullmatch(name):
        message = "A header name is not a token. Use letters, digits and -."
        raise ValueError(message)
    return lower


def as_answer(status: int, raw: Iterable[tuple[bytes, bytes]], body: bytes, cap: int) -> Answer:
    """Put an answer together, undoing a content encoding; raises `SendFailed` when the plain body is beyond `cap`."""
    headers = as_headers(raw)
    encoding = headers.get("content-encoding")
    return Answer(status=status, headers=headers, body=_decoded(body, encoding, cap) if body and encoding else body)


def as_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case, repeated ones joined."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _decoded(body: bytes, encoding: str, cap: int) -> bytes:
    """Undo gzip or deflate, which nobody asked for; anything else is a broken answer."""
    if encoding == "identity":
        return body
    bits = {"gzip": 31, "x-gzip": 31, "deflate": 15 if body[:1] == b"x" else -15}.get(encoding.strip().lower())
    if bits is None:
        raise SendFailed("broken", delivered=True)
    inflate = zlib.decompressobj(bits)
    try:
        plain = inflate.decompress(body, cap + 1)
    except zlib.error:
        raise SendFailed("broken", delivered=True) from None
    if len(plain) > cap:
        raise SendFailed("too_large", delivered=True)
    if not inflate.eof:
        raise SendFailed("broken", delivered=True)
    return plain
