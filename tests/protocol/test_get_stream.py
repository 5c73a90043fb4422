"""The GET stream of a session: who gets one, what it is told at once, and when it ends (2025-x, Listening for Messages)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from freehold.settings import Settings
from tests.changing import shop
from tests.clocks import HandClock
from tests.features import everything, featured
from tests.handshakes import Client, initialized
from tests.listening import PROMPTS_CHANGED, TOOLS_CHANGED
from tests.served import MODERN, Reply, Served, served

pytestmark = pytest.mark.anyio

WEEKS = 8 * 86_400.0


async def asked(server: Served, client: Client) -> Reply:
    """What GET answers when it is no stream."""
    headers = {**client.headers, "authorization": f"Bearer {client.token}", "accept": "text/event-stream"}
    async with asyncio.timeout(10):
        return await server.request("GET", "/mcp", headers=headers)


async def change(server: Served, client: Client, what: str) -> None:
    """Have a tool say that something changed."""
    assert (await client.ask(server, "tools/call", {"name": "change", "arguments": {"what": what}})).status == 200


@pytest.fixture
async def pair(replicated: Settings) -> AsyncIterator[tuple[Served, Served]]:
    """Two servers on the same stores."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(featured(replicated, []))
        other = await stack.enter_async_context(featured(replicated, [], tenants=()))
        other.tokens.update(one.tokens)
        yield one, other


async def test_there_is_no_stream_without_a_session(features: Served) -> None:
    """GET without a session, or as a client of 2026-07-28, is 405 and names what is allowed; without a credential it is 401."""
    client = await initialized(features)
    for other in (replace(client, session=None), replace(client, revision=MODERN), replace(client, session=None, revision="2025-03-26")):
        reply = await asked(features, other)
        assert reply.status == 405
        assert "POST" in reply.headers["allow"]
        assert "event-stream" not in reply.headers["content-type"]
    assert (await asked(features, replace(client, token=""))).status == 401
    assert features.application.doors.streams.count == 0


async def test_a_strange_session_gets_no_stream(features: Served) -> None:
    """An id that is another caller's, or not quite what was given out, is 404 as an unknown one is (SSE-08)."""
    client = await initialized(features)
    session = client.session or ""
    strangers = [features.tokens["globex"], await features.token("acme", user="colleague")]
    changed = [session[:9] + "!" + session[9:], session + "=", session[:-1], session.swapcase(), "x"]
    for other in [replace(client, token=token) for token in strangers] + [replace(client, session=one) for one in changed]:
        reply = await asked(features, other)
        assert (reply.status, reply.json["error"]["data"]["code"]) == (404, "session_unknown")
    assert features.application.doors.streams.count == 0


async def test_what_changed_since_the_session_began_is_told_at_once(plain: Settings, tmp_path: Path) -> None:
    """A client that was not listening when its tools changed hears it as soon as it does, and hears nothing of lists that are the same."""
    sold = shop(tmp_path)
    async with served(sold.added(plain), functions=[everything([]).functions]) as server:
        await server.tenant("acme")
        before = await initialized(server)
        await sold.refresh(server, two="Two.")
        after = await initialized(server)
        async with before.listen(server) as old, after.listen(server) as new:
            assert (await old.next())["method"] == TOOLS_CHANGED
            await change(server, before, "prompts")
            assert [(await stream.next())["method"] for stream in (old, new)] == [PROMPTS_CHANGED] * 2


async def test_a_resource_may_be_watched_and_change_anywhere(pair: tuple[Served, Served]) -> None:
    """Subscribed and updated at one replica, told on the stream at the other; a session that watches another resource hears nothing."""
    one, other = pair
    client, idle = await initialized(one), await initialized(one)
    async with client.listen(one) as stream, idle.listen(one) as silent:
        await client.ask(other, "resources/subscribe", {"uri": "note://welcome"})
        await idle.ask(other, "resources/subscribe", {"uri": "note://pixel"})
        await change(other, client, "resource")
        heard = await stream.next()
        assert (heard["method"], heard["params"]) == ("notifications/resources/updated", {"uri": "note://welcome"})
        await change(other, client, "tools")
        assert [(await each.next())["method"] for each in (stream, silent)] == [TOOLS_CHANGED] * 2


@pytest.mark.parametrize("at", [0, 1], ids=["here", "at the other replica"])
async def test_the_stream_of_an_ended_session_ends(pair: tuple[Served, Served], at: int) -> None:
    """DELETE, at whichever replica, ends the session's stream without another word; the caller's other session listens on."""
    client, other = await initialized(pair[0]), await initialized(pair[0])
    async with client.listen(pair[0]) as stream, other.listen(pair[0]) as on:
        headers = {**client.headers, "authorization": f"Bearer {client.token}"}
        assert (await pair[at].request("DELETE", "/mcp", headers=headers)).status == 200
        assert await asyncio.wait_for(stream.rest(), 10) == []
        await change(pair[0], other, "tools")
        assert (await on.next())["method"] == TOOLS_CHANGED
        assert (await asked(pair[0], client)).status == 404


async def test_a_stream_does_not_outlive_its_session(plain: Settings) -> None:
    """When the session's time is over its stream ends, though the credential is good for ever; until then silence is kept alive."""
    clock = HandClock()
    async with served(plain, functions=[everything([]).functions], clock=clock) as server:
        await server.tenant("acme")
        secret, _ = await server.application.administration.create_key("acme")
        client = await initialized(server, token=secret)
        async with client.listen(server) as stream:
            clock.advance(15)
            assert (await asyncio.wait_for(stream.answer.content.readline(), 10)).startswith(b":")
            clock.advance(WEEKS)
            assert await asyncio.wait_for(stream.rest(), 10) == []
        assert server.application.doors.streams.count == 0
