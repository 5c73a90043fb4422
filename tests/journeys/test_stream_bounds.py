"""How many streams there may be: for one caller, one tenant and the whole process; what is closed makes room again (SSE-01)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from freehold.settings import PlanSettings, Settings
from tests.events import Stream
from tests.features import everything
from tests.handshakes import initialized
from tests.listening import EVERY_LIST, listening
from tests.processes import soon
from tests.served import Served, served

pytestmark = pytest.mark.anyio

OWN = 64
"""Streams one caller may have."""


@pytest.fixture
def capped(sqlite_url: str, tmp_path: Path) -> Callable[[int], Settings]:
    """Settings for that many streams."""
    common = {
        "data_dir": tmp_path / "data",
        "database_url": sqlite_url,
        "boundary": False,
        "plans": {"open": PlanSettings()},
        "default_plan": "open",
    }
    return lambda most: Settings(**common, stream_cap=most)


@asynccontextmanager
async def bounded(settings: Settings, *tenants: str) -> AsyncIterator[Served]:
    """A server of one of everything, with tenants."""
    async with served(settings, functions=[everything([]).functions]) as server:
        for tenant in tenants:
            await server.tenant(tenant)
        yield server


async def opened(stack: AsyncExitStack, server: Served, token: str) -> Stream:
    """A stream that was acknowledged."""
    stream = await stack.enter_async_context(listening(server, token))
    assert "id" not in await stream.next()
    return stream


async def refused(server: Served, token: str) -> None:
    """One more is refused, in words, with the id and the time to come back; the caller's calls are not."""
    async with asyncio.timeout(10):
        reply = await server.modern("subscriptions/listen", {"notifications": EVERY_LIST}, token=token, number="more")
    assert (reply.status, reply.json["id"], reply.json["error"]["data"]["code"]) == (429, "more", "too_many_streams")
    assert int(reply.headers["retry-after"]) > 0
    client = await initialized(server, token=token)
    async with client.listen(server) as stream:
        assert stream.answer.status == 429
    assert (await server.call("echo", {"text": "still served"}, token=token)).text == "still served"


async def left(server: Served, count: int) -> None:
    """Return once that many are open."""

    async def true() -> bool:
        return server.application.doors.streams.count == count

    await soon(true)


async def test_one_caller_has_its_share(capped: Callable[[int], Settings]) -> None:
    """A caller's 65th stream is refused, of either era; a colleague has a share of its own, and a closed stream makes room."""
    async with bounded(capped(1_000), "acme") as server, AsyncExitStack() as stack:
        mine, colleague = server.tokens["acme"], await server.token("acme", user="colleague")
        client = await initialized(server)
        first = await stack.enter_async_context(client.listen(server))
        for _ in range(OWN - 1):
            await opened(stack, server, mine)
        await refused(server, mine)
        await opened(stack, server, colleague)
        first.answer.close()
        await left(server, OWN)
        await opened(stack, server, mine)
        await refused(server, mine)


async def test_one_tenant_has_a_quarter(capped: Callable[[int], Settings]) -> None:
    """However many users a tenant has, a quarter of all streams is theirs; another tenant finds room."""
    async with bounded(capped(12), "acme", "globex") as server, AsyncExitStack() as stack:
        users = [await server.token("acme", user=f"user-{number}") for number in range(5)]
        for token in users[:3]:
            await opened(stack, server, token)
        for token in users[3:]:
            await refused(server, token)
        await opened(stack, server, server.tokens["globex"])


async def test_one_process_has_a_most(capped: Callable[[int], Settings]) -> None:
    """When all streams are taken nobody gets another, until one closes; who held none before gets that one."""
    tenants = [f"tenant-{number}" for number in range(5)]
    async with bounded(capped(4), *tenants) as server, AsyncExitStack() as stack:
        streams = [await opened(stack, server, server.tokens[tenant]) for tenant in tenants[:4]]
        await refused(server, server.tokens[tenants[4]])
        streams[0].answer.close()
        await left(server, 3)
        await opened(stack, server, server.tokens[tenants[4]])


async def test_what_was_never_open_holds_no_place(capped: Callable[[int], Settings]) -> None:
    """Streams refused for their filter, or because the client takes none, leave the places as they were; so do streams that we end."""
    async with bounded(capped(4), "acme") as server, AsyncExitStack() as stack:
        token = server.tokens["acme"]
        for _ in range(3):
            assert (await server.modern("subscriptions/listen", {"notifications": []}, token=token)).status == 400
            only_json = {"accept": "application/json"}
            reply = await server.modern("subscriptions/listen", {"notifications": {}}, token=token, headers=only_json, number=0)
            assert (reply.status, reply.json["id"], reply.json["error"]["code"]) == (400, 0, -32600)
        assert server.application.doors.streams.count == 0
        stream = await opened(stack, server, token)
        server.application.doors.streams.close()
        assert len(await stream.rest()) == 1
        await left(server, 0)
        turned_away = await server.modern("subscriptions/listen", {"notifications": {}}, token=token)
        assert (turned_away.status, turned_away.headers["retry-after"]) == (503, "1")
        server.application.doors.streams.open()
        await opened(stack, server, token)
