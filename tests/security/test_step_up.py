"""Step-up: a caller with too few scopes is told all of them at once, over HTTP, whatever it speaks and before an answer has begun."""

import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from freehold.domains.sources.functions import Functions
from freehold.settings import Settings
from tests.booked import booked
from tests.fixtures import PLANS
from tests.handshakes import initialized, message
from tests.served import Reply, Served, served

pytestmark = pytest.mark.anyio

NEEDED = ("invoices:pay", "invoices:read", "mcp:write")


@pytest.fixture
def ran() -> list[str]:
    """What the tool did."""
    return []


@pytest.fixture
async def paying(sqlite_url: str, tmp_path: Path, ran: list[str]) -> AsyncIterator[Served]:
    """A server with one tool that needs three scopes."""
    functions = Functions()

    async def pay() -> str:
        """Pay an invoice."""
        ran.append("pay")
        return "paid"

    functions.add(pay, scopes=NEEDED)
    settings = Settings(data_dir=tmp_path / "data", database_url=SecretStr(sqlite_url), plans=PLANS, default_plan="open")
    async with served(settings, functions=[functions]) as running:
        await running.tenant("acme")
        yield running


def challenge(reply: Reply) -> dict[str, str]:
    """The parameters of a Bearer challenge, each once."""
    value = reply.headers["www-authenticate"]
    assert value.startswith("Bearer ")
    found: Sequence[tuple[str, str]] = re.findall(r'(\w+)="([^"]*)"', value)
    assert len(dict(found)) == len(found)
    assert ", ".join(f'{name}="{said}"' for name, said in found) == value.removeprefix("Bearer ")
    return dict(found)


@pytest.mark.parametrize("held", [(), ("mcp:read",), ("mcp:write", "invoices:read")])
@pytest.mark.parametrize("era", ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"])
async def test_all_scopes_are_named_at_once(paying: Served, ran: list[str], era: str, held: tuple[str, ...]) -> None:
    """In both eras it is 403 and one challenge with every scope of the operation, not the missing one alone, and nothing ran (RS-10)."""
    token = await paying.token("acme", scopes=held)
    if era == "2026-07-28":
        denied = await paying.call("pay", token=token)
    else:
        denied = await (await initialized(paying, revision=era, token=token)).ask(paying, "tools/call", {"name": "pay", "arguments": {}})
    said = challenge(denied)
    assert denied.status == 403
    assert (said["error"], said["scope"]) == ("insufficient_scope", " ".join(NEEDED))
    assert said["resource_metadata"].endswith("/.well-known/oauth-protected-resource/mcp")
    assert denied.headers["content-type"] == "application/json"
    assert denied.json["error"]["data"]["scopes"] == list(NEEDED)
    assert ran == []
    (entry,) = await booked(paying, "acme")
    assert (entry["outcome"], entry["refusal"], entry["units"]) == ("refused", "insufficient_scope", 0)


async def test_one_step_up_is_enough(paying: Served, ran: list[str]) -> None:
    """A token with exactly the scopes of the challenge makes the call; one with any of them missing is told the same again (RS-10)."""
    asked = challenge(await paying.call("pay", token=await paying.token("acme", scopes=())))["scope"].split(" ")
    for missing in asked:
        denied = await paying.call("pay", token=await paying.token("acme", scopes=[scope for scope in asked if scope != missing]))
        assert (denied.status, challenge(denied)["scope"].split(" ")) == (403, asked)
    assert ran == []
    assert (await paying.call("pay", token=await paying.token("acme", scopes=asked))).status == 200
    assert ran == ["pay"]


async def test_a_tool_that_is_not_the_callers_is_no_step_up(paying: Served) -> None:
    """What `allowed_tools` hides is unknown, like a name that nobody gave, and its scopes are told to nobody (RS-10, AZ-02)."""
    token = await paying.token("acme", scopes=(), tools=["other"])
    hidden, nothing = await paying.call("pay", token=token), await paying.call("nothing", token=token)
    assert (hidden.status, hidden.body) == (nothing.status, nothing.body)
    assert "www-authenticate" not in hidden.headers
    assert "invoices" not in hidden.body.decode()


async def test_each_message_of_a_batch_is_told_by_itself(paying: Served, ran: list[str]) -> None:
    """In a 2025-03-26 batch the call's own error names the scopes and the others are answered (RS-10)."""
    client = await initialized(paying, revision="2025-03-26", token=await paying.token("acme", scopes=()))
    batch = [message("tools/call", {"name": "pay", "arguments": {}}, 1), message("ping", None, 2)]
    reply = await client.post(paying, batch)
    answers = {one["id"]: one for one in reply.json}
    assert reply.status == 200
    assert answers[1]["error"]["data"] == {"code": "insufficient_scope", "scopes": list(NEEDED)}
    assert answers[2]["result"] == {}
    assert ran == []


@pytest.mark.parametrize("era", ["2026-07-28", "2025-11-25"])
async def test_a_credential_that_is_not_valid_is_401_for_every_method(paying: Served, era: str) -> None:
    """With none there is no error in the challenge, with a bad one there is; what a first client should ask for is in both (RS-01)."""
    for method in ("initialize", "server/discover", "tools/list", "tools/call", "ping", "nonsense"):
        for token, error in ((None, None), ("a.b.c", "invalid_token")):
            body = message(method, {"name": "pay"}, 1)
            reply = await paying.post(body, token, headers={"mcp-protocol-version": era})
            said = challenge(reply)
            assert (reply.status, said.get("error"), said["scope"]) == (401, error, "mcp:read mcp:write")
            assert "resource_metadata" in said
