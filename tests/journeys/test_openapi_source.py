"""An OpenAPI document in front of a real API: what arrives there, who it is told is calling, and what trouble looks like."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from freehold.settings import Settings, SourceSettings
from tests.served import REFUSAL, Served, listening, served

pytestmark = pytest.mark.anyio


class Api:
    """A small API that keeps every request it saw."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.entered = asyncio.Event()
        self.gone = asyncio.Event()
        self.app = Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST", "DELETE"])])

    async def answer(self, request: Request) -> Response:
        """Remember, then answer by path."""
        body = await request.body()
        path = request.scope["raw_path"].decode()
        self.seen.append((request.method, path, dict(request.headers.items()), body))
        if path.startswith("/v1/hang"):
            self.entered.set()
            while (await request.receive())["type"] != "http.disconnect":
                pass
            self.gone.set()
            return Response()
        if path.startswith("/v1/html"):
            return HTMLResponse("<h1>Bad gateway</h1>", 502)
        if path.startswith("/v1/big"):
            return JSONResponse({"text": "x" * 10_000_000})
        if path.startswith("/v1/missing"):
            return JSONResponse({"error": {"message": "There is no such order."}}, 404)
        return JSONResponse({"path": path, "ok": True})

    def document(self) -> dict[str, Any]:
        """Its OpenAPI document."""
        get = {"responses": {"200": {"description": "ok"}}}
        parameter = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        body = {"content": {"application/json": {"schema": {"type": "object", "properties": {"note": {"type": "string"}}}}}}
        return {
            "openapi": "3.1.0",
            "info": {"title": "Orders", "version": "1"},
            "paths": {
                "/orders/{id}": {
                    "get": {**get, "operationId": "getOrder", "parameters": [parameter]},
                    "post": {**get, "operationId": "noteOrder", "parameters": [parameter], "requestBody": body},
                },
                "/hang": {"get": {**get, "operationId": "hang"}},
                "/html": {"get": {**get, "operationId": "html"}},
                "/big": {"get": {**get, "operationId": "big"}},
                "/missing": {"get": {**get, "operationId": "missing"}},
            },
        }


@pytest.fixture
async def api() -> Api:
    """The API, not yet listening."""
    return Api()


@asynccontextmanager
async def behind(settings: Settings, api: Api, **changed: Any) -> AsyncIterator[Served]:
    """Freehold in front of the API, with the tenants acme and globex."""
    async with listening(api.app) as address:
        document = settings.data.parent / "openapi.json"
        document.write_text(json.dumps({**api.document(), "servers": [{"url": f"{address}/v1"}]}))
        source = SourceSettings(openapi=str(document))
        changed = {"sources": {"orders": source}, "outbound_allow": (address.removeprefix("http://"),), **changed}
        async with served(settings.model_copy(update=changed)) as running:
            await running.tenant("acme")
            await running.tenant("globex")
            yield running


async def test_the_api_is_told_who_calls_and_never_sees_the_callers_token(settings: Settings, api: Api) -> None:
    """Each request carries a service token for the caller's tenant, made out to this API, that our published keys verify (law 1, RS R5)."""
    async with behind(settings, api) as server:
        for tenant in ("acme", "globex"):
            reply = await server.call("get_order", {"id": "a/../b"}, token=server.tokens[tenant])
            assert reply.json["result"]["structuredContent"] == {"path": "/v1/orders/a%2F..%2Fb", "ok": True}
        keys = KeySet.import_key_set((await server.request("GET", "/.well-known/jwks.json")).json)
        claims = []
        for _, path, headers, _ in api.seen:
            assert path == "/v1/orders/a%2F..%2Fb"
            token = headers["authorization"].removeprefix("Bearer ")
            claims.append(jwt.decode(token, keys, algorithms=["ES256"]).claims)
            assert not any(secret in str(headers) for secret in server.tokens.values())
        assert [claim["tenant_id"] for claim in claims] == ["acme", "globex"]
        for claim in claims:
            assert claim["iss"] == server.application.settings.base
            assert api.seen[0][2]["host"] in claim["aud"]
            assert claim["exp"] - claim["iat"] == 120
            assert claim["act"] == {"sub": "freehold-cli"}


async def test_a_body_arrives_as_the_document_says(settings: Settings, api: Api) -> None:
    """Path argument and body fields are told apart, and the agent's own headers do not travel."""
    async with behind(settings, api) as server:
        await server.modern(
            "tools/call",
            {"name": "post_note_order", "arguments": {"id": "7", "note": "é"}},
            token=server.tokens["acme"],
            headers={"x-forwarded-host": "evil.example", "cookie": "session=1", "mcp-name": "post_note_order"},
        )
        ((method, path, headers, body),) = api.seen
        assert (method, path, json.loads(body)) == ("POST", "/v1/orders/7", {"note": "é"})
        assert headers["content-type"] == "application/json"
        assert not {"cookie", "x-forwarded-host", "mcp-name", "mcp-method"} & set(headers)


