"""An API with more operations than fit: agents see a part, find the rest, and calling through call_tool is calling."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from freehold.settings import Settings, SourceSettings
from tests.long_catalogs import THINGS, long_document
from tests.served import REFUSAL, Served, listening, served

pytestmark = pytest.mark.anyio


class Api:
    """Answers everything and keeps what it was asked."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.seen: list[tuple[str, str]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Say what was asked."""
        request = Request(scope, receive)
        self.seen.append((request.method, request.url.path))
        if request.url.path == "/invoices":
            records = [{"id": 1, "owner": {"name": "ann", "mail": "ann@example.com"}}, {"id": 2, "owner": {"name": "bob"}}]
            await JSONResponse({"data": records, "total": 9, "next_cursor": "c2"})(scope, receive, send)
            return
        if request.url.path == "/refunds":
            body = {"code": "bad_note", "message": "No.", "errors": [{"field": "note", "message": "too short"}]}
            await JSONResponse(body, 422, {"retry-after": "7"})(scope, receive, send)
            return
        await JSONResponse({"asked": request.url.path, "body": (await request.body()).decode()})(scope, receive, send)


@asynccontextmanager
async def long(settings: Settings, api: Api, **changed: Any) -> AsyncIterator[Served]:
    """Freehold in front of the API with a list of 2,000 tokens, and the tenant acme."""
    async with listening(api, lifespan="off") as address:
        document = settings.data.parent / "openapi.json"
        document.write_text(json.dumps({**long_document(), "servers": [{"url": address}]}))
        sources = {"shop": SourceSettings(openapi=str(document))}
        said = {"sources": sources, "outbound_allow": (address.removeprefix("http://"),), "catalog_tokens": 2_000, **changed}
        async with served(settings.model_copy(update=said)) as server:
            await server.tenant("acme")
            yield server


async def found(server: Served, query: str, token: str) -> list[str]:
    """Names that a search gives."""
    reply = await server.call("search_tools", {"query": query, "limit": 50}, token=token)
    return [one["name"] for one in reply.json["result"]["structuredContent"]["tools"]]


async def booked(server: Served, tenant: str) -> list[tuple[str, str, str, str]]:
    """What the ledger says of the tenant's calls: tool, outcome, refusal, units."""
    lines = b"".join([chunk async for chunk in server.application.book.export(tenant, "jsonl")]).splitlines()
    entries = [json.loads(line) for line in lines]
    return [(one["what"], one["outcome"], one["refusal"], one["units"]) for one in entries if one["kind"] == "call"]


async def test_an_agent_finds_describes_and_calls_what_is_not_listed(settings: Settings) -> None:
    """The list keeps its budget, search leads to an unlisted tool, its description is whole, and the API gets exactly one request."""
    api = Api()
    async with long(settings, api) as server:
        token = server.tokens["acme"]
        reply = await server.modern("tools/list", token=token)
        shown = [one["name"] for one in reply.json["result"]["tools"]]
        assert len(json.dumps(reply.json["result"]["tools"], separators=(",", ":"))) <= 8_000
        assert {"search_tools", "describe_tool", "call_tool"} <= set(shown)
        assert "update_wishlist" not in shown
        assert (await found(server, "change the wishlist", token))[0] == "update_wishlist"
        described = (await server.call("describe_tool", {"name": "update_wishlist"}, token=token)).json["result"]["structuredContent"]
        assert set(described["inputSchema"]["properties"]) == {"wishlist_id", "note", "draft"}
        assert api.seen == []
        meant = {"name": "update_wishlist", "arguments": {"wishlist_id": "7", "note": "n"}}
        reply = await server.call("call_tool", meant, token=token)
        assert json.loads(reply.json["result"]["structuredContent"]["body"]) == {"note": "n"}
        assert api.seen == [("PATCH", "/wishlists/7")]


async def test_call_tool_is_the_same_as_the_call_itself(settings: Settings) -> None:
    """Answers, refusals and ledger entries of both ways are equal: wrong arguments, missing scopes, hidden and unknown tools."""
    api = Api()
    async with long(settings, api, boundary=False) as server:
        reader = await server.token("acme", scopes=("mcp:read",))
        some = await server.token("acme", tools=("call_tool", "get_invoice"))
        cases: list[tuple[str, str, dict[str, Any]]] = [
            (server.tokens["acme"], "get_invoice", {"invoice_id": "1"}),
            (server.tokens["acme"], "get_invoice", {"invoice_id": 1}),
            (server.tokens["acme"], "get_invoice", {}),
            (reader, "delete_invoice", {"invoice_id": "1"}),
            (some, "get_invoice", {"invoice_id": "2"}),
            (some, "get_customer", {"customer_id": "2"}),
            (some, "no_such_tool", {}),
            (some, "call_tool", {"name": "get_invoice", "arguments": {"invoice_id": "3"}}),
        ]
        for token, name, arguments in cases[:-1]:
            direct = await server.call(name, arguments, token=token)
            meant = await server.call("call_tool", {"name": name, "arguments": arguments}, token=token)
            assert (direct.status, direct.body) == (meant.status, meant.body), name
            assert direct.headers.get("www-authenticate") == meant.headers.get("www-authenticate")
        token, name, arguments = cases[-1]
        nested = await server.call("call_tool", {"name": name, "arguments": arguments}, token=token)
        assert nested.json["error"]["data"]["code"] == "unknown_tool", "a stand-in does not stand in for a stand-in"
        entries = await booked(server, "acme")
        assert entries[::2] == entries[1::2]
        assert not any(what == "call_tool" for what, *_ in entries)
        assert [path for _, path in api.seen] == ["/invoices/1", "/invoices/1", "/invoices/2", "/invoices/2"]


