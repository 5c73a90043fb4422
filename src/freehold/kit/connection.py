"""One HTTP/1.1 connection (RFC 9112): bytes out as they are given, one whole answer in, every size bounded.

Knows framing only. Where it leads was decided before it was made, and its owner decides when it is used again."""

import asyncio
import select
from collections import deque
from typing import Final, Literal, cast

import httptools

_BARREN: Final = 65_536
"""Bytes that may come in a row without bringing any body: heads, interim answers, chunk extensions, trailers."""

_POLL: Final = hasattr(select, "poll")  # Windows has none; there a connection that just ended is found out by using it
_SWITCHING: Final = 101
_FINAL: Final = 200
_NOT_MODIFIED: Final = 304  # announces the length of what it does not send


Ending = Literal["timeout", "broken", "too_large"]


class Ended(Exception):
    """The exchange is over and no whole answer came."""

    def __init__(self, how: Ending) -> None:
        """Carries nothing of the peer."""
        super().__init__(how)
        self.how: Ending = how


class Connection(asyncio.Protocol):
    """Carries one exchange at a time; `begin` says when it is over, `status`, `headers` and `body` what came of it."""

    __slots__ = (
        *("_barren", "_bodiless", "_done", "_flow", "_framed", "_headed", "_parser", "_parts", "_room", "_transport", "_waiter"),
        *("_poll", "gone", "headers", "heard", "idle_since", "reusable", "status"),
    )

    def __init__(self) -> None:
        """Connected by the event loop; idle until `begin`."""
        self.gone = False
        """Whether it can carry nothing any more."""
        self.heard = False
        """Whether any byte of the answer came."""
        self.reusable = False
        self.idle_since = 0.0
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._done = True
        self._flow: Flow | None = None
        self._parts: list[bytes] = []
        self._transport: asyncio.Transport

    def begin(self, data: bytes, waiter: asyncio.Future[None], *, cap: int, bodiless: bool, flow: "Flow | None" = None) -> None:
        """Send a whole request. `waiter` is done when the whole answer is here, or holds `Ended`.

        With a `flow` it is done when the head is here, and the body goes there.
        """
        self._flow = flow
        self.headers, self._parts = [], []
        self.status = self._barren = 0
        self.heard = self.reusable = self._done = self._headed = self._framed = False
        self._waiter, self._room, self._bodiless = waiter, cap, bodiless
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(data)

    @property
    def body(self) -> bytes:
        """The body as it came."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    @property
    def quiet(self) -> bool:
        """Whether it is alive and the peer has said nothing unasked, its end included; asks the kernel, not the event loop."""
        return not self.gone and not (_POLL and self._poll.poll(0))

    def fail(self, how: Ending) -> None:
        """End the exchange without an answer, and the connection with it."""
        if not self._done:
            self._done = True
            if not self._waiter.done():
                self._waiter.set_exception(Ended(how))
            elif self._flow is not None:
                self._flow.end(how)
        self.abort()

    def abort(self) -> None:
        """Close at once; the peer sees the end."""
        self.gone = self._done = True
        self._transport.abort()

    # What the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected, and the TLS handshake is over."""
        self._transport = cast("asyncio.Transport", transport)
        if _POLL:
            self._poll = select.poll()
            self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Bytes came; unasked ones end the connection."""
        if self._done:
            self.abort()
            return
        self.heard = True
        room = self._room
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._garbled()
            return
        if self._room != room:
            self._barren = 0
        elif not self._done:
            self._barren += len(data)
            if self._barren > _BARREN:
                self.fail("broken")

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of the connection, which ends an answer of unknown length too."""
        self.gone = True
        if self._done:
            return
        if exc is None and self._headed and not self._framed:
            self._finish()
        else:
            self.fail("broken")

    # What the parser says

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or after the head a trailer, which nobody here wants."""
        if not self._headed:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole, perhaps of an interim answer."""
        self.status = self._parser.get_status_code()
        if self.status < _FINAL:
            self.headers = []
            if self.status == _SWITCHING:
                self.fail("broken")
            return
        self._headed = True
        if self._bodiless:
            self._finish()
            return
        names = {name.lower(): value for name, value in self.headers}
        length = names.get(b"content-length")
        self._framed = length is not None or b"transfer-encoding" in names
        if length is not None and self.status != _NOT_MODIFIED and int(length) > self._room:
            self.fail("too_large")
        elif self._flow is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        if self._done:
            return
        self._room -= len(part)
        if self._room < 0:
            self.fail("too_large")
        elif self._flow is not None:
            self._flow.add(part)
        else:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        """The answer is whole, unless it was an interim one."""
        if self._headed and not self._done:
            self.reusable = self._parser.should_keep_alive() and not self._transport.get_write_buffer_size()
            self._finish()

    def on_message_begin(self) -> None:
        """Something begins; after the answer nothing may."""
        if self._done:
            self.reusable = False

    def _finish(self) -> None:
        self._done = True
        if not self._waiter.done():
            self._waiter.set_result(None)
        if self._flow is not None:
            self._flow.end(None)

    def _garbled(self) -> None:
        """No HTTP, or nothing we asked for; what was whole before it stays so."""
        self.reusable = False
        self.fail("broken")


class Flow:
    """A body on its way from the connection to its reader. What waits is bounded by the cap of the whole."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Nothing has come."""
        self._loop = loop
        self._parts: deque[bytes] = deque()
        self._over = False
        self._how: Ending | None = None
        self._news: asyncio.Future[None] | None = None

    @property
    def whole(self) -> bool:
        """Whether it ended as it should."""
        return self._over and self._how is None

    def add(self, part: bytes) -> None:
        """A part came."""
        self._parts.append(part)
        self._tell()

    def end(self, how: Ending | None) -> None:
        """Nothing more will come; None when it is whole."""
        if not self._over:
            self._over, self._how = True, how
            self._tell()

    async def take(self) -> bytes | None:
        """The next part, None at the end; raises `Ended` where it broke off."""
        while not self._parts:
            if self._how is not None:
                raise Ended(self._how)
            if self._over:
                return None
            self._news = self._loop.create_future()
            await self._news
        return self._parts.popleft()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
