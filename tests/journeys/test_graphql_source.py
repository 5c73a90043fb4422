"""A GraphQL API behind the front door: what arrives there, who it is told is calling, and what its answers become."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from starlette.responses import HTMLResponse, Response

from freehold.core.refusals import Refusal
from freehold.settings import Settings, SourceSettings
from tests.graphql_api import SDL, Shop
from tests.operators import listed, refused
from tests.processes import Place
from tests.served import REFUSAL, Served, listening, served

pytestmark = pytest.mark.anyio

PAGE = "dev.freehold/page"


@asynccontextmanager
async def behind(settings: Settings, shop: Shop, *, from_file: bool = False) -> AsyncIterator[Served]:
    """Freehold in front of the shop, its schema introspected or from a file, with the tenants acme and globex."""
    async with listening(shop.app) as address:
        endpoint = f"{address}/graphql/"
        file = settings.data.parent / "schema.graphql"
        file.write_text(SDL)
        source = SourceSettings(graphql=str(file), base_url=endpoint) if from_file else SourceSettings(graphql=endpoint)
        changed: dict[str, Any] = {"sources": {"shop": source}, "outbound_allow": (address.removeprefix("http://"),)}
        async with served(settings.model_copy(update=changed)) as running:
            await running.tenant("acme")
            await running.tenant("globex")
            yield running


async def test_the_api_is_told_who_calls_and_never_sees_the_callers_token(settings: Settings) -> None:
    """Each call carries a service token for its tenant, made out to this API, and a query no argument has become part of (law 1, RS R5)."""
    shop = Shop()
    hostile = '1") { id } orderDelete(id: "2'
    async with behind(settings, shop, from_file=True) as server:
        for tenant in ("acme", "globex"):
            reply = await server.call("order", {"id": hostile}, token=server.tokens[tenant])
            assert reply.json["result"]["structuredContent"]["id"] == hostile
        keys = KeySet.import_key_set((await server.request("GET", "/.well-known/jwks.json")).json)
        claims = [jwt.decode(said["authorization"].removeprefix("Bearer "), keys, algorithms=["ES256"]).claims for said, _ in shop.seen]
        assert [claim["tenant_id"] for claim in claims] == ["acme", "globex"]
        assert all(said["host"] in claim["aud"] for claim, (said, _) in zip(claims, shop.seen, strict=True))
        assert not any(token in str(shop.seen) for token in server.tokens.values())
        assert {body["query"].partition(" {")[0] for _, body in shop.seen} == {"query($id: ID!)"}
        assert [body["variables"] for _, body in shop.seen] == [{"id": hostile}] * 2


async def test_an_endpoint_is_introspected_and_called(settings: Settings) -> None:
    """Without a credential of anyone; then queries, pages, variants and mutations come back as their own values."""
    shop = Shop()
    async with behind(settings, shop) as server:
        assert [("__schema" in body["query"], "authorization" in said) for said, body in shop.seen] == [(True, False)]
        token = server.tokens["acme"]
        count = await server.call("order_count", token=token)
        assert count.text.count("7") >= 1
        page = (await server.call("orders", {"first": 2, "after": "4"}, token=token)).json["result"]["structuredContent"]
        assert [node["id"] for node in page["nodes"]] == ["4", "5"]
        assert page["pageInfo"] == {"hasNextPage": True, "endCursor": "6"}
        assert len((await server.call("orders", token=token)).json["result"]["structuredContent"]["nodes"]) == 20
        hits = (await server.call("search", {"text": "x"}, token=token)).json["result"]
        assert "Parcel_name" in json.dumps(hits)
        made = await server.call("create_order", {"name": "n", "note": None, "lines": [{"sku": "s"}]}, token=token)
        note = made.json["result"]["structuredContent"]["order"]["note"]
        assert json.loads(note) == {"lines": [{"count": 1, "sku": "s"}], "name": "n", "note": None}
        assert (await server.call("order", {"id": "0"}, token=token)).json["result"].get("isError", False) is False
        wrong = await server.call("find", {"id": "1", "name": "n"}, token=token)
        assert wrong.json["result"]["_meta"][REFUSAL]["code"] == "invalid_arguments"
        assert shop.seen[-1][1]["variables"] != {"by": {"id": "1", "name": "n"}}


async def test_the_next_page_is_said_exactly(settings: Settings) -> None:
    """Its whole arguments stand in `_meta` while there is one, in words too; called so it is the next page; the last names none."""
    shop = Shop()
    async with behind(settings, shop, from_file=True) as server:
        token = server.tokens["acme"]
        first = (await server.call("orders", {"first": 40, "after": "40", "state": None}, token=token)).json["result"]
        following = {"first": 40, "after": "80", "state": None}
        assert first["_meta"][PAGE] == {"shown": 40, "of": 100, "next": following}
        assert "40 of 100 shown. For the next page call again with the same arguments and after='80'." in first["content"][-1]["text"]
        last = (await server.call("orders", following, token=token)).json["result"]
        assert last["structuredContent"]["nodes"][0]["id"] == "80"
        assert (last["_meta"][PAGE]["next"], "next page" in json.dumps(last["content"])) == (None, False)
        usual = (await server.call("orders", token=token)).json["result"]
        assert usual["_meta"][PAGE]["next"] == {"after": "20"}
        assert PAGE not in (await server.call("order", {"id": "1"}, token=token)).json["result"].get("_meta", {})


async def test_errors_and_data_in_part_reach_the_agent(settings: Settings) -> None:
    """Errors alone are an isError result in the API's words; data in part comes with its errors and is no error; a page is named as one."""
    shop = Shop()
    async with behind(settings, shop, from_file=True) as server:
        token = server.tokens["acme"]
        broken = await server.call("broken", token=token)
        assert broken.json["result"]["isError"] is True
        assert "The orders are being counted. [BUSY] at broken" in broken.text
        part = (await server.call("part", token=token)).json["result"]
        assert part.get("isError", False) is False
        assert part["structuredContent"]["data"]["id"] == "9"
        assert part["structuredContent"]["data"]["customer"] is None
        assert part["structuredContent"]["errors"] == ["Customers are for managers only. at part.customer"]
        shop.page = HTMLResponse("<h1>Bad gateway</h1>", 502)
        page = await server.call("order_count", token=token)
        assert page.json["result"]["isError"] is True
        assert "502" in page.text
        assert "<h1>" not in page.text


