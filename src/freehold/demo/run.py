"""`freehold demo`: the sample SaaS with Freehold in front of it, in one process on a temporary directory, and two agents using it."""

import asyncio
import errno
import json
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from rich.console import Console

from freehold.app import Application, build
from freehold.demo import story
from freehold.demo.loopback import HOST, address, serving, take
from freehold.demo.session import Agent, connected, isolation, sessions
from freehold.demo.trackline import CUSTOMERS, PublishedKeys, ServiceTokens, Store, seed, trackline
from freehold.kit.errors import Misconfigured
from freehold.kit.logs import configure
from freehold.settings import Settings, SourceSettings

PLANS = {"acme": "pro", "globex": "free"}
USERS = {"acme": "product-lead", "globex": "field-support"}
ACTS = 2
"""Acts a tenant's session needs of the operator: making the tenant, minting the token."""
SCOPES = ("mcp:read", "mcp:write")
INSTRUCTIONS = "Trackline holds a team's projects, tasks and comments. Look tasks up before you change them."


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs during the demo."""

    house: Application
    url: str
    """The MCP endpoint."""
    tools: int


async def demo(*, once: bool, as_json: bool, port: int | None) -> int:
    """Show the product in motion. 0 when everything held; the table and prose go to stderr when `as_json`."""
    began = time.perf_counter()
    configure("error", sys.stderr)
    console = Console(stderr=as_json, highlight=False)
    story.begin(console)
    async with raised(console, port) as stage:
        found = await play(console, stage, began)
        story.end(console, found)
        if as_json:
            sys.stdout.write(json.dumps(found.line, separators=(",", ":")) + "\n")
            sys.stdout.flush()
        if not once:
            await keep_serving(console, stage)
    return 0 if found.isolation.holds and found.verified else 1


@asynccontextmanager
async def raised(console: Console, port: int | None) -> AsyncGenerator[Stage]:
    """Trackline and Freehold, serving. Their addresses are taken first: each must know the other's."""
    with ExitStack() as held:
        folder = Path(held.enter_context(TemporaryDirectory(prefix="freehold-demo-")))
        api, front = held.enter_context(take()), held.enter_context(taken(port))
        async with AsyncExitStack() as stack:
            store = Store(folder / "trackline.db", time.time)
            stack.callback(store.close)
            seed(store, time.time())
            keys = PublishedKeys(f"{address(front)}/.well-known/jwks.json")
            tokens = ServiceTokens(issuer=address(front), audience=address(api), keys=keys)
            await stack.enter_async_context(serving(trackline(store, tokens, url=address(api)), api))
            story.step(console, f"Trackline and its own API run at {address(api)}")
            house = build(settings(folder, address(api), front.getsockname()[1]))
            await stack.enter_async_context(house.running())
            await stack.enter_async_context(serving(house.asgi, front))
            tools = len(house.catalog.tools)
            story.step(console, f"Freehold made {tools} tools of its OpenAPI document, at {address(front)}/mcp")
            yield Stage(house, f"{address(front)}/mcp", tools)


def taken(port: int | None) -> socket.socket:
    """The socket Freehold is to listen on."""
    try:
        return take(port or 0)
    except OSError as fault:
        why = "is in use" if fault.errno == errno.EADDRINUSE else "cannot be listened on"
        raise Misconfigured(f"Port {port} {why}. Choose another with --port, or leave it out for a free one.") from None


def settings(folder: Path, api: str, port: int) -> Settings:
    """What an operator would write into freehold.toml."""
    return Settings(
        name="trackline",
        title="Trackline",
        instructions=INSTRUCTIONS,
        host=HOST,
        port=port,
        data_dir=folder / "freehold",
        outbound_allow=(api.removeprefix("http://"),),
        sources={"trackline": SourceSettings(openapi=f"{api}/openapi.json")},
    )


async def play(console: Console, stage: Stage, began: float) -> story.Findings:
    """Both customers' sessions, then what they came to."""
    for tenant, plan in PLANS.items():
        await stage.house.administration.create_tenant(tenant, name=CUSTOMERS[tenant].name, plan=plan)
    story.step(console, "Two customers with an agent each; without mcp:admin none of them may delete")
    try:
        async with AsyncExitStack() as stack:
            bars = stack.enter_context(story.bars(console))
            one, other = [await joined(stack, stage, bars, tenant) for tenant in PLANS]
            await sessions(one, other)
    except BaseExceptionGroup as faults:  # the client's task groups wrap whatever happens inside them
        raise first(faults) from None
    return await judged(stage, (one, other), began)


def first(faults: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first fault that is no group of others."""
    fault = faults.exceptions[0]
    return first(cast("BaseExceptionGroup[BaseException]", fault)) if isinstance(fault, BaseExceptionGroup) else fault


async def joined(stack: AsyncExitStack, stage: Stage, bars: story.Bars, tenant: str) -> Agent:
    """A customer's agent, connected with a token of its own."""
    token = await stage.house.administration.mint_token(tenant, USERS[tenant], scopes=SCOPES)
    client = await stack.enter_async_context(connected(stage.url, token))
    return Agent(tenant, CUSTOMERS[tenant].marker, client, bars.add(f"{tenant:<7}").at)


async def judged(stage: Stage, agents: tuple[Agent, Agent], began: float) -> story.Findings:
    """Search the answers and recompute the ledger."""
    one, other = (agent.tenant for agent in agents)
    book = stage.house.book
    return story.Findings(
        agents=agents,
        plans=(PLANS[one], PLANS[other]),
        charged=(await book.units_since(one, 0), await book.units_since(other, 0)),
        isolation=isolation(*agents),
        acts=ACTS * len(agents),
        book=await book.verify(),
        tools=stage.tools,
        seconds=time.perf_counter() - began,
    )


async def keep_serving(console: Console, stage: Stage) -> None:
    """Say how to come in, and wait to be stopped."""
    secret, _ = await stage.house.administration.create_key("acme", name="demo", scopes=SCOPES)
    story.invite(console, url=stage.url, key=secret, name="trackline", tenant="acme")
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C ends the loop instead
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    console.print("\n Stopped. Its data was temporary and is removed.")
