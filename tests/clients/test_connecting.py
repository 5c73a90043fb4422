"""What every client of the market must be able to do with Freehold, in every era it speaks: connect, list, call, be refused."""

import pytest

from tests.clients.conftest import Customers
from tests.clients.hosts import VERSIONS, Fault, Host, text

pytestmark = pytest.mark.anyio

SERVER = "io.modelcontextprotocol/serverInfo"
REFUSAL = "dev.freehold/refusal"
TOOLS = {"echo", "who", "add", "fail", "refuse", "orders"}


async def test_the_era_is_agreed_on(client: Host, customers: Customers) -> None:
    """The newest revision both sides know is spoken, and the client learns whom it speaks to."""
    told = await client.connect(customers.server.url, await customers.token(customers.acme))
    if client.name == "inspector":  # it does not say; results of 2026-07-28 name the server, older ones do not
        assert (SERVER in (await client.call("add", a=1)).get("_meta", {})) is (client.era == "modern")
        return
    assert told["version"] == VERSIONS[client.era]
    assert (told["server"]["name"], told["server"]["title"]) == ("freehold", "Freehold")
    assert told["instructions"] == "Orders and arithmetic."
    assert "tools" in told["capabilities"]


async def test_the_list_shows_what_the_caller_may_call(client: Host, customers: Customers) -> None:
    """All tools for all scopes, and none that would change something for a reader; calling one anyway runs nothing (RS-10)."""
    await client.connect(customers.server.url, await customers.token(customers.acme))
    assert set(await client.names("tools")) == TOOLS
    await client.connect(customers.server.url, await customers.token(customers.acme, scopes=("mcp:read",)))
    assert set(await client.names("tools")) == TOOLS - {"add", "refuse"}
    with pytest.raises(Fault) as refused:
        await client.call("refuse")
    assert "closed already" not in str(refused.value)
    assert {outcome for _, outcome in await customers.calls(customers.acme)} <= {"refused"}


async def test_a_tool_outside_the_allow_list_is_not_there(client: Host, customers: Customers) -> None:
    """It is neither listed nor called, and the refusal is that of a tool there is not (AZ-02)."""
    await client.connect(customers.server.url, await customers.token(customers.acme, tools=("echo", "add")))
    assert set(await client.names("tools")) == {"echo", "add"}
    said: list[str] = []
    for tool in ("orders", "nothing"):
        with pytest.raises(Fault) as refused:
            await client.call(tool)
        said.append(str(refused.value).replace(tool, "it"))
    assert said[0] == said[1]
    assert "a-1" not in said[0]


async def test_a_call_answers(client: Host, customers: Customers) -> None:
    """Text and structured content arrive, and the call is in the book once."""
    await client.connect(customers.server.url, await customers.token(customers.acme))
    result = await client.call("add", a=2, b=3)
    assert result["structuredContent"] == {"sum": 5}
    assert '{"sum":5}' in text(result)
    assert not result.get("isError")
    assert await customers.calls(customers.acme) == [("add", "ok")]


async def test_refusals_reach_the_agent_in_words(client: Host, customers: Customers) -> None:
    """Arguments that do not fit are a result that says which, and an unknown tool is an error; neither runs."""
    await client.connect(customers.server.url, await customers.token(customers.acme))
    unfit = await client.call("add", a="two")
    assert unfit["isError"]
    assert "a must be of type integer" in text(unfit)
    assert unfit["_meta"][REFUSAL]["code"] == "invalid_arguments"
    with pytest.raises(Fault) as unknown:
        await client.call("nothing_like_it")
    assert unknown.value.code == ("tool_not_found" if client.name == "inspector" else -32602)
    assert {outcome for _, outcome in await customers.calls(customers.acme)} <= {"refused"}


async def test_a_wrong_credential_connects_to_nothing(client: Host, customers: Customers) -> None:
    """The client gives up at once and says so; no tool runs (RS-01)."""
    with pytest.raises(Fault) as refused:  # noqa: PT012  the inspector connects when it is asked something
        await client.connect(customers.server.url, "mcp_live_nothing")
        await client.names("tools")
    assert "mcp_live_nothing" not in str(refused.value)
    await client.connect(customers.server.url, await customers.token(customers.acme))
    assert (await client.call("add", a=1))["structuredContent"] == {"sum": 2}
    assert await customers.calls(customers.acme) == [("add", "ok")]


async def test_each_tenant_sees_its_own(client: Host, customers: Customers) -> None:
    """The token alone decides whose orders come and whose book is written (TEN-01)."""
    await client.connect(customers.server.url, await customers.token(customers.acme))
    ours = await client.call("orders")
    await client.connect(customers.server.url, await customers.token(customers.globex))
    theirs = await client.call("orders")
    assert ("a-1" in str(ours), "g-1" in str(ours)) == (True, False)
    assert ("a-1" in str(theirs), "g-1" in str(theirs)) == (False, True)
    assert await customers.calls(customers.acme) == await customers.calls(customers.globex) == [("orders", "ok")]
