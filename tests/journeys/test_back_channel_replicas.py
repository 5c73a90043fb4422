"""A client of yesterday is asked by one `freehold serve` process and answers at another; what its session says reaches both."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.handshakes import Client, initialized
from tests.listening import TOOLS_CHANGED
from tests.processes import Place, http, place
from tests.served import Reply

pytestmark = pytest.mark.anyio

SOURCE = '[sources.stirring]\npython = "tests.journeys.stirring:app"\n'


@dataclass(frozen=True)
class At:
    """One of the servers, as clients of yesterday reach it."""

    session: aiohttp.ClientSession
    url: str

    async def post(self, body: object, token: str, *, headers: Mapping[str, str] | None = None) -> Reply:
        """POST as JSON."""
        sent = {"content-type": "application/json", "accept": "application/json, text/event-stream", "authorization": f"Bearer {token}"}
        async with self.session.post(f"{self.url}/mcp", data=json.dumps(body).encode(), headers={**sent, **(headers or {})}) as answer:
            return Reply(answer.status, {key.lower(): value for key, value in answer.headers.items()}, await answer.read())


@dataclass(frozen=True)
class Pair:
    """Two processes on one PostgreSQL and one Redis, and a client that began at the first."""

    place: Place
    one: At
    other: At
    client: Client


@pytest.fixture
async def pair(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Both serving."""
    async with AsyncExitStack() as stack:
        deployed = place(tmp_path, (postgres_url, redis_url), SOURCE)
        token = await deployed.tenant("acme")
        session = await stack.enter_async_context(http())
        one, other = [At(session, (await stack.enter_async_context(deployed.serving())).url) for _ in range(2)]
        yield Pair(deployed, one, other, await initialized(one, token=token))


ASKED: dict[str, tuple[str, dict[str, Any], str]] = {
    "greet": ("elicitation/create", {"action": "accept", "content": {"name": "Anna"}}, "Hello, Anna!"),
    "recall": ("sampling/createMessage", {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Paris"}}, "Paris"),
}


async def test_the_answer_may_reach_another_process(pair: Pair) -> None:
    """An elicitation and a sampling asked on one process's stream are answered by a POST to the other; each call is in the ledger once."""
    for tool, (method, answer, said) in ASKED.items():
        async with pair.client.call(pair.one, tool) as stream:
            asked = await stream.next()
            assert asked["method"] == method
            assert (await pair.client.answer(pair.other, "made up", answer)).status == 202
            assert (await pair.client.answer(pair.other, asked["id"], answer)).status == 202
            (result,) = await stream.rest()
        assert said in repr(result["result"]["content"])
        assert "isError" not in result["result"]
    assert [(entry["what"], entry["outcome"]) for entry in await pair.place.book("acme")] == [(tool, "ok") for tool in ASKED]


async def test_what_a_session_says_reaches_the_other_process(pair: Pair) -> None:
    """Its stream at one process is told what changes at the other, and ends when it is ended there; so does a call that waits."""
    client = pair.client
    async with client.listen(pair.one) as stream, client.call(pair.one, "greet") as waiting:
        await waiting.next()
        assert (await client.ask(pair.other, "tools/call", {"name": "stir", "arguments": {}})).status == 200
        assert (await stream.next())["method"] == TOOLS_CHANGED
        headers = {**client.headers, "authorization": f"Bearer {client.token}"}
        async with pair.other.session.delete(f"{pair.other.url}/mcp", headers=headers) as ended:
            assert ended.status == 200
        assert await stream.rest() == []
        (result,) = await waiting.rest()
    assert result["result"]["isError"] is True
    for server in (pair.one, pair.other):
        assert (await client.ask(server, "ping")).status == 404
