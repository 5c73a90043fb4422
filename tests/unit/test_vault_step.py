"""The vault's step: a credential for the tool's API, and for no other call."""

import pytest

from freehold.core.call import Call, Outcome
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.vault.step import Vault

pytestmark = pytest.mark.anyio

PRINCIPAL = Principal(tenant="acme", subject="u", client="c", credential="jti:1", scopes=frozenset(), plan="free", expires_at=2e9)


def call(audience: str | None) -> Call:
    """A call of a tool of that audience."""
    tool = Tool(name="t", description="d", input_schema={}, source="api", scopes=frozenset(), audience=audience)
    return Call(
        id="1", at=0, principal=PRINCIPAL, tool=tool, arguments={"a": 1}, request_id="r", revision="2026-07-28", bytes_in=1, deadline=9
    )


class Giving:
    """Credentials that are always the same; remembers for what they were asked."""

    def __init__(self, *headers: tuple[str, str]) -> None:
        """Give these."""
        self.headers = headers
        self.asked: list[str | None] = []

    async def header(self, call: Call, /) -> tuple[tuple[str, str], ...]:
        """The headers."""
        self.asked.append(call.tool.audience)
        return self.headers


class Within:
    """What lies further in: remembers the calls it got."""

    def __init__(self) -> None:
        """None yet."""
        self.calls: list[Call] = []

    async def __call__(self, call: Call, /) -> Outcome:
        """Answer."""
        self.calls.append(call)
        return Outcome(status="ok")


async def test_a_tool_with_an_audience_gets_the_credential() -> None:
    """The call goes on as a copy with the headers; the call that came in does not carry them."""
    giving, within = Giving(("authorization", "Bearer x")), Within()
    came = call("https://api.example.com")
    outcome = await Vault(giving)(came, nxt=within)
    assert outcome.status == "ok"
    (went,) = within.calls
    assert went.credential == (("authorization", "Bearer x"),)
    assert (went.tool, went.arguments, went.principal) == (came.tool, came.arguments, came.principal)
    assert came.credential == ()


async def test_a_tool_without_an_audience_gets_none() -> None:
    """Nobody is asked for a credential, and the very same call goes on."""
    giving, within = Giving(("authorization", "Bearer x")), Within()
    came = call(None)
    await Vault(giving)(came, nxt=within)
    assert within.calls[0] is came
    assert giving.asked == []


async def test_no_api_is_called_bare() -> None:
    """When no credential can be had the call is refused and nothing further in runs."""
    within = Within()
    with pytest.raises(Refusal) as refused:
        await Vault(Giving())(call("https://api.example.com"), nxt=within)
    assert refused.value.code == "credential_unavailable"
    assert within.calls == []


async def test_a_refusal_of_the_vault_stops_the_call() -> None:
    """What the maker of credentials refuses is not turned into a call without one."""

    class Refusing:
        async def header(self, call: Call, /) -> tuple[tuple[str, str], ...]:
            raise Refusal("credential_unavailable")

    within = Within()
    with pytest.raises(Refusal):
        await Vault(Refusing())(call("https://api.example.com"), nxt=within)
    assert within.calls == []
