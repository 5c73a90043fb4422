"""Questions to 2025-x clients: shared out, answered by whoever was asked alone; no word of made-up ones leaves the process."""

import asyncio
import os
from typing import Any

import pytest

from freehold.adapters.state_memory import MemoryState
from freehold.core.channel import Unanswered
from freehold.core.refusals import Refusal
from freehold.kit.crypto import Seal
from freehold.protocol.capabilities import Capabilities
from freehold.protocol.session import Session
from freehold.web import parked
from freehold.web.bus import Bus
from freehold.web.parked import Parked
from tests.clocks import HandClock

pytestmark = pytest.mark.anyio

HERE, THERE = "a" * 16, "b" * 16


class Client:
    """Keeps the questions it is asked."""

    def __init__(self) -> None:
        """None yet."""
        self.asked: asyncio.Queue[bytes] = asyncio.Queue()

    async def emit(self, message: bytes) -> None:
        """One question."""
        self.asked.put_nowait(message)

    async def alive(self) -> None:
        """Nothing to keep."""

    async def question(self) -> str:
        """The id of the next one."""
        return (await self.asked.get()).decode().split('"id":"')[1].split('"')[0]


class Listened(MemoryState):
    """The broadcast, and what went over it."""

    def __init__(self) -> None:
        """Nothing yet."""
        super().__init__(HandClock())
        self.topics: list[str] = []

    async def publish(self, topic: str, message: str) -> None:
        """As the memory state does."""
        self.topics.append(topic)
        await super().publish(topic, message)


def session(tenant: str = "acme", owner: bytes = b"ada", nonce: str = "n") -> Session:
    """An initialized client."""
    return Session("2025-11-25", Capabilities(form=True), tenant, owner, nonce, 1e12, b"")


def replica(state: MemoryState, name: str = HERE) -> Parked:
    """One process's questions, heard by the others."""
    seal = Seal(bytes(32))
    made = Parked(Bus(state, seal), seal, replica=name, randomness=os.urandom, seconds=10)
    made.open()
    return made


async def test_an_answer_finds_the_replica_that_asked_whatever_it_holds() -> None:
    """The answer posted to another replica reaches the call, numbers beyond 64 bits included; a second one changes nothing."""
    state, client = Listened(), Client()
    here, there = replica(state), replica(state, THERE)
    asking = asyncio.create_task(here.ask(session(), client, "elicitation/create", {}))
    question = await client.question()
    answer: dict[str, Any] = {"action": "accept", "content": {"n": 10**30}}
    await there.answer(session(), question, answer)
    assert await asking == answer
    await there.answer(session(), question, {"action": "decline"})
    assert state.topics[0] == f"freehold.answers.{HERE}"


async def test_only_the_session_that_was_asked_can_answer() -> None:
    """An answer of another session, or to an id nobody made, reaches no call and is not even passed on to other replicas (TEN-02)."""
    state, client = Listened(), Client()
    here, there = replica(state), replica(state, THERE)
    asking = asyncio.create_task(here.ask(session(), client, "elicitation/create", {}))
    question = await client.question()
    for made_up in (f"{HERE}.{'0' * 58}", f"{HERE}.", HERE, "x.y", f"{'c' * 16}.{question[17:]}", question[:-1] + "zz", 5, None):
        await there.answer(session(), made_up, {"action": "accept"})
    for other in (session(nonce="other"), session(tenant="globex", nonce="third")):
        await there.answer(other, question, {"action": "accept"})
        await here.answer(other, question, {"action": "accept"})
    assert state.topics == []
    assert not asking.done()
    here.give_up("n")
    with pytest.raises(Unanswered):
        await asking


async def test_open_questions_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """One caller has few, one tenant a quarter, however many sessions; another tenant can still be asked, and places come back."""
    monkeypatch.setattr(parked, "MOST", 16)
    monkeypatch.setattr(parked, "SHARE", 2)
    here, client = replica(Listened()), Client()
    asking = [
        asyncio.create_task(here.ask(session(owner=owner, nonce=f"{owner}{n}"), client, "roots/list", {}))
        for owner in (b"ada", b"bob")
        for n in range(2)
    ]
    for _ in asking:
        await client.question()
    for greedy in (session(owner=b"ada", nonce="new"), session(owner=b"eve", nonce="new")):
        with pytest.raises(Refusal) as refused:
            await here.ask(greedy, client, "roots/list", {})
        assert refused.value.code == "too_many_questions"
    other = asyncio.create_task(here.ask(session(tenant="globex", owner=b"zoe"), client, "roots/list", {}))
    await client.question()
    here.close()
    for task in (*asking, other):
        with pytest.raises(Unanswered):
            await task
    again = asyncio.create_task(here.ask(session(owner=b"ada", nonce="again"), client, "roots/list", {}))
    await client.question()
    here.give_up("again")
    with pytest.raises(Unanswered):
        await again
