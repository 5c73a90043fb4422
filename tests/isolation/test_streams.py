"""Open streams tell nobody what is not theirs, and outlive neither the credential they were opened with nor its tenant."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from freehold import Context, Freehold
from freehold.kit.jose import LEEWAY
from freehold.settings import Settings
from tests.clocks import HandClock
from tests.events import Stream
from tests.handshakes import Client, initialized
from tests.listening import EVERY_LIST, TOOLS_CHANGED, listening
from tests.processes import soon
from tests.served import EVERY_SCOPE, META, Served, served

pytestmark = pytest.mark.anyio

CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
TASKS = {**META, CAPABILITIES: {"extensions": {"io.modelcontextprotocol/tasks": {}}}}
READER = ("mcp:read", "mcp:write")
SILENCE = 15.0


def noting() -> Freehold:
    """Two notes, one for administrators only; a tool that says that both were updated and the tools changed, and a long one."""
    app = Freehold("noting")

    @app.resource("note://open")
    async def open_note() -> str:
        """For everybody."""
        return "open"

    @app.resource("note://secret", scopes=["mcp:admin"])
    async def secret_note() -> str:
        """For administrators."""
        return "secret"

    @app.tool(read_only=True)
    async def change(context: Context) -> str:
        """Say that everything changed."""
        await context.resource_updated("note://open")
        await context.resource_updated("note://secret")
        await context.tools_changed()
        return "done"

    @app.tool(read_only=True, task="required")
    async def work() -> str:
        """Something that becomes a task."""
        return "worked"

    return app


@pytest.fixture
def clock() -> HandClock:
    """The server's clock."""
    return HandClock()


@pytest.fixture
async def server(settings: Settings, clock: HandClock) -> AsyncIterator[Served]:
    """A server of the notes with two tenants; its time is turned by hand."""
    async with served(settings, functions=[noting().functions], clock=clock) as running:
        await running.tenant("acme")
        await running.tenant("globex")
        yield running
        running.application.drain()  # while the clock stands still nobody looks whether a client has gone


async def change(server: Served, tenant: str) -> None:
    """Everything changes for one tenant."""
    assert (await server.call("change", token=server.tokens[tenant])).status == 200


async def until_tools(stream: Stream) -> list[Mapping[str, Any]]:
    """What was told, up to the notice that comes last."""
    heard = []
    while not heard or heard[-1]["method"] != TOOLS_CHANGED:
        heard.append(await stream.next())
    return heard


async def test_interleaved_tenants_hear_only_their_own(server: Served) -> None:
    """Lists and resources of two tenants with equal names and equal subscriptions never cross, in either era (SSE-04, SSE-09)."""
    wanted = {**EVERY_LIST, "resourceSubscriptions": ["note://open"]}
    async with AsyncExitStack() as stack:
        modern = {name: await stack.enter_async_context(listening(server, token, wanted)) for name, token in server.tokens.items()}
        old = {name: await stack.enter_async_context((await watching(server, name)).listen(server)) for name in server.tokens}
        for stream in modern.values():
            await stream.next()
        for times in (3, 2):
            for _ in range(times):
                await change(server, "acme")
                for stream in (modern["acme"], old["acme"]):
                    told = await until_tools(stream)
                    assert [one["params"]["uri"] for one in told[:-1]] == ["note://open"]
        await change(server, "globex")
        for stream in (modern["globex"], old["globex"]):
            assert [one["method"] for one in await until_tools(stream)] == ["notifications/resources/updated", TOOLS_CHANGED]
        server.application.drain()
        assert [len(await stream.rest()) for stream in (*modern.values(), *old.values())] == [1, 1, 0, 0]


async def test_a_task_is_told_to_its_own_caller_only(server: Served) -> None:
    """Another tenant, and a colleague within the tenant, who know a task's id and follow it, hear nothing of it."""
    colleague = await server.token("acme", user="colleague")
    async with AsyncExitStack() as stack:
        task = await ended_task(server, "acme")
        wanted = {"toolsListChanged": True, "taskIds": [task]}
        tokens = (server.tokens["acme"], colleague, server.tokens["globex"])
        streams = [await stack.enter_async_context(listening(server, token, wanted, meta=TASKS)) for token in tokens]
        for stream in streams:
            await stream.next()
        server.application.doors.streams.task_changed("acme", task)
        server.application.doors.streams.task_changed("globex", task)
        for tenant in server.tokens:
            await change(server, tenant)
        assert [one["method"] for one in await until_tools(streams[0])] == ["notifications/tasks", TOOLS_CHANGED]
        assert [len(await until_tools(stream)) for stream in streams[1:]] == [1, 1]


