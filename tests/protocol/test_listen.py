"""subscriptions/listen: acknowledged first, told only what was asked for, ended with a result (basic/patterns/subscriptions)."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from freehold import Freehold
from freehold.settings import Settings
from tests.clocks import HandClock
from tests.features import everything, featured
from tests.listening import EVERY_LIST, PROMPTS_CHANGED, SUBSCRIPTION, TOOLS_CHANGED, listening
from tests.served import Served, served

pytestmark = pytest.mark.anyio


async def change(server: Served, what: str, tenant: str = "acme") -> None:
    """Have a tool say that something changed."""
    await server.call("change", {"what": what}, token=server.tokens[tenant])


@pytest.mark.parametrize("number", ["s1", 5, 0, ""])
async def test_the_first_message_acknowledges(features: Served, number: int | str) -> None:
    """The stream opens with what is honoured of the filter, tagged with the id of the request in its own type."""
    async with listening(
        features, features.tokens["acme"], {**EVERY_LIST, "resourceSubscriptions": ["note://welcome", "note://nobody"]}, number=number
    ) as stream:
        first = await stream.next()
        assert stream.answer.status == 200
        assert stream.answer.headers["x-accel-buffering"] == "no"
        assert first["method"] == "notifications/subscriptions/acknowledged"
        assert "id" not in first
        assert first["params"]["notifications"] == {**EVERY_LIST, "resourceSubscriptions": ["note://welcome"]}
        tag = first["params"]["_meta"][SUBSCRIPTION]
        assert (tag, type(tag)) == (number, type(number))


async def test_lists_the_server_does_not_have_are_left_out(plain: Settings) -> None:
    """A server of tools only honours nothing else of a filter, and refuses none of it."""
    app = Freehold("plain")
    app.tool(lambda: "x", name="x", description="X.", read_only=True)
    wanted = {**EVERY_LIST, "resourceSubscriptions": ["note://welcome"]}
    async with served(plain, functions=[app.functions]) as server, listening(server, await server.tenant("acme"), wanted) as stream:
        assert (await stream.next())["params"]["notifications"] == {"toolsListChanged": True}


async def test_what_happened_before_is_not_told(features: Served) -> None:
    """Nothing is told again: a stream begins with what happens after its acknowledgement, also one that is opened anew."""
    await change(features, "tools")
    for what, method in (("prompts", PROMPTS_CHANGED), ("tools", TOOLS_CHANGED)):
        async with listening(features, features.tokens["acme"], EVERY_LIST) as stream:
            await stream.next()
            await change(features, what)
            assert (await stream.next())["method"] == method
            await change(features, "resources")


KINDS = {
    "tools": ("toolsListChanged", "notifications/tools/list_changed"),
    "prompts": ("promptsListChanged", "notifications/prompts/list_changed"),
    "resources": ("resourcesListChanged", "notifications/resources/list_changed"),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_only_what_was_asked_for_is_told(features: Served, kind: str) -> None:
    """Of all that changes, a stream hears the kinds it opted into, each tagged; false is no wish."""
    member, method = KINDS[kind]
    wanted = {name: name == member for name, _ in KINDS.values()}
    async with listening(features, features.tokens["acme"], wanted) as stream:
        assert (await stream.next())["params"]["notifications"] == {member: True}
        for what in [*(other for other in KINDS if other != kind), "resource", kind]:
            await change(features, what)
        heard = await stream.next()
        assert heard["method"] == method
        assert heard["params"]["_meta"] == {SUBSCRIPTION: "s1"}


async def test_an_updated_resource_is_told_to_those_who_follow_it(features: Served) -> None:
    """A resource's update names it, and reaches no stream that follows another one."""
    token, others = features.tokens["acme"], {"resourceSubscriptions": ["note://pixel"], "toolsListChanged": True}
    async with (
        listening(features, token, others, number="other") as other,
        listening(features, token, {"resourceSubscriptions": ["note://welcome"]}) as stream,
    ):
        await stream.next()
        await other.next()
        await change(features, "resource")
        heard = await stream.next()
        assert heard["method"] == "notifications/resources/updated"
        assert heard["params"] == {"uri": "note://welcome", "_meta": {SUBSCRIPTION: "s1"}}
        await change(features, "tools")
        assert (await other.next())["method"] == "notifications/tools/list_changed"


