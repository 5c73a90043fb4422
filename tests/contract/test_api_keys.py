"""API keys from creation to revocation, on every store."""

import hashlib
import logging
from typing import Any

import pytest
from sqlalchemy import select, update

from freehold.adapters.state_memory import MemoryState
from freehold.core.refusals import Refusal
from freehold.domains.oauth.expiring import DAY, Expiring
from freehold.domains.oauth.last_used import LastUsed
from freehold.domains.oauth.networks import parsed
from freehold.domains.oauth.tables import api_keys
from freehold.kit.db import Database, connect
from freehold.kit.errors import Unavailable
from tests.clocks import HandClock
from tests.identities import NOWHERE, House, build, code_of, populated, refusal, watched

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


async def test_a_rotated_key_works_beside_its_successor_for_as_long_as_was_said(house: House, clock: HandClock) -> None:
    """The successor may do the same and lives as long anew; the old key ends with the overlap, on every replica (KEY-10)."""
    bounds: dict[str, Any] = {"scopes": ["mcp:write"], "tools": ["create-task"], "service": "billing"}
    bounds |= {"networks": ["192.0.2.0/24"], "per_minute": 9}
    secret, old = await house.keys.create("acme", name="ci", seconds=10 * DAY, test=True, **bounds)
    other = build(house.db, clock)
    before = await other.resource.principal(secret, None, "192.0.2.1")
    clock.advance(DAY)
    renewed, successor = await house.keys.rotate("acme", old.key_id, overlap=3_600)
    other.hear()
    after = await other.resource.principal(renewed, None, "192.0.2.1")
    different = {name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)}
    assert different == {"credential", "client", "expires_at"}
    assert (successor.name, successor.created_at, successor.expires_at) == ("ci", clock.now(), clock.now() + 10 * DAY)
    clock.advance(3_599)
    assert await code_of(other.resource.principal(secret, None, "192.0.2.1")) == ""
    clock.advance(1)
    assert await code_of(other.resource.principal(secret, None, "192.0.2.1")) == "invalid_token"
    assert await code_of(other.resource.principal(renewed, None, "192.0.2.1")) == ""


async def test_a_rotation_lengthens_no_life(house: House, clock: HandClock) -> None:
    """An overlap beyond the old key's end changes nothing of it; ended and unknown keys and another tenant's have no successor (KEY-10)."""
    _, key = await house.keys.create("acme", name="ci", seconds=60)
    await house.keys.rotate("acme", key.key_id, overlap=3_600)
    assert [each.expires_at for each in await house.keys.all("acme")] == [clock.now() + 60] * 2
    assert await code_of(house.keys.rotate("globex", key.key_id, overlap=60)) == "key_unknown"
    assert await code_of(house.keys.rotate("acme", "nothing", overlap=60)) == "key_unknown"
    clock.advance(60)
    assert await code_of(house.keys.rotate("acme", key.key_id, overlap=60)) == "key_ended"
    _, revoked = await house.keys.create("acme", name="ci")
    await house.keys.revoke("acme", revoked.key_id)
    assert await code_of(house.keys.rotate("acme", revoked.key_id, overlap=60)) == "key_ended"
    assert len(await house.keys.all("acme")) == 3


async def test_a_key_counts_in_its_networks_only(house: House) -> None:
    """From elsewhere, or from an address nobody knows, it is refused like an unknown one, and goes on where it belongs (KEY-07)."""
    secret, _ = await house.keys.create("acme", name="ci", networks=["192.0.2.0/28", "2001:db8::/64", "203.0.113.9"])
    anywhere, _ = await house.keys.create("acme", name="ci")
    inside = ["192.0.2.1", "192.0.2.15", "::ffff:192.0.2.3", "2001:db8::1", "203.0.113.9"]
    outside = ["192.0.2.16", "2001:db8:0:1::1", "203.0.113.8", "::ffff:192.0.2.16", "", "unknown", "192.0.2.1, 1.1.1.1", "192.0.2.1:80"]
    for address in outside:
        with pytest.raises(Refusal) as refused:
            await house.resource.principal(secret, None, address)
        with pytest.raises(Refusal) as noise:
            await house.resource.principal("mcp_live_noise", None, address)
        assert (str(refused.value), refused.value.data) == (str(noise.value), noise.value.data)
        assert await code_of(house.resource.principal(anywhere, None, address)) == ""
    assert [await code_of(house.resource.principal(secret, None, address)) for address in inside] == [""] * len(inside)


