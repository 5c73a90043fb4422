"""An answer that may become an event stream: JSON unless something has to be said before it (streamable-http, Sending Messages)."""

import asyncio
from collections.abc import Callable
from typing import Final

from freehold.kit.overdue import Overdue
from freehold.web.edges import Send

KEEP_ALIVE: Final = 15.0
"""Seconds after which a silent stream says that it is still there."""

_HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
_ALIVE: Final = {"type": "http.response.body", "body": b":\n\n", "more_body": True}
_END: Final = {"type": "http.response.body", "body": b"", "more_body": False}


class EventStream:
    """One HTTP response. Nothing is sent before the first message; who reads too slowly is hung up on by the server below."""

    __slots__ = ("_monotonic", "_overdue", "_send", "_sign", "extra", "started", "tended")

    def __init__(self, send_: Send, overdue: Overdue, monotonic: Callable[[], float]) -> None:
        """Nothing is known of the request yet; once begun, the stream shows that it lives every `KEEP_ALIVE` seconds."""
        self._send = send_
        self._overdue = overdue
        self._monotonic = monotonic
        self._sign: asyncio.Task[None] | None = None
        self.tended = False
        """Whether somebody else calls `alive`."""
        self.extra: tuple[tuple[bytes, bytes], ...] = ()
        """Headers that go with the answer, stream or not."""
        self.started = False

    async def emit(self, message: bytes) -> None:
        """Send one event; a line end inside JSON is white space, so it may become a blank."""
        await self.start()
        line = message.replace(b"\n", b" ").replace(b"\r", b" ")
        await self._send({"type": "http.response.body", "body": b"event: message\ndata: %b\n\n" % line, "more_body": True})

    async def start(self) -> None:
        """Begin the stream."""
        if not self.started:
            self.started = True
            await self._send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, *self.extra]})
            self._wait()

    async def alive(self) -> None:
        """A comment, so that nothing between here and the client takes the connection for dead."""
        await self.start()
        await self._send(_ALIVE)

    def over(self) -> None:
        """Nobody works on the answer any more: no further signs of life."""
        self._overdue.end(self)
        if self._sign is not None:
            self._sign.cancel()  # it may not have begun: nothing may follow the last message

    def late(self) -> None:
        """It has been so long since the last sign of life; whoever reads too slowly to take one gets no second."""
        if self._sign is None or self._sign.done():
            self._sign = asyncio.get_running_loop().create_task(self.alive())
        self._wait()

    def _wait(self) -> None:
        if not self.tended:
            self._overdue.begin(self, self._monotonic() + KEEP_ALIVE)

    async def finish(self, message: bytes) -> None:
        """The last event, then the end."""
        await self.emit(message)
        await self.end()

    async def end(self) -> None:
        """Nothing more comes."""
        await self._send(_END)
