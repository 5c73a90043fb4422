"""Sessions at a server of the 2025 revisions: opened when needed, kept for whoever they were opened for, opened anew when lost.

A session belongs to one user of one tenant, for a server may remember things in it. One in which the server may ask carries one
call at a time, so that a question that comes on its own stream is known to be that call's."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from freehold.core.refusals import Refusal
from freehold.domains.sources.upstream.exchange import DEAF, NO_STREAM, BrokenOff, Deaf, Declined, Hearing, SessionLost, Wire, Wrong, attend
from freehold.protocol import client, revisions
from freehold.protocol.capabilities import NONE, Capabilities
from freehold.protocol.client import Failure, Headers, Question, Result, Sent

_MOST: Final = 128
"""Sessions kept at one server."""
_MOST_RESUMED: Final = 5
_RETRY: Final = 1.0
"""Seconds before a broken stream is opened again, when the server does not say."""
_EAR_SECONDS: Final = 2.0
"""How long a call waits for the server's own stream to open."""


class Who(Struct, frozen=True):
    """Whose state a session holds, and what proves it beside the operator's own headers."""

    tenant: str = ""
    subject: str = ""
    credential: Headers = ()


OPERATOR: Final = Who()
"""The catalog is fetched for everybody, with the operator's credential alone."""


class _Initialized(Struct):
    protocolVersion: str  # noqa: N815  the wire's own name
    capabilities: dict[str, Any] = {}
    serverInfo: dict[str, Any] = {}  # noqa: N815  the wire's own name


class Session:
    """One session; `revision` and `offers` are what the server said when it began."""

    def __init__(self, wire: Wire, who: Who, able: Capabilities, begun: _Initialized, identity: str) -> None:
        """Begun, and nobody uses it yet."""
        self.key = (who, able)
        self.revision = begun.protocolVersion
        self.offers = begun.capabilities
        self.users = 0
        self.exclusive = able != NONE
        self.identity = identity
        self._wire = wire
        self._credential = who.credential
        self._hearing: Hearing = DEAF
        self._trouble: asyncio.Future[None] | None = None
        self._ear: asyncio.Task[None] | None = None
        self._mute = False
        """Whether the server has no stream of its own."""

    async def ask(self, number: int, method: str, params: dict[str, Any], hearing: Hearing) -> Raw:
        """The result of one request; its end before the answer is told to the server, where there is something to cancel."""
        meta = None if isinstance(hearing, Deaf) else {"progressToken": number}
        given = {**params, "_meta": meta} if meta else params
        sent = self.signed(client.legacy(number, method, given, self.revision, self.identity))
        answering = self.answer
        if not self.exclusive or not self.identity:
            return await self._whole(sent, number, hearing, answering)
        await self._listening(hearing)
        try:
            return await self._with_ear(self._whole(sent, number, hearing, answering))
        finally:
            self._hearing, self._trouble = DEAF, None

    async def answer(self, question: Question, answer: dict[str, Any]) -> None:
        """Take an answer to the server."""
        await self._wire.say(self.signed(client.reply(question.id, answer, self.revision, self.identity)))

    async def note(self, method: str, params: dict[str, Any]) -> None:
        """Tell the server something; whether it listens is its own affair."""
        with suppress(Refusal):
            await self._wire.say(self.signed(client.note(method, params, self.revision, self.identity)))

    async def close(self) -> None:
        """End it at the server, too."""
        if self._ear is not None:
            self._ear.cancel()
            await asyncio.gather(self._ear, return_exceptions=True)
        if self.identity:
            await self._wire.leave(self.headers)

    @property
    def headers(self) -> Headers:
        """Of everything that is sent in it."""
        return (*client.in_session(self.revision, self.identity), *self._credential)

    def signed(self, sent: Sent) -> Sent:
        """With the credential of whoever it belongs to."""
        return Sent((*sent.headers, *self._credential), sent.body)

    # one request

    async def _whole(self, sent: Sent, number: int, hearing: Hearing, answering: Any) -> Raw:
        """The answer, also from a stream that broke off and says where it was."""
        try:
            return await self._wire.ask(sent, number, hearing, answering)
        except BrokenOff as broken:
            events = broken.events
        for _ in range(_MOST_RESUMED):
            await asyncio.sleep(_RETRY if events.retry is None else events.retry / 1000)
            try:
                return await self._wire.resume(self.headers, events, number, hearing, answering)
            except BrokenOff:
                continue
        raise Refusal("upstream_broken")

    async def _with_ear(self, asking: Coroutine[Any, Any, Raw]) -> Raw:
        """The answer, unless what the server asked meanwhile on its own stream ends the call."""
        self._trouble = asyncio.get_running_loop().create_future()
        post = asyncio.ensure_future(asking)
        try:
            await asyncio.wait({post, self._trouble}, return_when=asyncio.FIRST_COMPLETED)
            if self._trouble.done():
                self._trouble.result()
            return await post
        finally:
            if not post.done():
                post.cancel()
                await asyncio.gather(post, return_exceptions=True)
            self._trouble.cancel()

    # the server's own stream

    async def _listening(self, hearing: Hearing) -> None:
        """Hear for this call; the stream is opened once, and again when it has ended."""
        self._hearing = hearing
        if self._mute or (self._ear is not None and not self._ear.done()):
            return
        opened: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._ear = asyncio.get_running_loop().create_task(self._hear(opened))
        await asyncio.wait({opened, self._ear}, timeout=_EAR_SECONDS, return_when=asyncio.FIRST_COMPLETED)

    async def _hear(self, opened: "asyncio.Future[int]") -> None:
        def open_(status: int) -> None:
            self._mute = status == NO_STREAM
            if not opened.done():
                opened.set_result(status)

        with suppress(Refusal):
            async for one in self._wire.listen("GET", self.headers, None, open_):
                try:
                    await attend(one, self._hearing, self.answer)
                except (Refusal, Declined):
                    continue
                except BaseException as ends:  # door: whatever a question came to belongs to the call it was asked for
                    if self._trouble is None or self._trouble.done() or isinstance(ends, asyncio.CancelledError):
                        raise
                    self._trouble.set_exception(ends)


