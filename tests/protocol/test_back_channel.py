"""Questions of a running call to a client of yesterday: who may answer, how often, where, and what ends the waiting (2025-11-25)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from freehold.settings import Settings
from tests.clocks import HandClock
from tests.entries import exported
from tests.features import everything, featured
from tests.handshakes import Client, initialized
from tests.served import Served, served

pytestmark = pytest.mark.anyio

ANNA = {"action": "accept", "content": {"name": "Anna"}}
BERT = {"action": "accept", "content": {"name": "Bert"}}
PARIS = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Paris"}}


async def booked(server: Served) -> list[tuple[str, str]]:
    """Which of acme's calls are in the ledger, and how each ended."""
    entries = await exported(server.application.book, "acme")
    return [(entry["what"], entry["outcome"]) for entry in entries if entry["kind"] == "call"]


async def end(server: Served, client: Client) -> int:
    """DELETE of its session; the status."""
    headers = {**client.headers, "authorization": f"Bearer {client.token}"}
    return (await server.request("DELETE", "/mcp", headers=headers)).status


def text(result: dict[str, Any]) -> str:
    """What a tool's result says."""
    return str(result["result"]["content"][0]["text"])


@pytest.fixture
async def pair(replicated: Settings, ran: list[str]) -> AsyncIterator[tuple[Served, Served]]:
    """Two servers on the same stores."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(featured(replicated, ran))
        other = await stack.enter_async_context(featured(replicated, ran, tenants=()))
        other.tokens.update(one.tokens)
        yield one, other


ASKING: dict[str, tuple[str, dict[str, Any], str]] = {
    "elicitation": ("ask_name", ANNA, "Hello, Anna!"),
    "sampling": ("ask_model", PARIS, "Paris"),
    "roots": ("ask_roots", {"roots": [{"uri": "file:///a"}]}, "file:///a"),
}


@pytest.mark.parametrize("kind", ASKING)
async def test_any_replica_takes_the_answer(pair: tuple[Served, Served], ran: list[str], kind: str) -> None:
    """A question of each kind asked by one replica is answered through the other; the call ran once and is recorded once."""
    one, other = pair
    tool, answer, said = ASKING[kind]
    client = await initialized(other)
    async with client.call(one, tool) as stream:
        asked = await stream.next()
        assert (await client.answer(other, asked["id"], answer)).status == 202
        (result,) = await stream.rest()
    assert text(result) == said
    assert len(ran) == 1
    assert await booked(one) == [(tool, "ok")]


async def test_only_the_first_answer_counts(pair: tuple[Served, Served], ran: list[str]) -> None:
    """A second answer, at either replica, before the result or after it, is taken without a word and changes nothing."""
    client = await initialized(pair[0])
    async with client.call(pair[0], "ask_steps") as stream:
        first = await stream.next()
        await client.answer(pair[1], first["id"], ANNA)
        second = await stream.next()
        for server in pair:
            assert (await client.answer(server, first["id"], BERT)).status == 202
        assert ran == []
        await client.answer(pair[0], second["id"], {"action": "accept", "content": {"color": "red"}})
        (result,) = await stream.rest()
    assert (await client.answer(pair[0], second["id"], {"action": "accept", "content": {"color": "blue"}})).status == 202
    assert text(result) == "Anna likes red."
    assert first["id"] != second["id"]
    assert await booked(pair[0]) == [("ask_steps", "ok")]


async def test_nobody_else_answers_at_another_replica_either(pair: tuple[Served, Served], ran: list[str]) -> None:
    """Neither a colleague, nor another tenant, nor the caller's other session, nor a guess reaches the question (SSE-08, SSE-09)."""
    one, other = pair
    client, twin, stranger = await initialized(one), await initialized(one), await initialized(one, tenant="globex")
    colleague = replace(client, token=await one.token("acme", user="colleague"))
    async with client.call(one, "ask_name") as stream:
        asked = str((await stream.next())["id"])
        for someone in (twin, stranger, replace(client, session=None)):
            assert (await someone.answer(other, asked, BERT)).status == 202
        assert (await colleague.answer(other, asked, BERT)).status == 404
        for guess in (asked[:-1] + ("0" if asked[-1] != "0" else "1"), "0" * 16 + asked[16:], asked.upper(), asked + "0", "", 0):
            assert (await client.answer(other, guess, BERT)).status < 500
        assert ran == []
        await client.answer(other, asked, ANNA)
        (result,) = await stream.rest()
    assert text(result) == "Hello, Anna!"


