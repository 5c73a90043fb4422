"""Everything that leaves goes through here (law 5): addresses checked after DNS on the actual socket,
redirects off, environment proxies off, no cookies, caps on size, time and headers."""

import re
import socket
import ssl
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal, Protocol

import aiohttp
from msgspec import Struct
from yarl import URL

from freehold import __version__
from freehold.kit.addresses import Exceptions, allowed, canonical_host, read_exceptions, read_port, split_port


class Request(Struct, frozen=True, kw_only=True):
    """One request to send. `url` is absolute, percent-encoded and goes out byte for byte."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


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
    """What rooms know of the client: `kit/http.py` sends over sockets, `kit/inprocess.py` into an ASGI app."""

    async def send(self, request: Request, *, seconds: float, cap: int) -> Answer:
        """Send and read the whole answer within `seconds` and `cap` bytes of body, or raise `SendFailed`."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"})
"""Methods sent without Content-Length when there is no body (RFC 9110 8.6)."""

_FINAL: Final = 200
_MOST_ORIGINS: Final = 1024
_MOST_HEADER: Final = 16_384
_MOST_HEADERS: Final = 200
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


class _Refused(OSError):
    """The socket factory said no."""


class _Origin(Struct, frozen=True):
    host: str
    port: int


class GuardedClient:
    """`Outbound` over sockets. Built without side effects; the first `send` opens the pool on its own event loop.

    Every connection's final address is judged by `kit/addresses.py`, whatever named it. A request is sent at most once unless its
    method is idempotent by RFC 9110 9.2.2 and a kept connection died under it; POST and PATCH never are.
    """

    def __init__(
        self,
        outbound_allow: Sequence[str] = (),
        *,
        connections_per_host: int = 100,
        connect_seconds: float = 5.0,
        keepalive_seconds: float = 15.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Open what `outbound_allow` lists and nothing private besides. `tls` must verify; without one the system's roots do.

        Raises `Misconfigured` for an entry that cannot be read.
        """
        self._exceptions: Exceptions = read_exceptions(outbound_allow)
        self._per_host = connections_per_host
        self._connect_seconds = connect_seconds
        self._keepalive_seconds = keepalive_seconds
        self._tls = tls
        self._origins: dict[str, _Origin] = {}
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def send(self, request: Request, *, seconds: float, cap: int) -> Answer:
        """Send and read the whole answer within `seconds` and `cap` bytes of body (also after decoding), or raise `SendFailed`.

        Raises ValueError for a header that only this client may set, or that could not be sent as one line.
        """
        origin, headers = self._admit(request.url), with_defaults(request)
        timeout = aiohttp.ClientTimeout(total=seconds, connect=min(seconds, self._connect_seconds), ceil_threshold=3600)
        try:
            response = await self._session(origin).request(
                request.method,
                URL(request.url, encoded=True),
                data=request.body or None,
                headers=headers,
                allow_redirects=False,
                timeout=timeout,
            )
            return await _whole(response, cap)
        except aiohttp.ClientConnectorError as refused:
            failure: Failure = "address_refused" if isinstance(refused.os_error, _Refused) else "unreachable"
            raise SendFailed(failure, delivered=False) from None
        except aiohttp.ConnectionTimeoutError:
            raise SendFailed("timeout", delivered=False) from None
        except TimeoutError:
            raise SendFailed("timeout", delivered=True) from None
        except (aiohttp.ClientError, OSError, zlib.error):
            raise SendFailed("broken", delivered=True) from None

    async def close(self) -> None:
        """Close every connection."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _admit(self, url: str) -> _Origin:
        """Check a URL's form and find where it leads; raises `SendFailed` when nothing is ever sent there."""
        scheme, _, rest = url.partition("://")
        authority = rest[: min(index for mark in "/?" if (index := rest.find(mark)) >= 0 or (index := len(rest)) >= 0)]
        origin = self._origins.get(url[: len(scheme) + 3 + len(authority)])
        if origin is None:
            origin = self._remember(scheme, authority)
        if not url.isascii() or not url.isprintable() or " " in url or "#" in url or "\\" in url:
            raise SendFailed("address_refused", delivered=False)
        return origin

    def _remember(self, scheme: str, authority: str) -> _Origin:
        written, digits = split_port(authority)
        host = canonical_host(written)
        port = {"http": 80, "https": 443}.get(scheme) if digits is None else read_port(digits)
        if scheme not in ("http", "https") or host is None or port is None:
            raise SendFailed("address_refused", delivered=False)
        if len(self._origins) >= _MOST_ORIGINS:
            self._origins.clear()
        origin = self._origins[f"{scheme}://{authority}"] = _Origin(host, port)
        return origin

    def _session(self, origin: _Origin) -> aiohttp.ClientSession:
        """The pool of a host the operator named, or the one everybody else shares."""
        host = origin.host if self._exceptions.names(origin.host, origin.port) else ""
        session = self._sessions.get(host)
        if session is None:
            session = self._sessions[host] = self._open(host)
        return session

    def _open(self, host: str) -> aiohttp.ClientSession:
        def guarded(info: tuple[int, int, int, str, tuple[str | int, ...]]) -> socket.socket:
            family, kind, protocol, _, address = info
            if not allowed(str(address[0]), int(address[1]), exceptions=self._exceptions, host=host):
                raise _Refused
            return socket.socket(family, kind, protocol)

        connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=self._per_host,
            keepalive_timeout=self._keepalive_seconds,
            socket_factory=guarded,
            ssl=self._tls or True,
            timeout_ceil_threshold=3600,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=("Content-Type",),
            auto_decompress=False,
            requote_redirect_url=False,
            max_line_size=_MOST_HEADER,
            max_field_size=_MOST_HEADER,
            max_headers=_MOST_HEADERS,
        )


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


async def _whole(response: aiohttp.ClientResponse, cap: int) -> Answer:
    """Read to the end or close the connection."""
    try:
        return as_answer(response.status, response.raw_headers, await _read(response, cap), cap)
    except BaseException:
        response.close()
        raise


async def _read(response: aiohttp.ClientResponse, cap: int) -> bytes:
    if response.status < _FINAL:
        raise SendFailed("broken", delivered=True)
    if (response.content_length or 0) > cap and response.method != "HEAD":
        raise SendFailed("too_large", delivered=True)
    content = response.content
    parts: list[bytes] = []
    room = cap
    while part := await content.readany():
        room -= len(part)
        if room < 0:
            raise SendFailed("too_large", delivered=True)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def as_answer(status: int, raw: Iterable[tuple[bytes, bytes]], body: bytes, cap: int) -> Answer:
    """Put an answer together, undoing a content encoding; raises `SendFailed` when the plain body is beyond `cap`."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    encoding = headers.get("content-encoding")
    return Answer(status=status, headers=headers, body=_decoded(body, encoding, cap) if body and encoding else body)


def _decoded(body: bytes, encoding: str, cap: int) -> bytes:
    """Undo gzip or deflate, which nobody asked for; anything else is a broken answer."""
    if encoding == "identity":
        return body
    bits = {"gzip": 31, "x-gzip": 31, "deflate": 15 if body[:1] == b"x" else -15}.get(encoding.strip().lower())
    if bits is None:
        raise SendFailed("broken", delivered=True)
    inflate = zlib.decompressobj(bits)
    plain = inflate.decompress(body, cap + 1)
    if len(plain) > cap:
        raise SendFailed("too_large", delivered=True)
    if not inflate.eof:
        raise SendFailed("broken", delivered=True)
    return plain