class Sessions:
    """The sessions at one server."""

    def __init__(self, wire: Wire, me: dict[str, Any], numbers: Iterator[int]) -> None:
        """None yet; `me` is how the client names itself."""
        self._wire = wire
        self._me = me
        self._numbers = numbers
        self._kept: list[Session] = []
        self._parting: set[asyncio.Task[None]] = set()

    async def ask(self, method: str, params: dict[str, Any], who: Who, hearing: Hearing) -> Raw:
        """The result. A session the server has forgotten is begun anew, once; raises `SessionLost` when that is of no use."""
        for last in (False, True):
            session = await self.take(who, hearing.capabilities)
            number, answered = next(self._numbers), False
            try:
                result = await session.ask(number, method, params, hearing)
                answered = True
                return result  # noqa: TRY300  whatever else happens is not an answer
            except Wrong:
                answered = True
                raise
            except SessionLost:
                answered = True
                if last or not session.identity:
                    raise
                self._forget(session)
            finally:
                session.users -= 1
                if not answered:
                    self._part(session.note("notifications/cancelled", {"requestId": number, "reason": "No longer wanted."}))
        raise SessionLost

    async def take(self, who: Who, able: Capabilities) -> Session:
        """A session of theirs in which the server may ask as much; begun now if there is none to be had. Counts its user."""
        for session in reversed(self._kept):
            if session.key == (who, able) and not (session.exclusive and session.users):
                self._kept.remove(session)
                break
        else:
            session = await self.begin(who, able)
        session.users += 1
        self._kept.append(session)
        self._trim()
        return session

    async def begin(self, who: Who, able: Capabilities) -> Session:
        """The handshake (2025-11-25, lifecycle). Raises `Refusal`, or `Wrong` with what the server says against it."""
        number = next(self._numbers)
        sent = client.initialize(number, self._me, able)
        status, headers, answered = await self._wire.probe(Sent((*sent.headers, *who.credential), sent.body))
        if isinstance(answered, Failure):
            raise Wrong(answered, status)
        if not isinstance(answered, Result):
            raise Refusal("upstream_denied" if status in {401, 403} else "upstream_broken")
        try:
            begun = msgspec.json.decode(answered.value, type=_Initialized)
        except msgspec.MsgspecError:
            raise Refusal("upstream_broken") from None
        if begun.protocolVersion not in revisions.LEGACY:
            raise Refusal("upstream_broken")
        session = Session(self._wire, who, able, begun, headers.get(client.SESSION, ""))
        await session.note("notifications/initialized", {})
        return session

    async def close(self) -> None:
        """End every session."""
        kept, self._kept = self._kept, []
        await asyncio.gather(*self._parting, *(session.close() for session in kept), return_exceptions=True)

    def _forget(self, session: Session) -> None:
        """It is gone at the server; what others still do in it fails by itself."""
        session.identity = ""
        if session in self._kept:
            self._kept.remove(session)

    def _trim(self) -> None:
        for session in [one for one in self._kept if not one.users][: max(0, len(self._kept) - _MOST)]:
            self._kept.remove(session)
            self._part(session.close())

    def _part(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._parting.add(task)
        task.add_done_callback(self._parting.discard)
