"""A client of a lasting connection, as far as tests need one: it sends messages and takes what comes, over whichever transport."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from freehold.domains.sources.functions import Functions
from freehold.kit.clock import Clock
from freehold.settings import PlanSettings, Settings
from tests.features import everything
from tests.served import META, Served, served


@dataclass
class Talk:
    """One conversation. What comes before the answer that is waited for is kept in `heard`."""

    write: Callable[[str], Awaitable[None]]
    read: Callable[[], Awaitable[str]]
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def send(self, message: object) -> None:
        """Text as it is, anything else as JSON."""
        await self.write(message if isinstance(message, str) else json.dumps(message))

    async def next(self) -> Any:
        """The next message, whatever it is."""
        return json.loads(await self.read())

    async def begin(self, method: str, params: Mapping[str, Any] | None = None, *, number: int | str, meta: Any = META) -> None:
        """A 2026-07-28 request, not waited for; without `meta` it is one of the revision agreed on."""
        given = dict(params or {})
        said = given if meta is None else {**given, "_meta": {**meta, **given.get("_meta", {})}}
        await self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": said})

    async def ask(self, method: str, params: Mapping[str, Any] | None = None, *, number: int | str = 1, meta: Any = META) -> Any:
        """The response to such a request."""
        await self.begin(method, params, number=number, meta=meta)
        return await self.answer(number)

    async def answer(self, number: int | str) -> Any:
        """The response to that request, once it comes."""
        while True:
            message = await self.next()
            if "method" not in message and message.get("id") == number:
                return message
            self.heard.append(message)

    async def initialize(self, revision: str = "2025-11-25", capabilities: Mapping[str, Any] | None = None) -> Any:
        """The answer to `initialize`, the client's notification sent after it."""
        said = {"protocolVersion": revision, "capabilities": dict(capabilities or {}), "clientInfo": {"name": "tests", "version": "1"}}
        answer = await self.ask("initialize", said, number="initialize", meta=None)
        await self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None, *, number: int | str = 1, meta: Any = META) -> Any:
        """tools/call."""
        return await self.ask("tools/call", {"name": tool, "arguments": dict(arguments or {})}, number=number, meta=meta)


@dataclass
class Connection(Talk):
    """The same with a WebSocket below."""

    socket: aiohttp.ClientWebSocketResponse = field(kw_only=True)

    async def farewell(self) -> tuple[int | None, str]:
        """Code and reason with which the server closes; messages before it are kept in `heard`."""
        while True:
            message = await self.socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                self.heard.append(json.loads(message.data))
            else:
                return self.socket.close_code, message.extra or ""


@asynccontextmanager
async def connected(server: Served, token: str | None, *, headers: Mapping[str, str] | None = None) -> AsyncIterator[Connection]:
    """A WebSocket, open while the block runs."""
    sent = {**({} if token is None else {"authorization": f"Bearer {token}"}), **(headers or {})}
    async with server.session.ws_connect(f"{server.url}/mcp", protocols=["mcp"], headers=sent, max_msg_size=0) as socket:

        async def read() -> str:
            return await socket.receive_str()

        yield Connection(socket.send_str, read, socket=socket)


class Gate:
    """A tool that waits for the test: it says when it was entered, and whether it was cancelled."""

    def __init__(self) -> None:
        """Closed."""
        self.entered = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.open = asyncio.Event()

    @property
    def functions(self) -> Functions:
        """The source."""
        functions = Functions("gate")
        functions.add(self.wait, read_only=True)
        return functions

    async def wait(self, text: str = "") -> str:
        """Come back when the gate is open."""
        self.entered.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return text


def plain(sqlite_url: str, folder: Path, **said: Any) -> Settings:
    """Settings on one store and without limits: what a transport does, does not depend on them."""
    plans = {"open": PlanSettings()}
    return Settings(data_dir=folder, database_url=SecretStr(sqlite_url), plans=plans, default_plan="open", boundary=False, **said)


@asynccontextmanager
async def conversable(settings: Settings, gate: Gate, *, clock: Clock | None = None) -> AsyncIterator[Served]:
    """A server with one of everything and the gate, and the tenants acme and globex."""
    async with served(settings, functions=[everything([]).functions, gate.functions], clock=clock) as running:
        for tenant in ("acme", "globex"):
            await running.tenant(tenant)
        yield running
