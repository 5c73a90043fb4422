"""Two `freehold serve` processes on one PostgreSQL and one Redis are one server."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from freehold.kit.crypto import Seal
from freehold.kit.db import Database
from freehold.kit.db_seals import check_master_key
from freehold.kit.errors import Misconfigured
from tests.journeys.things import Things, things
from tests.processes import OFFERED, Agent, Place, http, place, soon
from tests.served import REFUSAL, Reply

pytestmark = pytest.mark.anyio

_SOON = 5.0
"""Seconds an operator's act may take to reach every replica."""


@dataclass(frozen=True)
class Pair:
    """Two servers of one deployment, the API behind them, and a token of acme and one of globex, minted by a third process."""

    place: Place
    api: Things
    session: aiohttp.ClientSession
    urls: Sequence[str]
    tokens: dict[str, str]

    def agents(self, credential: str) -> list[Agent]:
        """The same caller at each of the two."""
        return [Agent(self.session, url, credential) for url in self.urls]

    async def spread(self, credential: str, times: int) -> list[Reply]:
        """That many concurrent calls of `echo`, every other one to the other server."""
        agents = self.agents(credential)
        return await asyncio.gather(*(agents[number % 2].call("echo", {"text": "x"}) for number in range(times)))

    async def soon(self, credential: str, status: int) -> None:
        """Return once both answer it with this status; later than an operator's act may take is a failure."""
        await soon(lambda: self._all(credential, status), seconds=_SOON)

    async def _all(self, credential: str, status: int) -> bool:
        return {reply.status for reply in await self.spread(credential, 2)} == {status}


@pytest.fixture
async def pair(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Both started at the same moment, as the third and fourth process of a deployment that had two tenants made at once before."""
    async with AsyncExitStack() as stack:
        api, lines = await stack.enter_async_context(things(tmp_path))
        deployed = place(tmp_path, (postgres_url, redis_url), lines + OFFERED)
        acme, globex = await asyncio.gather(deployed.tenant("acme"), deployed.tenant("globex"))
        servers = await asyncio.gather(*(stack.enter_async_context(deployed.serving()) for _ in range(2)))
        session = await stack.enter_async_context(http())
        yield Pair(deployed, api, session, [server.url for server in servers], {"acme": acme, "globex": globex})


async def test_first_starts_at_once_agree_on_one_master_key(db: Database) -> None:
    """Eight processes on a database nobody has used: all with the first one's key go on, one with another key is refused."""
    same, other = Seal(b"s" * 32), Seal(b"o" * 32)
    assert await asyncio.gather(*(check_master_key(db, same) for _ in range(8))) == [None] * 8
    with pytest.raises(Misconfigured, match="not the one this database was sealed with"):
        await check_master_key(db, other)


async def test_a_quota_is_one_for_all_replicas(pair: Pair) -> None:
    """Forty calls a day under ninety at once over two processes: exactly forty pass, the others read why not (RL-01)."""
    replies = await pair.spread(await pair.place.tenant("initech", plan="forty"), 90)
    assert {reply.status for reply in replies} == {200}
    refused = [reply.json["result"] for reply in replies if reply.json["result"].get("isError")]
    assert len(refused) == 50
    assert {one["_meta"][REFUSAL]["code"] for one in refused} == {"quota_exhausted"}
    booked = await pair.place.book("initech")
    assert (len(booked), sum(entry["units"] for entry in booked)) == (90, 40)
    assert not any(reply.json["result"].get("isError") for reply in await pair.spread(pair.tokens["acme"], 10))


async def test_interleaved_tenants_with_equal_ids_never_cross(pair: Pair) -> None:
    """500 concurrent calls of two tenants under the same JSON-RPC ids over two processes each get their own answer (TEN-09)."""
    agents = {tenant: pair.agents(token) for tenant, token in pair.tokens.items()}

    async def one(tenant: str, number: int) -> None:
        mark = f"{tenant}-{number}"
        reply = await agents[tenant][number % 2].call("echo", {"text": mark}, number=number % 5)
        assert reply.json["id"] == number % 5
        assert mark in reply.text.splitlines()
        assert ("globex" if tenant == "acme" else "acme") not in reply.body.decode()

    await asyncio.gather(*(one(tenant, number) for number in range(250) for tenant in pair.tokens))
    for tenant in pair.tokens:
        booked = await pair.place.book(tenant)
        assert len(booked) == 250
        assert {entry["tenant_id"] for entry in booked} == {tenant}
    assert await pair.place.verified()


async def test_a_revoked_key_stops_everywhere(pair: Pair) -> None:
    """`freehold key revoke` in a third process stops the key on both within five seconds, and only that key."""
    made = ("key", "create", "--tenant", "acme", "--json")
    doomed, kept = (json.loads(said) for said in await asyncio.gather(pair.place.done(*made), pair.place.done(*made)))
    for key in (doomed, kept):
        assert {reply.status for reply in await pair.spread(key["secret"], 4)} == {200}
    await pair.place.done("key", "revoke", doomed["key"], "--tenant", "acme")
    await pair.soon(doomed["secret"], 401)
    assert {reply.status for reply in await pair.spread(kept["secret"], 4)} == {200}


async def test_a_suspended_tenant_stops_everywhere_until_resumed(pair: Pair) -> None:
    """`freehold tenant suspend` stops every credential of that tenant on both within five seconds, and `resume` lets it in again."""
    assert {reply.status for token in pair.tokens.values() for reply in await pair.spread(token, 4)} == {200}
    await pair.place.done("tenant", "suspend", "acme")
    await pair.soon(pair.tokens["acme"], 401)
    assert {reply.status for reply in await pair.spread(pair.tokens["globex"], 4)} == {200}
    await pair.place.done("tenant", "resume", "acme")
    await pair.soon(pair.tokens["acme"], 200)


async def test_a_cursor_of_one_replica_opens_on_the_other(pair: Pair) -> None:
    """A list begun on one server goes on at the other, page for page the same; another tenant's cursor opens on neither."""
    first, second = pair.agents(pair.tokens["acme"])
    begun = (await first.ask("tools/list")).json["result"]
    assert len(begun["tools"]) == 2
    following = {"cursor": begun["nextCursor"]}
    there, here = [await agent.ask("tools/list", following) for agent in (second, first)]
    assert there.json["result"]["tools"] == here.json["result"]["tools"]
    assert {tool["name"] for tool in begun["tools"] + there.json["result"]["tools"]} == {"echo", "who", "slow", "get_thing"}
    for stranger in pair.agents(pair.tokens["globex"]):
        assert (await stranger.ask("tools/list", following)).json["error"]["data"]["code"] == "invalid_cursor"


async def test_service_tokens_of_either_replica_verify_against_the_keys_of_either(pair: Pair) -> None:
    """Both make their first signature at once and as one issuer: each token verifies with the keys that either publishes."""
    replies = await asyncio.gather(*(agent.call("get_thing", {"mark": "m1"}) for agent in pair.agents(pair.tokens["acme"])))
    assert not any("isError" in reply.json["result"] for reply in replies)
    signed = pair.api.tokens()
    assert len(set(signed)) == 2
    for url in pair.urls:
        async with pair.session.get(f"{url}/.well-known/jwks.json") as answer:
            keys = KeySet.import_key_set(await answer.json())
        for token in signed:
            claims = jwt.decode(token, keys, algorithms=["ES256"]).claims
            assert (claims["iss"], claims["tenant_id"]) == ("http://127.0.0.1", "acme")
            assert claims["aud"] == pair.api.up.origin
    assert not set(signed) & set(pair.tokens.values())