async def test_a_resource_beyond_the_scopes_is_not_followed(server: Served) -> None:
    """A listener is told of resources it may read; of others not even that they are there."""
    reader = await server.token("acme", user="reader", scopes=READER)
    narrow = await server.token("acme", user="narrow", scopes=EVERY_SCOPE, tools=["change"])
    wanted = {"toolsListChanged": True, "resourceSubscriptions": ["note://open", "note://secret", "note://nobody"]}
    seen = {reader: ["note://open"], narrow: [], server.tokens["acme"]: ["note://open", "note://secret"]}
    for token, uris in seen.items():
        async with listening(server, token, wanted) as stream:
            assert (await stream.next())["params"]["notifications"].get("resourceSubscriptions", []) == uris
            await change(server, "acme")
            assert [one["params"]["uri"] for one in (await until_tools(stream))[:-1]] == uris


async def revoked(server: Served, key: str) -> None:
    """The key is revoked."""
    await server.application.administration.revoke_key("acme", key)


async def suspended(server: Served, _key: str) -> None:
    """The tenant is suspended."""
    await server.application.administration.suspend_tenant("acme")


ENDS: dict[str, Callable[[Served, str], Awaitable[None]]] = {"revoked": revoked, "suspended": suspended}


@pytest.mark.parametrize("how", ENDS)
async def test_a_stream_ends_with_its_credential(server: Served, clock: HandClock, how: str) -> None:
    """A revoked key and a suspended tenant end their streams of both eras within one keep-alive, and nothing is told after; others
    listen on (SSE-03)."""
    secret, key = await server.application.administration.create_key("acme", scopes=EVERY_SCOPE)
    async with AsyncExitStack() as stack:
        doomed = await both(stack, server, secret)
        kept = await both(stack, server, server.tokens["globex"])
        await ENDS[how](server, key.key_id)
        clock.advance(SILENCE)
        ends = [await asyncio.wait_for(stream.rest(), 10) for stream in doomed]
        assert [[one.get("method") for one in last] for last in ends] == [[None], []]
        await change(server, "globex")
        assert [(await until_tools(stream))[-1]["method"] for stream in kept] == [TOOLS_CHANGED] * 2
        assert server.application.doors.streams.count == 2


async def test_a_stream_ends_when_its_token_does(server: Served, clock: HandClock) -> None:
    """An access token that is over ends the stream opened with it; one that lasts longer keeps its own (SSE-03)."""
    short, long = await server.token("acme", expires_in=60), await server.token("acme", expires_in=600)
    async with AsyncExitStack() as stack:
        doomed, kept = await both(stack, server, short), await both(stack, server, long)
        clock.advance(60 + LEEWAY)
        assert [len(await asyncio.wait_for(stream.rest(), 10)) for stream in doomed] == [1, 0]
        server.tokens["acme"] = long
        await change(server, "acme")
        assert [(await until_tools(stream))[-1]["method"] for stream in kept] == [TOOLS_CHANGED] * 2


async def both(stack: AsyncExitStack, server: Served, credential: str) -> Sequence[Stream]:
    """Streams of both eras, the modern one acknowledged."""
    modern = await stack.enter_async_context(listening(server, credential))
    await modern.next()
    client = await initialized(server, token=credential)
    return modern, await stack.enter_async_context(client.listen(server))


async def watching(server: Served, tenant: str) -> Client:
    """A client of yesterday that watches the open note."""
    client = await initialized(server, tenant=tenant)
    assert (await client.ask(server, "resources/subscribe", {"uri": "note://open"})).status == 200
    return client


async def ended_task(server: Served, tenant: str) -> str:
    """The id of a task of the tenant's user, once it is over."""
    token = server.tokens[tenant]
    reply = await server.modern("tools/call", {"name": "work", "arguments": {}, "_meta": TASKS}, token=token)
    task = str(reply.json["result"]["taskId"])

    async def over() -> bool:
        answer = await server.modern("tasks/get", {"taskId": task, "_meta": TASKS}, token=token)
        return answer.json["result"]["status"] == "completed"

    await soon(over)
    return task
