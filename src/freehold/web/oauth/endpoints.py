"""The endpoints programs call: token, registration, revocation, introspection.

Any page may call them from a browser, for no cookie counts here; the answers are JSON that nobody keeps."""

import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from freehold.core.refusals import Refusal
from freehold.domains.oauth.clients.model import Client
from freehold.domains.oauth.denied import Denied
from freehold.domains.oauth.grants.model import Issued
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.protocol import wire
from freehold.web.edges import Disconnected, Edges, Headers, Receive, Scope, Send, gather
from freehold.web.oauth import reading
from freehold.web.oauth.limiting import Act, Limiting, Slow

_log = logging.getLogger("freehold.oauth")
_STATUS: Final = {"invalid_client": 401, "temporarily_unavailable": 503}
_CALLERS: Final = {"host_not_allowed": 421, "not_found": 404, "invalid_request": 400}
_BASIC: Final = (b"www-authenticate", b'Basic realm="freehold"')
_OPEN: Final = (b"access-control-allow-origin", b"*")
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-type, mcp-protocol-version"),
    (b"access-control-max-age", b"7200"),
)
_AGAIN: Final = 5.0
Extra = Sequence[tuple[bytes, bytes]]
Answer = tuple[int, object]


class Clients(Protocol):
    """Who proves which client is asking."""

    async def authenticate(self, authorization: bytes | None, form: Mapping[str, str]) -> Client:
        """The client, or `Denied`."""
        ...


class Registers(Protocol):
    """Who takes new clients."""

    async def register(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """What the new client is told, or `Denied`."""
        ...


class Withdraws(Protocol):
    """Who ends grants."""

    async def by_client(self, client: Client, token: str) -> None:
        """End the grant of this client's token."""
        ...


class Tells(Protocol):
    """Who knows what tokens mean."""

    async def tell(self, client: Client, token: str) -> dict[str, Any]:
        """What this client may know of it."""
        ...


GrantType = Callable[[Client, Mapping[str, str]], Awaitable[Issued]]


class Endpoints:
    """ASGI endpoints, one method each."""

    def __init__(
        self,
        *,
        edges: Edges,
        limiting: Limiting,
        clients: Clients,
        registration: Registers | None,
        withdrawal: Withdraws,
        introspection: Tells,
        grant_types: Mapping[str, GrantType],
    ) -> None:
        """`grant_types` by name; without `registration` no client can register itself."""
        self._edges = edges
        self._limiting = limiting
        self._clients = clients
        self._registration = registration
        self._withdrawal = withdrawal
        self._introspection = introspection
        self._grant_types = grant_types

    async def token(self, scope: Scope, receive: Receive, send: Send) -> None:
        """RFC 6749 section 3.2."""
        await self._answered(scope, send, "token", lambda headers: self._token(headers, receive))

    async def register(self, scope: Scope, receive: Receive, send: Send) -> None:
        """RFC 7591 section 3."""
        await self._answered(scope, send, "register", lambda headers: self._register(headers, receive))

    async def revoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        """RFC 7009."""
        await self._answered(scope, send, "token", lambda headers: self._revoke(headers, receive))

    async def introspect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """RFC 7662."""
        await self._answered(scope, send, "token", lambda headers: self._introspect(headers, receive))

    async def _token(self, headers: Headers, receive: Receive) -> Answer:
        form = await reading.form(headers, receive)
        kind = form.get("grant_type")
        if kind is None:
            raise Denied("invalid_request", "grant_type is missing.")
        if kind not in self._grant_types:
            raise Denied("unsupported_grant_type", f"grant_type must be one of {', '.join(self._grant_types)}.")
        client = await self._clients.authenticate(headers.get(b"authorization"), form)
        issued = await self._grant_types[kind](client, form)
        given = {name: value for name, value in msgspec.structs.asdict(issued).items() if value is not None}
        return 200, {"token_type": "Bearer", **given}

    async def _register(self, headers: Headers, receive: Receive) -> Answer:
        if self._registration is None:
            raise Refusal("not_found", endpoint="/mcp")
        return 201, await self._registration.register(await reading.document(headers, receive))

    async def _revoke(self, headers: Headers, receive: Receive) -> Answer:
        client, token = await self._asked_about(headers, receive)
        await self._withdrawal.by_client(client, token)
        return 200, {}

    async def _introspect(self, headers: Headers, receive: Receive) -> Answer:
        client, token = await self._asked_about(headers, receive)
        return 200, await self._introspection.tell(client, token)

    async def _asked_about(self, headers: Headers, receive: Receive) -> tuple[Client, str]:
        form = await reading.form(headers, receive)
        client = await self._clients.authenticate(headers.get(b"authorization"), form)
        if "token" not in form:
            raise Denied("invalid_request", "token is missing.")
        return client, form["token"]

    async def _answered(self, scope: Scope, send: Send, act: Act, answer: Callable[[Headers], Awaitable[Answer]]) -> None:
        """The answer, or the error in its place; host, method and limits first."""
        headers: Headers = {}
        extra: Extra = ()
        try:
            headers = gather(scope["headers"])
            self._edges.admit_host(headers)
            status, body, extra = await self._allowed(scope, act, headers, answer)
        except Denied as denied:
            status, body, extra = _denied(denied, headers)
        except Slow as slow:
            status, body, extra = 429, _error("temporarily_unavailable", "Too many requests; wait."), (_after(slow.seconds),)
        except (Unavailable, Misconfigured, Refusal) as fault:
            status, body, extra = _failed(fault)
        except Disconnected:
            return
        await _send(send, status, body, extra)

    async def _allowed(
        self, scope: Scope, act: Act, headers: Headers, answer: Callable[[Headers], Awaitable[Answer]]
    ) -> tuple[int, object, Extra]:
        if scope["method"] == "OPTIONS":
            return 204, None, _PREFLIGHT
        if scope["method"] != "POST":
            return 405, _error("invalid_request", "This endpoint takes POST only."), ((b"allow", b"POST"),)
        await self._limiting.visit(act, scope)
        return *await answer(headers), ()


def _denied(denied: Denied, headers: Headers) -> tuple[int, object, Extra]:
    challenged = denied.error == "invalid_client" and b"authorization" in headers
    return _STATUS.get(denied.error, 400), _error(denied.error, denied.description), (_BASIC,) if challenged else ()


def _failed(fault: Unavailable | Misconfigured | Refusal) -> tuple[int, object, Extra]:
    """What is ours to mend says nothing but when to come back; a wrong host or path is the caller's."""
    if isinstance(fault, Refusal) and fault.code in _CALLERS:
        return _CALLERS[fault.code], _error("invalid_request", str(fault)), ()
    _log.warning("authorization_unavailable", extra={"code": "authorization_unavailable", "error": type(fault).__name__})
    return 503, _error("temporarily_unavailable", "Try again in a few seconds."), (_after(_AGAIN),)


def _error(error: str, description: str) -> dict[str, str]:
    return {"error": error, "error_description": description}


def _after(seconds: float) -> tuple[bytes, bytes]:
    return b"retry-after", b"%d" % max(1, math.ceil(seconds))


async def _send(send: Send, status: int, body: object, extra: Extra = ()) -> None:
    """One JSON answer that nobody keeps (RFC 6749 section 5.1)."""
    encoded = b"" if body is None else wire.encode(body)
    kind = [] if body is None else [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(encoded))]
    headers = [*kind, (b"cache-control", b"no-store"), (b"pragma", b"no-cache"), _OPEN, *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": encoded})
