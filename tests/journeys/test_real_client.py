"""The official Python client as a host would use it, in both eras, against Python functions and an OpenAPI source.

The client validates every structured answer against the tool's output schema, so an answer it returns has passed that too."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from freehold.settings import Settings, SourceSettings
from tests.fixtures import sample_functions
from tests.served import REFUSAL, Served, listening, served

pytestmark = pytest.mark.anyio

Mode = Literal["auto", "legacy"]
MANY = 90
PAGE = 20
ORDER = {"type": "object", "properties": {"id": {"type": "string"}, "total": {"type": "integer"}}}


@dataclass
class Shop:
    """An API of orders that keeps what it saw. Its slow operation answers once it is told to."""

    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/orders", self.orders, methods=["GET", "POST"]),
                Route("/orders/slow", self.slow, methods=["POST"]),
                Route("/orders/{id:path}", self.order),
                Route("/more/{number}", self.order),
            ]
        )

    async def keep(self, request: Request) -> None:
        """Remember a request."""
        self.seen.append((request.method, request.scope["raw_path"].decode(), dict(request.headers), await request.body()))

    async def orders(self, request: Request) -> Response:
        """A list of orders, or the order that was just made."""
        await self.keep(request)
        if request.method == "GET":
            return JSONResponse([{"id": "o1"}, {"id": "o2"}])
        return JSONResponse({"id": "o3", **await request.json()}, 201)

    async def order(self, request: Request) -> Response:
        """One order; there is none called `lost`."""
        await self.keep(request)
        if request.path_params.get("id") == "lost":
            return JSONResponse({"message": "There is no such order."}, 404)
        return JSONResponse({"id": request.path_params.get("id"), "total": 7})

    async def slow(self, request: Request) -> Response:
        """Waits to be told, or for its client to go."""
        self.entered.set()
        waits = [asyncio.create_task(self.told.wait()), asyncio.create_task(_left(request))]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if waits[1].done():
            self.gone.set()
        for each in waits:
            each.cancel()
        return JSONResponse({"id": "late"})

    def document(self, address: str) -> dict[str, Any]:
        """Its OpenAPI document, with many more operations than fit on a page."""
        answers = {"responses": {"200": {"description": "ok", "content": {"application/json": {"schema": ORDER}}}}}
        ident = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        new = {"required": True, "content": {"application/json": {"schema": {**ORDER, "required": ["total"]}}}}
        more = {f"/more/{number}": {"get": {**answers, "operationId": f"getMore{number:03d}"}} for number in range(MANY)}
        return {
            "openapi": "3.1.0",
            "info": {"title": "Shop", "version": "1"},
            "servers": [{"url": address}],
            "paths": {
                "/orders": {"get": {"operationId": "listOrders"}, "post": {**answers, "operationId": "createOrder", "requestBody": new}},
                "/orders/{id}": {"get": {**answers, "operationId": "getOrder", "parameters": [ident]}},
                "/orders/slow": {"post": {**answers, "operationId": "trackOrder"}},
                **more,
            },
        }


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@dataclass(frozen=True)
class Product:
    """A served Freehold and the API behind it."""

    server: Served
    shop: Shop

    @asynccontextmanager
    async def host(self, mode: Mode, token: str = "") -> AsyncIterator[Client]:
        """A connected client; acme's unless another token is given."""
        usual = create_mcp_http_client()
        headers = {"Authorization": f"Bearer {token or self.server.tokens['acme']}"}
        direct = type(usual)(timeout=usual.timeout, headers=headers, trust_env=False)  # through no proxy of this machine
        async with usual, direct:
            transport = streamable_http_client(f"{self.server.url}/mcp", http_client=direct)
            async with Client(transport, mode=mode, read_timeout_seconds=30) as client:
                yield client

    async def calls(self, tenant: str) -> list[tuple[str, str]]:
        """Tool and outcome of every call in the tenant's book."""
        lines = b"".join([part async for part in self.server.application.book.export(tenant, "jsonl")]).splitlines()
        return [(entry["what"], entry["outcome"]) for entry in map(json.loads, lines) if entry["kind"] == "call"]


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> Mode:
    """How the client connects: by server/discover, or by initialize."""
    return request.param


