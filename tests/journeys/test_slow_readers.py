"""Clients that do not read what they asked for: dropped after a while, with little kept for them, while slow ones are served."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from freehold.cli import frames
from freehold.cli.frames import BoundedFrames
from freehold.cli.heads import BoundedHeads
from tests.conversations import Gate, connected, conversable, plain
from tests.processes import soon
from tests.served import META, Served, listening

pytestmark = pytest.mark.anyio

SMALL = 8_192
"""Bytes the system keeps in each direction, so that a reader who stops is noticed at once."""
HANDSHAKE = (
    "GET /mcp HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mcp\r\nAuthorization: Bearer {token}\r\n\r\n"
)


def narrow(transport: Any) -> None:
    """Little room in the system for what is not read."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)


class Impatient(BoundedHeads):
    """Waits a fifth of a second for a reader."""

    unread_seconds = 0.2

    def connection_made(self, transport: Any) -> None:
        """With little room below."""
        narrow(transport)
        super().connection_made(transport)


class ImpatientFrames(BoundedFrames):
    """The same for WebSockets, noting how much waits at each ping."""

    unread_seconds = 0.2
    waiting: list[int]

    def connection_made(self, transport: Any) -> None:
        """With little room below."""
        narrow(transport)
        super().connection_made(transport)

    def handle_ping(self) -> None:
        """One more ping."""
        super().handle_ping()
        self.waiting.append(self.transport.get_write_buffer_size())


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[socket.socket]:
    """A connection with little room on our side either, which reads only when it is told to."""
    host, port = address.removeprefix("http://").split(":")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        connection.settimeout(0)
        await asyncio.get_running_loop().sock_connect(connection, (host, int(port)))
        yield connection


class Endless:
    """An application that answers without end, until its client is gone."""

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self.gone = asyncio.Event()
        self.sent = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One answer."""
        writing = asyncio.create_task(self._write(send))
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone.set()
        writing.cancel()

    async def _write(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 16_384, "more_body": True})
            self.sent += 16_384
            await asyncio.sleep(0)


async def test_who_reads_nothing_is_dropped() -> None:
    """A client that asks and never reads is hung up on, with no more kept for it than fits below (SSE-05)."""
    app = Endless()
    async with listening(app, lifespan="off", http=Impatient) as url, opened(url) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(10):
            await app.gone.wait()
    assert 0 < app.sent < 1_000_000


async def test_who_reads_slowly_is_served() -> None:
    """A client that takes a little at a time, far longer than the patience for one that takes nothing, is not hung up on."""
    app, loop = Endless(), asyncio.get_running_loop()
    async with listening(app, lifespan="off", http=Impatient) as url, opened(url) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        until = loop.time() + 5 * Impatient.unread_seconds
        while loop.time() < until:
            assert await loop.sock_recv(connection, 4_096)
            await asyncio.sleep(0.04)  # real time: a slow reader is what it is about
        assert not app.gone.is_set()


@pytest.fixture
async def server(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """Impatient with WebSockets."""
    monkeypatch.setattr(frames, "BoundedFrames", ImpatientFrames)
    monkeypatch.setattr(ImpatientFrames, "waiting", [], raising=False)
    async with conversable(plain(sqlite_url, tmp_path), Gate()) as running:
        yield running


@asynccontextmanager
async def unread(server: Served) -> AsyncIterator[socket.socket]:
    """A WebSocket whose client has read the handshake and nothing since."""
    async with opened(server.url) as connection:
        head = HANDSHAKE.format(host=server.url.removeprefix("http://"), token=server.tokens["acme"])
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, head.encode())
        assert b" 101 " in await loop.sock_recv(connection, 4_096)
        yield connection


def masked(opcode: int, payload: bytes) -> bytes:
    """A client's frame of up to 125 bytes, or of more than that."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


async def test_a_websocket_that_is_not_read_is_dropped(server: Served) -> None:
    """A client that calls and calls and never reads is dropped and what it had open is over; another one is served meanwhile (SSE-05)."""
    async with unread(server) as connection, connected(server, server.tokens["globex"]) as other:
        sending = asyncio.create_task(_calls(connection))
        assert "result" in await other.call("echo", {"text": "meanwhile"})
        await dropped_but(server, 1)
        assert "result" in await other.call("echo", {"text": "afterwards"})
        sending.cancel()


async def dropped_but(server: Served, left: int) -> None:
    """Wait until that many connections are left."""

    async def few_left() -> bool:
        return server.application.doors.sockets["/mcp"].count == left

    await soon(few_left, seconds=20)


async def _calls(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        for number in range(10_000):
            params = {"name": "echo", "arguments": {"text": "x" * 30_000}, "_meta": META}
            call = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
            await loop.sock_sendall(connection, masked(1, json.dumps(call).encode()))


async def test_pings_that_nobody_reads_the_answers_of(server: Served) -> None:
    """A flood of pings from a client that never reads leaves no heap of pongs: what waits stays within what one read can bring."""
    async with unread(server) as connection:
        flood = masked(9, b"p" * 125) * 100
        with suppress(OSError):
            for _ in range(1_000):
                await asyncio.get_running_loop().sock_sendall(connection, flood)
        await dropped_but(server, 0)
    assert len(ImpatientFrames.waiting) > 1_000
    assert max(ImpatientFrames.waiting) < 1_000_000
