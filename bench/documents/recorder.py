"""The API behind the tools, as far as it matters here: keeps every request byte for byte and gives the answer it was told to give."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.documents.replies import PLAIN, Reply


@dataclass(frozen=True)
class Recorded:
    """One request as it arrived."""

    method: str
    target: str
    """Path and query, still encoded."""
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in the order they came."""
    body: bytes

    def header(self, name: str) -> str | None:
        """All values of a header joined by `, `; None when it did not come."""
        found = [value for each, value in self.headers if each == name]
        return ", ".join(found) if found else None

    @property
    def raw(self) -> bytes:
        """Everything that came, for a search."""
        lines = [self.target, *(f"{name}: {value}" for name, value in self.headers)]
        return "\n".join(lines).encode() + b"\n" + self.body


@dataclass
class Recorder:
    """Listens on a loopback port of its own."""

    port: int = 0
    seen: list[Recorded] = field(default_factory=list[Recorded])
    reply: Reply = PLAIN
    """What the next requests are answered with."""

    def take(self) -> list[Recorded]:
        """What came since the last look."""
        seen, self.seen = self.seen, []
        return seen

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for as long as it lasts."""
        try:
            while True:
                recorded = await _read(reader)
                self.seen.append(recorded)
                writer.write(self.reply.written(head=recorded.method == "HEAD"))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Recorded:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = tuple((name.lower(), value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines))
    length = next((int(value) for name, value in headers if name == "content-length"), 0)
    return Recorded(method, target, headers, await reader.readexactly(length))


@asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    """A recorder while the block runs."""
    recorder = Recorder()
    async with await asyncio.start_server(recorder.serve, "127.0.0.1", 0, limit=2**20) as server:
        recorder.port = server.sockets[0].getsockname()[1]
        yield recorder
