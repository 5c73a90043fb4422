"""Two other MCP servers behind one Freehold, one of each era: listed, called, read and prompted by the official client."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp import types
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from freehold.settings import Settings, SourceSettings
from tests.fixtures import PLANS
from tests.served import Served, served
from tests.upstreams import Running, everything, fastmcp

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def every() -> AsyncIterator[Running]:
    """The everything server."""
    async with everything() as running:
        yield running


@pytest.fixture(scope="module")
async def notes() -> AsyncIterator[Running]:
    """The FastMCP server."""
    async with fastmcp() as running:
        yield running


def _settings(folder: Path, *servers: tuple[str, Running]) -> Settings:
    return Settings(
        data_dir=folder / "data",
        database_url=f"sqlite:///{folder / 'freehold.db'}",
        migrate_on_start=True,
        boundary=False,
        plans=PLANS,
        default_plan="open",
        outbound_allow=tuple(running.host for _, running in servers),
        sources={name: SourceSettings(mcp=running.url, relay_questions=True) for name, running in servers},
    )


async def _listed(server: Served, token: str, *wanted: str) -> list[str]:
    """The tools, once the upstreams of these were looked at."""
    for _ in range(400):
        names = [each["name"] for each in (await server.modern("tools/list", token=token)).json["result"]["tools"]]
        if set(wanted) <= set(names):
            return names
        await asyncio.sleep(0.05)  # real time: the first look happens beside the start
    raise AssertionError(names)


@pytest.fixture
async def house(every: Running, notes: Running, tmp_path: Path) -> AsyncIterator[Served]:
    """Freehold before both."""
    async with served(_settings(tmp_path, ("every", every), ("notes", notes))) as running:
        yield running


async def _elicit(_context: Any, params: Any) -> types.ElicitResult:
    assert params.message.startswith("[every] ")
    return types.ElicitResult(action="accept", content={"name": "Ada"})


async def _sample(_context: Any, _params: Any) -> types.CreateMessageResult:
    return types.CreateMessageResult(role="assistant", content=types.TextContent(type="text", text="Paris"), model="a-model")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_two_upstreams_behind_one_endpoint(mode: Any, house: Served) -> None:
    """Tools of both eras are listed under their sources' names and called; resources are read, prompts got, errors told, progress heard."""
    token = await house.tenant("acme")
    names = await _listed(house, token, "notes_search", "every_echo")
    assert {"notes_search", "notes_fail", "notes_slow", "every_echo", "every_get-sum"} <= set(names)
    assert "search" not in names
    steps: list[float] = []

    async def progress(done: float, _total: float | None, _message: str | None) -> None:
        steps.append(done)

    async with create_mcp_http_client(headers={"Authorization": f"Bearer {token}"}) as http:
        transport = streamable_http_client(f"{house.url}/mcp", http_client=http)
        async with Client(
            transport, mode=mode, cache=None, read_timeout_seconds=15, elicitation_callback=_elicit, sampling_callback=_sample
        ) as client:
            found = await client.call_tool("notes_search", {"query": "milk"})
            assert found.structured_content == {"found": "milk"}
            echoed = await client.call_tool("every_echo", {"message": "hello"})
            assert "hello" in echoed.content[0].text
            failed = await client.call_tool("notes_fail", {})
            assert failed.is_error
            assert "There are no notes." in failed.content[0].text
            await client.call_tool("notes_slow", {}, progress_callback=progress)
            assert steps == [1, 2]
            read = await client.read_resource("mcp://notes/notes://today")
            assert (read.contents[0].text, str(read.contents[0].uri)) == ("Buy milk.", "mcp://notes/notes://today")
            templated = await client.read_resource("mcp://notes/notes://a%20b/text")
            assert templated.contents[0].text == "Note of a b."
            prompted = await client.get_prompt("notes_summarize", {"topic": "May"})
            assert prompted.messages[0].content.text == "Summarize May."
            sampled = await client.call_tool("every_trigger-sampling-request", {"prompt": "Where?", "maxTokens": 10})
            assert "Paris" in str(sampled.content)
            asked = await client.call_tool("every_trigger-elicitation-request", {})
            assert "Ada" in str(asked.content)


async def test_an_upstream_that_dies_keeps_its_catalog(notes: Running, tmp_path: Path) -> None:
    """Killed while served, and still dead at the next start, its tools stay listed and calling them says that it cannot be reached."""
    async with fastmcp() as doomed:
        settings = _settings(tmp_path, ("doomed", doomed), ("notes", notes))
        async with served(settings) as server:
            token = await server.tenant("acme")
            before = await _listed(server, token, "doomed_search", "notes_search")
            await doomed.kill()
            assert await _listed(server, token, "doomed_search", "notes_search") == before
            assert "cannot be reached" in (await server.call("doomed_search", {"query": "x"}, token=token)).text
            assert (await server.call("notes_search", {"query": "x"}, token=token)).json["result"]["structuredContent"] == {"found": "x"}
        async with served(settings) as again:
            token = await again.token("acme")
            assert await _listed(again, token, "doomed_search", "notes_search") == before
            reply = await again.call("doomed_search", {"query": "x"}, token=token)
            assert reply.json["result"]["isError"]
            assert "cannot be reached" in reply.text
