"""A rolling restart behind a load balancer, under load and with open streams: no call fails, every stream ends well and comes back."""

import asyncio
import itertools
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.balancing import Balancer, balancer
from tests.events import Stream
from tests.listening import TOOLS_CHANGED, listening
from tests.processes import Agent, Place, Server, http, place, soon

pytestmark = pytest.mark.anyio

CLIENTS, RATE = 8, 100.0
"""Clients with connections of their own, and calls a second of them all together."""
STREAMS = 50
SOURCE = '[sources.stirring]\npython = "tests.journeys.stirring:app"\n'
CUT = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
"""The connection was refused or reset before a byte of the answer came: nothing is known to have happened, so one tries again."""


@dataclass
class Caller:
    """Makes calls at its rate and tries again what was cut off; every try has a name of its own in the ledger."""

    url: str
    token: str
    mine: str
    answered: list[str] = field(default_factory=list)
    again: int = 0

    async def keep_calling(self, stop: asyncio.Event) -> None:
        """Until told to stop. An answer that is none raises."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        async with http() as session:
            agent = Agent(session, self.url, self.token)
            for number in itertools.count():
                if stop.is_set():
                    return
                await self._call(agent, number)
                due += CLIENTS / RATE
                await asyncio.sleep(max(0.0, due - loop.time()))  # real time: calls come at a rate

    async def _call(self, agent: Agent, number: int) -> None:
        for attempt in itertools.count():
            name = f"{self.mine}-{number}-{attempt}"
            try:
                reply = await agent.call("echo", {"text": name}, name=name)
            except CUT:
                self.again += 1
                await asyncio.sleep(0.01)  # real time: a client that comes back
                continue
            assert reply.status == 200, reply.body
            assert "isError" not in reply.json["result"]
            assert name in reply.text
            self.answered.append(name)
            return


@dataclass
class Listener:
    """Keeps one stream open, and opens it again when the server has ended it well."""

    agent: Agent
    number: int
    open: bool = False
    ended: int = 0
    """Streams that ended with their result."""
    cut: int = 0
    """Streams that were acknowledged and ended without."""
    heard: int = 0

    async def keep_listening(self) -> None:
        """For ever."""
        while True:
            try:
                async with listening(self.agent, self.agent.token, {"toolsListChanged": True}, number=self.number, seconds=120) as stream:
                    if stream.answer.status == 200:
                        await self._follow(stream)
                    else:
                        assert stream.answer.status == 503
            except CUT:
                pass
            await asyncio.sleep(0.05)  # real time: a client that comes back

    async def _follow(self, stream: Stream) -> None:
        """Acknowledged, told, ended with a result."""
        assert (await stream.next())["method"] == "notifications/subscriptions/acknowledged"
        self.open = True
        try:
            while "method" in (said := await stream.next()):
                assert said["method"] == TOOLS_CHANGED
                self.heard += 1
        except (EOFError, aiohttp.ClientError):
            self.cut += 1
        else:
            assert (said["id"], said["result"]["resultType"]) == (self.number, "complete")
            assert await stream.rest() == []
            self.ended += 1
        finally:
            self.open = False


@dataclass
class Fleet:
    """Two servers, what is in front of them, and everybody who uses them."""

    place: Place
    front: Balancer
    servers: list[Server]
    callers: list[Caller]
    listeners: list[Listener]

    async def restart(self, stack: AsyncExitStack, at: int) -> None:
        """SIGTERM, wait until it is gone, start another one in its place."""
        self.servers[at].process.send_signal(signal.SIGTERM)
        finished = await self.servers[at].ended()
        assert (finished.code, "Traceback" in finished.err) == (0, False), finished.err
        self.servers[at] = await stack.enter_async_context(self.place.serving())
        self.front.servers[at] = self.servers[at].url
        await self.all_listen()
        await self.more_calls()

    async def all_listen(self) -> None:
        """Return once every listener has a stream."""

        async def true() -> bool:
            return all(listener.open for listener in self.listeners)

        await soon(true, seconds=10)

    async def more_calls(self) -> None:
        """Return once every caller has had several answers more."""
        before = [len(caller.answered) for caller in self.callers]

        async def true() -> bool:
            return all(len(caller.answered) >= had + 5 for caller, had in zip(self.callers, before, strict=True))

        await soon(true, seconds=10)

    async def stir(self, server: Server) -> None:
        """Have this server say that something changed, and return once every listener has heard it."""
        heard = [listener.heard for listener in self.listeners]
        session = self.listeners[0].agent.session
        assert (await Agent(session, server.url, self.listeners[0].agent.token).call("stir")).status == 200

        async def true() -> bool:
            return all(listener.heard > before for listener, before in zip(self.listeners, heard, strict=True))

        await soon(true, seconds=10)


@asynccontextmanager
async def working(tasks: list["asyncio.Task[None]"]) -> AsyncIterator[None]:
    """While they work; what one of them raised is raised here."""
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [end for end in ends if isinstance(end, Exception)] == []


@asynccontextmanager
async def fleet(stack: AsyncExitStack, deployed: Place, token: str) -> AsyncIterator[Fleet]:
    """Both servers under load, every stream open."""
    servers = list(await asyncio.gather(*(stack.enter_async_context(deployed.serving()) for _ in range(2))))
    front = await stack.enter_async_context(balancer([server.url for server in servers]))
    session = await stack.enter_async_context(http())
    callers = [Caller(front.url, token, f"c{number}") for number in range(CLIENTS)]
    listeners = [Listener(Agent(session, front.url, token), number) for number in range(STREAMS)]
    stop = asyncio.Event()
    calling = [asyncio.create_task(caller.keep_calling(stop)) for caller in callers]
    async with working([asyncio.create_task(listener.keep_listening()) for listener in listeners]):
        it = Fleet(deployed, front, servers, callers, listeners)
        await it.all_listen()
        yield it
        stop.set()
        await asyncio.gather(*calling)


async def test_a_rolling_restart_fails_nobody(postgres_url: str, redis_url: str, tmp_path: Path) -> None:
    """Both replicas are restarted one after the other under 100 calls a second: each call is answered and in the ledger once, no call
    ran without its answer arriving; each stream ends with its result, is open again at the end, and is told by either replica (SSE-07).
    """
    deployed = place(tmp_path, (postgres_url, redis_url), SOURCE)
    token = await deployed.tenant("acme")
    async with AsyncExitStack() as stack, fleet(stack, deployed, token) as it:
        for at in (0, 1):
            await it.restart(stack, at)
        for server in it.servers:
            await it.stir(server)
    answered = Counter(name for caller in it.callers for name in caller.answered)
    booked = Counter(entry["request_id"] for entry in await deployed.book("acme") if entry["what"] == "echo")
    assert booked == answered
    assert max(answered.values()) == 1
    assert len(answered) > RATE
    assert [listener.cut for listener in it.listeners] == [0] * STREAMS
    assert [listener.heard for listener in it.listeners] == [2] * STREAMS
    assert sum(listener.ended for listener in it.listeners) > STREAMS
    assert it.front.refused > 0
    assert await deployed.verified()