@pytest.mark.parametrize("at", [0, 1], ids=["here", "at the other replica"])
async def test_ending_the_session_gives_the_call_up(pair: tuple[Served, Served], ran: list[str], at: int) -> None:
    """DELETE, at whichever replica, lets the waiting call end in words; a call of the caller's other session waits on."""
    client, twin = await initialized(pair[0]), await initialized(pair[0])
    async with client.call(pair[0], "ask_name") as stream, twin.call(pair[0], "ask_name") as waiting:
        await stream.next()
        asked = await waiting.next()
        assert await end(pair[at], client) == 200
        (result,) = await asyncio.wait_for(stream.rest(), 10)
        assert result["result"]["isError"] is True
        assert ran == []
        await twin.answer(pair[at], asked["id"], ANNA)
        (kept,) = await waiting.rest()
    assert text(kept) == "Hello, Anna!"
    assert sorted(await booked(pair[0])) == [("ask_name", "error"), ("ask_name", "ok")]


@pytest.mark.parametrize("at", [0, 1], ids=["here", "at the other replica"])
async def test_a_cancelled_call_asks_no_longer(pair: tuple[Served, Served], ran: list[str], at: int) -> None:
    """notifications/cancelled, at whichever replica and however often, ends the waiting call with one error; it is recorded once."""
    client = await initialized(pair[0])
    async with client.call(pair[0], "ask_name") as stream:
        asked = await stream.next()
        said = [client.tell(pair[at], "notifications/cancelled", {"requestId": "call"}) for _ in range(3)]
        assert {reply.status for reply in await asyncio.gather(*said)} == {202}
        (last,) = await asyncio.wait_for(stream.rest(), 10)
    assert (last["id"], last["error"]["data"]["code"]) == ("call", "cancelled")
    assert (await client.answer(pair[at], asked["id"], ANNA)).status == 202
    assert ran == []
    assert len(await booked(pair[0])) == 1


async def test_an_answer_that_never_comes_ends_the_call_in_words(plain: Settings, ran: list[str]) -> None:
    """After `answer_seconds` the tool's result says that nobody answered; it is no deadline, and an answer after that changes nothing."""
    async with featured(plain.model_copy(update={"answer_seconds": 0.2}), ran) as server:
        client = await initialized(server)
        async with client.call(server, "ask_name") as stream:
            asked = await stream.next()
            (result,) = await asyncio.wait_for(stream.rest(), 10)
        assert (await client.answer(server, asked["id"], ANNA)).status == 202
        assert result["result"]["isError"] is True
        assert b"deadline" not in repr(result).encode()
        assert ran == []
        assert await booked(server) == [("ask_name", "error")]


async def test_waiting_for_an_answer_does_not_count(plain: Settings, ran: list[str]) -> None:
    """A client that answers long after `call_seconds` finds its call still there."""
    clock = HandClock()
    async with served(plain, functions=[everything(ran).functions], clock=clock) as server:
        await server.tenant("acme")
        client = await initialized(server)
        async with client.call(server, "ask_name") as stream:
            asked = await stream.next()
            clock.advance(plain.call_seconds + 60)
            await asyncio.sleep(0.15)  # real time: calls that are late are looked for every 50 ms
            await client.answer(server, asked["id"], ANNA)
            (result,) = await stream.rest()
        assert text(result) == "Hello, Anna!"
        assert await booked(server) == [("ask_name", "ok")]


async def test_a_client_that_goes_away_may_still_answer(features: Served, ran: list[str]) -> None:
    """The stream of a call breaks after the question: its answer, a POST of its own, lets the call end, and it is recorded once."""
    client = await initialized(features)
    async with client.call(features, "ask_name") as stream:
        asked = await stream.next()
    await client.answer(features, asked["id"], ANNA)
    async with asyncio.timeout(10):
        while not await booked(features):  # noqa: ASYNC110  what a client cannot see sets no event here
            await asyncio.sleep(0)
    assert ran == ["accept"]
    assert await booked(features) == [("ask_name", "ok")]
