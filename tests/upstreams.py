"""Other MCP servers to stand behind Freehold: the official everything server of the old era, and FastMCP, which speaks both."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests import node
from tests.clients.hosts import peer

EVERYTHING: Final = "@modelcontextprotocol/server-everything/dist/index.js"
_FASTMCP: Final = Path(__file__).parent / "upstream_servers" / "fastmcp_server.py"


@dataclass(frozen=True)
class Running:
    """A server in a process of its own."""

    url: str
    process: asyncio.subprocess.Process

    @property
    def host(self) -> str:
        """For `outbound_allow`."""
        return self.url.removeprefix("http://").partition("/")[0]

    async def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def everything() -> AsyncIterator[Running]:
    """The everything server."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    async with node.begun(EVERYTHING, "streamableHttp", environment={"PORT": str(port)}) as process:
        await _answers(port)
        yield Running(f"http://127.0.0.1:{port}/mcp", process)


@asynccontextmanager
async def fastmcp() -> AsyncIterator[Running]:
    """The FastMCP server."""
    python = await asyncio.to_thread(peer)
    process = await asyncio.create_subprocess_exec(
        python, _FASTMCP, env={}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        port = int(await asyncio.wait_for(process.stdout.readline(), 60))
        await _answers(port)
        yield Running(f"http://127.0.0.1:{port}/mcp", process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(port: int) -> None:
    for _ in range(600):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)  # real time: another program is starting
        else:
            writer.close()
            return
    raise AssertionError("The server did not start.")
