"""A connection's outward side with bounds: left to itself a server waits for ever for a client that does not read."""

import asyncio
from typing import Final

LEAST: Final = 4_096
"""Bytes a client must take within `BoundedWriting.unread_seconds` while more than it wants to read waits for it."""


class BoundedWriting(asyncio.Protocol):
    """Hangs up on a client that takes next to nothing of what waits for it. To be mixed into one of uvicorn's protocols."""

    unread_seconds = 30.0
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _unread = 0
    _due: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """More waits than it takes at once."""
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._due = self.loop.call_later(self.unread_seconds, self._look)

    def resume_writing(self) -> None:
        """It reads."""
        self._stop_looking()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there to be waited for."""
        self._stop_looking()
        super().connection_lost(exc)

    def _look(self) -> None:
        before, self._unread = self._unread, self.transport.get_write_buffer_size()
        if before - self._unread < LEAST:
            self.transport.abort()
        else:
            self._due = self.loop.call_later(self.unread_seconds, self._look)

    def _stop_looking(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
