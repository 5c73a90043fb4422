"""Operations of an API read as resources by configuration, from freehold.toml through the front door to the API and back."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from freehold.settings import Settings, load
from tests.documents import document, parameter
from tests.served import Served, listening, served

pytestmark = pytest.mark.anyio

PATHS: dict[str, Any] = {
    "/invoices/{invoiceId}": {
        "get": {"operationId": "getInvoice", "parameters": [parameter("invoiceId", "path", {"type": "integer"})]},
        "delete": {"operationId": "deleteInvoice", "parameters": [parameter("invoiceId", "path")]},
    },
    "/logo": {"get": {"operationId": "getLogo"}},
}
TOML = """
[sources.shop]
openapi = "openapi.json"
scopes = {{ get_logo = ["brand:read"] }}

[sources.shop.resources]
get_invoice = "invoice://{{invoiceId}}"
get_logo = "shop://logo"
"""


@asynccontextmanager
async def shop(settings: Settings, folder: Path, seen: list[str]) -> AsyncIterator[Served]:
    """Freehold in front of a small shop whose invoice 404 is not there."""

    async def invoice(request: Request) -> Response:
        seen.append(f"{request.method} {request.url.path} {'authorization' in request.headers}")
        number = request.path_params["number"]
        return JSONResponse({"number": number}, 404 if number == "404" else 200)

    async def logo(_: Request) -> Response:
        return Response(b"\x89PNG", media_type="image/png")

    async with listening(Starlette(routes=[Route("/invoices/{number}", invoice), Route("/logo", logo)])) as address:
        (folder / "openapi.json").write_text(json.dumps({**document(PATHS), "servers": [{"url": address}]}))
        (folder / "freehold.toml").write_text(TOML.format())
        named = load(folder / "freehold.toml", environment={})
        changed = {"sources": named.sources, "folder": named.folder, "outbound_allow": (address.removeprefix("http://"),)}
        async with served(settings.model_copy(update=changed)) as running:
            await running.tenant("acme")
            yield running


async def test_an_operation_is_listed_and_read_as_a_resource(settings: Settings, tmp_path: Path) -> None:
    """The template is listed, a URI of it is one GET with the service token, and what the API sent comes back under its media type."""
    seen: list[str] = []
    async with shop(settings, tmp_path, seen) as server:
        token = server.tokens["acme"]
        templates = (await server.modern("resources/templates/list", token=token)).json["result"]["resourceTemplates"]
        assert [(one["uriTemplate"], one["name"]) for one in templates] == [("invoice://{invoiceId}", "get_invoice")]
        (contents,) = (await server.modern("resources/read", {"uri": "invoice://7"}, token=token)).json["result"]["contents"]
        assert (contents["uri"], contents["mimeType"]) == ("invoice://7", "application/json")
        assert '{"number":"7"}' in contents["text"]
        assert seen == ["GET /invoices/7 True"]
        called = await server.call("get_invoice", {"invoiceId": 7}, token=token)
        assert called.json["result"]["structuredContent"] == {"number": "7"}


async def test_what_cannot_be_read_is_an_error_and_no_contents(settings: Settings, tmp_path: Path) -> None:
    """A value the argument could not have never reaches the API; an error of the API is an error here, too."""
    seen: list[str] = []
    async with shop(settings, tmp_path, seen) as server:
        token = server.tokens["acme"]
        for uri in ("invoice://seven", "invoice://7/8", "invoice://", "invoice://..%2F7"):
            reply = await server.modern("resources/read", {"uri": uri}, token=token)
            assert "error" in reply.json, uri
            assert "result" not in reply.json
        assert seen == []
        missing = await server.modern("resources/read", {"uri": "invoice://404"}, token=token)
        assert "result" not in missing.json
        assert "404" in missing.json["error"]["message"]


async def test_a_resource_needs_the_scopes_of_its_operation(settings: Settings, tmp_path: Path) -> None:
    """Scopes the operator set for the tool hold for the resource: without them it is not listed, and reading it is refused (law 1)."""
    async with shop(settings, tmp_path, []) as server:
        plain = server.tokens["acme"]
        assert (await server.modern("resources/list", token=plain)).json["result"]["resources"] == []
        refused = await server.modern("resources/read", {"uri": "shop://logo"}, token=plain)
        assert refused.status == 403
        assert "insufficient_scope" in refused.headers["www-authenticate"]
        brand = await server.token("acme", scopes=("brand:read",))
        assert [one["uri"] for one in (await server.modern("resources/list", token=brand)).json["result"]["resources"]] == ["shop://logo"]
        (contents,) = (await server.modern("resources/read", {"uri": "shop://logo"}, token=brand)).json["result"]["contents"]
        assert (contents["blob"], contents["mimeType"]) == ("iVBORw==", "image/png")
