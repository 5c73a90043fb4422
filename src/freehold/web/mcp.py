"""The MCP endpoint over HTTP: bytes to a message, the era decided once by header and body, the answer written.

Authorisation looks at the parsed body only; mirrored headers are checked against it, never trusted instead of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.kit.json import NotStrict, strict
from freehold.kit.overdue import Overdue
from freehold.protocol import handshake, revisions, wire
from freehold.protocol.session import Session
from freehold.web import cors
from freehold.web.answers import challenge_headers, fault_answer, refusal_answer, send
from freehold.web.edges import REPEATED, Disconnected, Edges, Headers, Receive, Scope, Send, headers_of, request_id
from freehold.web.identity import Identity
from freehold.web.methods import LASTING, Methods
from freehold.web.parked import Parked
from freehold.web.sessions import Sessions
from freehold.web.sse import EventStream
from freehold.web.turn import Turn

_log = logging.getLogger("freehold.web")

_WATCH_AFTER: Final = 0.05
"""Seconds a call may run before the connection is watched for its client going away."""
MOST_BATCHED: Final = 20
"""Messages of one 2025-03-26 batch."""
_MODERN: Final = revisions.MODERN.encode()
_BATCHING: Final = "2025-03-26"
_STREAM: Final = b"text/event-stream"

Answer = tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]
"""Status, body and further headers."""


class Meter(Protocol):
    """What the door tells the metrics."""

    def http(self, route: str, status: int) -> None:
        """One request was answered."""
        ...

    def refused(self, code: str) -> None:
        """One request was refused outside the corridor, which counts its own."""
        ...


class Streams(Protocol):
    """What the door needs of the open streams."""

    async def get(self, principal: Principal, session: Session, headers: Headers, stream: EventStream) -> None:
        """Keep a 2025-x client's stream until either side ends it."""
        ...


