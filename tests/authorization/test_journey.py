"""The whole way of a customer: an agent is refused, finds out where to go, a person allows it, it calls a tool and refreshes."""

import pytest

from tests.agents import USER, Agent, Browser, Form, answer, deeds, enrol
from tests.served import Served

pytestmark = pytest.mark.anyio


async def test_from_a_refusal_to_a_call_and_a_refresh(server: Served) -> None:
    """A client that knows the MCP address only gets to a tool call as that user in that tenant, and on with a refreshed token."""
    await enrol(server)
    refused = await server.call("who", token="")
    assert refused.status == 401
    found = await server.request("GET", "/.well-known/oauth-protected-resource/mcp")
    issuer = found.json["authorization_servers"][0]
    about = (await server.request("GET", "/.well-known/oauth-authorization-server")).json
    assert about["issuer"] == issuer == server.application.settings.base
    agent, browser = Agent(server), Browser(server)
    assert (await agent.register()).status == 201
    page = await browser.sign_in(agent.link())
    shown = Form(page.body.decode())
    assert USER in shown.text
    assert "acme" in shown.text
    said = answer(await browser.decide(page))
    assert (said["state"], said["iss"]) == (agent.state, issuer)
    tokens = (await agent.exchange(said["code"])).json
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 600, "mcp:read mcp:write")
    assert (await server.call("who", token=tokens["access_token"])).json["result"]["structuredContent"] == {
        "tenant": "acme",
        "user": USER,
        "client": agent.client_id,
    }
    fresh = (await agent.refresh(tokens["refresh_token"])).json
    assert (await server.call("who", token=fresh["access_token"])).status == 200
    assert fresh["refresh_token"] != tokens["refresh_token"]
    assert await deeds(server) == [(act, USER) for act in ("user.signed_in", "consent.given", "token.issued", "token.refreshed")]
    assert await deeds(server, "globex") == []
