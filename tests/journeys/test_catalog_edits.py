"""Edits through the front door: what a list shows, what a call finds, who hears of it, and what other replicas do."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from freehold.core.refusals import Refusal
from freehold.domains.catalog.edits import Edit
from freehold.domains.ledger.export import export
from freehold.settings import Settings
from tests.fixtures import sample_functions
from tests.listening import TOOLS_CHANGED, listening
from tests.operators import listed, refused
from tests.processes import Agent, Place, http
from tests.served import Reply, Served, served

pytestmark = pytest.mark.anyio

ALL = {"echo", "who", "add", "fail", "refuse"}


async def tools(server: Served, token: str) -> dict[str, dict[str, Any]]:
    """What a caller's list shows, by name."""
    return {one["name"]: one for one in (await server.modern("tools/list", token=token)).json["result"]["tools"]}


async def names(server: Served, tenant: str) -> set[str]:
    """The names in a tenant's list."""
    return set(await tools(server, server.tokens[tenant]))


def said(reply: Reply) -> tuple[int, bytes, Mapping[str, str]]:
    """Everything of an answer, but when it was given."""
    return reply.status, reply.body, {key: value for key, value in reply.headers.items() if key != "date"}


async def test_an_edit_of_the_operator_is_everybodys_and_one_of_a_tenant_its_own(server: Served) -> None:
    """Disabled, renamed and reworded tools show so in the lists and calls of those concerned, and others keep theirs."""
    edit = server.application.curation.edit
    await edit(Edit(pattern="f*", enabled=False))
    await edit(Edit(pattern="echo", name="say", description="Repeat.", title="Say"), tenant="acme")
    assert await names(server, "acme") == {"say", "who", "add", "refuse"}
    assert await names(server, "globex") == ALL - {"fail"}
    shown = (await tools(server, server.tokens["acme"]))["say"]
    assert (shown["description"], shown["title"]) == ("Repeat.", "Say")
    assert "hi" in (await server.call("say", {"text": "hi"}, token=server.tokens["acme"])).text
    gone = await server.call("echo", {"text": "hi"}, token=server.tokens["acme"])
    assert said(gone) == said(await server.call("never", {"text": "hi"}, token=server.tokens["acme"]))
    assert "hi" in (await server.call("echo", {"text": "hi"}, token=server.tokens["globex"])).text
    await server.application.curation.reset("echo", tenant="acme")
    await server.application.curation.reset("f*")
    assert await names(server, "acme") == ALL == await names(server, "globex")


async def test_a_tool_of_another_plan_or_role_does_not_exist(server: Served) -> None:
    """A call of it is answered byte for byte as one of a name that never was, the list leaves it out, and who fits has it."""
    edit = server.application.curation.edit
    await edit(Edit(pattern="echo", plans=frozenset({"small"})))
    await edit(Edit(pattern="who", roles=frozenset({"admin", "owner"})))
    admin = await server.token("acme", user="boss", roles=["admin", "x"])
    assert await names(server, "acme") == ALL - {"echo", "who"}
    assert set(await tools(server, admin)) == ALL - {"echo"}
    never = said(await server.call("never", token=server.tokens["acme"]))
    for hidden in ("echo", "who"):
        assert said(await server.call(hidden, token=server.tokens["acme"])) == never
    assert said(await server.call("echo", token=admin)) == said(await server.call("never", token=admin))
    assert "acme" in (await server.call("who", token=admin)).text
    small = await server.tenant("initech", plan="small")
    assert "echo" in await tools(server, small)
    assert "hi" in (await server.call("echo", {"text": "hi"}, token=small)).text
    lines = [json.loads(line) async for chunk in export(server.application.db, "acme", "jsonl") for line in chunk.splitlines()]
    assert [line["what"] for line in lines if line["kind"] == "call"] == ["who"], "what does not exist leaves no entry"


async def test_scopes_of_an_edit_are_asked_for(server: Served) -> None:
    """The operator's stand in place of the tool's own, a tenant's beside them."""
    edit = server.application.curation.edit
    await edit(Edit(pattern="echo", scopes=frozenset({"talk"})))
    talker = await server.token("acme", scopes=["talk"])
    assert "hi" in (await server.call("echo", {"text": "hi"}, token=talker)).text
    await edit(Edit(pattern="echo", scopes=frozenset({"loud"})), tenant="acme")
    assert (await server.call("echo", {"text": "hi"}, token=talker)).status == 403
    assert (await server.call("echo", {"text": "hi"}, token=await server.token("globex", scopes=["talk"]))).status == 200
    both = await server.token("acme", scopes=["talk", "loud"])
    assert set(await tools(server, both)) == {"echo"}


async def test_only_the_tenants_concerned_are_told_once(server: Served) -> None:
    """Who listens hears of one change of its own list; who sees the same as before hears nothing of it."""
    curation = server.application.curation
    async with AsyncExitStack() as stack:
        acme = await stack.enter_async_context(listening(server, server.tokens["acme"]))
        globex = await stack.enter_async_context(listening(server, server.tokens["globex"]))
        assert [await stream.next() for stream in (acme, globex)]
        await curation.edit(Edit(pattern="echo", enabled=False), tenant="acme")
        assert (await acme.next())["method"] == TOOLS_CHANGED
        await curation.edit(Edit(pattern="nothing_like_it", enabled=False))
        await curation.edit(Edit(pattern="add", title="Sum"), tenant="globex")
        assert (await globex.next())["method"] == TOOLS_CHANGED
        await curation.edit(Edit(pattern="who", title="Me"))
        assert [(await stream.next())["method"] for stream in (acme, globex)] == [TOOLS_CHANGED] * 2
        for stream in (acme, globex):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await stream.next()


