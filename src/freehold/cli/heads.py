"""uvicorn's connection with bounds: left to itself it keeps whatever comes before a blank line, however much and however slowly."""

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from freehold.cli.writing import BoundedWriting

MOST: Final = 65_536
"""Bytes that may come in a row without completing a head or bringing any body, give or take what one read brings."""
SECONDS: Final = 20.0
"""How long a head may take, and a new connection to begin one."""


class BoundedHeads(BoundedWriting, HttpToolsProtocol):
    """Hangs up on what is too large or too slow; nobody has been authenticated yet, so nothing is answered."""

    _barren = 0
    _forward = 0
    _whole = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  as uvicorn's
        """The first head is due."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Count what gets the request no further; most heads come in one piece and are never waited for."""
        before = self._forward
        super().data_received(data)
        if self._forward != before:
            self._barren = 0
            return
        self._barren += len(data)
        if self._barren > MOST:
            self._hang_up()
        elif self._timer is None and not self._whole:
            self._await_head()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._whole = False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or after the body a trailer, which nobody here wants."""
        if not self._whole:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._whole = True
        self._forward += 1
        self._await_nothing()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self._forward += 1
        super().on_body(body)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        self._await_nothing()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Who takes over watches from here on."""
        self._stop_looking()
        super().handle_websocket_upgrade()

    @property
    def _answered(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is None or cycle.response_complete

    def _should_upgrade(self) -> bool:
        """A connection on which another answer is still being written stays what it is."""
        return self._answered and super()._should_upgrade()

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(SECONDS, self._hang_up)

    def _await_nothing(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hang_up(self) -> None:
        self.transport.abort()


def upgraded(**given: Any) -> asyncio.Protocol:
    """What a connection becomes that asks to be a WebSocket; the library for it is loaded for the first that does."""
    from freehold.cli.frames import BoundedFrames

    return BoundedFrames(**given)
