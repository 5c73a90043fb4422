"""A reverse proxy without affinity: every request goes to the next server in turn, on a connection of its own, streamed both ways."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from urllib.parse import urlsplit

_LONGEST_HEAD = 65_536


class Rotation:
    """Passes requests on as they came, `Host` included, and says how many each server got."""

    def __init__(self, servers: Sequence[str]) -> None:
        """`servers` by their URLs."""
        self.url = ""
        self.taken = Counter[str]()
        self._next = cycle(servers)

    async def carry(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        """One request and its answer. Whoever hangs up first hangs up on the other too."""
        try:
            head = await client.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):  # came and went without a request
            answer.close()
            return
        server = next(self._next)
        self.taken[server] += 1
        place = urlsplit(server)
        reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=_LONGEST_HEAD)
        writer.write(_alone(head))
        ways = [asyncio.create_task(_pump(client, writer)), asyncio.create_task(_pump(reader, answer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in (writer, answer):
            end.close()


@asynccontextmanager
async def rotation(servers: Sequence[str]) -> AsyncIterator[Rotation]:
    """The proxy on a free loopback port while the block runs."""
    it = Rotation(servers)
    listening = await asyncio.start_server(it.carry, "127.0.0.1", 0, limit=_LONGEST_HEAD)
    it.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield it
    finally:
        listening.close()


def _alone(head: bytes) -> bytes:
    """The request's head, telling the server that no other request follows on this connection."""
    lines = [line for line in head.split(b"\r\n")[:-2] if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Everything, as it comes, to the end of either side."""
    with suppress(ConnectionError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
