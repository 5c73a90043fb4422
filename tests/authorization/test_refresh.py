"""Refresh and revocation through the front door: what is given again, what ends a grant and what does not (cases RT)."""

import asyncio

import pytest

from freehold.domains.oauth.grants.model import IDLE_SECONDS, WHOLE_SECONDS
from freehold.domains.oauth.grants.rotation import WINDOW
from tests.agents import DEAD, deeds, denied
from tests.authorization.conftest import Town

pytestmark = pytest.mark.anyio


async def test_a_suspended_tenant_is_refreshed_again_after_it_is_resumed(town: Town) -> None:
    """While it is suspended there are no tokens; the grant is not lost by asking (RT-09)."""
    agent = await town.agent()
    tokens = await agent.tokens()
    administration = town.server.application.administration
    await administration.suspend_tenant("acme")
    denied(await agent.refresh(tokens["refresh_token"]), "invalid_grant", DEAD)
    await administration.resume_tenant("acme")
    assert (await agent.refresh(tokens["refresh_token"])).status == 200


async def test_a_refresh_token_is_replaced_and_kept_to_its_resource(town: Town) -> None:
    """Ten refreshes give ten tokens, each access token good for this server, under one row in the database (RT-01, RT-06, RT-12)."""
    agent = await town.agent()
    tokens = await agent.tokens()
    seen = {tokens["refresh_token"]}
    for _ in range(10):
        tokens = (await agent.refresh(tokens["refresh_token"], resource=None)).json
        seen.add(tokens["refresh_token"])
        assert await town.works(tokens["access_token"])
    assert len(seen) == 11
    denied(await agent.refresh(tokens["refresh_token"], resource="https://other.example/mcp"), "invalid_target")
    assert (await agent.refresh(tokens["refresh_token"])).status == 200


async def test_a_lost_answer_is_given_again(town: Town) -> None:
    """The same successor comes, by itself and to eight at once, and the session lives on (RT-03, RT-10)."""
    agent = await town.agent()
    tokens = await agent.tokens()
    replies = await asyncio.gather(*(agent.refresh(tokens["refresh_token"]) for _ in range(8)))
    assert {reply.status for reply in replies} == {200}
    successors = {reply.json["refresh_token"] for reply in replies}
    assert len(successors) == 1
    town.clock.advance(WINDOW - 1)
    late = (await agent.refresh(tokens["refresh_token"])).json
    assert {late["refresh_token"]} == successors
    assert (await agent.refresh(late["refresh_token"])).status == 200


async def test_a_client_may_sleep_over_a_lost_answer(town: Town) -> None:
    """Nothing of the answer was ever shown here, so the old token still gets the same successor, weeks later (RT-10)."""
    agent = await town.agent()
    first = await agent.tokens()
    assert await town.works(first["access_token"])
    lost = (await agent.refresh(first["refresh_token"])).json
    town.clock.advance(30 * 86_400)
    again = (await agent.refresh(first["refresh_token"])).json
    assert again["refresh_token"] == lost["refresh_token"]
    assert await town.works(again["access_token"])
    town.clock.advance(WINDOW)
    assert (await agent.refresh(again["refresh_token"])).status == 200


@pytest.mark.parametrize("how", ["successor used", "too late"])
async def test_an_old_refresh_token_ends_the_grant(town: Town, how: str) -> None:
    """Once the successor was used, or the time is over, the old token must be a second party's: nobody is served (RT-02, RT-04)."""
    agent = await town.agent()
    first = await agent.tokens()
    second = (await agent.refresh(first["refresh_token"])).json
    newest = second
    if how == "successor used":
        newest = (await agent.refresh(second["refresh_token"])).json
    else:
        assert await town.works(second["access_token"])
        town.clock.advance(WINDOW)
    denied(await agent.refresh(first["refresh_token"]), "invalid_grant", DEAD)
    for tokens in (second, newest):
        denied(await agent.refresh(tokens["refresh_token"]), "invalid_grant", DEAD)
        assert not await town.works(tokens["access_token"])
    assert (await deeds(town.server))[-1] == ("token.reused", f"client:{agent.client_id}")


async def test_an_invented_token_ends_nothing(town: Town) -> None:
    """Without having had a token nobody can end a grant: forged, cut, mixed and foreign ones change nothing (CODE-04, TOK-09)."""
    agent, thief = await town.agent(), await town.agent()
    tokens = await agent.tokens()
    good = tokens["refresh_token"]
    forged = [good[:-4] + "AAAA", good[:-1], good + "A", good.replace("mcp_refresh_", "mcp_code_"), "mcp_refresh_", "x" * 3_000, "\u00e4"]
    for token in forged:
        denied(await agent.refresh(token), "invalid_grant", DEAD)
    denied(await thief.refresh(good), "invalid_grant", DEAD)
    assert (await agent.refresh(good)).status == 200


async def test_scopes_can_be_fewer_for_once_and_never_more(town: Town) -> None:
    """A refresh may ask for fewer scopes, which the grant keeps, and gets none that were not granted (RT-05)."""
    agent = await town.agent()
    tokens = await agent.tokens()
    less = (await agent.refresh(tokens["refresh_token"], scope="mcp:read")).json
    assert less["scope"] == "mcp:read"
    for more in ("mcp:read mcp:admin", "mcp:admin", "other", " "):
        denied(await agent.refresh(less["refresh_token"], scope=more), "invalid_scope")
    assert (await agent.refresh(less["refresh_token"])).json["scope"] == "mcp:read mcp:write"


async def test_a_grant_ends_unused_and_ends_of_age(town: Town) -> None:
    """After ninety days without a refresh, and after a year with one every month (RT-07)."""
    agent = await town.agent()
    tokens = await agent.tokens()
    town.clock.advance(IDLE_SECONDS)
    denied(await agent.refresh(tokens["refresh_token"]), "invalid_grant", DEAD)
    agent = await town.agent()
    tokens = await agent.tokens()
    for _ in range(int(WHOLE_SECONDS / (IDLE_SECONDS / 3))):
        town.clock.advance(IDLE_SECONDS / 3)
        tokens = (await agent.refresh(tokens["refresh_token"])).json
    town.clock.advance(IDLE_SECONDS / 3)
    denied(await agent.refresh(tokens["refresh_token"]), "invalid_grant", DEAD)


async def test_a_revoked_token_ends_its_grant(town: Town) -> None:
    """By its own client only, and to anything else the answer is the same 200 (TOK-09, RT-11)."""
    agent, other = await town.agent(), await town.agent()
    tokens = await agent.tokens()
    for who, token in ((other, tokens["refresh_token"]), (agent, "mcp_refresh_nothing"), (agent, tokens["access_token"] + "x")):
        reply = await who.ask({"token": token}, path="/revoke")
        assert (reply.status, reply.json) == (200, {})
    assert await town.works(tokens["access_token"])
    fresh = (await agent.refresh(tokens["refresh_token"])).json
    assert (await agent.ask({"token": fresh["refresh_token"], "token_type_hint": "access_token"}, path="/revoke")).status == 200
    assert not await town.works(fresh["access_token"])
    assert not await town.works(tokens["access_token"])
    denied(await agent.refresh(fresh["refresh_token"]), "invalid_grant", DEAD)
    assert (await deeds(town.server))[-1] == ("grant.revoked", f"client:{agent.client_id}")
    denied(await agent.ask({}, path="/revoke"), "invalid_request")
