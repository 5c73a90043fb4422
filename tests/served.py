"""A whole Freehold behind a real socket, for tests that go through the front door."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
import uvicorn

from freehold.app import Application, build
from freehold.cli.serving import connections
from freehold.domains.sources.functions import Functions
from freehold.kit.clock import Clock
from freehold.roster import InProcessApi
from freehold.settings import Settings

MODERN = "2026-07-28"
REFUSAL = "dev.freehold/refusal"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
}
EVERY_SCOPE = ("mcp:read", "mcp:write", "mcp:admin")


@dataclass(frozen=True)
class Reply:
    """One HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The text of the first content block of a tool result."""
        return self.json["result"]["content"][0]["text"]


@dataclass(frozen=True)
class Served:
    """The server, a client for it, and the parts behind it."""

    application: Application
    url: str
    session: aiohttp.ClientSession
    tokens: dict[str, str] = field(default_factory=dict)

    async def tenant(self, tenant: str, *, plan: str | None = None, scopes: Sequence[str] = EVERY_SCOPE) -> str:
        """A new tenant; a token of one of its users."""
        await self.application.administration.create_tenant(tenant, plan=plan)
        self.tokens[tenant] = await self.token(tenant, scopes=scopes)
        return self.tokens[tenant]

    async def token(self, tenant: str, *, user: str = "user", scopes: Sequence[str] = EVERY_SCOPE, **said: Any) -> str:
        """An access token."""
        return await self.application.administration.mint_token(tenant, user, scopes=scopes, **said)

    async def post(
        self, body: bytes | object, token: str | None = None, *, headers: Mapping[str, str] | None = None, path: str = "/mcp"
    ) -> Reply:
        """POST bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        return await self.request("POST", path, data=data, headers={**sent, **(headers or {})})

    async def request(self, method: str, path: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Any request."""
        sent = None if data is None else io.BytesIO(data)
        async with self.session.request(method, self.url + path, data=sent, headers=headers, allow_redirects=False) as answer:
            return Reply(answer.status, {key.lower(): value for key, value in answer.headers.items()}, await answer.read())

    async def modern(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        token: str | None,
        number: int | str = 1,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A well-formed 2026-07-28 request; `headers` replace single headers (an empty value leaves one out)."""
        given = dict(params or {})
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": {**given, "_meta": {**META, **given.get("_meta", {})}}}
        sent = {"mcp-protocol-version": MODERN, "mcp-method": method}
        named = next((given[key] for key in ("name", "uri", "taskId") if isinstance(given.get(key), str)), "")
        if named and method != "completion/complete":
            sent["mcp-name"] = named
        merged = {key: value for key, value in {**sent, **(headers or {})}.items() if value}
        return await self.post(body, token, headers=merged)

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None, *, token: str, number: int | str = 1) -> Reply:
        """tools/call."""
        return await self.modern("tools/call", {"name": tool, "arguments": dict(arguments or {})}, token=token, number=number)


@asynccontextmanager
async def served(
    settings: Settings, *, functions: Sequence[Functions] = (), apis: Sequence[InProcessApi] = (), clock: Clock | None = None, port: int = 0
) -> AsyncIterator[Served]:
    """Started on entry on a free port or that one; drained and closed on exit."""
    application = build(settings, functions=functions, apis=apis, clock=clock)
    async with application.running(), _listening(application, port) as url, aiohttp.ClientSession() as session:
        yield Served(application, url, session)


def _listening(application: Application, port: int) -> AbstractAsyncContextManager[str]:
    """As `freehold serve` does."""
    return listening(application.asgi, lifespan="off", port=port, **connections(application.settings))


@asynccontextmanager
async def listening(app: Any, *, lifespan: Literal["on", "off"] = "on", **given: Any) -> AsyncIterator[str]:
    """Any ASGI application on a free loopback port; gives its base URL. What is `given` goes to uvicorn's configuration."""
    said = {"ws": "none", "timeout_graceful_shutdown": 5, "port": 0, **given}
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", lifespan=lifespan, log_config=None, **said))
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            await task
            raise RuntimeError("The server did not start.")
        await asyncio.sleep(0.005)  # real time: uvicorn has no event for this
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task
