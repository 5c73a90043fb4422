"""What every request passes before anyone looks at it: headers gathered once, host, origin, body cap, request id."""

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final

from freehold.core.refusals import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = dict[bytes, bytes]

_WANTED: Final = frozenset(
    {
        b"host",
        b"origin",
        b"authorization",
        b"x-api-key",
        b"dpop",
        b"content-type",
        b"content-length",
        b"content-encoding",
        b"accept",
        b"mcp-protocol-version",
        b"mcp-method",
        b"mcp-name",
        b"mcp-session-id",
        b"x-request-id",
        b"forwarded",
        b"x-forwarded-for",
    }
)
_FORWARDED: Final = b"x-forwarded-for"
_MAY_REPEAT: Final = frozenset({b"accept", b"forwarded", b"x-forwarded-for"})
REPEATED: Final = b""
PEER: Final = b":peer"
"""Under this name, which no header can have, stands the address of who opened the connection."""
METHOD: Final = b":method"
"""Likewise the method of the request."""
PROVED: Final = b":proved"
"""Likewise, once it was looked at, whose proof of possession came with these headers."""
_LENGTH_DIGITS: Final = 18
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_JSON: Final = frozenset({b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"})


class Disconnected(Exception):
    """The client went away before its request was whole."""


def headers_of(scope: Scope) -> Headers:
    """The headers of a request, its method and who opened the connection."""
    method = str(scope.get("method", "GET")).encode()  # a WebSocket begins as a GET
    client: Sequence[object] | None = scope.get("client")
    return {**gather(scope["headers"]), METHOD: method, **({PEER: str(client[0]).encode()} if client else {})}


def gather(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers this server reads, lower-cased names.

    One that may not repeat but does is refused: two readers of the same request must not see different values. For a routing header
    that is said under `REPEATED`, since the refusal of it must carry the id of the message.
    """
    found: Headers = {}
    for name, value in raw:
        if name in _WANTED:
            if name in found and name not in _MAY_REPEAT:
                if not name.startswith(b"mcp-"):
                    raise Refusal("invalid_request", why=f"header {name.decode()} is given twice")
                found[REPEATED] = name
            found[name] = b"%b,%b" % (found[name], value) if name == _FORWARDED and name in found else value
    return found


def caller(headers: Headers, hops: int) -> str:
    """The caller's address: the peer's, or with `hops` proxies of ours in front what the outermost of them says; empty when unknown.

    What a caller writes into X-Forwarded-For stands before that, and counts for nothing.
    """
    named = headers.get(PEER, b"")
    if hops:
        forwarded = headers.get(_FORWARDED, b"").split(b",")
        named = forwarded[-hops].strip() if len(forwarded) >= hops else b""
    return named.decode("latin-1")


def visitor(address: str) -> str:
    """Whom limits count: an address, of IPv6 the network, which one visitor has whole; `unknown` for what is none."""
    try:
        read = ip_address(address)
    except ValueError:
        return "unknown"
    return str(ip_network((read, 64), strict=False)) if isinstance(read, IPv6Address) and read.ipv4_mapped is None else str(read)


class Edges:
    """The allow-lists of one server, compiled."""

    def __init__(self, *, hosts: Iterable[str], origins: Iterable[str], loopback: bool, body_cap: int) -> None:
        """`hosts` with or without a port, lower case. `loopback` also answers for localhost names with any port."""
        self._hosts = frozenset(host.encode() for host in hosts)
        self._origins = frozenset(origin.encode() for origin in origins)
        self._loopback = loopback
        self.body_cap = body_cap

    def admit(self, headers: Headers) -> None:
        """Refuse a host or web origin that is not ours (DNS rebinding, cross-site pages)."""
        self.admit_host(headers)
        origin = headers.get(b"origin")
        if origin is not None and origin not in self._origins and not (self._loopback and _from_loopback(origin)):
            raise Refusal("origin_not_allowed")

    def admit_host(self, headers: Headers) -> None:
        """Refuse a host that is not ours; whose page asks does not matter where no cookie counts."""
        host = headers.get(b"host", b"").lower()
        if host not in self._hosts and not (self._loopback and names_loopback(host)):
            raise Refusal("host_not_allowed")

    async def body(self, headers: Headers, receive: Receive) -> bytes:
        """The whole body, or `Refusal` when it is too large, compressed or not JSON by its own word."""
        kind = headers.get(b"content-type", b"").lower()
        if kind not in _JSON or headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise Refusal("media_type_not_json")
        declared = headers.get(b"content-length")
        if declared is not None and not (declared.isdigit() and len(declared) <= _LENGTH_DIGITS and int(declared) <= self.body_cap):
            raise Refusal("body_too_large", limit=self.body_cap)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body: bytes = message.get("body", b"")
        if message.get("more_body", False):
            body = await self._rest(body, receive)
        if len(body) > self.body_cap:
            raise Refusal("body_too_large", limit=self.body_cap)
        return body

    async def _rest(self, first: bytes, receive: Receive) -> bytes:
        parts, size, more = [first], len(first), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.body_cap:
                raise Refusal("body_too_large", limit=self.body_cap)
            more = message.get("more_body", False)
        return b"".join(parts)


def request_id(headers: Headers) -> str:
    """The caller's own id for this request if it is harmless, else empty."""
    given = headers.get(b"x-request-id")
    return given.decode() if given is not None and _REQUEST_ID.fullmatch(given) else ""


def names_loopback(host: bytes) -> bool:
    """Whether a lower-case Host value, with or without a port, is this machine's name for itself."""
    name, colon, port = host.rpartition(b":") if not host.endswith(b"]") else (host, b"", b"")
    if not colon:
        name, port = host, b"0"
    return port.isdigit() and name in {b"localhost", b"127.0.0.1", b"[::1]"}


def _from_loopback(origin: bytes) -> bool:
    scheme, separator, host = origin.partition(b"://")
    return bool(separator) and scheme in {b"http", b"https"} and names_loopback(host)
