"""`freehold` as its operators run it: real processes on real ports, one folder and one pair of stores behind them."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.served import META, MODERN, Reply

ROOT = Path(__file__).parent.parent
OFFERED = '[sources.offered]\npython = "tests.journeys.offered:app"\n'
"""A source of Python tools: echo, who and slow."""
_MOST_SECONDS = 60
_LISTENING = re.compile(r"listening on (\S+)\)")


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str


class NotServing(Exception):
    """A server ended before it listened."""


@dataclass(frozen=True)
class Server:
    """One `freehold serve` that listens."""

    process: asyncio.subprocess.Process
    url: str
    rest: "asyncio.Task[tuple[bytes, bytes]]"
    """What it writes until its end."""

    async def ended(self) -> Finished:
        """How it ended, once it has; without what it said before it listened."""
        out, err = await self.rest
        return Finished(await self.process.wait(), out.decode(), err.decode())


@dataclass(frozen=True)
class Place:
    """What all commands of one deployment share: the folder with freehold.toml and the variables that name the stores."""

    folder: Path
    variables: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a command run here; nothing of ours leaks in from outside."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FREEHOLD_")}
        return {**inherited, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **self.variables}

    async def run(self, *words: str, typed: str = "") -> Finished:
        """A command, to its end; `typed` is its standard input."""
        process = await self.begin(*words, stdin=asyncio.subprocess.PIPE)
        async with _ending(process), asyncio.timeout(_MOST_SECONDS):
            out, err = await process.communicate(typed.encode())
            return Finished(await process.wait(), out.decode(), err.decode())

    async def done(self, *words: str, typed: str = "") -> str:
        """What a command that must succeed prints."""
        finished = await self.run(*words, typed=typed)
        assert finished.code == 0, finished.err
        return finished.out

    async def tenant(self, tenant: str, *, plan: str = "open") -> str:
        """A new tenant; a token of one of its users."""
        await self.done("tenant", "create", tenant, "--plan", plan)
        return await self.token(tenant)

    async def token(self, tenant: str) -> str:
        """An access token with every scope this place's tools need."""
        minted = await self.done("token", "mint", "--tenant", tenant, "--user", "u1", "--scope", "mcp:read", "--scope", "mcp:write")
        return minted.strip()

    async def book(self, tenant: str) -> list[dict[str, Any]]:
        """The tenant's calls in the ledger, oldest first."""
        lines = (await self.done("ledger", "export", "--tenant", tenant)).splitlines()
        return [entry for entry in map(json.loads, lines) if entry["kind"] == "call"]

    async def verified(self) -> bool:
        """What `freehold ledger verify` says."""
        return json.loads((await self.run("ledger", "verify", "--json")).out)["verified"]

    @asynccontextmanager
    async def serving(self, *words: str) -> AsyncIterator[Server]:
        """`freehold serve`, or another command that serves, while the block runs; whoever is still there at its end is killed."""
        process = await self.begin(*(words or ("serve",)))
        async with _ending(process):
            yield Server(process, await _address(process), asyncio.create_task(process.communicate()))

    async def begin(self, *words: str, stdin: int | None = None) -> asyncio.subprocess.Process:
        """A command that has just been started."""
        piped = asyncio.subprocess.PIPE
        command = [sys.executable, "-m", "freehold", *words]
        where: dict[str, Any] = {"cwd": self.folder, "env": self.environment}
        return await asyncio.create_subprocess_exec(*command, **where, stdin=stdin, stdout=piped, stderr=piped)


def place(folder: Path, stores: tuple[str, str], toml: str = "", **variables: str) -> Place:
    """A deployment on those stores, with two plans and these lines more. Any number of servers may answer for its address."""
    (folder / "freehold.toml").write_text(
        f'port = 0\npublic_url = "http://127.0.0.1"\ndefault_plan = "open"\npage_size = 2\n{toml}\n'
        "[plans.open]\n[plans.forty]\ncalls_per_day = 40\n"
    )
    database, state = stores
    named = {"FREEHOLD_DATABASE_URL": database, "FREEHOLD_STATE_URL": state, "FREEHOLD_MASTER_KEY": "5e" * 32}
    return Place(folder, {**named, **variables})


@asynccontextmanager
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that keeps its connections, as many as it needs."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


@dataclass(frozen=True)
class Agent:
    """Speaks MCP to one server as the bearer of one token or key."""

    session: aiohttp.ClientSession
    url: str
    token: str

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None, *, number: int = 1, name: str = "") -> Reply:
        """tools/call; `name` is sent as the request's id."""
        said = {"name": tool, "arguments": dict(arguments or {})}
        return await self.ask("tools/call", said, number=number, headers={"mcp-name": tool, **({"x-request-id": name} if name else {})})

    async def ask(
        self, method: str, params: Mapping[str, Any] | None = None, *, number: int = 1, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """A request of revision 2026-07-28, its answer read whole."""
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": {**(params or {}), "_meta": META}}
        sent = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "authorization": f"Bearer {self.token}",
            "mcp-protocol-version": MODERN,
            "mcp-method": method,
            **(headers or {}),
        }
        async with self.session.post(f"{self.url}/mcp", data=json.dumps(body).encode(), headers=sent) as answer:
            return Reply(answer.status, {key.lower(): value for key, value in answer.headers.items()}, await answer.read())


async def soon(true: Callable[[], Awaitable[bool]], *, seconds: float = 5.0) -> None:
    """Ask again and again until it is true; `TimeoutError` when it takes longer than that."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110  what happens in another process sets no event here
            await asyncio.sleep(0.02)  # real time: another process takes its own


@asynccontextmanager
async def _ending(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """A process of ours that is still there when the block ends is killed."""
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    """Where it listens, once it says so."""
    assert process.stderr is not None
    said: list[str] = []
    async with asyncio.timeout(_MOST_SECONDS):
        while line := (await process.stderr.readline()).decode():
            if found := _LISTENING.search(line):
                return f"http://{found[1]}"
            said.append(line)
    raise NotServing("".join(said))
