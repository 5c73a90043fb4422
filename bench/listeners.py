"""Clients that only listen: streams kept open beside the load, read and thrown away."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

from bench.machine import cpu_seconds
from bench.requests import Exchange, Target, listen

AT_ONCE = 100
PATIENCE = 60.0
LOOK = 0.1
OPENED = b"HTTP/1.1 200"
END_OF_HEAD = b"\r\n\r\n"


class Lost(Exception):
    """A stream was refused, or ended while it should have stayed."""


class Listener(asyncio.Protocol):
    """One stream: open once the acknowledgement has come."""

    def __init__(self, exchange: Exchange) -> None:
        """Nothing is sent before the connection is made."""
        self._exchange = exchange
        self._seen = b""
        self._closing = False
        self.lost = False
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._exchange.request)

    def data_received(self, data: bytes) -> None:
        """Wait for the acknowledgement; what comes later is not looked at."""
        if self.open.done():
            return
        self._seen += data
        if self._exchange.expected in self._seen:
            self.open.set_result(None)
        elif END_OF_HEAD in self._seen and not self._seen.startswith(OPENED):
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """An end that was not asked for is noticed."""
        self.lost = not self._closing
        if not self.open.done():
            self.open.set_exception(Lost(f"A stream was not opened: {self._seen[-300:]!r}"))

    def close(self) -> None:
        """Go away, as a client does."""
        self._closing = True
        self._transport.close()


@asynccontextmanager
async def listening(target: Target, streams: int, pid: int) -> AsyncGenerator[None]:
    """So many streams, open for as long as the block runs; on exit the server has done with them. Raises `Lost`."""
    listeners: list[Listener] = []
    try:
        for first in range(0, streams, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, streams))
            made = [await _connected(target, number) for number in numbers]
            listeners += made
            await asyncio.wait_for(asyncio.gather(*(one.open for one in made)), PATIENCE)
        yield
        if any(one.lost for one in listeners):
            raise Lost(f"{sum(one.lost for one in listeners)} streams ended while calls were made.")
    finally:
        for one in listeners:
            one.close()
        if listeners:
            await _quiet(pid)


async def _connected(target: Target, number: int) -> Listener:
    made = await asyncio.get_running_loop().create_connection(lambda: Listener(listen(target, number)), "127.0.0.1", target.port)
    return made[1]


async def _quiet(pid: int) -> None:
    """Wait until the server has no more to do, so that its work on one case is not counted into the next."""
    before, now = None, cpu_seconds(pid)
    while now is not None and now != before:
        await asyncio.sleep(LOOK)
        before, now = now, cpu_seconds(pid)
