"""A wire to PostgreSQL that can be cut: a loopback proxy that loses a commit, loses its answer, falls silent or hangs up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from sqlalchemy import make_url

_COMMIT = b"COMMIT\x00"

Way = Literal["through", "lose_commit", "lose_answer", "silent", "down"]


class Wire:
    """`way` says what becomes of traffic; the two that lose something do so once, then let everything through."""

    def __init__(self) -> None:
        """Everything goes through."""
        self.url = ""
        self.way: Way = "through"
        self.lost = 0
        self._writers: set[asyncio.StreamWriter] = set()

    def set(self, way: Way) -> None:
        """Change what becomes of traffic; `down` also hangs up on everyone."""
        self.way = way
        if way == "down":
            for writer in self._writers:
                writer.close()

    async def carry(self, server: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways, until either side ends."""
        if self.way == "down":
            writer.close()
            return
        there_reader, there_writer = await _connected(server)
        self._writers |= {writer, there_writer}
        try:
            await asyncio.gather(self._up(reader, there_writer, writer), self._down(there_reader, writer))
        except ConnectionError:
            pass  # hung up on; the client sees it
        finally:
            writer.close()
            there_writer.close()
            self._writers -= {writer, there_writer}

    async def _up(self, client: asyncio.StreamReader, server: asyncio.StreamWriter, client_writer: asyncio.StreamWriter) -> None:
        while data := await client.read(65536):
            if _COMMIT in data and self.way == "lose_commit":
                self._lose(client_writer)
                break
            if self.way != "silent":
                server.write(data)
        server.close()

    async def _down(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await server.read(65536):
            if b"COMMIT\x00" in data and self.way == "lose_answer":
                self._lose(client)
                break
            if self.way != "silent":
                client.write(data)
        client.close()

    def _lose(self, client: asyncio.StreamWriter) -> None:
        self.lost += 1
        self.way = "through"
        client.close()


@asynccontextmanager
async def wire(server: str) -> AsyncIterator[Wire]:
    """A wire in front of the PostgreSQL at this URL; its own URL names the same database."""
    it = Wire()
    listening = await asyncio.start_server(lambda reader, writer: it.carry(server, reader, writer), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    it.url = make_url(server).set(host="127.0.0.1", port=port, query={"sslmode": "disable"}).render_as_string(hide_password=False)
    try:
        yield it
    finally:
        listening.close()
        it.set("down")


async def _connected(server: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = make_url(server)
    host, port = url.host or str(url.query.get("host", "127.0.0.1")), url.port or 5432
    if host.startswith("/"):
        return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
    return await asyncio.open_connection(host, port)