async def test_what_a_caller_may_not_use_is_not_found(settings: Settings) -> None:
    """Search and describe know only the caller's own view: scopes and allowed tools hide, and hidden is as unknown."""
    async with long(settings, Api()) as server:
        reader = await server.token("acme", scopes=("mcp:read",))
        assert "delete_invoice" in await found(server, "delete invoice", server.tokens["acme"])
        assert "delete_invoice" not in await found(server, "delete invoice", reader)
        few = await server.token("acme", tools=("search_tools", "describe_tool", "get_invoice"))
        assert await found(server, "invoice customer shipment", few) == ["get_invoice"]
        hidden = await server.call("describe_tool", {"name": "get_customer"}, token=few)
        unknown = await server.call("describe_tool", {"name": "get_nothing"}, token=few)
        assert hidden.body == unknown.body
        assert hidden.json["error"]["data"]["code"] == "unknown_tool"
        none = await server.token("acme", tools=("get_invoice",))
        refused = await server.call("search_tools", {"query": "invoice"}, token=none)
        assert refused.json["error"]["data"]["code"] == "unknown_tool"


async def test_arguments_that_mean_nothing_are_refused_in_words(settings: Settings) -> None:
    """call_tool without a name, with a wrong type or a stranger among its arguments is refused and booked as itself."""
    api = Api()
    async with long(settings, api) as server:
        for arguments in (
            {},
            {"name": 7},
            {"name": "get_invoice", "arguments": []},
            {"name": "get_invoice", "tenant": "globex"},
            {"name": "get_invoice", "fields": "a"},
        ):
            reply = await server.call("call_tool", arguments, token=server.tokens["acme"])
            assert reply.json["result"]["_meta"][REFUSAL]["code"] == "invalid_arguments"
            assert "globex" not in reply.text
        assert {entry[:3] for entry in await booked(server, "acme")} == {("call_tool", "refused", "invalid_arguments")}
        assert api.seen == []


async def test_without_a_budget_nothing_changes(settings: Settings) -> None:
    """A server that was not given one lists every tool, the one that reads on behind them, and has none of the three."""
    async with long(settings, Api(), catalog_tokens=None) as server:
        reply = await server.modern("tools/list", token=server.tokens["acme"])
        *shown, last = [one["name"] for one in reply.json["result"]["tools"]]
        assert (len(set(shown) - {"export_records"}), last) == (5 * len(THINGS), "read_more")
        refused = await server.call("search_tools", {"query": "invoice"}, token=server.tokens["acme"])
        assert refused.json["error"]["data"]["code"] == "unknown_tool"


async def test_an_answer_says_what_follows_and_shows_what_was_asked_for(settings: Settings) -> None:
    """The next page's exact arguments stand in the result, in words too, and call_tool shows only the fields that were named."""
    async with long(settings, Api(), boundary=False) as server:
        token = server.tokens["acme"]
        result = (await server.call("list_invoices", {"cursor": "c1"}, token=token)).json["result"]
        assert result["_meta"]["dev.freehold/page"] == {"shown": 2, "of": 9, "next": {"cursor": "c2"}}
        assert result["content"][-1]["text"] == "2 of 9 shown. For the next page call again with the same arguments and cursor='c2'."
        meant = {"name": "list_invoices", "arguments": {}, "fields": ["id", "owner.name", "price"]}
        result = (await server.call("call_tool", meant, token=token)).json["result"]
        assert result["structuredContent"]["data"] == [{"id": 1, "owner": {"name": "ann"}}, {"id": 2, "owner": {"name": "bob"}}]
        assert "ann@example.com" not in json.dumps(result)
        assert result["content"][1]["text"] == "No record has: price."


async def test_an_error_says_what_to_do_about_it(settings: Settings) -> None:
    """Beside the API's words stand the status, its own code, whether to try again and when, and the fields to change."""
    async with long(settings, Api()) as server:
        result = (await server.call("create_refund", {"note": "x"}, token=server.tokens["acme"])).json["result"]
        assert result["isError"] is True
        assert "No." in result["content"][0]["text"]
        said = {"status": 422, "retry": "after_change", "retry_after": 7, "code": "bad_note", "change": ["note"]}
        assert result["_meta"]["dev.freehold/error"] == said