@pytest.fixture
async def product(settings: Settings) -> AsyncIterator[Product]:
    """Functions and the shop's API behind one server, with the tenants acme and globex."""
    shop = Shop()
    async with listening(shop.app) as address:
        document = settings.data.parent / "shop.json"
        document.write_text(json.dumps(shop.document(address)))
        changed = {
            "page_size": PAGE,
            "instructions": "Orders and arithmetic.",
            "sources": {"shop": SourceSettings(openapi=str(document))},
            "outbound_allow": (address.removeprefix("http://"),),
        }
        async with served(settings.model_copy(update=changed), functions=[sample_functions()]) as server:
            await server.tenant("acme")
            await server.tenant("globex")
            yield Product(server, shop)


def text(result: CallToolResult) -> str:
    """The text of the first block."""
    (block, *_) = result.content
    assert block.type == "text"
    return block.text


async def test_the_client_learns_who_it_speaks_to(product: Product, mode: Mode) -> None:
    """Revision, name, instructions and capabilities arrive; nothing is announced that is not served."""
    async with product.host(mode) as client:
        assert client.protocol_version == {"auto": "2026-07-28", "legacy": "2025-11-25"}[mode]
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.title) == ("freehold", "Freehold")
        assert client.instructions == "Orders and arithmetic."
        offered = client.server_capabilities.model_dump(exclude_none=True, by_alias=True)
        tasks = {} if mode == "legacy" else {"extensions": {"io.modelcontextprotocol/tasks": {}}}
        assert offered == {"tools": {"listChanged": True}, "logging": {}, **tasks}


async def test_a_long_list_is_followed_page_by_page(product: Product, mode: Mode) -> None:
    """Cursors lead through every tool of both sources once, in one order; another tenant's cursor leads nowhere (TEN-06)."""
    async with product.host(mode) as client, product.host(mode, product.server.tokens["globex"]) as other:
        pages = [await client.list_tools()]
        while pages[-1].next_cursor is not None:
            pages.append(await client.list_tools(cursor=pages[-1].next_cursor))
        names = [tool.name for page in pages for tool in page.tools]
        assert len(names) == len(set(names)) == 5 + 4 + MANY + 1
        assert [len(page.tools) for page in pages] == [PAGE] * 4 + [20]
        assert names[:9] == ["echo", "who", "add", "fail", "refuse", "list_orders", "create_order", "get_order", "track_order"]
        assert names[-1] == "read_more"
        with pytest.raises(MCPError, match="cursor"):
            await other.list_tools(cursor=pages[0].next_cursor)


