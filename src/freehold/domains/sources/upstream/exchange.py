"""One request to an MCP server and all that comes before its answer: notifications, and on the 2025 revisions questions of the server.

Knows messages and the guarded client; sessions and eras are `link.py`'s."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

from msgspec import Raw, Struct

from freehold.core.refusals import Refusal
from freehold.domains.sources.sending import refusal
from freehold.kit.http import Flowing, Request, SendFailed, StreamingOutbound
from freehold.protocol.capabilities import NONE, Capabilities
from freehold.protocol.client import Failure, Garbled, Headers, Heard, Note, Question, Result, Sent, heard
from freehold.protocol.client_events import Events

DENIED: Final = (401, 403)
EVENTS: Final = "text/event-stream"
NO_STREAM: Final = 405
_METHOD_NOT_FOUND: Final = -32601


class Wrong(Exception):
    """The server answered with a JSON-RPC error."""

    def __init__(self, failure: Failure, status: int = 200) -> None:
        """`failure` as it came, and the HTTP status it came with."""
        super().__init__(failure.code)
        self.failure = failure
        self.status = status


class SessionLost(Exception):
    """The server does not know the session (any more); what was asked was not done."""


class BrokenOff(Exception):
    """The stream ended without the answer; `events` says where to go on."""

    def __init__(self, events: Events) -> None:
        """What was read so far."""
        super().__init__()
        self.events = events


class Declined(Exception):
    """What the server asks is not answered; it is told so with this code."""

    def __init__(self, code: int, message: str) -> None:
        """A JSON-RPC error."""
        super().__init__(message)
        self.error = {"code": code, "message": message}


class Hearing(Protocol):
    """Who listens while a request runs."""

    @property
    def capabilities(self) -> Capabilities:
        """What the server may ask."""
        ...

    async def told(self, method: str, params: dict[str, Any]) -> None:
        """A notification came."""
        ...

    async def asked(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question, or `Declined`. Whatever else is raised ends the request."""
        ...


