"""uvicorn's WebSocket connections with bounds, and without a farewell of their own: the application closes them when it drains."""

from asyncio import BaseTransport
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from freehold.cli.writing import BoundedWriting

MOST_PIECES: Final = 1_024
"""Frames one message may come in; empty ones bring the size limit no nearer."""
_CLOSING: Final = 2.0
"""Seconds a client has to answer our close frame."""
_REFUSED: Final = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedFrames(BoundedWriting, WebSocketsSansIOProtocol):
    """One WebSocket connection."""

    def connection_made(self, transport: BaseTransport) -> None:
        """The handshake follows at once, in one piece."""
        super().connection_made(transport)
        self.close_timeout = _CLOSING

    def data_received(self, data: bytes) -> None:
        """A handshake the library cannot read would be waited for without end."""
        super().data_received(data)
        if not self.handshake_initiated:
            self.transport.write(_REFUSED)
            self.transport.close()

    def handle_cont(self, event: Frame) -> None:
        """One more piece of a message."""
        if len(self.frames) >= MOST_PIECES:
            self.transport.abort()
        else:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        """Who does not read gets no pongs, which would pile up unread."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    async def send(self, message: Any) -> None:
        """A refused handshake is complete, too; uvicorn would log that it was not."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True

    def shutdown(self) -> None:
        """The application has been told as well, and lets what is open be answered first."""
        if self.close_sent or not self.handshake_complete:
            super().shutdown()
