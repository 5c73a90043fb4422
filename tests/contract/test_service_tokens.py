"""What a tool's API is shown, checked the way such an API would: with a stock library and our published keys."""

from typing import Any

import jwt
import pytest
from msgspec.structs import replace

from freehold.core.call import Call
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.oauth.service_tokens import ServiceTokens
from freehold.kit.db import Database, connect
from freehold.kit.ids import Ids
from tests.clocks import HandClock
from tests.identities import ISSUER, NOWHERE, House, build, populated

pytestmark = pytest.mark.anyio

API = "https://api.example.com"


@pytest.fixture
def clock() -> HandClock:
    """A clock turned by hand."""
    return HandClock()


@pytest.fixture
async def house(db: Database, clock: HandClock) -> House:
    """A replica, and tenants acme and globex."""
    return await populated(db, clock)


def tokens(house: House, **limits: int) -> ServiceTokens:
    """The maker of service tokens of a house."""
    return ServiceTokens(house.signing, issuer=ISSUER, clock=house.clock, ids=Ids(house.clock), **limits)


def call(principal: Principal, audience: str | None = API) -> Call:
    """A call in the principal's name of a tool of that API."""
    tool = Tool(name="t", description="d", input_schema={}, source="api", scopes=frozenset(), audience=audience)
    return Call(id="1", at=0, principal=principal, tool=tool, arguments={}, request_id="r", revision="2026-07-28", bytes_in=1, deadline=9)


async def as_the_api(house: House, token: str, audience: str = API) -> dict[str, Any]:
    """Verify as the API does: the key from the JWKS by kid, ES256 only, issuer and audience its own."""
    listed = jwt.PyJWKSet.from_dict(dict(await house.signing.published("service")))
    key = listed[jwt.get_unverified_header(token)["kid"]]
    options = {"verify_exp": False, "verify_iat": False, "require": ["sub", "tenant_id", "act", "jti", "iat", "exp"]}
    return jwt.decode(token, key, algorithms=["ES256"], audience=audience, issuer=ISSUER, options=options)


async def test_an_api_can_verify_for_whom_we_call(house: House, clock: HandClock) -> None:
    """The token names issuer, audience, subject, tenant, data scope and client, for 120 seconds, and verifies through the JWKS."""
    bearer = await house.token(data_scope="emea")
    principal = await house.resource.principal(bearer, None)
    ((name, value),) = await tokens(house).header(call(principal))
    assert name == "authorization"
    claims = await as_the_api(house, value.removeprefix("Bearer "))
    assert claims | {"jti": ""} == {
        "iss": ISSUER,
        "aud": API,
        "sub": "user-1",
        "tenant_id": "acme",
        "data_scope": "emea",
        "act": {"sub": "claude"},
        "jti": "",
        "iat": int(clock.now()),
        "exp": int(clock.now()) + 120,
    }


async def test_the_callers_token_stays_here(house: House) -> None:
    """Neither the presented token nor its jti and scopes leave, and a service token opens nothing with us (CD-02, RS-06)."""
    bearer = await house.token(scopes=["mcp:read"])
    principal = await house.resource.principal(bearer, None)
    ((_, value),) = await tokens(house).header(call(principal))
    claims = await as_the_api(house, value.removeprefix("Bearer "))
    assert bearer not in value
    assert principal.credential.removeprefix("jti:") not in str(claims)
    assert "scope" not in claims
    with pytest.raises(Refusal) as refused:
        await house.resource.principal(value.removeprefix("Bearer "), None)
    assert refused.value.code == "invalid_token"


async def test_a_token_is_used_again_for_half_its_life(house: House, clock: HandClock) -> None:
    """The same header for a minute, then a new one, so that what is sent is valid for a minute at least."""
    made = tokens(house)
    principal = await house.resource.principal(await house.token(), None)
    first = await made.header(call(principal))
    clock.advance(59.9)
    assert await made.header(call(principal)) is first
    clock.advance(0.1)
    assert await made.header(call(principal)) != first


async def test_no_two_principals_or_apis_share_a_token(house: House) -> None:
    """Another API, tenant, subject, client or data scope gets its own token, even under the same credential id."""
    made = tokens(house)
    principal = await house.resource.principal(await house.token(), None)
    others = [replace(principal, **{name: "other"}) for name in ("tenant", "subject", "client", "data_scope", "credential")]
    seen = {await made.header(call(each)) for each in (principal, *others)}
    seen.add(await made.header(call(principal, "https://other.example")))
    assert len(seen) == 7
    for each in (principal, *others):
        ((_, value),) = await made.header(call(each))
        claims = await as_the_api(house, value.removeprefix("Bearer "))
        assert (claims["tenant_id"], claims["sub"], claims["act"]) == (each.tenant, each.subject, {"sub": each.client})


async def test_a_tool_without_an_audience_gets_no_token(house: House) -> None:
    """Nothing is signed for a tool whose API takes no token."""
    principal = await house.resource.principal(await house.token(), None)
    assert await tokens(house).header(call(principal, None)) == ()


async def test_what_is_kept_is_bounded(house: House) -> None:
    """Past its capacity the oldest token is dropped and made anew when it is needed."""
    made = tokens(house, capacity=2)
    principal = await house.resource.principal(await house.token(), None)
    first = await made.header(call(principal))
    for name in ("a", "b"):
        await made.header(call(replace(principal, subject=name)))
    assert await made.header(call(principal)) != first
    assert len(made._made) == 2  # noqa: SLF001  what it holds


async def test_without_keys_no_call_goes_out(house: House, clock: HandClock) -> None:
    """When the keys cannot be read the call is refused in words instead of sent without a credential."""
    principal = await house.resource.principal(await house.token(), None)
    gone = connect(NOWHERE)
    with pytest.raises(Refusal) as refused:
        await tokens(build(gone, clock)).header(call(principal))
    assert refused.value.code == "credential_unavailable"
    await gone.close()