class Deaf:
    """Hears nothing, and answers nothing but a ping."""

    def __init__(self, capabilities: Capabilities) -> None:
        """What is declared all the same."""
        self.capabilities = capabilities

    async def told(self, method: str, params: dict[str, Any]) -> None:
        """Goes nowhere."""

    async def asked(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """A ping is answered, as it must be."""
        if method == "ping":
            return {}
        raise Declined(_METHOD_NOT_FOUND, "Nobody is here to be asked.")


DEAF: Final = Deaf(NONE)
LISTING: Final = Deaf(Capabilities(form=True, sampling=True, sampling_tools=True, roots=True))
"""For lists: a server may hide tools that ask from a client that cannot be asked, and some callers can."""

Answering = Callable[[Question, dict[str, Any]], Awaitable[None]]
"""Takes an answer, `{"result": ...}` or `{"error": ...}`, to the server."""


class Bounds(Struct, frozen=True):
    """What one request may take."""

    seconds: float
    """Longest silence."""
    cap: int
    """Bytes of everything that comes."""


class Wire:
    """POST and GET at one URL with one set of headers."""

    def __init__(self, outbound: StreamingOutbound, url: str, headers: Headers, bounds: Bounds) -> None:
        """`headers` go with every request; they carry the operator's credential."""
        self._outbound = outbound
        self._url = url
        self._headers = headers
        self.bounds = bounds

    async def probe(self, sent: Sent) -> tuple[int, dict[str, str], Result | Failure | None]:
        """Whatever the server makes of a request: status, headers, and its answer when it is one."""
        try:
            async with self._stream("POST", sent.headers, sent.body, self.bounds) as answer:
                try:
                    messages = [
                        one async for one in _messages(answer, Events(longest=self.bounds.cap)) if isinstance(one, Result | Failure)
                    ]
                except Garbled:
                    messages = []
                return answer.status, answer.headers, messages[-1] if messages else None
        except SendFailed as fault:
            raise self._refused(fault) from None

    async def ask(self, sent: Sent, number: int, hearing: Hearing, answering: Answering | None) -> Raw:
        """The result of request `number`.

        Raises `Wrong`, `SessionLost`, `BrokenOff` or `Refusal`. A server that asks while it may not (`answering` is None) is broken.
        """
        events = Events(longest=self.bounds.cap)
        try:
            async with self._stream("POST", sent.headers, sent.body, self.bounds) as answer:
                return await self._answered(answer, events, number, hearing, answering)
        except SendFailed as fault:
            if fault.failure == "broken" and events.last_id is not None:
                raise BrokenOff(events) from None
            raise self._refused(fault) from None

    async def resume(self, headers: Headers, events: Events, number: int, hearing: Hearing, answering: Answering | None) -> Raw:
        """Likewise, of a request whose stream broke off (2025-11-25, Resumability)."""
        try:
            async with self._stream("GET", (*headers, ("last-event-id", events.last_id or "")), None, self.bounds) as answer:
                return await self._answered(answer, events, number, hearing, answering)
        except SendFailed as fault:
            raise self._refused(fault) from None

    async def say(self, sent: Sent) -> int:
        """Send what has no answer; the status."""
        try:
            async with self._stream("POST", sent.headers, sent.body, self.bounds) as answer:
                return answer.status
        except SendFailed as fault:
            raise self._refused(fault) from None

    async def leave(self, headers: Headers) -> None:
        """DELETE a session; a server that takes none is not asked twice."""
        try:
            await self._outbound.send(
                Request(method="DELETE", url=self._url, headers=(*self._headers, *headers)),
                seconds=self.bounds.seconds,
                cap=self.bounds.cap,
            )
        except SendFailed:
            return

    async def listen(self, method: str, headers: Headers, body: bytes | None, opened: Callable[[int], None]) -> AsyncIterator[Heard]:
        """Messages of a stream that stays open, until it ends. `opened` is told the status; of anything but a stream nothing comes."""
        try:
            async with self._stream(method, headers, body, self.bounds) as answer:
                streams = answer.status == 200 and EVENTS in answer.headers.get("content-type", "")  # noqa: PLR2004  the status of success
                opened(answer.status if streams else NO_STREAM)
                if streams:
                    async for one in _messages(answer, Events(longest=self.bounds.cap)):
                        yield one
        except SendFailed as fault:
            raise self._refused(fault) from None
        except Garbled:
            raise Refusal("upstream_broken") from None

    def _stream(self, method: str, headers: Headers, body: bytes | None, bounds: Bounds) -> AbstractAsyncContextManager[Flowing]:
        request = Request(method=method, url=self._url, headers=(*self._headers, *headers), body=body)
        return self._outbound.stream(request, seconds=bounds.seconds, cap=bounds.cap)

    async def _answered(self, answer: Flowing, events: Events, number: int, hearing: Hearing, answering: Answering | None) -> Raw:
        try:
            async for one in _messages(answer, events):
                if isinstance(one, Result) and one.id == number:
                    return one.value
                if isinstance(one, Failure) and (one.id == number or one.id is None):
                    raise _error(answer.status, one)
                await attend(one, hearing, answering)
        except Garbled:
            raise _wordless(answer.status) from None
        if events.last_id is not None:
            raise BrokenOff(events)
        raise _wordless(answer.status)

    def _refused(self, fault: SendFailed) -> Refusal:
        return refusal(fault, seconds=self.bounds.seconds, cap=self.bounds.cap)


async def attend(one: Heard, hearing: Hearing, answering: Answering | None) -> None:
    """Hand on a notification, answer a question; anything else is none of this request's."""
    if isinstance(one, Note):
        await hearing.told(one.method, one.params)
    elif isinstance(one, Question):
        if answering is None:
            raise Refusal("upstream_broken")
        try:
            answer = {"result": await hearing.asked(one.method, one.params)}
        except Declined as declined:
            answer = {"error": declined.error}
        await answering(one, answer)


async def _messages(answer: Flowing, events: Events) -> AsyncIterator[Heard]:
    """The messages of an answer: one of JSON, any number of a stream, none of anything else. Raises `Garbled`."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if "content-encoding" in answer.headers and answer.headers["content-encoding"] != "identity":
        raise Garbled("encoded")
    if kind == EVENTS:
        async for part in answer.parts:
            for data in events.feed(part):
                yield heard(data)
    elif kind == "application/json":
        body = b"".join([part async for part in answer.parts])
        if body.strip():
            yield heard(body)


def _error(status: int, failure: Failure) -> Exception:
    return SessionLost() if status == 404 and failure.code != _METHOD_NOT_FOUND else Wrong(failure, status)  # noqa: PLR2004  see link.py


def _wordless(status: int) -> Exception:
    """What an answer without a message means."""
    if status in DENIED:
        return Refusal("upstream_denied")
    return SessionLost() if status == 404 else Refusal("upstream_broken")  # noqa: PLR2004  not found