async def test_named_operations_are_called_and_their_cost_is_bounded(settings: Settings) -> None:
    """An operation of the operator's own is a tool beside nothing else; a page that is too large never reaches the API."""
    shop = Shop()
    folder = settings.data.parent / "operations"
    folder.mkdir()
    (folder / "orders.graphql").write_text(
        "# Orders, page by page.\nquery LatestOrders($n: Int = 2, $at: String) {\n"
        "  orders(first: $n, after: $at) { nodes { ...Short } pageInfo { hasNextPage endCursor } }\n  orderCount\n}\n"
    )
    (folder / "short.graphql").write_text("fragment Short on Order { id }")
    async with listening(shop.app) as address:
        source = SourceSettings(
            graphql=f"{address}/graphql/", operations=str(folder), operations_only=True, max_nodes=50, audience="https://shop.example"
        )
        changed: dict[str, Any] = {"sources": {"shop": source}, "outbound_allow": (address.removeprefix("http://"),)}
        async with served(settings.model_copy(update=changed)) as server:
            await server.tenant("acme")
            token = server.tokens["acme"]
            found = (await server.call("latest_orders", {"n": 3, "at": "4"}, token=token)).json["result"]["structuredContent"]
            assert [node["id"] for node in found["orders"]["nodes"]] == ["4", "5", "6"]
            assert found["orderCount"] == 7
            page = (await server.call("latest_orders", {"n": 3, "at": "4"}, token=token)).json["result"]["_meta"][PAGE]
            assert page == {"shown": 3, "next": {"n": 3, "at": "7"}}
            asked = len(shop.seen)
            refused_call = (await server.call("latest_orders", {"n": 51}, token=token)).json["result"]
            assert refused_call["_meta"][REFUSAL]["code"] == "query_too_costly"
            assert len(shop.seen) == asked
            gone = await server.call("order_count", token=token)
            assert "no such tool" in gone.json["error"]["message"]


