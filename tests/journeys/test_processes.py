"""Real `freehold serve` processes that are killed, or told to go, while they work."""

import asyncio
import itertools
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.journeys.kill_rounds import RATE, Source, killed
from tests.journeys.things import things
from tests.processes import OFFERED, Agent, Finished, Server, http, place, soon

pytestmark = pytest.mark.anyio

_CLIENTS = 20
CLEAN = Finished(0, "", "")


@pytest.mark.parametrize("source", ["python", "openapi"])
async def test_a_kill_under_load_loses_nothing_acknowledged(store_urls: tuple[str, str], tmp_path: Path, source: Source) -> None:
    """After each SIGKILL every call whose answer a client read is in the book exactly once, the book holds, and the next start serves."""
    async with killed(tmp_path, store_urls, source) as one:
        for number, rate in enumerate((RATE, 0, RATE)):
            before = len(one.acknowledged)
            await one.round(number, rate)
            assert len(one.acknowledged) > before
            found = await one.found()
            assert found.whole, found
        async with one.place.serving() as server, http() as session:
            await one.call(Agent(session, server.url, one.token), "again")
        assert Counter(entry["request_id"] for entry in await one.place.book("acme"))["again"] == 1


async def test_calls_in_flight_at_sigterm_get_their_answers(store_urls: tuple[str, str], tmp_path: Path) -> None:
    """While the API takes its time the server takes nobody new; then every call is answered and booked, and the exit code is 0."""
    async with things(tmp_path) as (api, lines):
        deployed = place(tmp_path, store_urls, lines)
        token = await deployed.tenant("acme")
        api.hold()
        async with deployed.serving() as server, http() as session:
            agent = Agent(session, server.url, token)
            calls = [asyncio.create_task(agent.call("get_thing", {"mark": f"m{number}"}, name=f"m{number}")) for number in range(_CLIENTS)]
            await api.up.until_asked(_CLIENTS)
            server.process.terminate()
            await soon(lambda: _refuses(server))
            assert not any(call.done() for call in calls)
            api.release()
            replies = await asyncio.gather(*calls)
            assert await server.ended() == CLEAN
        assert {reply.status for reply in replies} == {200}
        assert not any("isError" in reply.json["result"] for reply in replies)
        booked = await deployed.book("acme")
        assert sorted(entry["request_id"] for entry in booked) == sorted(f"m{number}" for number in range(_CLIENTS))
        assert {entry["outcome"] for entry in booked} == {"ok"}
        assert await deployed.verified()


async def test_sigterm_under_load_loses_no_accepted_call(store_urls: tuple[str, str], tmp_path: Path) -> None:
    """Clients that call a slow tool without pause: what is in the book is exactly what was answered, and nothing was answered badly."""
    deployed = place(tmp_path, store_urls, OFFERED)
    token = await deployed.tenant("acme")
    answered: list[str] = []
    every = asyncio.Barrier(_CLIENTS + 1)

    async def client(agent: Agent, mine: int) -> None:
        for count in itertools.count():
            name = f"{mine}-{count}"
            try:
                reply = await agent.call("slow" if mine % 2 else "echo", {"text": name}, name=name)
            except (aiohttp.ClientError, ConnectionError):
                return
            assert reply.status == 200
            assert name in reply.text
            answered.append(name)
            if count == 0:
                await every.wait()

    async with deployed.serving() as server, http() as session:
        agent = Agent(session, server.url, token)
        clients = [asyncio.create_task(client(agent, number)) for number in range(_CLIENTS)]
        await every.wait()
        server.process.terminate()
        await asyncio.gather(*clients)
        assert await server.ended() == CLEAN
    booked = Counter(entry["request_id"] for entry in await deployed.book("acme"))
    assert booked == Counter(answered)
    assert len(answered) > _CLIENTS
    assert await deployed.verified()


async def test_a_drain_ends_when_its_time_is_up(store_urls: tuple[str, str], tmp_path: Path) -> None:
    """A call that outlasts drain_seconds is cut off with a 503 in words and booked as cancelled, and the exit code is 0 all the same."""
    async with things(tmp_path) as (api, lines):
        deployed = place(tmp_path, store_urls, lines, FREEHOLD_DRAIN_SECONDS="0")
        token = await deployed.tenant("acme", plan="forty")
        api.hold()
        async with deployed.serving() as server, http() as session:
            call = asyncio.create_task(Agent(session, server.url, token).call("get_thing", {"mark": "m"}, name="m"))
            await api.up.until_asked()
            server.process.terminate()
            reply = await call
            assert (await server.ended()).code == 0
        assert (reply.status, reply.json["error"]["data"]["code"]) == (503, "draining")
        assert [(entry["request_id"], entry["outcome"], entry["units"]) for entry in await deployed.book("acme")] == [("m", "cancelled", 0)]


async def test_a_signal_during_the_start_ends_it(sqlite_url: str, tmp_path: Path) -> None:
    """A server that waits for its OpenAPI document goes at once when told to, with exit code 0 and without a word."""
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listener:
        host, port = listener.sockets[0].getsockname()
        toml = f'outbound_allow = ["{host}:{port}"]\n[sources.far]\nopenapi = "http://{host}:{port}/openapi.json"'
        starting = await place(tmp_path, (sqlite_url, "memory:"), toml).begin("serve")
        await asked.wait()
        starting.terminate()
        assert await starting.communicate() == (b"", b"")
        assert starting.returncode == 0


async def _refuses(server: Server) -> bool:
    """Whether nobody new gets a connection."""
    parts = urlsplit(server.url)
    try:
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False
