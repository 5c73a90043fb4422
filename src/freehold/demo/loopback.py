"""Serves an ASGI application on a port of this machine while a block runs, beside others on the same event loop."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from uvicorn import Config, Server

HOST = "127.0.0.1"


def take(port: int = 0) -> socket.socket:
    """A listening socket on loopback, so that an address is known before anything answers on it. Raises `OSError` when taken."""
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, or asyncio leaves Nagle's delay on
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((HOST, port))
    except OSError:
        taken.close()
        raise
    taken.listen(512)
    return taken


def address(taken: socket.socket) -> str:
    """The origin that `taken` listens on."""
    return f"http://{HOST}:{taken.getsockname()[1]}"


@asynccontextmanager
async def serving(app: Any, taken: socket.socket) -> AsyncGenerator[str]:
    """Answer requests while the block runs; the application must have been started. Gives its origin."""
    server = _Beside(Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2))
    running = asyncio.create_task(server.serve([taken]))
    started = asyncio.create_task(server.up.wait())
    try:
        await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        yield address(taken)
    finally:
        started.cancel()
        server.leave()
        await asyncio.wait({running})


class _Beside(Server):
    """A server that says when it is up, leaves at once when told, and leaves the signals to whoever runs the loop."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        self.should_exit = True
        self._leaving.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # the first tick of a second, which renews the Date header
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), 1.0)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