@pytest.mark.parametrize("network", ["192.0.2.1/24", "0.0.0.0/0", "::/0", "localhost", "", "192.0.2.0/33", "192.0.2", "192.0.2.0/24 "])
async def test_what_is_no_network(network: str) -> None:
    """Host bits, names, every address and misspellings are refused in words, and so is a list of none."""
    for written in ([network, "192.0.2.0/24"], []):
        with pytest.raises(Refusal) as refused:
            parsed(written)
        assert refused.value.code == "network_invalid"


async def test_what_no_key_can_be_bound_to(house: House) -> None:
    """What is no network, no service account or no rate is refused, and no key is made."""
    assert await code_of(house.keys.create("acme", name="ci", networks=["192.0.2.1/24"])) == "network_invalid"
    for service in ("", "Billing", "a b", "-a", "a" * 64, "a:b", "a/b"):
        assert await code_of(house.keys.create("acme", name="c", service=service)) == "service_invalid"
    with pytest.raises(ValueError, match="at least one call a minute"):
        await house.keys.create("acme", name="ci", per_minute=0)
    assert await house.keys.all("acme") == []


async def test_a_service_account_is_who_acts(house: House) -> None:
    """A key of a service account acts under its name, whichever of its keys it is, and no issuer's token can say that name."""
    first, key = await house.keys.create("acme", name="a", service="billing")
    second, _ = await house.keys.create("acme", name="b", service="billing")
    principals = [await house.resource.principal(each, None) for each in (first, second)]
    assert [one.subject for one in principals] == ["service:billing"] * 2
    assert len({one.client for one in principals}) == 2
    assert principals[0].credential == f"key:{key.key_id}"
    for subject in ("service:billing", f"key:{key.key_id}"):
        assert await refusal(house, await house.forged(sub=subject)) == "invalid_token"
    assert await refusal(house, await house.forged(sub="user:service:billing")) == ""


async def test_last_use_is_written_once_a_minute_and_never_on_the_way(house: House, clock: HandClock) -> None:
    """A warm call asks the database nothing; two replicas together write once a minute for each key, and refused keys are not used."""
    resource, other = house.resource, build(house.db, clock).resource
    uses, others = resource.last_used, other.last_used
    secret, _ = await house.keys.create("acme", name="ci")
    bound, _ = await house.keys.create("acme", name="ci", networks=["192.0.2.0/24"])
    began = clock.now()

    async def told() -> set[float | None]:
        return {one.last_used_at for one in await house.keys.all("acme")}

    for each in (resource, other):
        await each.principal(secret, None)
        assert await code_of(each.principal(bound, None)) == "invalid_token"
    statements = watched(house.db)
    clock.advance(1)
    await resource.principal(secret, None)
    assert statements == []
    await uses.write()
    await others.write()
    assert sum("UPDATE api_keys" in statement for statement in statements) == 2
    assert await told() == {began + 1, None}
    clock.advance(58)
    await other.principal(secret, None)
    await others.write()
    assert await told() == {began + 1, None}
    clock.advance(2)
    await other.principal(secret, None)
    await others.write()
    assert await told() == {clock.now(), None}
    statements.clear()
    await others.write()
    assert statements == []


async def test_last_uses_outlive_a_store_that_is_away(house: House, clock: HandClock) -> None:
    """What could not be written is written the next time."""
    _, key = await house.keys.create("acme", name="ci")
    gone = connect(NOWHERE)
    uses = LastUsed(gone, clock=clock)
    uses.note(key.key_id)
    with pytest.raises(Unavailable):
        await uses.write()
    uses._db = house.db  # noqa: SLF001  the store answers again
    await uses.write()
    assert [one.last_used_at for one in await house.keys.all("acme")] == [clock.now()]
    await gone.close()


async def test_a_key_about_to_end_is_named_once_a_day(house: House, clock: HandClock, caplog: pytest.LogCaptureFixture) -> None:
    """From seven days before its end the log names it, once a day over all replicas; revoked, lasting and ended keys are not named."""
    state = MemoryState(clock)
    replicas = [Expiring(house.db, state, clock=clock) for _ in range(2)]
    _, ending = await house.keys.create("acme", name="ci", seconds=8 * DAY)
    _, revoked = await house.keys.create("globex", name="ci", seconds=2 * DAY)
    await house.keys.create("acme", name="ci")
    await house.keys.create("acme", name="ci", seconds=300 * DAY)
    await house.keys.revoke("globex", revoked.key_id)
    seen: list[list[int]] = []
    with caplog.at_level(logging.WARNING):
        for _ in range(10):
            caplog.clear()
            for each in (*replicas, *replicas):
                await each.warn()
            assert {record.__dict__["key"] for record in caplog.records} <= {ending.key_id}
            seen.append([record.__dict__["days"] for record in caplog.records])
            clock.advance(DAY)
    assert seen == [[], [7], [6], [5], [4], [3], [2], [1], [], []]
