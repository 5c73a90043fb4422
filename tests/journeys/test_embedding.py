"""Freehold inside the SaaS's own application: mounted into it, and calling it in process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import aiohttp
import pytest
from fastapi import FastAPI, Header
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from freehold import Caller, Freehold, ToolError
from freehold.settings import Settings
from tests.served import Served, listening

pytestmark = pytest.mark.anyio


class Colour(StrEnum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


class Invoice(BaseModel):
    """A structured answer."""

    number: int
    colour: Colour
    lines: list[str] = []


def product(tmp_path: Path) -> Freehold:
    """A server of one typed function, on SQLite."""
    app = Freehold(settings=Settings(data_dir=tmp_path / "data", plans={"open": {}}, default_plan="open"))

    @app.tool(read_only=True)
    async def invoice(number: int, colour: Colour = Colour.RED, kind: Literal["short", "long"] = "short", *, caller: Caller) -> Invoice:
        """One invoice."""
        assert isinstance(colour, Colour)
        return Invoice(number=number, colour=colour, lines=[caller.tenant, kind])

    @app.tool(title="Slow report")
    def report(pages: list[int], note: str | None = None) -> str:
        """A function that blocks; it runs in a thread."""
        if not pages:
            raise ToolError("Name at least one page.")
        return f"{sum(pages)} {note}"

    return app


@asynccontextmanager
async def listening_product(app: Freehold, host: Any) -> AsyncIterator[Served]:
    """The host application on a port, and one tenant."""
    async with listening(host) as url, aiohttp.ClientSession() as session:
        running = Served(app.application, url, session)
        await running.tenant("acme")
        yield running


async def test_mounted_into_fastapi(tmp_path: Path) -> None:
    """Mounted at the root of a FastAPI application, /mcp and the well-known documents answer beside the host's own routes."""
    app = product(tmp_path)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with app.running():
            yield

    host = FastAPI(lifespan=lifespan)

    @host.get("/own")
    async def own() -> dict[str, str]:
        return {"mine": "yes"}

    host.mount("/", app.asgi)
    async with listening_product(app, host) as server:
        assert (await server.request("GET", "/own")).json == {"mine": "yes"}
        assert (await server.request("GET", "/.well-known/oauth-protected-resource/mcp")).status == 200
        reply = await server.call("invoice", {"number": 7, "colour": "blue"}, token=server.tokens["acme"])
        assert reply.json["result"]["structuredContent"] == {"number": 7, "colour": "blue", "lines": ["acme", "short"]}


async def test_mounted_without_a_lifespan(tmp_path: Path) -> None:
    """A Starlette host that runs no lifespan for it: the server starts at its first request."""
    app = product(tmp_path)

    async def own(_: Request) -> JSONResponse:
        return JSONResponse({"mine": "yes"})

    host = Starlette(routes=[Route("/own", own), Mount("/", app.asgi)])
    async with listening(host) as url, aiohttp.ClientSession() as session:
        first = Served(app.application, url, session)
        assert (await first.request("GET", "/livez")).status == 200
        await first.tenant("acme")
        assert (await first.call("report", {"pages": [1, 2]}, token=first.tokens["acme"])).text.splitlines()[1] == "3 None"
    await app.application.stop()


async def test_schemas_come_from_annotations(tmp_path: Path) -> None:
    """Enums, literals, lists, optional and default values are in the schema; the caller is not, and cannot be set."""
    app = product(tmp_path)
    async with app.running(), listening_product(app, app.asgi) as server:
        tools = {tool["name"]: tool for tool in (await server.modern("tools/list", token=server.tokens["acme"])).json["result"]["tools"]}
        schema = tools["invoice"]["inputSchema"]
        assert set(schema["properties"]) == {"number", "colour", "kind"}
        assert schema["required"] == ["number"]
        assert schema["additionalProperties"] is False
        assert tools["invoice"]["annotations"]["readOnlyHint"] is True
        assert tools["report"]["title"] == "Slow report"
        refused = await server.call("invoice", {"number": 1, "caller": {"tenant": "globex"}}, token=server.tokens["acme"])
        assert refused.json["result"]["isError"] is True
        wrong = await server.call("invoice", {"number": 1, "colour": "green"}, token=server.tokens["acme"])
        assert "red" in wrong.text
        empty = await server.call("report", {"pages": []}, token=server.tokens["acme"])
        assert "Name at least one page." in empty.text


async def test_own_fastapi_application_as_a_source(tmp_path: Path) -> None:
    """Operations of the SaaS's own FastAPI application become tools, called in process with a service token for the caller."""
    api = FastAPI()

    class Order(BaseModel):
        title: str
        amount: int = 1

    @api.post("/orders/{customer}")
    async def create_order(customer: str, order: Order, authorization: Annotated[str, Header()]) -> dict[str, Any]:
        """Make an order."""
        return {"customer": customer, **order.model_dump(), "authorized": authorization.startswith("Bearer ey")}

    app = Freehold(settings=Settings(data_dir=tmp_path / "data", plans={"open": {}}, default_plan="open"))
    app.api("shop", api)
    async with app.running(), listening_product(app, app.asgi) as server:
        (tool, _) = (await server.modern("tools/list", token=server.tokens["acme"])).json["result"]["tools"]
        assert "authorization" not in tool["inputSchema"]["properties"]
        reply = await server.call(tool["name"], {"customer": "seven", "title": "x"}, token=server.tokens["acme"])
        assert reply.json["result"]["structuredContent"] == {"customer": "seven", "title": "x", "amount": 1, "authorized": True}


def test_what_cannot_be_a_tool_is_refused_in_words(tmp_path: Path) -> None:
    """A function without annotations, with *args, with a bad or repeated name is a ValueError that says so."""
    app = product(tmp_path)

    def bare(x):  # noqa: ANN001, ANN202  that it has no annotation is the point
        """No annotation."""

    def starred(*x: int) -> None:
        """Star."""

    for function, said in ((bare, {}), (starred, {}), (product, {"name": "bad name"}), (product, {"name": "invoice"})):
        with pytest.raises(ValueError, match=r"tool|annotation"):
            app.tool(**said)(function)
