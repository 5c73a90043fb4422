"""A load balancer without affinity that keeps connections open: each new one goes to the next server in turn, wherever that now is."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Balancer:
    """Passes bytes. What one server cuts or refuses its client sees cut; trying again is the client's affair."""

    def __init__(self, servers: Sequence[str]) -> None:
        """`servers` by their URLs, in the places they keep."""
        self.servers = list(servers)
        self.url = ""
        self.refused = 0
        self._taken = 0

    async def carry(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        place = urlsplit(self.servers[self._taken % len(self.servers)])
        self._taken += 1
        try:
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
        except OSError:
            self.refused += 1
            answer.transport.abort()
            return
        ways = [asyncio.create_task(_pump(client, writer)), asyncio.create_task(_pump(reader, answer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in (writer, answer):
            end.close()


@asynccontextmanager
async def balancer(servers: Sequence[str]) -> AsyncIterator[Balancer]:
    """On a free loopback port while the block runs."""
    it = Balancer(servers)
    listening = await asyncio.start_server(it.carry, "127.0.0.1", 0)
    it.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield it
    finally:
        listening.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Everything, as it comes, to the end of either side."""
    with suppress(ConnectionError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