async def test_a_tool_is_listed_with_what_an_agent_needs(product: Product, mode: Mode) -> None:
    """Schemas and hints of an operation arrive; a caller without the scope does not see it."""
    async with product.host(mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        made = tools["create_order"]
        assert made.input_schema["required"] == ["total"]
        assert made.output_schema is not None
        assert made.annotations is not None
        assert (made.annotations.read_only_hint, made.annotations.destructive_hint) == (False, False)
    reader = await product.server.token("acme", scopes=("mcp:read",))
    async with product.host(mode, reader) as client:
        seen = {tool.name for tool in (await client.list_tools()).tools}
        assert "get_order" in seen
        assert not {"create_order", "refuse"} & seen


async def test_a_function_answers_with_structured_content(product: Product, mode: Mode) -> None:
    """The client checks it against the schema it listed."""
    async with product.host(mode) as client:
        result = await client.call_tool("add", {"a": 2, "b": 3})
        assert (result.is_error, result.structured_content) == (False, {"sum": 5})
        assert (await client.call_tool("who", {})).structured_content == {"tenant": "acme", "user": "user", "client": "freehold-cli"}
    assert await product.calls("acme") == [("add", "ok"), ("who", "ok")]


async def test_an_operation_reaches_the_api_and_its_answer_the_client(product: Product, mode: Mode) -> None:
    """One request with the arguments in their places and a service token; the API's own JSON comes back as structured content."""
    async with product.host(mode) as client:
        result = await client.call_tool("create_order", {"total": 12})
        assert (result.is_error, result.structured_content) == (False, {"id": "o3", "total": 12})
        assert '{"id":"o3","total":12}' in text(result)
        found = await client.call_tool("get_order", {"id": "a/b ü"})
        assert found.structured_content == {"id": "a/b ü", "total": 7}
    (posted, got) = product.shop.seen
    assert (posted[0], posted[1], json.loads(posted[3])) == ("POST", "/orders", {"total": 12})
    assert got[:2] == ("GET", "/orders/a%2Fb%20%C3%BC")
    assert posted[2]["authorization"].startswith("Bearer ey")
    assert product.server.tokens["acme"] not in str(product.shop.seen)
    assert not {name for name in posted[2] if name.startswith(("mcp-", "x-"))}


async def test_a_list_for_an_answer_arrives_in_both_eras(product: Product, mode: Mode) -> None:
    """2026-07-28 carries any JSON as structured content; before, only objects, and the text has it all."""
    async with product.host(mode) as client:
        result = await client.call_tool("list_orders", {})
        assert not result.is_error
        assert '[{"id":"o1"},{"id":"o2"}]' in text(result)
        assert result.structured_content == ([{"id": "o1"}, {"id": "o2"}] if mode == "auto" else None)


async def test_errors_of_tools_are_results(product: Product, mode: Mode) -> None:
    """The API's 404 and a function's own words reach the agent; a bug in a function does not show its message (LOG-01)."""
    async with product.host(mode) as client:
        lost = await client.call_tool("get_order", {"id": "lost"})
        assert (lost.is_error, lost.structured_content) == (True, None)
        assert "404 Not Found: There is no such order." in text(lost)
        assert "The invoice is closed already." in text(await client.call_tool("refuse", {}))
        failed = await client.call_tool("fail", {})
        assert failed.is_error
        assert "canary-secret" not in failed.model_dump_json()
    assert [outcome for _, outcome in await product.calls("acme")] == ["error", "error", "failed"]


async def test_refusals_say_what_to_do(product: Product, mode: Mode) -> None:
    """Arguments that do not fit are a result with a code, and nothing is sent; an unknown tool is a JSON-RPC error."""
    async with product.host(mode) as client:
        refused = await client.call_tool("create_order", {"total": "twelve"})
        assert refused.is_error
        assert "total must be of type integer" in text(refused)
        assert "twelve" not in refused.model_dump_json()
        assert (refused.meta or {})[REFUSAL]["code"] == "invalid_arguments"
        with pytest.raises(MCPError) as unknown:
            await client.call_tool("no_such_tool", {})
        assert unknown.value.error.code == -32602
    assert product.shop.seen == []


async def test_a_wrong_credential_connects_to_nothing(product: Product, mode: Mode) -> None:
    """Neither handshake succeeds and no tool runs (RS-01)."""
    with pytest.raises((MCPError, ExceptionGroup)):
        async with product.host(mode, "mcp_live_nothing") as client:
            await client.call_tool("echo", {"text": "x"})
    assert await product.calls("acme") == []


async def test_giving_up_ends_a_call(product: Product, mode: Mode) -> None:
    """A client that gives up cancels its call, by closing (2026-07-28) or by saying so (before); the API and the book see it (TR-28)."""
    async with product.host(mode) as client:
        call = asyncio.create_task(client.call_tool("track_order", {}))
        await asyncio.wait_for(product.shop.entered.wait(), 10)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await asyncio.wait_for(product.shop.gone.wait(), 10)
        assert (await client.call_tool("add", {"a": 1})).structured_content == {"sum": 2}
    assert ("track_order", "cancelled") in await product.calls("acme")


async def test_closing_does_not_end_a_call_of_yesterday(product: Product) -> None:
    """Before, a disconnect is not a cancellation: the call goes on to its end and is recorded as what it came to (TR-28)."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "track_order", "arguments": {}}}
    call = asyncio.create_task(product.server.post(body, product.server.tokens["acme"], headers={"mcp-protocol-version": "2025-11-25"}))
    await asyncio.wait_for(product.shop.entered.wait(), 10)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    for _ in range(20):  # the connection is closed, and the server has had every chance to notice
        async with product.host("legacy") as client:
            assert (await client.call_tool("add", {"a": 1})).structured_content == {"sum": 2}
    assert not product.shop.gone.is_set()
    product.shop.told.set()
    for _ in range(500):
        if len(await product.calls("acme")) == 21:
            break
        await asyncio.sleep(0.01)  # real time: the abandoned call ends on its own
    assert sorted(await product.calls("acme")) == [("add", "ok")] * 20 + [("track_order", "ok")]