async def test_a_scope_is_needed_as_for_any_tool(settings: Settings) -> None:
    """A caller who may only read is told which scope a mutation needs, and the API hears nothing."""
    shop = Shop()
    async with behind(settings, shop, from_file=True) as server:
        reading = await server.token("acme", scopes=["mcp:read"])
        for tool, scope in (("create_order", "mcp:write"), ("order_delete", "mcp:admin")):
            reply = await server.call(tool, {"name": "n", "id": "1"}, token=reading)
            assert (reply.status, scope in reply.headers["www-authenticate"]) == (403, True)
        assert shop.seen == []


async def test_the_kept_schema_is_used_until_a_refresh(settings: Settings) -> None:
    """A start needs no endpoint once the schema is kept; a refresh asks again, and the listing says what kind of source it is."""
    shop = Shop()
    async with behind(settings, shop) as server:
        (known,) = await server.application.roster.known()
        assert (known.kind, known.read_at is None) == ("graphql", False)
        assert len((await server.application.roster.refresh("shop")).tools) == 11
        assert len(shop.seen) == 2
        shop.closed = True
        with pytest.raises(Refusal, match="does not let its schema be read"):
            await server.application.roster.refresh("shop")
        assert (await server.call("order_count", token=server.tokens["acme"])).json["result"].get("isError", False) is False


CLOSED = {
    "closed": (Shop(closed=True), "does not let its schema be read (__schema is not allowed.)"),
    "a credential": (Shop(page=Response("who?", 401)), "asks for a credential (401)"),
    "no GraphQL": (Shop(page=HTMLResponse("<html>", 200)), "answered 200, and no GraphQL"),
}


@pytest.mark.parametrize("case", CLOSED)
async def test_a_schema_that_cannot_be_had_stops_the_start_in_words(settings: Settings, case: str) -> None:
    """Introspection forbidden, a credential wanted or another kind of server: the sentence says so, and what to do instead."""
    shop, sentence = CLOSED[case]
    with pytest.raises(Refusal) as said:
        async with behind(settings, shop):
            pass
    assert sentence in str(said.value)
    assert said.value.code == "document_invalid"


async def test_an_endpoint_older_than_one_of_is_asked_again_without_it(settings: Settings) -> None:
    """The second question names nothing the specification did not always have."""
    shop = Shop(without_one_of=True)
    async with behind(settings, shop) as server:
        assert ["isOneOf" in body["query"] for _, body in shop.seen] == [True, False]
        assert (await server.call("order_count", token=server.tokens["acme"])).json["result"].get("isError", False) is False


async def test_the_commands_know_graphql(bare: Place) -> None:
    """A preview of a file, of a schema on the web and of an endpoint say the same; doctor and listing take it as any other."""
    (bare.folder / "schema.graphql").write_text(SDL)
    async with listening(Shop().app) as address:
        places = ("schema.graphql", f"{address}/schema.graphql", f"{address}/graphql/")
        reports = [await listed(bare, "source", "preview", "--graphql", place) for place in places]
        assert [(one["operations"], one["tools"], one["list_bytes"]) for one in reports] == [(12, 11, reports[0]["list_bytes"])] * 3
        refused(await bare.run("source", "preview", "--graphql", "orders.json"), "it is no GraphQL schema")
        host = address.removeprefix("http://")
        config = f'outbound_allow = ["{host}"]\n[sources.shop]\ngraphql = "schema.graphql"\nbase_url = "{address}/graphql/"\n'
        (bare.folder / "freehold.toml").write_text(config)
        assert (await listed(bare, "doctor"))["source shop"] == "ok"
        assert await bare.done("source", "refresh", "shop") == "shop offers 11 tools (release 1).\n"
        assert [(one["source"], one["kind"]) for one in await listed(bare, "source", "list")] == [("shop", "graphql")]
