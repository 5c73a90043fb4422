"""After a refresh or a deploy connected clients learn of changed tools by themselves: those whose own list is another one, once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from freehold import Context, Freehold
from freehold.settings import PlanSettings, Settings
from tests.changing import Shop, shop
from tests.events import Stream
from tests.features import everything
from tests.handshakes import initialized
from tests.listening import PROMPTS_CHANGED, SUBSCRIPTION, TOOLS_CHANGED, listening
from tests.served import Served, served

pytestmark = pytest.mark.anyio

READER = ("mcp:read", "mcp:write")


def on(database: str, state: str, folder: Path) -> Settings:
    """Settings on these stores, without limits."""
    return Settings(
        data_dir=folder / "data",
        database_url=database,
        state_url=state,
        migrate_on_start=True,
        plans={"open": PlanSettings()},
        default_plan="open",
    )


@pytest.fixture
def sold(tmp_path: Path) -> Shop:
    """The source that changes."""
    return shop(tmp_path)


@pytest.fixture
async def server(settings: Settings, sold: Shop) -> AsyncIterator[Served]:
    """A server of it and of one of everything, with one tenant."""
    async with served(sold.added(settings), functions=[everything([]).functions]) as running:
        await running.tenant("acme")
        yield running


async def both(stack: AsyncExitStack, server: Served, token: str) -> Sequence[Stream]:
    """Streams of both eras with this token, opened after the handshake and ready to be told of changes."""
    modern = await stack.enter_async_context(listening(server, token))
    await modern.next()
    client = await initialized(server, token=token)
    return modern, await stack.enter_async_context(client.listen(server))


async def say(server: Served, what: str) -> None:
    """Have a tool say that something changed for all of acme."""
    await server.call("change", {"what": what}, token=server.tokens["acme"])


async def test_only_those_whose_own_view_changed_are_told(server: Served, sold: Shop) -> None:
    """A changed tool is news for who may see it; who lacks its scope, or may use other tools only, hears nothing, in neither era."""
    kept = await server.application.administration.mint_token("acme", "narrow", scopes=READER, tools=["get_one", "change"])
    async with AsyncExitStack() as stack:
        admins = await both(stack, server, server.tokens["acme"])
        readers = await both(stack, server, await server.token("acme", user="reader", scopes=READER))
        narrow = await both(stack, server, kept)
        await sold.refresh(server, secret="Another secret.")
        await say(server, "prompts")
        assert [(await stream.next())["method"] for stream in admins] == [TOOLS_CHANGED] * 2
        assert [(await stream.next())["method"] for stream in (*admins, *readers, *narrow)] == [PROMPTS_CHANGED] * 6
        await sold.refresh(server, secret="Another secret.", two="Two.")
        await say(server, "prompts")
        assert [(await stream.next())["method"] for stream in (*admins, *readers)] == [TOOLS_CHANGED] * 4
        assert [(await stream.next())["method"] for stream in (*admins, *readers, *narrow)] == [PROMPTS_CHANGED] * 6


async def test_what_is_told_is_already_served(server: Served, sold: Shop) -> None:
    """Who lists when told gets the new list, and a document that is the same as before is no news."""
    async with listening(server, server.tokens["acme"], number=3) as stream:
        await stream.next()
        await sold.refresh(server)
        await sold.refresh(server, two="Two.")
        heard = await stream.next()
        assert (heard["method"], heard["params"]["_meta"][SUBSCRIPTION]) == (TOOLS_CHANGED, 3)
        listed = (await server.modern("tools/list", token=server.tokens["acme"])).json["result"]["tools"]
        assert "get_two" in {tool["name"] for tool in listed}
        await say(server, "prompts")
        assert (await stream.next())["method"] == PROMPTS_CHANGED


async def test_a_refresh_at_one_replica_is_told_at_the_other(postgres_url: str, redis_url: str, sold: Shop, tmp_path: Path) -> None:
    """The replica that did not read the document follows, and tells those whose streams are open there, of both eras."""
    replicated = sold.added(on(postgres_url, redis_url, tmp_path))
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(served(replicated))
        other = await stack.enter_async_context(served(replicated))
        token = await one.tenant("acme")
        streams = await both(stack, other, token)
        await sold.refresh(one, two="Two.")
        assert [(await stream.next())["method"] for stream in streams] == [TOOLS_CHANGED] * 2


async def test_many_changes_together_are_told_once(sqlite_url: str, tmp_path: Path) -> None:
    """What happens again before it could be told is told once, and nothing is lost of another kind."""
    app = Freehold("restless")

    @app.prompt
    async def hello() -> str:
        """There are prompts."""
        return "Hello."

    @app.tool(read_only=True)
    async def stir(context: Context) -> str:
        """Change the tools often, the prompts once."""
        for _ in range(50):
            await context.tools_changed()
        await context.prompts_changed()
        return "done"

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(served(on(sqlite_url, "memory:", tmp_path), functions=[app.functions]))
        streams = await both(stack, server, await server.tenant("acme"))
        await server.call("stir", token=server.tokens["acme"])
        for stream in streams:
            assert [(await stream.next())["method"] for _ in range(2)] == [TOOLS_CHANGED, PROMPTS_CHANGED]
        server.application.drain()
        assert [len(await stream.rest()) for stream in streams] == [1, 0]
