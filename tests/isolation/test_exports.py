"""Who may export what, and who may read it: what a direct call needs, and nobody but whoever made the file."""

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.exceptions import MCPError
from msgspec.structs import replace
from sqlalchemy import select, update

from freehold.core.principal import Principal
from freehold.domains.catalog.edits import Edit
from freehold.domains.exports.exports import Exports
from freehold.domains.exports.files import PART, Files
from freehold.domains.exports.model import Export, Terms
from freehold.domains.exports.tables import exports as table
from freehold.domains.sources.functions import Functions
from freehold.kit.crypto import Seal, Unsealable
from freehold.kit.db import Database, connect
from freehold.settings import Settings
from tests.clocks import HandClock
from tests.entries import a_call
from tests.exports import Shop, contents, export, in_front_of, json_answer, outcome, reading, refusal
from tests.fixtures import sample_functions
from tests.identities import NOWHERE, code_of
from tests.served import EVERY_SCOPE, Reply, Served, served

pytestmark = pytest.mark.anyio

CANARY = "canary-41c"
ORDERS = [{"id": number, "note": CANARY} for number in range(5)]
NEVER = "export://" + "0" * 40


@pytest.fixture
def clock() -> HandClock:
    """The server's clock."""
    return HandClock()


@pytest.fixture
def shop() -> Shop:
    """Five orders on three pages."""
    return Shop(ORDERS)


@pytest.fixture
async def server(settings: Settings, shop: Shop, clock: HandClock, tmp_path: Path) -> AsyncIterator[Served]:
    """Freehold in front of the shop; a caller may have two exports."""
    async with in_front_of(shop, settings, tmp_path, clock=clock, exports_per_caller=2) as running:
        yield running
        running.application.drain()  # while the clock stands still nobody looks whether a client has gone


async def of_client(server: Served, client: str) -> str:
    """A token of acme's same user through another client."""
    return await server.application.issuer.mint(tenant="acme", subject="user", client=client, scopes=EVERY_SCOPE)


def alike(reply: Reply, uri: str) -> tuple[Any, ...]:
    """All of an answer but the URI it repeats and what differs between any two answers."""
    headers = {name: value for name, value in reply.headers.items() if name not in {"date", "content-length"}}
    return reply.status, headers, reply.body.replace(uri.encode(), b"URI")


async def rows(server: Served) -> list[Any]:
    """Every part of every file as it lies in the database."""
    async with server.application.db.system() as scope:
        return list(await scope.all(select(table)))


async def names(server: Served, token: str) -> set[str]:
    """The tools listed for a caller."""
    return {one["name"] for one in (await server.modern("tools/list", token=token)).json["result"]["tools"]}