async def test_the_apis_own_errors_reach_the_agent(settings: Settings, api: Api) -> None:
    """A 404 is an isError result with status and the API's message; a web page of an error is named as one."""
    async with behind(settings, api) as server:
        missing = await server.call("get_missing", token=server.tokens["acme"])
        assert missing.json["result"]["isError"] is True
        assert "404" in missing.text
        assert "There is no such order." in missing.text
        page = await server.call("get_html", token=server.tokens["acme"])
        assert page.json["result"]["isError"] is True
        assert "502" in page.text
        assert "<h1>" not in page.text


async def test_an_answer_too_large_is_refused_in_words(settings: Settings, api: Api) -> None:
    """Ten megabytes from the API become a sentence, not ten megabytes for the agent."""
    async with behind(settings, api) as server:
        reply = await server.call("get_big", token=server.tokens["acme"])
        assert reply.json["result"]["_meta"][REFUSAL]["code"] == "upstream_too_large"
        assert len(reply.body) < 2_000


async def test_an_api_that_hangs_meets_the_deadline(settings: Settings, api: Api) -> None:
    """After call_seconds the agent is told so, and the connection to the API is closed."""
    async with behind(settings, api, call_seconds=0.2) as server:
        reply = await server.call("get_hang", token=server.tokens["acme"])
        assert reply.json["result"]["_meta"][REFUSAL]["code"] == "deadline_exceeded"
        await asyncio.wait_for(api.gone.wait(), 10)


async def test_a_client_that_goes_away_cancels_the_upstream_request(settings: Settings, api: Api) -> None:
    """A disconnect reaches the API as a closed connection, and the call is recorded as cancelled and not charged (TR-28)."""
    async with behind(settings, api) as server:
        call = asyncio.create_task(server.call("get_hang", token=server.tokens["acme"]))
        await asyncio.wait_for(api.entered.wait(), 10)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await asyncio.wait_for(api.gone.wait(), 10)
        book = server.application.book
        for _ in range(200):
            entries = [json.loads(line) for line in b"".join([part async for part in book.export("acme", "jsonl")]).splitlines()]
            calls = [entry for entry in entries if entry["kind"] == "call"]
            if calls:
                break
            await asyncio.sleep(0.01)  # real time: the server notices the disconnect on its own
        assert [(entry["outcome"], entry["units"]) for entry in calls] == [("cancelled", 0)]


async def test_an_api_that_is_away_is_a_sentence(settings: Settings, api: Api) -> None:
    """A refused connection becomes upstream_unreachable; no address appears in the answer."""
    async with listening(api.app) as address:
        pass
    document = settings.data.parent / "openapi.json"
    document.write_text(json.dumps({**api.document(), "servers": [{"url": f"{address}/v1"}]}))
    place = address.removeprefix("http://")
    changed = {"sources": {"orders": SourceSettings(openapi=str(document))}, "outbound_allow": (place,)}
    async with served(settings.model_copy(update=changed)) as server:
        await server.tenant("acme")
        reply = await server.call("get_order", {"id": "7"}, token=server.tokens["acme"])
        assert reply.json["result"]["_meta"][REFUSAL]["code"] == "upstream_unreachable"
        assert place not in reply.body.decode()


async def test_a_host_nobody_allowed_is_not_reached(settings: Settings, api: Api) -> None:
    """Without outbound_allow a loopback API is refused before any connection, also when it is the document's own server (EG-01)."""
    async with behind(settings, api, outbound_allow=()) as server:
        reply = await server.call("get_order", {"id": "7"}, token=server.tokens["acme"])
        assert reply.json["result"]["_meta"][REFUSAL]["code"] == "address_refused"
        assert api.seen == []


async def test_a_refreshed_document_is_followed(settings: Settings, api: Api) -> None:
    """A refresh changes what is listed without a restart; a document that does not import changes nothing."""
    async with behind(settings, api) as server:
        document = settings.data.parent / "openapi.json"
        smaller = json.loads(document.read_text())
        del smaller["paths"]["/html"]
        document.write_text(json.dumps(smaller))
        assert len((await server.application.roster.refresh("orders")).tools) == 5
        await server.application.changes.poll()
        for _ in range(200):
            names = [tool["name"] for tool in (await server.modern("tools/list", token=server.tokens["acme"])).json["result"]["tools"]]
            if "get_html" not in names:
                break
            await asyncio.sleep(0.01)  # real time: the sources are loaded again in the background
        assert "get_html" not in names
        assert "get_order" in names
        document.write_text("not a document")
        with pytest.raises(Exception, match="not a document Freehold can import"):
            await server.application.roster.refresh("orders")
        assert (await server.call("get_order", {"id": "7"}, token=server.tokens["acme"])).status == 200