async def test_what_cannot_be_is_refused_and_changes_nothing(server: Served) -> None:
    """Names that are taken, plans and tenants there are not, scopes that cannot be, and edits that were never made."""
    curation = server.application.curation
    for edit, tenant, code in (
        (Edit(pattern="echo", name="add"), None, "edit_invalid"),
        (Edit(pattern="echo", name="add"), "acme", "edit_invalid"),
        (Edit(pattern="echo", plans=frozenset({"gold"})), None, "plan_unknown"),
        (Edit(pattern="echo", scopes=frozenset({'"'})), None, "scope_invalid"),
        (Edit(pattern="echo", enabled=False), "nobody", "tenant_unknown"),
    ):
        with pytest.raises(Refusal) as no:
            await curation.edit(edit, tenant=tenant)
        assert no.value.code == code
    await curation.edit(Edit(pattern="echo", enabled=False), tenant="globex")
    with pytest.raises(Refusal) as no:
        await curation.reset("echo", tenant="acme")
    assert no.value.code == "edit_unknown"
    assert await names(server, "acme") == ALL
    assert await names(server, "globex") == ALL - {"echo"}


async def test_a_second_replica_follows_and_a_third_starts_with_it(settings: Settings) -> None:
    """By broadcast where there is one, else by the poll within five seconds, and after a start at once."""
    async with served(settings, functions=[sample_functions()]) as first:
        await first.tenant("acme")
        async with served(settings, functions=[sample_functions()]) as second:
            second.tokens.update(first.tokens)
            assert await names(second, "acme") == ALL
            await first.application.curation.edit(Edit(pattern="echo", enabled=False), tenant="acme")
            assert await names(first, "acme") == ALL - {"echo"}
            for _ in range(100):
                if await names(second, "acme") != ALL:
                    break
                await asyncio.sleep(0.05)  # real time: another replica polls
            assert await names(second, "acme") == ALL - {"echo"}
        async with served(settings, functions=[sample_functions()]) as third:
            third.tokens.update(first.tokens)
            assert await names(third, "acme") == ALL - {"echo"}


async def test_the_commands_edit_show_and_reset(here: Place) -> None:
    """What was edited is shown with where it stands, obeyed by the next server, recorded, and taken back."""
    (here.folder / "catalog.toml").write_text('[tools.get_order]\ntitle = "From the file"\nplans = ["pro", "free"]\n')
    made = await listed(here, "catalog", "edit", "--tool", "get_*", "--description", "Read.", "--scope", "mcp:read")
    assert made == {"tenant": "all", "tool": "get_*", "description": "Read.", "scopes": ["mcp:read"]}
    await here.done("catalog", "edit", "--tool", "get_order", "--tenant", "acme", "--name", "order", "--role", "clerk")
    await here.done("catalog", "edit", "--tool", "get_order", "--tenant", "acme", "--role", "boss", "--plan", "pro")
    (shown,) = await listed(here, "catalog", "show", "--tenant", "acme")
    assert (shown["tool"], shown["was"], shown["title"], shown["description"]) == ("order", "get_order", "From the file", "Read.")
    assert (shown["plans"], shown["roles"], shown["state"]) == (["pro"], ["boss"], "offered")
    assert [(one["origin"], one["tool"]) for one in shown["edits"]] == [
        ("file", "get_order"),
        ("operator", "get_*"),
        ("tenant", "get_order"),
    ]
    assert len(shown["digest"]) == 64
    (other,) = await listed(here, "catalog", "show", "--tenant", "globex")
    assert (other["tool"], other["digest"], other["roles"]) == ("get_order", shown["digest"], [])
    assert "tenant:get_order" in await here.done("catalog", "show", "--tenant", "acme")
    async with here.serving() as server, http() as session:
        minted = await here.done("token", "mint", "--tenant", "acme", "--user", "ann", "--role", "boss")
        found = (await Agent(session, server.url, minted.strip()).ask("tools/list")).json["result"]["tools"]
        assert [one["name"] for one in found] == ["order", "read_more"]
    refused(await here.run("catalog", "edit", "--tool", "get_order"), "it changes nothing. Say what is to be different.")
    refused(await here.run("catalog", "show", "--tenant", "nobody"), "There is no tenant nobody.")
    refused(await here.run("catalog", "reset", "--tool", "get_order"), "There is no edit of get_order.")
    said_so = await here.done("catalog", "reset", "--tool", "get_order", "--tenant", "acme")
    assert said_so == "get_order is no longer edited for acme.\n"
    exported = await here.done("ledger", "export", "--tenant", "acme")
    assert exported.count('"catalog.edited"') == 2
    assert exported.count('"catalog.reset"') == 1
    (here.folder / "catalog.toml").write_text("[tools.get_order]\nenabel = true\n")
    refused(await here.run("catalog", "show", "--tenant", "acme"), "object contains unknown field `enabel`")
