"""Clients with a way of their own to Freehold: through a local bridge, and from a command line that connects for each thing it does."""

from collections.abc import AsyncIterator

import pytest

from tests.clients.conftest import Customers
from tests.clients.hosts import ANSWERS, Era, Fault, Host, host, text

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["modern", "legacy"])
def era(request: pytest.FixtureRequest) -> Era:
    """Both: the bridge and the inspector speak what they are asked to."""
    return request.param


@pytest.fixture
async def bridge(era: Era, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Host]:
    """The official Python client, which takes mcp-remote for a local server."""
    async with host("mcp-remote", era, tmp_path_factory.mktemp("bridge")) as running:
        yield running


@pytest.fixture
async def inspector(era: Era, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Host]:
    """The inspector's command line."""
    async with host("inspector", era, tmp_path_factory.mktemp("inspector")) as running:
        yield running


async def test_a_bridge_passes_everything_on(bridge: Host, featured: Customers) -> None:
    """Questions and their answers, progress, changes, resources and prompts go through mcp-remote both ways."""
    await bridge.connect(featured.server.url, await featured.token(featured.acme), ANSWERS)
    assert "Hello, Ada!" in text(await bridge.call("ask_name"))
    assert "client_roots greeting user_name" in text(await bridge.call("ask_all"))
    assert "done" in text(await bridge.call("advance"))
    steps = await bridge.say("heard", method="notifications/progress", count=3)
    assert [step["progress"] for step in steps] == [1, 2, 3.5]
    (note,) = (await bridge.say("read", uri="note://welcome"))["contents"]
    assert "Welcome." in note["text"]
    got = await bridge.say("prompt", name="review", arguments={"language": "rust"})
    assert "Review this rust" in got["messages"][0]["content"]["text"]
    if bridge.era == "modern":
        await bridge.say("listen", wanted={"toolsListChanged": True})
    await bridge.heard_changing("notifications/tools/list_changed", what="tools")
    assert await bridge.say("heard", method="notifications/prompts/list_changed", count=0) == []


async def test_the_inspector_reads_and_prompts(inspector: Host, featured: Customers) -> None:
    """Resources and prompts arrive; a tool that must ask first is refused in words, for nobody is there to answer."""
    await inspector.connect(featured.server.url, await featured.token(featured.acme))
    (note,) = (await inspector.say("read", uri="note://welcome"))["contents"]
    assert "Welcome." in note["text"]
    got = await inspector.say("prompt", name="review", arguments={"language": "rust"})
    assert "Review this rust" in got["messages"][0]["content"]["text"]
    assert "note://pixel" in {each["uri"] for each in await inspector.say("list", kind="resources")}
    assert [each["uriTemplate"] for each in await inspector.say("list", kind="templates")] == ["invoice://{number}/{part}"]
    unasked = await refusal(inspector)
    assert "does not declare a capability" in unasked
    assert "Hello" not in unasked
    assert ("ask_name", "ok") not in await featured.calls(featured.acme)


async def refusal(inspector: Host) -> str:
    """What it prints of a tool that asks: an error of 2026-07-28, or a result of the old era."""
    try:
        return str(await inspector.call("ask_name"))
    except Fault as fault:
        return str(fault)
