"""A shop whose lists come in pages, with Freehold in front of it, for the tests that export them."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from freehold.domains.sources.functions import Functions
from freehold.kit.clock import Clock
from freehold.settings import Settings, load
from tests.documents import document, parameter
from tests.served import Reply, Served, listening, served

NUMBER = {"type": "integer"}
OK = {"responses": {"200": {"description": "ok"}}}
_STRICT = {"content": {"application/json": {"schema": {"type": "object", "properties": {"result": {"type": "integer"}}}}}}
PATHS: dict[str, Any] = {
    "/orders": {
        "get": {
            **OK,
            "operationId": "listOrders",
            "parameters": [parameter("cursor", "query"), parameter("limit", "query", NUMBER), parameter("state", "query")],
        },
        "post": {**OK, "operationId": "createOrders", "parameters": [parameter("cursor", "query")]},
    },
    "/status": {"get": {**OK, "operationId": "getStatus"}},
    "/days": {"get": {**OK, "operationId": "listDays"}},
    "/strict": {"get": {"operationId": "listStrict", "responses": {"200": {"description": "ok", **_STRICT}}}},
}
OTHERS = {"/days": {"days": [1, 2]}, "/strict": {"result": "no integer", "data": [{"id": 1.50}]}}
"""Answers that are no pages; the second is not what the document promises."""
TOML = """
[sources.shop]
openapi = "openapi.json"
"""


@dataclass
class Shop:
    """An API whose every page a test sets: bytes of records, or a whole answer under the name of its cursor."""

    records: Sequence[Any] = ()
    """JSON values; `bytes` are sent as they are."""
    size: int = 2
    answers: dict[str, Response] = field(default_factory=dict)
    """Instead of the page with that cursor; "" is the first one."""
    asked: list[str] = field(default_factory=list)
    """Cursors, and the methods of what is no list."""
    slow: str | None = None
    """Cursor of the page that waits for `go_on`."""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    total: int | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer with the page asked for."""
        request = Request(scope, receive)
        if request.url.path != "/orders" or request.method != "GET":
            self.asked.append(f"{request.method} {request.url.path}")
            await json_answer(OTHERS.get(request.url.path, {"ok": True}))(scope, receive, send)
            return
        cursor = request.query_params.get("cursor", "")
        self.asked.append(cursor)
        if cursor == self.slow:
            self.reached.set()
            await self.go_on.wait()
        await self.answers.get(cursor, self.page(cursor))(scope, receive, send)

    def page(self, cursor: str, following: str | None = None) -> Response:
        """The records from the one the cursor counts, and the next cursor where there are more."""
        start = int(cursor) if cursor.isdigit() else 0
        shown = self.records[start : start + self.size]
        more = start + self.size < len(self.records)
        following = following or (str(start + self.size) if more else None)
        told = b"" if self.total is None else b',"total":%d' % self.total
        body = b'{"data":[%b],"next_cursor":%b%b}' % (b",".join(map(_json, shown)), _json(following), told)
        return Response(body, media_type="application/json")


def _json(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def json_answer(value: Any, status: int = 200) -> Response:
    """JSON."""
    return Response(_json(value), status, media_type="application/json")


@asynccontextmanager
async def in_front_of(
    shop: Shop, settings: Settings, folder: Path, *, clock: Clock | None = None, functions: Sequence[Functions] = (), **changes: Any
) -> AsyncIterator[Served]:
    """Freehold in front of the shop, with the tenants acme and globex on the open plan."""
    async with listening(shop, lifespan="off") as address:
        (folder / "openapi.json").write_text(json.dumps({**document(PATHS), "servers": [{"url": address}]}))
        (folder / "freehold.toml").write_text(TOML)
        named = load(folder / "freehold.toml", environment={})
        changed = {"sources": named.sources, "folder": named.folder, "outbound_allow": (address.removeprefix("http://"),), **changes}
        async with served(settings.model_copy(update=changed), functions=functions, clock=clock) as running:
            await running.tenant("acme")
            await running.tenant("globex")
            yield running
            shop.go_on.set()


async def export(server: Served, *, token: str | None = None, **arguments: Any) -> Reply:
    """A call of the tool, of orders unless another is named."""
    return await server.call("export_records", {"tool": "list_orders", **arguments}, token=token or server.tokens["acme"])


def outcome(reply: Reply) -> dict[str, Any]:
    """The structured content of an export that was made."""
    result = reply.json["result"]
    assert "isError" not in result, result
    return result["structuredContent"]


async def reading(server: Served, uri: str, *, token: str | None = None) -> Reply:
    """resources/read."""
    return await server.modern("resources/read", {"uri": uri}, token=token or server.tokens["acme"])


async def contents(server: Served, exported: Reply, *, token: str | None = None) -> dict[str, Any]:
    """What the link of an export gives."""
    (made,) = (await reading(server, outcome(exported)["uri"], token=token)).json["result"]["contents"]
    return made


def refusal(reply: Reply) -> tuple[str, str]:
    """Code and text of a tool result that is a refusal."""
    result = reply.json["result"]
    assert result["isError"] is True
    assert "structuredContent" not in result
    return result["_meta"]["dev.freehold/refusal"]["code"], result["content"][0]["text"]
