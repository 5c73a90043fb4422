"""Two replicas over one database: whichever is asked, codes count once, refreshes agree, and what ends on one ends on both."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freehold.settings import Settings
from tests.agents import DEAD, GONE, Agent, Browser, Form, answer, denied, enrol
from tests.fixtures import PLANS, sample_functions
from tests.served import Served, served

pytestmark = pytest.mark.anyio


@pytest.fixture
async def both(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[tuple[Served, Served]]:
    """On PostgreSQL and Redis, with a person in acme."""
    given = {"data_dir": tmp_path, "database_url": postgres_url, "state_url": redis_url, "migrate_on_start": True}
    shared = Settings.model_validate({**given, "plans": PLANS, "default_plan": "open"})
    async with served(shared, functions=[sample_functions()]) as one, served(shared, functions=[sample_functions()]) as two:
        await one.tenant("acme")
        await enrol(one)
        yield one, two


def at(server: Served, agent: Agent) -> Agent:
    """The same client, asking that replica."""
    return Agent(server, client_id=agent.client_id, verifier=agent.verifier)


async def _called(server: Served, token: str) -> int:
    return (await server.call("echo", {"text": "hi"}, token=token)).status


async def _until_refused(server: Served, token: str) -> bool:
    """Whether the token stops counting there within the five seconds that are promised."""
    for _ in range(100):
        if await _called(server, token) == 401:
            return True
        await asyncio.sleep(0.05)  # real time: another process is told
    return False


async def test_every_step_may_be_another_replicas(both: tuple[Served, Served]) -> None:
    """Registered at one, signed in at the other, allowed at the first, exchanged and refreshed in turn: no step needs the one before."""
    one, two = both
    agent, browser = Agent(one), Browser(one)
    await agent.register()
    shown = Form((await browser.get(agent.link())).body.decode())
    browser.server = two
    signed = await browser.post(shown.action, {**shown.fields, "user": "ana@acme.example", "password": "correct horse battery"})
    page = await browser.get(signed.headers["location"])
    browser.server = one
    code = answer(await browser.decide(page))["code"]
    tokens = (await at(two, agent).exchange(code)).json
    assert await _called(one, tokens["access_token"]) == 200
    fresh = (await agent.refresh(tokens["refresh_token"])).json
    assert (await at(two, agent).refresh(fresh["refresh_token"])).status == 200


async def test_sixty_four_refreshes_on_two_replicas_are_one(both: tuple[Served, Served]) -> None:
    """All get the same successor, which refreshes again, five rounds long; the chain does not fork (RT-03)."""
    one, two = both
    agent = Agent(one)
    token = (await agent.tokens())["refresh_token"]
    for _ in range(5):
        replies = await asyncio.gather(*(at(one if n % 2 else two, agent).refresh(token) for n in range(64)))
        assert {reply.status for reply in replies} == {200}
        successors = {reply.json["refresh_token"] for reply in replies}
        assert len(successors) == 1
        token = successors.pop()


async def test_a_replay_on_one_replica_ends_it_on_both(both: tuple[Served, Served]) -> None:
    """A code used twice, and an old refresh token, stop the access tokens everywhere, also where they are remembered (CODE-02, RT-02)."""
    one, two = both
    agent = Agent(one)
    await agent.register()
    code = await agent.allowed(Browser(one))
    first = (await at(two, agent).exchange(code)).json
    assert await _called(one, first["access_token"]) == 200
    denied(await at(two, agent).exchange(code), "invalid_grant", GONE)
    assert await _until_refused(one, first["access_token"])
    denied(await agent.refresh(first["refresh_token"]), "invalid_grant", DEAD)
    again = await agent.tokens()
    second = (await agent.refresh(again["refresh_token"])).json
    third = (await at(two, agent).refresh(second["refresh_token"])).json
    assert await _called(one, third["access_token"]) == 200
    denied(await agent.refresh(again["refresh_token"]), "invalid_grant", DEAD)
    for server in both:
        assert await _until_refused(server, third["access_token"])


async def test_one_code_on_two_replicas_counts_once(both: tuple[Served, Served]) -> None:
    """Twenty exchanges at once on both give one grant at most (CODE-03)."""
    one, two = both
    agent = Agent(one)
    await agent.register()
    code = await agent.allowed(Browser(one))
    replies = await asyncio.gather(*(at(one if n % 2 else two, agent).exchange(code) for n in range(20)))
    assert [reply.status for reply in replies].count(200) == 1
    assert {reply.json["error"] for reply in replies if reply.status != 200} == {"invalid_grant"}