class McpDoor:
    """An ASGI endpoint. Keeps nothing between requests."""

    def __init__(
        self,
        *,
        edges: Edges,
        identity: Identity,
        methods: Methods,
        sessions: Sessions,
        parked: Parked,
        streams: Streams,
        meter: Meter,
        overdue: Overdue,
        monotonic: Callable[[], float],
    ) -> None:
        """Everything it calls, ready to use."""
        self._edges = edges
        self._identity = identity
        self._methods = methods
        self._sessions = sessions
        self._parked = parked
        self._streams = streams
        self._meter = meter
        self._overdue = overdue
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """Answer one HTTP request."""
        turn, stream = Turn({}, (), None, name=""), EventStream(send_, self._overdue, self._monotonic)
        try:
            answer = await self._answer(scope, receive, turn, stream)
        except Disconnected:
            return
        except asyncio.CancelledError:
            await self._cut_off(stream, send_)
            raise
        except Exception as fault:  # noqa: BLE001  # door: nothing may reach the server's own error page
            answer = self._refused(turn, fault)
        finally:
            stream.over()
        if answer is None:
            return
        status, body, extra = answer
        self._meter.http("/mcp", 200 if stream.started else status)
        if stream.started:
            await stream.finish(body)
        else:
            await send(send_, status, body, (*stream.extra, *extra))

    async def _answer(self, scope: Scope, receive: Receive, turn: Turn, stream: EventStream) -> Answer | None:
        """Status, body and headers; None when the stream was the whole answer."""
        turn.headers, turn.raw = headers, _ = headers_of(scope), scope["headers"]
        if name := request_id(headers):
            turn.name = name
            stream.extra = ((b"x-request-id", name.encode()),)
        accept = headers.get(b"accept", _STREAM)
        if _STREAM in accept or b"*/*" in accept or b"text/*" in accept:
            turn.back = stream
        self._edges.admit(headers)
        if b"origin" in headers:
            stream.extra = (*stream.extra, *cors.headers(headers[b"origin"]))
        if scope["method"] != "POST":
            return await self._other(scope["method"], turn, receive, stream)
        principal = await self._identity.principal(headers)
        status, body = await self._posted(turn, principal, await self._edges.body(headers, receive), receive, stream)
        return status, body, ((b"mcp-session-id", turn.begun.encode()),) if turn.begun else ()

    def _refused(self, turn: Turn, fault: Exception) -> Answer:
        if isinstance(fault, wire.Fault):
            return *fault_answer(fault, turn.identity), ()
        if not isinstance(fault, Refusal):
            _log.error("request failed", extra={"code": "internal", "error": type(fault).__name__})
            fault = Refusal("internal", request_id=turn.name or "-")
        self._meter.refused(fault.code)
        return *refusal_answer(fault, turn.identity, modern=turn.modern), challenge_headers(fault, self._identity)

    async def _cut_off(self, stream: EventStream, send_: Send) -> None:
        """Whoever runs the server ends what is still in flight; the server's own error page would not say why."""
        status, body = refusal_answer(Refusal("draining"), None, modern=True)
        self._meter.refused("draining")
        self._meter.http("/mcp", status)
        if stream.started:
            await stream.end()
        else:
            await send(send_, status, body)

    # messages

    async def _posted(self, turn: Turn, principal: Principal, data: bytes, receive: Receive, stream: EventStream) -> tuple[int, bytes]:
        parsed = _parsed(data)
        turn.bytes_in = len(data)
        turn.identity = wire.readable_id(parsed)
        if REPEATED in turn.headers:
            raise wire.Fault("header_mismatch", f"header {turn.headers[REPEATED].decode()} is given twice")
        version = turn.headers.get(b"mcp-protocol-version")
        legacy = None if version == _MODERN else handshake.era(version, parsed)
        if legacy is None:
            return await self._modern(turn, principal, wire.message(parsed, turn.identity), receive, stream)
        turn.serve(legacy)
        session = turn.headers.get(b"mcp-session-id")
        if session is not None:
            turn.session = self._sessions.find(session, principal)
            turn.serve(legacy if version is not None else turn.session.revision)
        if turn.revision == _BATCHING and wire.is_batch(parsed):
            return await self._batch(turn, principal, parsed)
        answer = await self._legacy(turn, principal, parsed)
        return (202, b"") if answer is None else (200, answer)

    async def _modern(
        self, turn: Turn, principal: Principal, asked: wire.Message, receive: Receive, stream: EventStream
    ) -> tuple[int, bytes]:
        turn.read(asked)
        if asked.id is None:
            return 202, b""
        if asked.method == "subscriptions/listen":
            stream.tended = True
        work = self._methods.find(turn, asked)(turn, principal, asked.params)
        result = await (self._unless_gone(work, receive) if asked.method in LASTING else work)
        return 200, wire.result(asked.id, result)

    async def _legacy(self, turn: Turn, principal: Principal, parsed: object) -> bytes | None:
        """The response to one legacy message, None when it has none. A client that goes away does not cancel (2025-11-25, transports)."""
        if wire.is_response(parsed):
            if turn.session is not None:
                await self._parked.answer(turn.session, *wire.answer(parsed))
            return None
        asked = wire.message(parsed, turn.identity)
        turn.read(asked)
        if asked.id is None:
            await self._methods.notified(turn, principal, asked)
            return None
        return wire.result(asked.id, await self._methods.find(turn, asked)(turn, principal, asked.params))

    async def _batch(self, turn: Turn, principal: Principal, messages: list[object]) -> tuple[int, bytes]:
        """2025-03-26 only: every message on its own, the answers in one array (2025-03-26, basic, Batching)."""
        if not 0 < len(messages) <= MOST_BATCHED:
            raise wire.Fault("invalid_request", f"a batch has 1 to {MOST_BATCHED} messages")
        answers = await asyncio.gather(*(self._batched(turn.again(), principal, message) for message in messages))
        found = [answer for answer in answers if answer is not None]
        return (200, b"[%b]" % b",".join(found)) if found else (202, b"")

    async def _batched(self, turn: Turn, principal: Principal, message: object) -> bytes | None:
        turn.identity = wire.readable_id(message)
        try:
            return await self._legacy(turn, principal, wire.batchable(message))
        except Exception as fault:  # noqa: BLE001  # door: what goes wrong with one message must not cost the others their answers
            return self._refused(turn, fault)[1]

    # what is not a POST

    async def _other(self, method: str, turn: Turn, receive: Receive, stream: EventStream) -> Answer | None:
        """GET and DELETE are the 2025 revisions' alone; OPTIONS is a browser's."""
        if method == "OPTIONS" and b"origin" in turn.headers:
            return 200, b"", cors.preflight(turn.raw or ())
        version = turn.headers.get(b"mcp-protocol-version")
        old = version is None or version.strip(b" \t").decode("latin-1") in revisions.LEGACY
        if not old or method not in {"GET", "DELETE"}:
            raise Refusal("method_not_allowed")
        principal = await self._identity.principal(turn.headers)
        turn.serve(revisions.ASSUMED)
        named = turn.headers.get(b"mcp-session-id")
        session = None if named is None else self._sessions.find(named, principal)
        if session is None:  # an open stream would tell a probing client that no credential is asked for
            raise Refusal("method_not_allowed")
        if method == "GET":
            return await self._stream(turn, principal, session, receive, stream)
        await self._sessions.say(session, "ended")
        return 200, b"", ()

    async def _stream(self, turn: Turn, principal: Principal, session: Session, receive: Receive, stream: EventStream) -> None:
        if _STREAM not in turn.headers.get(b"accept", b""):
            raise Refusal("method_not_allowed")
        stream.tended = True
        try:
            await self._unless_gone(self._streams.get(principal, session, turn.headers, stream), receive)
            await stream.end()
        finally:
            if stream.started:
                self._meter.http("/mcp", 200)

    async def _unless_gone(self, work: Awaitable[Any], receive: Receive) -> Any:
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
