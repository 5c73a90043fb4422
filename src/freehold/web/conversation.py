"""A conversation of JSON-RPC messages over one lasting connection, the same over WebSocket and standard input and output.

Each message says its era itself, for there are no headers beside it; what carries the messages is the transport's affair."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol, TypeGuard, cast

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.kit.json import NotStrict, strict
from freehold.protocol import revisions, stateless, wire
from freehold.protocol.session import Session
from freehold.web.answers import fault_answer, refusal_answer
from freehold.web.edges import Headers
from freehold.web.mcp import MOST_BATCHED, Meter
from freehold.web.methods import Method, Methods
from freehold.web.parked import Parked
from freehold.web.sessions import Sessions
from freehold.web.turn import Stream, Turn

_log = logging.getLogger("freehold.web")

MOST: Final = 32
"""Requests one conversation may have open, subscriptions included."""
_AGAIN: Final = 1.0
"""Seconds after which another replica will have taken over."""
_BATCHING: Final = "2025-03-26"
_LISTEN: Final = "subscriptions/listen"

Say = Callable[[bytes], Awaitable[None]]
"""Sends one message; returns when there is room for the next."""


class Streams(Protocol):
    """What a conversation needs of the open streams."""

    async def get(self, principal: Principal, session: Session, headers: Headers, stream: Stream) -> None:
        """Tell a 2025-x client what changes, until either side ends it."""
        ...


class Table:
    """What all conversations of one server share."""

    def __init__(self, *, methods: Methods, sessions: Sessions, parked: Parked, streams: Streams, meter: Meter) -> None:
        """Everything a message is answered with."""
        self.methods = methods
        self.sessions = sessions
        self.parked = parked
        self.streams = streams
        self.meter = meter


class Conversation:
    """One client's. Requests run beside each other; what an open one is waiting for holds up none that comes after it."""

    def __init__(self, table: Table, say: Say, headers: Headers) -> None:
        """`headers` are those the connection began with; nothing in them speaks for a single message."""
        self._table = table
        self._say = say
        self._back = _Spoken(say)
        self._headers = headers
        self._session: Session | None = None
        self._open: dict[wire.Id, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: asyncio.Task[None] | None = None
        self._leaving = False

    async def hear(self, principal: Principal, data: bytes) -> None:
        """Take one message of this caller's. Returns when the next may come; a request that lasts is answered later."""
        identity: wire.Id | None = None
        try:
            parsed = _parsed(data)
            identity = wire.readable_id(parsed)
            if _is_array(parsed) and self._revision == _BATCHING:
                self._room()
                self._start(self._batch(principal, parsed, len(data)))
            elif wire.is_response(parsed):
                await self._answered(parsed)
            else:
                await self._asked(principal, wire.message(parsed), len(data))
        except Refusal as refusal:
            self._table.meter.refused(refusal.code)
            await self._say(refusal_answer(refusal, identity, modern=True)[1])
        except wire.Fault as fault:
            await self._say(fault_answer(fault, identity)[1])

    async def refuse(self, refusal: Refusal, data: bytes) -> None:
        """Answer a message that was not looked at, when it is a request."""
        try:
            asked = wire.message(_parsed(data))
        except wire.Fault:
            return
        if asked.id is not None:
            await self._say(refusal_answer(refusal, asked.id, modern=True)[1])

    async def finish(self) -> None:
        """Take no more requests, and return when those that are open have been answered."""
        self._leaving = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    def deafen(self) -> None:
        """Nothing more can come: what is waiting for the client's answer waits in vain."""
        if self._session is not None:
            self._table.parked.give_up(self._session.nonce)

    async def end(self) -> None:
        """Nobody is there any more: cancel what is open and return when it has been recorded."""
        self.deafen()
        if self._told is not None:
            self._told.cancel()
        for task in self._tasks:
            task.cancel()
        await self.finish()
        if self._told is not None:
            await asyncio.wait([self._told])

    # messages

    async def _asked(self, principal: Principal, asked: wire.Message, size: int) -> None:
        identity = asked.id
        if identity is None:
            self._notified(asked)
            return
        if identity in self._open:
            raise wire.Fault("invalid_request", "a request with that id is still open")
        self._room()
        if asked.method == "initialize" and not _says_modern(asked):
            await self._say(await self._begun(principal, asked, size))
            return
        task = self._open[identity] = self._start(self._served(principal, asked, size))
        task.add_done_callback(lambda _: self._open.pop(identity, None))

    async def _answered(self, parsed: object) -> None:
        """Only a 2025-x client is ever asked anything."""
        if self._session is not None:
            await self._table.parked.answer(self._session, *wire.answer(parsed))

    def _notified(self, asked: wire.Message) -> None:
        """A client may cancel what this conversation has open, in either era (basic/patterns/cancellation); all else changes nothing."""
        request: object = asked.params.get("requestId")
        task = self._open.get(request) if isinstance(request, str | int) else None
        if asked.method == "notifications/cancelled" and task is not None:
            task.cancel()

    async def _served(self, principal: Principal, asked: wire.Message, size: int) -> None:
        answer, good = await self._answer(self._turn(asked, size), principal, asked)
        await self._say(answer)
        if good and asked.method == _LISTEN:  # it has no connection of its own whose end would say so (basic/patterns/cancellation)
            await self._say(wire.encode({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": asked.id}}))

    async def _begun(self, principal: Principal, asked: wire.Message, size: int) -> bytes:
        """`initialize`: what it settles holds for all that follows without an era of its own. The session's id is shown to nobody."""
        turn = self._turn(asked, size)
        answer, _ = await self._answer(turn, principal, asked)
        if turn.begun:
            self._session = self._table.sessions.find(turn.begun.encode(), principal)
            if self._told is not None:
                self._told.cancel()
            self._told = asyncio.get_running_loop().create_task(self._tell(principal, self._session))
        return answer

    async def _tell(self, principal: Principal, session: Session) -> None:
        """Who may have no stream more is served all the same; it has to list again to see a change."""
        try:
            await self._table.streams.get(principal, session, self._headers, self._back)
        except Refusal as refusal:
            self._table.meter.refused(refusal.code)

    async def _batch(self, principal: Principal, messages: list[object], size: int) -> None:
        """2025-03-26 only: one message after the other, the answers in one array (2025-03-26, basic, Batching)."""
        if not 0 < len(messages) <= MOST_BATCHED:
            fault = wire.Fault("invalid_request", f"a batch has 1 to {MOST_BATCHED} messages")
            await self._say(fault_answer(fault, None)[1])
            return
        answers = [await self._batched(principal, message, size) for message in messages]
        found = [answer for answer in answers if answer is not None]
        if found:
            await self._say(b"[%b]" % b",".join(found))

    async def _batched(self, principal: Principal, message: object, size: int) -> bytes | None:
        try:
            if wire.is_response(message):
                return await self._answered(message)
            asked = _in_batch(message)
        except wire.Fault as fault:
            return fault_answer(fault, wire.readable_id(message))[1]
        if asked.id is None:
            return self._notified(asked)
        return (await self._answer(self._turn(asked, size), principal, asked))[0]

    # one request

    @property
    def _revision(self) -> str:
        """Of a message that does not say."""
        return revisions.ASSUMED if self._session is None else self._session.revision

    def _turn(self, asked: wire.Message, size: int) -> Turn:
        turn = Turn(self._headers, None, self._back, name="")
        turn.bytes_in, turn.identity = size, asked.id
        turn.read(asked)
        if not _says_modern(asked):
            turn.serve(self._revision)
            turn.session = self._session
        return turn

    def _method(self, turn: Turn, asked: wire.Message) -> Method:
        if not turn.modern:
            return self._table.methods.legacy(asked.method)
        wanted = stateless.metadata(asked.params)[revisions.VERSION_KEY]
        if wanted not in revisions.SUPPORTED:
            raise stateless.unsupported(wanted)
        return self._table.methods.modern(asked.method)

    async def _answer(self, turn: Turn, principal: Principal, asked: wire.Message) -> tuple[bytes, bool]:
        """The response, and whether it is a result."""
        try:
            result = await self._method(turn, asked)(turn, principal, asked.params)
            return wire.result(cast("wire.Id", asked.id), result), True
        except Refusal as refusal:
            self._table.meter.refused(refusal.code)
            return refusal_answer(refusal, asked.id, modern=turn.modern)[1], False
        except wire.Fault as fault:
            return fault_answer(fault, asked.id)[1], False
        except Exception as fault:  # noqa: BLE001  # door: one message that goes wrong must not end the conversation
            _log.error("request failed", extra={"code": "internal", "error": type(fault).__name__})
            return refusal_answer(Refusal("internal", request_id="-"), asked.id, modern=turn.modern)[1], False

    def _room(self) -> None:
        if self._leaving:
            raise Refusal("draining", retry_after=_AGAIN)
        if len(self._tasks) >= MOST:
            raise Refusal("too_many_requests", limit=MOST)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _Spoken:
    """What is said while a request runs goes the way of the answers."""

    def __init__(self, say: Say) -> None:
        self._say = say

    async def emit(self, message: bytes) -> None:
        """As it is."""
        await self._say(message)

    async def start(self) -> None:
        """The conversation has begun long ago."""

    async def alive(self) -> None:
        """The transport below looks after that."""


def _parsed(data: bytes) -> object:
    try:
        return strict(data)
    except NotStrict as fault:
        raise wire.Fault("parse_error", fault.why) from None


def _is_array(value: object) -> TypeGuard[list[object]]:
    return type(value) is list


def _in_batch(message: object) -> wire.Message:
    asked = wire.message(message)
    if asked.method == "initialize" or _says_modern(asked):
        raise wire.Fault("invalid_request", "a batch holds messages of revision 2025-03-26, and no initialize")
    return asked


def _says_modern(asked: wire.Message) -> bool:
    meta: object = asked.params.get("_meta")
    return wire.is_object(meta) and revisions.VERSION_KEY in meta
