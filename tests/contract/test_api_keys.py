"""API keys from creation to revocation, on every store."""

import hashlib

import pytest
from sqlalchemy import select, update

from freehold.domains.oauth.tables import api_keys
from freehold.kit.db import Database, connect
from tests.clocks import HandClock
from tests.identities import NOWHERE, House, code_of, populated, refusal

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> HandClock:
    """A clock turned by hand."""
    return HandClock()


@pytest.fixture
async def house(db: Database, clock: HandClock) -> House:
    """A replica, and tenants acme and globex."""
    return await populated(db, clock)


async def test_a_key_becomes_a_principal(house: House, clock: HandClock) -> None:
    """A key acts as itself for its tenant with its own scopes, tools and expiry, and reads only by default (KEY-07)."""
    secret, key = await house.keys.create("acme", name="ci")
    principal = await house.resource.principal(secret, None)
    assert (principal.tenant, principal.plan, principal.scopes, principal.tools) == ("acme", "free", frozenset({"mcp:read"}), None)
    assert principal.subject == principal.client == principal.credential == f"key:{key.key_id}"
    assert not principal.test
    limited, _ = await house.keys.create("acme", name="ci", scopes=["mcp:write"], tools=[], seconds=60, test=True)
    principal = await house.resource.principal(limited, None)
    assert (principal.scopes, principal.tools, principal.expires_at) == (frozenset({"mcp:write"}), frozenset(), clock.now() + 60)
    assert principal.test
    clock.advance(60)
    assert await refusal(house, limited) == "invalid_token"


async def test_where_a_key_may_stand(house: House) -> None:
    """A key counts as bearer, as X-API-Key, and as both when equal; two credentials, or a token as X-API-Key, do not (RS-05, KEY-08)."""
    secret, _ = await house.keys.create("acme", name="ci")
    other, _ = await house.keys.create("acme", name="ci")
    token = await house.token()
    assert [await refusal(house, *pair) for pair in ((secret, None), (None, secret), (secret, secret))] == ["", "", ""]
    assert await refusal(house, token) == ""
    bad = [(secret, other), (token, secret), (None, token), (token, token), (None, ""), (secret, ""), ("", secret)]
    assert {await refusal(house, *pair) for pair in bad} == {"invalid_token"}


async def test_only_a_hash_is_kept(house: House) -> None:
    """Nothing in the database or in what `all` gives opens anything: there is a SHA-256 and a public id (KEY-02, KEY-03)."""
    secret, key = await house.keys.create("acme", name="ci")
    async with house.db.system() as scope:
        row = await scope.one(select(api_keys))
    assert row is not None
    assert row.digest == hashlib.sha256(secret.encode()).digest()
    body = secret.removeprefix("mcp_live_").removeprefix(key.key_id)
    assert body[:33] not in repr(row)
    assert body[:33] not in repr(key)
    assert key.key_id in secret
    assert await house.keys.all("acme") == [key]
    assert await house.keys.all("globex") == []


async def test_a_key_with_a_wrong_checksum_costs_no_database(house: House) -> None:
    """A mistyped, truncated, extended, re-cased or decorated key is refused without a lookup (KEY-05, KEY-12)."""
    secret, _ = await house.keys.create("acme", name="ci")
    gone = connect(NOWHERE)
    away = house.unreachable(gone)
    last = "1" if secret[-1] != "1" else "2"
    wrong = [secret[:-1], secret + "0", secret[:-1] + last, secret.swapcase(), f" {secret}", f"{secret}\n", secret.replace("live", "test")]
    wrong += [secret.replace("mcp_", "MCP_"), secret[:20] + "\u0661" + secret[21:], secret[:20] + "\0" + secret[21:], "mcp_live_", "mcp_"]
    for each in wrong:
        assert await code_of(away.principal(each, None)) == "invalid_token"
    assert await code_of(away.principal(secret, None)) == "identity_unavailable"
    await gone.close()


async def test_a_known_id_with_another_secret_is_refused(house: House) -> None:
    """The id finds the row; only the whole key's digest opens it (KEY-04)."""
    secret, key = await house.keys.create("acme", name="ci")
    async with house.db.tenant("acme", write=True) as scope:
        await scope.run(update(api_keys).where(api_keys.c.key_id == key.key_id).values(digest=b"x" * 32))
    assert await refusal(house, secret) == "invalid_token"


async def test_a_tenant_reaches_its_own_keys_only(house: House) -> None:
    """Revoking another tenant's key is refused like an unknown one and changes nothing; revoking twice is no error."""
    secret, key = await house.keys.create("acme", name="ci")
    for tenant, key_id in (("globex", key.key_id), ("acme", "nothing")):
        assert await code_of(house.keys.revoke(tenant, key_id)) == "key_unknown"
    assert await refusal(house, secret) == ""
    await house.keys.revoke("acme", key.key_id)
    first = await house.keys.all("acme")
    house.clock.advance(5)
    await house.keys.revoke("acme", key.key_id)
    assert await house.keys.all("acme") == first
    house.hear()
    assert await refusal(house, secret) == "invalid_token"


async def test_what_no_key_can_be_made_with(house: House) -> None:
    """Unknown tenants, scopes outside RFC 6749 and unprintable names are refused, and no row is left."""
    assert await code_of(house.keys.create("nobody", name="ci")) == "tenant_unknown"
    for scope in ("", "a b", 'a"b', "a\\b", "\u00e4", "a\n"):
        assert await code_of(house.keys.create("acme", name="ci", scopes=[scope])) == "scope_invalid"
    for name in ("n" * 101, "a\nb"):
        with pytest.raises(ValueError, match="printable"):
            await house.keys.create("acme", name=name)
    assert await house.keys.all("acme") == []
