"""The MCP endpoint: bytes to a request, the era decided once by header and body, the answer written.

Authorisation looks at the parsed body only; mirrored headers are checked against it, never trusted instead of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.calls.run import Asked, Calls
from freehold.domains.catalog.resolve import Catalog
from freehold.kit.json import NotStrict, strict
from freehold.kit.overdue import Overdue
from freehold.protocol import handshake, revisions, stateless, wire
from freehold.protocol.methods import Results
from freehold.web.answers import ToolAnswers, challenge_headers, fault_answer, refusal_answer, send
from freehold.web.edges import Disconnected, Edges, Headers, Receive, Scope, Send, gather, request_id
from freehold.web.identity import Identity

_log = logging.getLogger("freehold.web")

_WATCH_AFTER: Final = 0.05
"""Seconds a call may run before the connection is watched for its client going away."""


_TRACEPARENT: Final = 55
"""Characters of a version 00 traceparent (W3C Trace Context)."""


class Meter(Protocol):
    """What the door tells the metrics."""

    def http(self, route: str, status: int) -> None:
        """One request was answered."""
        ...

    def refused(self, code: str) -> None:
        """One request was refused outside the corridor, which counts its own."""
        ...


class Turn:
    """One request on its way through this door: what is known of it so far."""

    __slots__ = ("body", "headers", "identity", "name", "receive", "revision")

    def __init__(self, headers: Headers, receive: Receive) -> None:
        """Nothing but headers has been read yet."""
        self.headers = headers
        self.receive = receive
        self.body = b""
        self.identity: wire.Id | None = None
        self.revision = revisions.MODERN
        self.name = request_id(headers)

    @property
    def modern(self) -> bool:
        """Whether 2026-07-28 rules hold."""
        return self.revision is revisions.MODERN


Method = Callable[[Turn, Principal, dict[str, Any]], Awaitable[bytes]]


class McpDoor:
    """An ASGI endpoint for POST. Keeps nothing between requests."""

    def __init__(
        self,
        *,
        edges: Edges,
        identity: Identity,
        catalog: Catalog,
        calls: Calls,
        results: Results,
        meter: Meter,
        overdue: Overdue,
        monotonic: Callable[[], float],
    ) -> None:
        """Everything it calls, ready to use."""
        self._edges = edges
        self._identity = identity
        self._catalog = catalog
        self._calls = calls
        self._results = results
        self._meter = meter
        self._overdue = overdue
        self._monotonic = monotonic
        self._answers = {True: ToolAnswers(results, modern=True), False: ToolAnswers(results, modern=False)}
        self._modern: dict[str, Method] = {"server/discover": self._discover, "tools/list": self._list, "tools/call": self._call}
        self._legacy: dict[str, Method] = {
            "initialize": self._initialize,
            "ping": self._ping,
            "tools/list": self._list,
            "tools/call": self._call,
        }

    async def __call__(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """Answer one HTTP request."""
        extra: tuple[tuple[bytes, bytes], ...] = ()
        turn = None
        try:
            headers = gather(scope["headers"])
            turn = Turn(headers, receive)
            self._edges.admit(headers)
            if scope["method"] != "POST":
                raise Refusal("method_not_allowed")  # noqa: TRY301  the same way out as every refusal
            principal = await self._identity.principal(headers)
            turn.body = await self._edges.body(headers, receive)
            status, body = await self._answer(turn, principal)
        except Refusal as refusal:
            self._meter.refused(refusal.code)
            extra = challenge_headers(refusal, self._identity)
            identity, modern = (None, True) if turn is None else (turn.identity, turn.modern)
            status, body = refusal_answer(refusal, identity, modern=modern)
        except wire.Fault as fault:
            status, body = fault_answer(fault, None if turn is None else turn.identity)
        except Disconnected:
            return
        except asyncio.CancelledError:
            await self._cut_off(send_)
            raise
        except Exception as fault:  # noqa: BLE001  # door: nothing may reach the server's own error page
            _log.error("request failed", extra={"code": "internal", "error": type(fault).__name__})
            name = turn.name if turn is not None else ""
            status, body = refusal_answer(Refusal("internal", request_id=name or "-"), None if turn is None else turn.identity, modern=True)
        self._meter.http("/mcp", status)
        if turn is not None and turn.name:
            extra = (*extra, (b"x-request-id", turn.name.encode()))
        await send(send_, status, body, extra)

    async def _cut_off(self, send_: Send) -> None:
        """Whoever runs the server ends what is still in flight; the server's own error page would not say why."""
        status, body = refusal_answer(Refusal("draining"), None, modern=True)
        self._meter.refused("draining")
        self._meter.http("/mcp", status)
        await send(send_, status, body)

    async def _answer(self, turn: Turn, principal: Principal) -> tuple[int, bytes]:
        parsed = _parsed(turn.body)
        turn.identity = wire.readable_id(parsed)
        asked = wire.message(parsed)
        version = turn.headers.get(b"mcp-protocol-version")
        turn.revision = handshake.era(version, asked.params) or revisions.MODERN
        if asked.id is None:
            return 202, b""
        method = self._method(turn, asked, version)
        return 200, wire.result(asked.id, await method(turn, principal, asked.params))

    def _method(self, turn: Turn, asked: wire.Message, version: bytes | None) -> Method:
        if not turn.modern:
            if b"mcp-method" in turn.headers or b"mcp-name" in turn.headers:
                raise wire.Fault("header_mismatch", "Mcp-Method and Mcp-Name need MCP-Protocol-Version 2026-07-28 and its metadata")
            found = self._legacy.get(asked.method)
        else:
            headers = turn.headers
            stateless.check(asked, version=version, method=headers.get(b"mcp-method"), name=headers.get(b"mcp-name"))
            found = self._modern.get(asked.method)
        if found is None:
            raise Refusal("method_not_found")
        return found

    async def _initialize(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        return wire.encode(handshake.initialized(params, server=self._results.server, instructions=self._results.instructions))

    async def _ping(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        return b"{}"

    async def _discover(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        return self._results.discover

    async def _list(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        cursor = params.get("cursor")
        if cursor is not None and type(cursor) is not str:
            raise Refusal("invalid_cursor")
        page = self._catalog.page(principal, cursor)
        return self._results.tools(page.tools, page.following, modern=turn.modern)

    async def _call(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        name: object = params.get("name")
        arguments: object = params.get("arguments")
        if type(name) is not str:
            raise wire.Fault("invalid_params", "params.name must be a string")
        if arguments is None:
            arguments = {}
        if not wire.is_object(arguments):
            raise wire.Fault("invalid_params", "params.arguments must be an object")
        asked = Asked(
            principal=principal,
            name=name,
            arguments=arguments,
            request_id=turn.name,
            revision=turn.revision,
            bytes_in=len(turn.body),
            traceparent=_traceparent(params),
        )
        work = self._calls.run(asked, self._answers[turn.modern].encode)
        return await (self._unless_gone(work, turn.receive) if turn.modern else work)

    async def _unless_gone(self, work: Awaitable[bytes], receive: Receive) -> bytes:
        """Await `work`, cancelling it when the client closes the connection (2026-07-28, cancellation by disconnect)."""
        watched = _Watched(receive, self._overdue.task())
        self._overdue.begin(watched, self._monotonic() + _WATCH_AFTER)
        try:
            return await work
        except asyncio.CancelledError:
            if watched.gone():
                raise Disconnected from None
            raise
        finally:
            self._overdue.end(watched)
            watched.over()


def _parsed(body: bytes) -> object:
    try:
        return strict(body)
    except NotStrict as fault:
        raise wire.Fault("parse_error", fault.why) from None


def _traceparent(params: dict[str, Any]) -> str:
    meta: object = params.get("_meta")
    value: object = meta.get("traceparent") if wire.is_object(meta) else None
    return value if type(value) is str and len(value) == _TRACEPARENT else ""


class _Watched:
    """A call whose client may go away. Watching costs a task, so it begins only once the call has lasted a while."""

    __slots__ = ("_gone", "_receive", "_task", "_watcher")

    def __init__(self, receive: Receive, task: "asyncio.Task[Any] | None") -> None:
        """`task` runs the call."""
        self._receive = receive
        self._task = task
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False

    def late(self) -> None:
        """Begin to watch."""
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    def over(self) -> None:
        """Watch no longer."""
        if self._watcher is not None:
            self._watcher.cancel()

    def gone(self) -> bool:
        """Whether the client went away and the cancellation was ours; then it goes no further."""
        return self._gone and self._task is not None and self._task.uncancel() == 0

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._task is not None:
            self._task.cancel()