async def test_streams_stand_side_by_side(features: Served) -> None:
    """Two subscriptions of one client each hear with their own tag; progress and log messages go to neither."""
    async with (
        listening(features, features.tokens["acme"], {"toolsListChanged": True}, number=1) as one,
        listening(features, features.tokens["acme"], {"toolsListChanged": True}, number=2) as two,
    ):
        await one.next()
        await two.next()
        meta = {"progressToken": "p", "io.modelcontextprotocol/logLevel": "debug"}
        for tool in ("advance", "chat"):
            await features.modern("tools/call", {"name": tool, "arguments": {}, "_meta": meta}, token=features.tokens["acme"])
        await change(features, "tools")
        heard = [await one.next(), await two.next()]
        assert [message["method"] for message in heard] == ["notifications/tools/list_changed"] * 2
        assert [message["params"]["_meta"][SUBSCRIPTION] for message in heard] == [1, 2]


async def test_another_tenant_hears_nothing(features: Served) -> None:
    """What changed for one tenant is told to that tenant only (SSE-04)."""
    async with (
        listening(features, features.tokens["globex"], EVERY_LIST) as theirs,
        listening(features, features.tokens["acme"], EVERY_LIST) as ours,
    ):
        await theirs.next()
        await ours.next()
        await change(features, "tools")
        assert (await ours.next())["method"] == "notifications/tools/list_changed"
        await change(features, "prompts", tenant="globex")
        assert (await theirs.next())["method"] == "notifications/prompts/list_changed"


async def test_any_replica_tells(replicated: Settings) -> None:
    """A change noticed by one replica reaches the streams that are open at another one."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(featured(replicated, []))
        other = await stack.enter_async_context(featured(replicated, [], tenants=()))
        other.tokens.update(one.tokens)
        async with listening(one, one.tokens["acme"], EVERY_LIST) as stream:
            await stream.next()
            await change(other, "tools")
            assert (await stream.next())["method"] == "notifications/tools/list_changed"


async def test_a_server_that_stops_ends_its_streams_with_a_result(plain: Settings) -> None:
    """On the way out each stream gets the response to its request, tagged, and is closed."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(featured(plain, []))
        stream = await stack.enter_async_context(listening(server, server.tokens["acme"], EVERY_LIST, number=9))
        await stream.next()
        server.application.drain()
        (last,) = await stream.rest()
        assert last["id"] == 9
        assert last["result"]["resultType"] == "complete"
        assert last["result"]["_meta"][SUBSCRIPTION] == 9


async def test_a_silent_stream_shows_that_it_lives(plain: Settings) -> None:
    """After a while without messages a comment goes out, which is no event."""
    clock = HandClock()
    async with served(plain, functions=[everything([]).functions], clock=clock) as server:
        await server.tenant("acme")
        async with listening(server, server.tokens["acme"], EVERY_LIST) as stream:
            await stream.next()
            clock.advance(15.0)
            line = await asyncio.wait_for(stream.answer.content.readline(), 10)
            assert line.startswith(b":")
        server.application.drain()  # while the clock stands still nobody looks whether a client has gone


REFUSED: dict[str, object] = {
    "nothing": None,
    "a list": ["toolsListChanged"],
    "a flag that is none": {"toolsListChanged": "yes"},
    "no list of URIs": {"resourceSubscriptions": "note://welcome"},
    "URIs that are none": {"resourceSubscriptions": [5]},
    "too many URIs": {"resourceSubscriptions": [f"note://{number}" for number in range(101)]},
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_malformed_filter_is_refused(features: Served, case: str) -> None:
    """A filter of another shape is -32602 in JSON, and no stream is opened."""
    reply = await features.modern("subscriptions/listen", {"notifications": REFUSED[case]}, token=features.tokens["acme"], number="n")
    assert (reply.status, reply.json["error"]["code"], reply.json["id"]) == (400, -32602, "n")
    assert reply.headers["content-type"] == "application/json"


async def test_following_tasks_needs_the_extension(features: Served) -> None:
    """A client that did not declare tasks on this request cannot follow one: -32021 names the extension."""
    reply = await features.modern("subscriptions/listen", {"notifications": {"taskIds": ["x"]}}, token=features.tokens["acme"])
    assert (reply.status, reply.json["error"]["code"]) == (400, -32021)
    assert reply.json["error"]["data"]["requiredCapabilities"] == {"extensions": {"io.modelcontextprotocol/tasks": {}}}