async def test_nobody_else_s_file_is_there(server: Served) -> None:
    """Another tenant, another user, another client: byte for byte what they get for an id that never was, in both eras (TEN-01)."""
    uri = outcome(await export(server))["uri"]
    others = [server.tokens["globex"], await server.token("acme", user="colleague"), await of_client(server, "other")]
    others.append(await server.token("globex", user="user"))
    for token in others:
        denied = await reading(server, uri, token=token)
        assert alike(denied, uri) == alike(await reading(server, NEVER, token=token), NEVER)
        assert alike(denied, uri) == alike(await reading(server, "note://none", token=token), "note://none")
        assert (denied.json["error"]["code"], "result" in denied.json) == (-32602, False)
        legacy = [
            await server.post({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": one}}, token)
            for one in (uri, NEVER)
        ]
        assert alike(legacy[0], uri) == alike(legacy[1], NEVER)
        assert CANARY not in str(legacy)
        assert CANARY not in denied.body.decode()
    assert CANARY in (await reading(server, uri)).body.decode()


async def test_a_file_is_gone_when_its_time_is_over(server: Served, clock: HandClock) -> None:
    """Until then and not a moment longer; afterwards its owner gets what an unknown one gets, and the sweep leaves no row."""
    exported = await export(server)
    uri = outcome(exported)["uri"]
    clock.advance(899.9)
    assert CANARY in (await contents(server, exported, token=await of_client(server, "freehold-cli")))["text"]
    await server.application.exporting.room.sweep()
    assert await rows(server)
    clock.advance(0.1)
    token = await of_client(server, "freehold-cli")
    assert alike(await reading(server, uri, token=token), uri) == alike(await reading(server, NEVER, token=token), NEVER)
    await server.application.exporting.room.sweep()
    assert await rows(server) == []


@pytest.mark.parametrize(
    "wrong", ["export://", "export://x", "export://%00{}", "export://{}/", "export://{}?a=1", "export://{}a", "EXPORT://{}", "export:{}"]
)
async def test_only_the_very_uri_is_one(server: Served, wrong: str) -> None:
    """Nothing that is close to a URI of the caller's own opens it."""
    own = outcome(await export(server))["uri"].removeprefix("export://")
    uri = wrong.format(own)
    assert alike(await reading(server, uri), uri) == alike(await reading(server, NEVER), NEVER)
    assert alike(await reading(server, f"export://{own.upper()}"), own.upper())[0] == 400


async def test_files_are_in_no_list(server: Served) -> None:
    """Neither as resources nor as a template, before and after; and of the tool there is one entry."""
    await export(server)
    token = server.tokens["acme"]
    assert (await server.modern("resources/list", token=token)).json["result"]["resources"] == []
    assert (await server.modern("resources/templates/list", token=token)).json["result"]["resourceTemplates"] == []
    assert "export_records" in await names(server, token)


async def test_what_is_kept_is_sealed_and_bound(server: Served, shop: Shop) -> None:
    """Nothing of the records is readable in the database, and a part moved into another file opens neither."""
    first = await export(server)
    shop.records = [{"id": 9, "note": "other"}]
    second = await export(server)
    parts = {row.export_id: bytes(row.content) for row in await rows(server)}
    assert all(CANARY.encode() not in content for content in parts.values())
    one, other = (outcome(each)["uri"].removeprefix("export://") for each in (first, second))
    async with server.application.db.system(write=True) as scope:
        await scope.run(update(table).where(table.c.export_id == one).values(content=parts[other]))
    broken = await reading(server, outcome(first)["uri"])
    assert "result" not in broken.json
    assert "other" not in broken.body.decode()


async def test_a_caller_has_so_many_files_and_no_more(server: Served, shop: Shop, clock: HandClock) -> None:
    """The third is refused before a page is read, for this caller alone; when one expires there is room again."""
    await export(server)
    await export(server)
    pages = len(shop.asked)
    code, text = refusal(await export(server))
    assert code == "too_many_exports"
    assert "2" in text
    assert len(shop.asked) == pages
    for token in (await server.token("acme", user="colleague"), await of_client(server, "other"), server.tokens["globex"]):
        assert outcome(await export(server, token=token))["rows"] == 5
    clock.advance(900)
    assert outcome(await export(server, token=await of_client(server, "freehold-cli")))["rows"] == 5


@pytest.mark.parametrize(
    ("tool", "why"),
    [("create_orders", "more than read"), ("export_records", "Freehold's own"), ("get_status", "no list of records")],
)
async def test_what_is_no_list_to_read_is_not_exported(server: Served, shop: Shop, tool: str, why: str) -> None:
    """A tool that writes is not even called; one without records is called once, and no file is made."""
    code, text = refusal(await export(server, tool=tool))
    assert code == "not_exportable"
    assert why in text
    assert shop.asked == (["GET /status"] if tool == "get_status" else [])
    assert await rows(server) == []


async def test_a_list_without_pages_is_one_page(server: Served) -> None:
    """Its only answer is the whole of it."""
    exported = await export(server, tool="list_days")
    assert outcome(exported)["reason"] == "complete"
    assert (await contents(server, exported))["text"] == "value\r\n1\r\n2\r\n"


async def test_an_answer_that_breaks_its_promise_is_exported_all_the_same(server: Served) -> None:
    """What does not fit the tool's output schema has no structure an agent could read; the records are in its text."""
    direct = await server.call("list_strict", token=server.tokens["acme"])
    assert direct.json["result"]["structuredContent"] == {}
    exported = await export(server, tool="list_strict")
    assert (await contents(server, exported))["text"] == "id\r\n1.5\r\n"


async def test_functions_are_exported_too(settings: Settings, shop: Shop, tmp_path: Path) -> None:
    """A list that a Python function returns; one that fails is answered as its direct call, without a word of its fault."""
    functions = Functions()

    async def ledger() -> list[dict[str, int]]:
        """Two lines."""
        return [{"amount": -5}, {"amount": 2**63}]

    async def break_() -> list[int]:
        """Break."""
        raise RuntimeError(CANARY)

    functions.add(ledger, read_only=True)
    functions.add(break_, name="break", read_only=True)
    async with in_front_of(shop, settings, tmp_path, functions=[functions]) as server:
        exported = await export(server, tool="ledger")
        assert (await contents(server, exported))["text"] == f"amount\r\n-5\r\n{2**63}\r\n"
        code, text = refusal(await export(server, tool="break"))
        assert code == "tool_failed"
        assert CANARY not in text


async def test_a_tool_of_the_same_name_keeps_it(settings: Settings, shop: Shop, tmp_path: Path) -> None:
    """An operator's own `export_records` is neither renamed nor replaced."""
    functions = Functions()

    async def export_records(tool: str) -> str:
        """The operator's own."""
        return f"own {tool}"

    functions.add(export_records, read_only=True)
    async with in_front_of(shop, settings, tmp_path, functions=[functions]) as server:
        listed = [name for name in await names(server, server.tokens["acme"]) if "export_records" in name]
        assert listed == ["export_records"]
        assert "own list_orders" in (await export(server)).text
        assert shop.asked == []


async def test_allowed_tools_hold_for_what_is_exported(server: Served, shop: Shop) -> None:
    """Whoever may export but not call the tool gets what a name that never was gets; whoever may call it alone cannot export (AZ-02)."""
    exporter = await server.token("acme", tools=("export_records", "list_days"))
    hidden = await export(server, token=exporter)
    assert alike(hidden, "") == alike(await export(server, tool="never_was", token=exporter), "")
    assert "result" not in hidden.json
    lister = await server.token("acme", tools=("list_orders",))
    assert alike(await export(server, token=lister), "") == alike(await server.call("never_was", token=lister), "")
    assert await names(server, lister) == {"list_orders", "read_more"}
    assert shop.asked == []
    both = await server.token("acme", tools=("export_records", "list_orders"))
    exported = await export(server, token=both)
    assert CANARY in (await contents(server, exported, token=both))["text"]
    denied = await reading(server, outcome(exported)["uri"], token=lister)
    assert alike(denied, outcome(exported)["uri"]) == alike(await reading(server, NEVER, token=lister), NEVER)


async def test_scopes_plans_and_edits_hold_for_what_is_exported(server: Served, shop: Shop) -> None:
    """Scopes the tool needs are needed, and a tool taken away by an edit is not there to be exported either."""
    code, text = refusal(await export(server, token=await server.token("acme", scopes=("mcp:write",))))
    assert code == "insufficient_scope"
    assert "mcp:read" in text
    await server.application.curation.edit(Edit(pattern="list_orders", plans=frozenset({"small"})))
    assert "result" not in (await export(server)).json
    assert shop.asked == []
    small = await server.tenant("initech", plan="small")
    assert outcome(await export(server, token=small))["rows"] == 5
    await server.application.curation.edit(Edit(pattern="export_records", enabled=False), tenant="initech")
    assert "export_records" not in await names(server, small)
    assert "result" not in (await export(server, token=small)).json


async def test_a_first_page_that_fails_is_answered_as_the_tool_s_own(server: Served, shop: Shop) -> None:
    """Arguments that do not fit, and an error of the API, are what a direct call gets; there is no file."""
    token = server.tokens["acme"]
    wrong = {"limit": "many"}
    assert refusal(await export(server, arguments=wrong)) == refusal(await server.call("list_orders", wrong, token=token))
    assert shop.asked == []
    shop.answers[""] = json_answer({"message": "the shelf is closed"}, 409)
    failed = (await export(server)).json["result"]
    assert failed["isError"] is True
    assert "the shelf is closed" in failed["content"][0]["text"]
    assert "[tool data" in failed["content"][0]["text"]
    assert await rows(server) == []


async def test_it_is_offered_where_there_are_pages_to_read(settings: Settings, server: Served) -> None:
    """Not by a server whose tools have none, which then has no resources either."""
    assert "export_records" in await names(server, server.tokens["globex"])
    async with served(settings, functions=[sample_functions()]) as plain:
        token = await plain.tenant("hooli")
        assert "export_records" not in await names(plain, token)
        assert "resources" not in (await plain.modern("server/discover", token=token)).json["result"]["capabilities"]
        assert alike(await export(plain, token=token), "") == alike(await plain.call("never_was", token=token), "")


async def test_it_is_found_and_called_behind_a_budget(settings: Settings, shop: Shop, tmp_path: Path) -> None:
    """Where the list is short it is found by searching and called by `call_tool`; the three tools of the search are no lists to export."""
    async with in_front_of(shop, settings, tmp_path, catalog_tokens=1_000, catalog_kinds=("writes",)) as server:
        token = server.tokens["acme"]
        assert "export_records" not in await names(server, token)
        found = await server.call("search_tools", {"query": "export all records csv"}, token=token)
        assert "export_records" in found.text
        exported = await server.call("call_tool", {"name": "export_records", "arguments": {"tool": "list_orders"}}, token=token)
        assert CANARY in (await contents(server, exported))["text"]
        assert refusal(await export(server, tool="call_tool"))[0] == "not_exportable"


async def test_any_replica_gives_the_file(settings: Settings, shop: Shop, tmp_path: Path) -> None:
    """Two servers on one database: exported by one, read from the other."""
    async with in_front_of(shop, settings, tmp_path) as one, served(one.application.settings) as other:
        exported = await export(one)
        assert CANARY in (await contents(other, exported, token=one.tokens["acme"]))["text"]


@asynccontextmanager
async def official(server: Served, mode: Literal["auto", "legacy"], token: str) -> AsyncIterator[Client]:
    """The official Python client."""
    async with (
        create_mcp_http_client(headers={"Authorization": f"Bearer {token}"}) as http,
        Client(streamable_http_client(f"{server.url}/mcp", http_client=http), mode=mode, cache=None) as client,
    ):
        yield client


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_follows_the_link(
    settings: Settings, shop: Shop, tmp_path: Path, mode: Literal["auto", "legacy"]
) -> None:
    """It reads the file by the link it was given; as another tenant it gets the protocol's error."""
    async with in_front_of(shop, settings, tmp_path) as server:
        async with official(server, mode, server.tokens["acme"]) as client:
            made = await client.call_tool("export_records", {"tool": "list_orders", "format": "jsonl"})
            link: Any = made.content[1]
            (file,) = (await client.read_resource(str(link.uri))).contents
            assert [json.loads(line)["id"] for line in file.text.splitlines()] == [0, 1, 2, 3, 4]
        async with official(server, mode, server.tokens["globex"]) as stranger:
            with pytest.raises(MCPError) as refused:
                await stranger.read_resource(str(link.uri))
            assert CANARY not in str(refused.value)


async def test_a_database_that_is_away_is_said_in_words() -> None:
    """Neither making nor reading a file breaks: both are refused for a moment, and no page is read."""
    terms = Terms(rows=1, cap=1024, seconds=1, page_seconds=1, keep_seconds=1, per_caller=1)
    away: Any = Exports(connect(NOWHERE), Seal(b"m" * 32), None, terms, clock=HandClock(), randomness=os.urandom)
    reads = replace(a_call("c1", arguments={"id": "0" * 40}), tool=away.resources[0].tool)
    makes = replace(a_call("c2", arguments={"tool": "list_orders"}), tool=away.tools[0])
    assert [await code_of(away.invoke(call)) for call in (reads, makes)] == ["exports_unavailable"] * 2


def _who(tenant: str = "acme") -> Principal:
    return Principal(tenant=tenant, subject="ada", client="agent", credential="key:k1", scopes=frozenset(), plan="open", expires_at=9e9)


async def _parts(db: Database, changed: Sequence[tuple[int, int]]) -> None:
    """Give parts the place of others; one put beyond the others is out of the file."""
    async with db.system(write=True) as scope:
        for part, place in changed:
            await scope.run(update(table).where(table.c.part == part).values(part=place))


async def test_a_large_file_comes_back_whole_or_not_at_all(db: Database) -> None:
    """More than one part; with two exchanged or one missing nothing is given, rather than another file (VA-03)."""
    files, data = Files(db, Seal(b"m" * 32)), bytes(range(256)) * (PART // 256 * 2 + 1)
    kept = Export(id="a" * 40, tenant="acme", subject="ada", client="agent", format="csv", expires_at=100.0)
    assert await files.add(kept, data, now=1.0, most=1) is True
    assert await files.add(kept, data, now=1.0, most=1) is False
    assert await files.read(_who(), kept.id, 1.0) == ("csv", data)
    assert await files.read(_who("globex"), kept.id, 1.0) is None
    assert await files.count(_who(), 1.0) == 1
    await _parts(db, [(0, 9), (1, 0), (9, 1)])
    with pytest.raises(Unsealable):
        await files.read(_who(), kept.id, 1.0)
    await _parts(db, [(0, 9), (1, 0), (9, 1)])
    assert await files.read(_who(), kept.id, 1.0) == ("csv", data)
    async with db.system(write=True) as scope:
        await scope.run(table.delete().where(table.c.part == 2))
    with pytest.raises(Unsealable):
        await files.read(_who(), kept.id, 1.0)
