"""Pages of the lists: sealed cursors that any replica opens and nobody else can write (server/utilities/pagination)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from freehold.settings import Settings
from tests.features import featured
from tests.served import Served

pytestmark = pytest.mark.anyio

MEMBERS = {"tools/list": "tools", "resources/list": "resources", "resources/templates/list": "resourceTemplates", "prompts/list": "prompts"}


@pytest.fixture
async def short(features: Served, plain: Settings) -> AsyncIterator[Served]:
    """The same server with two items on a page."""
    async with featured(plain.model_copy(update={"page_size": 2}), [], tenants=()) as running:
        running.tokens.update(features.tokens)
        yield running


async def pages(server: Served, method: str, tenant: str = "acme") -> list[dict[str, Any]]:
    """Every page, following cursors to the end."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        found.append((await server.modern(method, cursor, token=server.tokens[tenant])).json["result"])
        if "nextCursor" not in found[-1]:
            return found
        cursor = {"cursor": found[-1]["nextCursor"]}


@pytest.mark.parametrize("method", MEMBERS)
async def test_pages_together_are_the_list(features: Served, short: Served, method: str) -> None:
    """Following cursors gives every item once, in the order of the whole list; the last page has no cursor."""
    (whole,) = await pages(features, method)
    parts = await pages(short, method)
    member = MEMBERS[method]
    assert [item for part in parts for item in part[member]] == whole[member]
    assert all(len(part[member]) == 2 for part in parts[:-1])
    assert "nextCursor" not in whole


async def test_every_page_has_the_same_cache_scope(short: Served) -> None:
    """A client must be able to cache a list as one."""
    parts = await pages(short, "tools/list")
    assert len(parts) > 2
    assert {part["cacheScope"] for part in parts} == {"private"}
    assert all(type(part["ttlMs"]) is int and part["ttlMs"] >= 0 for part in parts)


async def test_cursors_are_opaque(short: Served) -> None:
    """Nothing of the place in the list can be read from a cursor, and no two lists share one."""
    first = [(await short.modern(method, token=short.tokens["acme"])).json["result"].get("nextCursor") for method in MEMBERS]
    cursors = [cursor for cursor in first if cursor]
    assert len(set(cursors)) == len(cursors) >= 2
    assert all(len(cursor) >= 20 and "acme" not in cursor for cursor in cursors)


CHANGES = {
    "one letter": lambda cursor: ("B" if cursor[0] != "B" else "C") + cursor[1:],
    "last letter": lambda cursor: cursor[:-1] + ("B" if cursor[-1] != "B" else "C"),
    "cut": lambda cursor: cursor[:-4],
    "longer": lambda cursor: cursor + "AAAA",
    "padded": lambda cursor: cursor + "=",
    "spaced": lambda cursor: f" {cursor} ",
    "empty": lambda _: "",
    "number": lambda _: 2,
    "null is none": lambda _: [],
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_changed_cursor_is_refused(short: Served, change: str) -> None:
    """A cursor has one spelling: anything else is -32602, the empty string included."""
    cursor = (await short.modern("tools/list", token=short.tokens["acme"])).json["result"]["nextCursor"]
    reply = await short.modern("tools/list", {"cursor": CHANGES[change](cursor)}, token=short.tokens["acme"])
    assert (reply.status, reply.json["error"]["code"]) == (400, -32602)


async def test_a_cursor_has_one_alphabet(short: Served) -> None:
    """The same bytes in the other base64 alphabet are another cursor, and none of ours."""
    cursor = ""
    while not {"-", "_"} & set(cursor):  # each is another one, and three in four have such a letter
        cursor = (await short.modern("tools/list", token=short.tokens["acme"])).json["result"]["nextCursor"]
    other = cursor.replace("-", "+").replace("_", "/")
    assert (await short.modern("tools/list", {"cursor": other}, token=short.tokens["acme"])).json["error"]["code"] == -32602
    assert (await short.modern("tools/list", {"cursor": cursor}, token=short.tokens["acme"])).status == 200


async def test_a_cursor_serves_its_own_list_and_tenant_only(short: Served) -> None:
    """Another list, or another tenant, cannot use it."""
    cursor = (await short.modern("tools/list", token=short.tokens["acme"])).json["result"]["nextCursor"]
    for method, tenant in (("resources/list", "acme"), ("prompts/list", "acme"), ("tools/list", "globex")):
        reply = await short.modern(method, {"cursor": cursor}, token=short.tokens[tenant])
        assert (reply.status, reply.json["error"]["code"]) == (400, -32602), (method, tenant)


async def test_a_legacy_client_pages_too(short: Served) -> None:
    """Under a handshake revision a bad cursor is the same error, and a good one the same page."""
    headers = {"mcp-protocol-version": "2025-06-18"}

    async def listed(params: dict[str, Any]) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params}
        return (await short.post(body, short.tokens["acme"], headers=headers)).json

    first = (await listed({}))["result"]
    second = (await listed({"cursor": first["nextCursor"]}))["result"]
    assert not {tool["name"] for tool in first["tools"]} & {tool["name"] for tool in second["tools"]}
    assert (await listed({"cursor": ""}))["error"]["code"] == -32602


async def test_any_replica_opens_a_cursor(settings: Settings) -> None:
    """A cursor of one replica continues the list on another one over the same stores."""
    paged = settings.model_copy(update={"page_size": 2})
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(featured(paged, []))
        other = await stack.enter_async_context(featured(paged, [], tenants=()))
        cursor = (await one.modern("tools/list", token=one.tokens["acme"])).json["result"]["nextCursor"]
        reply = await other.modern("tools/list", {"cursor": cursor}, token=one.tokens["acme"])
        assert reply.status == 200
        assert len(reply.json["result"]["tools"]) == 2
