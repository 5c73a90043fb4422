"""Ten thousand streams opened and closed, properly and not, leave nothing behind (SSE-01, SSE-02)."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from freehold import Context, Freehold
from freehold.cli.heads import BoundedHeads
from freehold.settings import PlanSettings, Settings
from tests.events import Stream
from tests.features import everything
from tests.handshakes import initialized
from tests.listening import EVERY_LIST, listening
from tests.processes import soon
from tests.served import META, MODERN, Served, served

pytestmark = pytest.mark.anyio

ROUNDS, CALLERS, EACH = 40, 10, 25
"""Rounds of streams that are open at the same time: so many of each caller, whose share is 64."""
STREAMS = 10_000
ASIDE = 2
"""What may come and go whatever the number of streams: a connection that is just being closed, a database's poll."""


@dataclass(frozen=True)
class Held:
    """What the process holds; server and clients are in the same one."""

    descriptors: int
    tasks: int

    @staticmethod
    def now() -> "Held":
        """Counted."""
        return Held(sum(map(_no_file, os.listdir("/dev/fd"))), len(asyncio.all_tasks()))  # noqa: PTH208  names are enough


def _no_file(descriptor: str) -> bool:
    """Files are the database's, which opens them as it needs readers; everything else counts."""
    with suppress(OSError):
        return not stat.S_ISREG(os.fstat(int(descriptor)).st_mode)
    return False


def post(host: str, token: str, wanted: object = EVERY_LIST) -> bytes:
    """A listen request as it goes over the wire."""
    params = {"notifications": wanted, "_meta": META}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}).encode()
    lines = ["POST /mcp HTTP/1.1", f"host: {host}", f"authorization: Bearer {token}", "content-type: application/json",
             "accept: application/json, text/event-stream", f"mcp-protocol-version: {MODERN}", "mcp-method: subscriptions/listen",
             f"content-length: {len(body)}", "", ""]  # fmt: skip
    return "\r\n".join(lines).encode() + body


async def get(server: Served, host: str, token: str) -> bytes:
    """The GET of a new session of yesterday as it goes over the wire."""
    client = await initialized(server, token=token)
    lines = ["GET /mcp HTTP/1.1", f"host: {host}", f"authorization: Bearer {token}", "accept: text/event-stream",
             f"mcp-session-id: {client.session}", f"mcp-protocol-version: {client.revision}", "", ""]  # fmt: skip
    return "\r\n".join(lines).encode()


async def opened(host: str, request: bytes) -> asyncio.StreamWriter:
    """A connection on which a stream has begun."""
    name, _, port = host.partition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    writer.write(request)
    assert b" 200 " in await reader.readuntil(b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    return writer


async def leave(writer: asyncio.StreamWriter, way: int) -> None:
    """Close it in one of three ways: properly, by a reset, or only our half of it."""
    if way == 0:
        writer.close()
    elif way == 1:
        writer.transport.abort()
    else:
        writer.write_eof()
        await asyncio.sleep(0)
        writer.close()


async def round_of(server: Served, requests: Sequence[bytes], host: str) -> None:
    """All of them open at once, then none."""
    streams = server.application.doors.streams
    writers = await asyncio.gather(*(opened(host, request) for request in requests))
    assert streams.count == len(requests)
    for number, writer in enumerate(writers):
        await leave(writer, number % 3)

    async def none() -> bool:
        return streams.count == 0

    await soon(none, seconds=20)


def on(database: str, folder: Path) -> Settings:
    """Settings without limits."""
    return Settings(data_dir=folder / "data", database_url=database, plans={"open": PlanSettings()}, default_plan="open")


async def test_ten_thousand_streams_leave_nothing_behind(sqlite_url: str, tmp_path: Path) -> None:
    """Streams of both eras, closed, reset and half closed: afterwards there are as many descriptors and tasks as before, no stream is
    counted, and calls are answered."""
    async with served(on(sqlite_url, tmp_path), functions=[everything([]).functions]) as server:
        await server.tenant("acme")
        tokens = [await server.token("acme", user=f"user-{number}") for number in range(CALLERS)]
        host = urlsplit(server.url).netloc
        requests = [post(host, token) if number % 2 else await get(server, host, token) for token in tokens for number in range(EACH)]
        assert len(requests) * ROUNDS == STREAMS
        await round_of(server, requests, host)
        before = await settled(server)
        for _ in range(ROUNDS):
            await round_of(server, requests, host)
        after = await settled(server)
        assert after.descriptors <= before.descriptors + ASIDE
        assert after.tasks <= before.tasks + ASIDE
        assert (await server.call("echo", {"text": "x"}, token=tokens[0])).status == 200


async def settled(server: Served) -> Held:
    """What is held once it does not change any more."""
    seen = [Held.now()]

    async def still() -> bool:
        seen.append(Held.now())
        return seen[-1] == seen[-2] and server.application.doors.streams.count == 0

    await asyncio.sleep(0.2)  # real time: the server looks every 50 ms whether a client has gone
    await soon(still)
    return seen[-1]


LONG = "note://" + "n" * 8_000
"""A resource's URI, told whole at each update."""


def flooding() -> Freehold:
    """One resource of any name, and a tool that says again and again that it was updated."""
    app = Freehold("flooding")

    @app.resource("note://{name}")
    async def note(name: str) -> str:
        """A note."""
        return name

    @app.tool(read_only=True)
    async def flood(context: Context) -> str:
        """Each update is told before the next comes."""
        for _ in range(100):
            await context.resource_updated(LONG)
            await asyncio.sleep(0)
        return "done"

    return app


async def test_a_stream_nobody_reads_is_dropped(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that never reads is hung up on although there is ever more to tell; one that reads hears it all along (SSE-05)."""
    monkeypatch.setattr(BoundedHeads, "unread_seconds", 0.2)
    async with served(on(sqlite_url, tmp_path), functions=[flooding().functions]) as server:
        token = await server.tenant("acme")
        streams, host = server.application.doors.streams, urlsplit(server.url).netloc
        with socket.create_connection(host.split(":")) as unread:
            unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            unread.sendall(post(host, token, {"resourceSubscriptions": [LONG]}))
            async with listening(server, token, {"resourceSubscriptions": [LONG]}) as stream:
                assert "id" not in await stream.next()
                assert streams.count == 2
                reading = asyncio.create_task(heard(stream))
                async with asyncio.timeout(20):
                    while streams.count != 1 or not reading.done():
                        await server.call("flood", token=token)
                assert streams.count == 1
                assert await reading == [LONG] * 500


async def heard(stream: Stream) -> list[str]:
    """The URIs of what is told, for a good while."""
    return [(await stream.next())["params"]["uri"] for _ in range(500)]
