"""A lock for whichever event loop is running: an application may be served on one loop after another, asyncio's own lock may not."""

import asyncio


class Turns:
    """One at a time, per event loop."""

    def __init__(self) -> None:
        """Free."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()

    @property
    def here(self) -> asyncio.Lock:
        """The running loop's lock. Not for the hot path: asking for the loop costs a system call before Python 3.12."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._lock = loop, asyncio.Lock()
        return self._lock
