"""The MCP endpoint as a WebSocket (RFC 6455): the same calls for clients that keep one connection, one JSON-RPC message a text frame.

Who is calling is settled at the handshake and again at every message; frames, pings and the closing handshake are the server's."""

import asyncio
import logging
from collections import Counter
from collections.abc import MutableMapping
from typing import Any, Final, NamedTuple

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.web.answers import challenge_headers, refusal_answer
from freehold.web.conversation import Conversation, Table
from freehold.web.edges import Edges, Headers, Receive, Scope, Send, headers_of
from freehold.web.identity import Identity

_log = logging.getLogger("freehold.web")

SUBPROTOCOL: Final = "mcp"
SHARE: Final = 16
"""Connections one caller may have open."""
_AGAIN: Final = 1.0
"""Seconds after which another replica will have taken over."""
_LONGEST_REASON: Final = 123
"""Bytes of a close frame's reason (RFC 6455, 5.5)."""

Extra = tuple[tuple[bytes, bytes], ...]


class Farewell(NamedTuple):
    """How a connection ends (RFC 6455, 7.4.1)."""

    code: int
    reason: str = ""


_GONE: Final = Farewell(1000)
_GOING_AWAY: Final = Farewell(1001, "This server is shutting down. Connect again; another replica will answer.")
_BINARY: Final = Farewell(1003, "Messages are text frames. Send one JSON-RPC message in each.")
_TOO_LARGE: Final = Farewell(1009, "The message is too large. Send less at once.")
_BROKEN: Final = Farewell(1011, "Something went wrong on our side. Connect again.")


class WebSocketDoor:
    """An ASGI endpoint for `websocket` scopes. Knows which connections are open, and nothing else between messages."""

    def __init__(self, table: Table, *, edges: Edges, identity: Identity, most: int) -> None:
        """`most` connections in all, a quarter of them for one tenant."""
        self._table = table
        self._edges = edges
        self._identity = identity
        self._most = most
        self._held: Counter[tuple[str, ...]] = Counter()
        self._leaving: set[asyncio.Future[None]] = set()
        self._draining = False

    @property
    def count(self) -> int:
        """Connections open now."""
        return self._held[()]

    async def __call__(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """Serve one connection to its end."""
        await receive()  # the handshake has come whole
        try:
            headers = headers_of(scope)
            principal = await self._admitted(headers, scope.get("subprotocols", ()))
        except Refusal as refusal:
            return await self._refused(scope, send_, refusal)
        except Exception as fault:  # noqa: BLE001  # door: nothing may reach the server's own error page
            _log.error("handshake failed", extra={"code": "internal", "error": type(fault).__name__})
            return await self._refused(scope, send_, Refusal("internal", request_id="-"))
        keys = _keys(principal)
        self._held.update(keys)
        self._table.meter.http("/mcp", 101)
        try:
            await send_({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
            await self._serve(headers, receive, _Line(send_))
        finally:
            self._held.subtract(keys)
            self._held = +self._held
        return None

    async def _refused(self, scope: Scope, send_: Send, refusal: Refusal) -> None:
        self._table.meter.refused(refusal.code)
        self._table.meter.http("/mcp", await refuse(scope, send_, refusal, challenge_headers(refusal, self._identity)))

    def open(self) -> None:
        """Take connections."""
        self._draining = False

    def drain(self) -> None:
        """Take no more, and close those there are once what is open on them has been answered."""
        self._draining = True
        for leaving in self._leaving:
            if not leaving.done():
                leaving.set_result(None)

    async def _admitted(self, headers: Headers, offered: Any) -> Principal:
        """Everything a POST has to pass, at the same headers; a page of another origin cannot leave the Origin out."""
        self._edges.admit(headers)
        principal = await self._identity.principal(headers)
        if SUBPROTOCOL not in offered:
            raise Refusal("subprotocol_missing")
        if self._draining:
            raise Refusal("draining", retry_after=_AGAIN)
        of_all, of_tenant, of_caller = (self._held[key] for key in _keys(principal))
        if of_all >= self._most or of_tenant >= max(1, self._most // 4) or of_caller >= SHARE:
            raise Refusal("too_many_connections", retry_after=_AGAIN)
        return principal

    async def _serve(self, headers: Headers, receive: Receive, line: "_Line") -> None:
        loop = asyncio.get_running_loop()
        conversation = Conversation(self._table, line.say, headers)
        reading = loop.create_task(self._read(conversation, headers, receive, line))
        leaving: asyncio.Future[None] = loop.create_future()
        self._leaving.add(leaving)
        farewell = _GOING_AWAY
        try:
            await asyncio.wait([reading, leaving], return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                farewell = reading.result()
            else:
                await conversation.finish()
        finally:
            self._leaving.discard(leaving)
            reading.cancel()
            await conversation.end()
            await line.close(farewell)

    async def _read(self, conversation: Conversation, headers: Headers, receive: Receive, line: "_Line") -> Farewell:
        """Until the client is gone or has to go."""
        try:
            while (event := await receive())["type"] == "websocket.receive":
                farewell = await self._heard(conversation, headers, event, line)
                if farewell is not None:
                    return farewell
        except Exception as fault:  # noqa: BLE001  # door: nothing may reach the server's own traceback
            _log.error("connection failed", extra={"code": "internal", "error": type(fault).__name__})
            return _BROKEN
        line.over = True
        return _GONE

    async def _heard(self, conversation: Conversation, headers: Headers, event: MutableMapping[str, Any], line: "_Line") -> Farewell | None:
        text: str | None = event.get("text")
        if text is None:
            return _BINARY
        data = text.encode(errors="replace")
        if len(data) > self._edges.body_cap:
            return _TOO_LARGE
        try:
            principal = await self._identity.principal(headers)
        except Refusal as refusal:
            self._table.meter.refused(refusal.code)
            if refusal.code != "identity_unavailable":
                return Farewell(1008, str(refusal))
            await conversation.refuse(refusal, data)
        else:
            await conversation.hear(principal, data)
        return None


class _Line:
    """The way out. One message at a time, so that a reader who is slow keeps no more than one waiting below."""

    def __init__(self, send_: Send) -> None:
        self._send = send_
        self._turn = asyncio.Lock()
        self.over = False

    async def say(self, message: bytes) -> None:
        """One text frame; when the client is gone it goes nowhere."""
        await self._sent({"type": "websocket.send", "text": message.decode()})

    async def close(self, farewell: Farewell) -> None:
        """The last thing that is said."""
        reason = farewell.reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
        await self._sent({"type": "websocket.close", "code": farewell.code, "reason": reason})
        self.over = True

    async def _sent(self, event: MutableMapping[str, Any]) -> None:
        async with self._turn:
            if self.over:
                return
            try:
                await self._send(event)
            except OSError:  # what a server raises who has lost the connection (ASGI, WebSocket, Send)
                self.over = True


async def refuse(scope: Scope, send_: Send, refusal: Refusal, extra: Extra = ()) -> int:
    """Answer a handshake with the refusal over HTTP, or by closing where the server cannot; the HTTP status."""
    status, body = refusal_answer(refusal, None, modern=True)
    if "websocket.http.response" in scope.get("extensions", {}):
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *extra]
        await send_({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send_({"type": "websocket.http.response.body", "body": body})
    else:
        await send_({"type": "websocket.close", "code": 1008, "reason": refusal.code})
    return status


def _keys(principal: Principal) -> tuple[tuple[str, ...], ...]:
    """What a connection counts for: the process, the tenant, the caller."""
    return (), (principal.tenant,), (principal.tenant, principal.subject, principal.client)
