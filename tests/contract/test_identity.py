"""A presented credential becomes a principal or is refused: access tokens, revocation and what is remembered, on every store."""

import asyncio
import hashlib
from functools import partial

import pytest
from msgspec import UNSET

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.oauth.claims import LONGEST_ACCEPTED
from freehold.domains.oauth.resource import Resource
from freehold.domains.oauth.standing import Standing
from freehold.domains.tenancy.tenants import Tenants
from freehold.kit.db import Database, connect
from freehold.kit.jose import new_private_key, parse, sign
from tests.clocks import HandClock
from tests.identities import NOWHERE, RESOURCE, House, build, code_of, populated, refusal, watched

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> HandClock:
    """A clock turned by hand."""
    return HandClock()


@pytest.fixture
async def house(db: Database, clock: HandClock) -> House:
    """A replica, and tenants acme and globex."""
    return await populated(db, clock)


class SlowTenants:
    """The tenants, found once `answer` is set; `asked` says that somebody waits."""

    def __init__(self, tenants: Tenants) -> None:
        """Nobody has asked yet."""
        self._tenants = tenants
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def find(self, tenant: str, /) -> Standing | None:
        """Wait, then look."""
        self.asked.set()
        await self.answer.wait()
        return await self._tenants.find(tenant)


async def test_a_token_becomes_a_principal(house: House, clock: HandClock) -> None:
    """Every claim arrives where it belongs, and the plan is the tenant's when the token names none."""
    token = await house.token(scopes=["mcp:read", "mcp:write"], tools=["create-task"], data_scope="emea")
    principal = await house.resource.principal(token, None)
    assert principal == Principal(
        tenant="acme",
        subject="user-1",
        client="claude",
        credential=f"jti:{parse(token).claims()['jti']}",
        scopes=frozenset({"mcp:read", "mcp:write"}),
        tools=frozenset({"create-task"}),
        data_scope="emea",
        plan="free",
        expires_at=clock.now() + 600 + 30,
    )


async def test_a_tier_counts_only_when_it_is_a_known_plan(house: House) -> None:
    """`rate_limit_tier` picks a plan there is; any other name leaves the tenant's own."""
    assert (await house.resource.principal(await house.token(tier="pro"), None)).plan == "pro"
    assert (await house.resource.principal(await house.token(tier="unlimited"), None)).plan == "free"


async def test_a_missing_tool_list_is_not_an_empty_one(house: House) -> None:
    """Absent `allowed_tools` leaves it to the scopes, an empty list allows none, null and any other type refuse the token (AZ-03)."""
    assert (await house.resource.principal(await house.token(), None)).tools is None
    assert (await house.resource.principal(await house.token(tools=[]), None)).tools == frozenset()
    for value in (None, "create-task", {"create-task": True}, ["create-task", 1], True, 0):
        assert await refusal(house, await house.forged(allowed_tools=value)) == "invalid_token"


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        *(("tenant_id", value) for value in (UNSET, None, "", 1, ["acme"], "a" * 64, "acme\0", "\u0430cme", "nobody", "ACME", "acme ")),
        *(("sub", value) for value in (UNSET, None, "", 7, "u" * 256, "user\n1")),
        *(("scope", value) for value in (None, 1, {"mcp:read": 1}, 'mcp:"read', "mcp:re\u00e4d", ["mcp:read", None])),
        *((name, value) for name in ("jti", "client_id") for value in (UNSET, "", 1, None)),
        *((name, value) for name in ("data_scope", "rate_limit_tier", "grant_id") for value in (None, 1, "", ["x"])),
        *(("iat", value) for value in (UNSET, "now", True, None)),
        ("exp", 1_800_000_000 + LONGEST_ACCEPTED + 1),
    ],
)
async def test_a_claim_of_the_wrong_shape_refuses_the_token(sqlite_url: str, clock: HandClock, claim: str, value: object) -> None:
    """Required claims missing, and any claim of the wrong type, length or alphabet, make the token invalid (RS-02)."""
    database = connect(sqlite_url)
    house = build(database, clock)
    await house.tenants.create("acme", "Acme", "free")
    assert await refusal(house, await house.forged()) == ""
    assert await refusal(house, await house.forged(**{claim: value})) == "invalid_token"
    await database.close()


@pytest.mark.parametrize(
    "audience",
    [
        *("https://mcp.example.com/mcp/", "https://mcp.example.com/mcp2", "https://mcp.example.com", "https://mcp.example.com:443/mcp"),
        *("https://MCP.example.com/mcp", "https://mcp.example.com/MCP", "https://mcp.example.com/%6dcp", "http://mcp.example.com/mcp", ""),
        *([RESOURCE, "https://evil.example"], ["https://evil.example"], [], [[RESOURCE]], {RESOURCE: 1}, None, UNSET, 1),
    ],
)
async def test_only_the_canonical_resource_is_our_audience(sqlite_url: str, clock: HandClock, audience: object) -> None:
    """Prefixes, other spellings, other servers and shared audiences are refused for tokens of our own (RS-04)."""
    database = connect(sqlite_url)
    house = build(database, clock)
    await house.tenants.create("acme", "Acme", "free")
    assert await refusal(house, await house.forged(aud=[RESOURCE])) == ""
    assert await refusal(house, await house.forged(aud=audience)) == "invalid_token"
    await database.close()


async def test_what_is_not_an_access_token_is_refused(house: House) -> None:
    """Service tokens, tokens of another type, key ids, hashes and noise all get the same refusal as an expired token (RS-02, RS-06)."""
    secret, key = await house.keys.create("acme", name="ci")
    claims = parse(await house.token()).claims()
    access, other = await house.signing.current("access"), await house.signing.current("service")
    not_tokens = [sign(claims, access, typ) for typ in ("JWT", "logout+jwt", "rt+jwt")]
    not_tokens += [
        sign(claims, other, "at+jwt"),
        sign(claims, new_private_key(), "at+jwt"),
        sign(claims | {"iss": "https://login.example.org/tenant"}, access, "at+jwt"),
    ]
    not_tokens += [key.key_id, hashlib.sha256(secret.encode()).hexdigest(), "", " ", "a.b.c", "..", "x" * 9000, "\ud800.a.b", "\u00e9"]
    assert {await refusal(house, each) for each in not_tokens} == {"invalid_token"}
    assert await refusal(house, None) == "unauthenticated"


async def test_every_refused_credential_looks_the_same(house: House, clock: HandClock) -> None:
    """Unknown, expired, revoked, suspended and another deployment's credentials are refused with equal words and facts (RS-02)."""
    revoked, expired, foreign = await house.token(), await house.token(seconds=10), await house.token("globex")
    await house.revoke.token("acme", str(parse(revoked).claims()["jti"]))
    await house.tenants.suspend("globex")
    clock.advance(41)
    seen: set[tuple[object, ...]] = set()
    for credential in (revoked, expired, foreign, await house.token("nobody"), "mcp_live_nonsense", "a.b.c"):
        with pytest.raises(Refusal) as refused:
            await house.resource.principal(credential, None)
        seen.add((refused.value.code, str(refused.value), str(refused.value.facts), refused.value.retry_after, refused.value.data))
    assert len(seen) == 1


async def test_a_remembered_token_still_expires(house: House, clock: HandClock) -> None:
    """A token in memory is refused from its expiry plus the leeway on, not a minute later."""
    token = await house.token(seconds=10)
    assert await refusal(house, token) == ""
    clock.advance(39.9)
    assert await refusal(house, token) == ""
    clock.advance(0.2)
    assert await refusal(house, token) == "invalid_token"


async def test_revoking_by_token_grant_and_tenant(house: House, clock: HandClock) -> None:
    """Each kind ends what it names and nothing else; tokens and keys made after a tenant's revocation count again."""
    by_token, by_grant, kept = await house.token(), await house.token(grant="g1"), await house.token(grant="g2")
    secret, _ = await house.keys.create("acme", name="ci")
    foreign = await house.token("globex", grant="g1")
    await house.revoke.token("acme", str(parse(by_token).claims()["jti"]))
    await house.revoke.grant("acme", "g1")
    assert [await refusal(house, each) for each in (by_token, by_grant, kept, foreign, secret)] == ["invalid_token"] * 2 + [""] * 3
    await house.revoke.everything("acme")
    house.hear()
    assert [await refusal(house, each) for each in (kept, secret, foreign)] == ["invalid_token", "invalid_token", ""]
    clock.advance(1)
    later, _ = await house.keys.create("acme", name="ci")
    assert [await refusal(house, each) for each in (await house.token(), later)] == ["", ""]


async def test_another_replica_forgets_what_it_hears_of(house: House) -> None:
    """A revoked token, a revoked key and a suspended tenant stop counting on a replica that had them in memory (RS-09, KEY-06)."""
    other = build(house.db, house.clock)
    token, foreign = await house.token(), await house.token("globex")
    secret, key = await house.keys.create("acme", name="ci")
    assert [await refusal(other, each) for each in (token, secret, foreign)] == ["", "", ""]
    await house.revoke.token("acme", str(parse(token).claims()["jti"]))
    await house.keys.revoke("acme", key.key_id)
    await house.tenants.suspend("globex")
    other.hear()
    assert [await refusal(other, each) for each in (token, secret, foreign)] == ["invalid_token"] * 3
    await house.tenants.resume("globex")
    other.hear()
    assert await refusal(other, foreign) == ""


async def test_the_version_poll_reaches_a_replica_that_missed_the_broadcast(house: House) -> None:
    """Every use case that ends a credential bumps the version that `Changes` polls (RS-09)."""
    other = build(house.db, house.clock)
    other.changes.watch(other.hear)
    await other.changes.poll()
    for end in (
        partial(house.revoke.token, "acme"),
        partial(house.revoke.grant, "acme"),
        lambda _: house.revoke.everything("acme"),
        partial(house.keys.revoke, "acme"),
    ):
        house.clock.advance(1)
        _, key = await house.keys.create("acme", name="ci")
        token = await house.token(grant=key.key_id)
        await other.changes.poll()
        assert await refusal(other, token) == ""
        before = other.resource._generation  # noqa: SLF001  whether it was told
        await end(key.key_id)
        await other.changes.poll()
        assert other.resource._generation == before + 1  # noqa: SLF001  whether it was told


async def test_what_was_being_looked_up_while_it_was_revoked_is_not_remembered(house: House) -> None:
    """A lookup that had read the key before it was revoked may finish, but the next call asks anew (RS-09)."""
    slow = SlowTenants(house.tenants)
    resource = Resource(house.db, house.tokens, slow, plans=(), clock=house.clock)
    secret, key = await house.keys.create("acme", name="ci")
    looking = asyncio.ensure_future(resource.principal(secret, None))
    await slow.asked.wait()
    await house.keys.revoke("acme", key.key_id)
    resource.forget()
    async with asyncio.timeout(5):
        assert await code_of(resource.principal(secret, None)) == "invalid_token"
    slow.answer.set()
    assert (await looking).tenant == "acme"
    assert await code_of(resource.principal(secret, None)) == "invalid_token"


async def test_a_warm_credential_asks_nobody(house: House, clock: HandClock) -> None:
    """For a minute the same principal comes from memory without a statement; after it the database is asked once."""
    token = await house.token()
    secret, _ = await house.keys.create("acme", name="ci")
    principals = [await house.resource.principal(each, None) for each in (token, secret)]
    statements = watched(house.db)
    assert [await house.resource.principal(each, None) for each in (token, secret)] == principals
    clock.advance(59.9)
    assert [await house.resource.principal(each, None) for each in (token, secret)] == principals
    assert statements == []
    clock.advance(0.1)
    assert [await house.resource.principal(each, None) for each in (token, secret)] == principals
    assert [sum(table in statement for statement in statements) for table in ("SELECT revocations.kind", "FROM api_keys")] == [1, 1]


async def test_trouble_with_the_database_is_nobodys_identity(house: House) -> None:
    """A store that does not answer gives 503, never a principal, never invalid_token, and is asked again next time (RS-08)."""
    token = await house.token()
    secret, _ = await house.keys.create("acme", name="ci")
    gone = connect(NOWHERE)
    away, back = house.unreachable(gone), house.db
    for each in (token, secret, token):
        assert await code_of(away.principal(each, None)) == "identity_unavailable"
    away._db = back  # noqa: SLF001  the store answers again
    assert (await away.principal(token, None)).tenant == "acme"
    await gone.close()


async def test_a_stampede_of_one_token_is_one_lookup(house: House, clock: HandClock) -> None:
    """A hundred calls at once with a cold token verify it once, and one that gives up does not stop the others."""
    token = await house.token()
    await house.signing.check()
    statements = watched(house.db)
    calls = [asyncio.ensure_future(house.resource.principal(token, None)) for _ in range(100)]
    await asyncio.sleep(0)
    calls[0].cancel()
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert {id(each) for each in done[1:]} == {id(done[1])}
    assert isinstance(done[1], Principal)
    assert sum("FROM revocations" in statement for statement in statements) == 1
    clock.advance(61)
    await house.resource.principal(token, None)
    assert sum("FROM revocations" in statement for statement in statements) == 2


async def test_a_refused_credential_is_refused_from_memory(house: House, clock: HandClock) -> None:
    """A well-formed key that is not valid asks the database once in five seconds (KEY-06)."""
    secret, key = await house.keys.create("acme", name="ci")
    await house.keys.revoke("acme", key.key_id)
    statements = watched(house.db)
    assert [await refusal(house, secret) for _ in range(3)] == ["invalid_token"] * 3
    assert sum("FROM api_keys" in statement for statement in statements) == 1
    clock.advance(5)
    assert await refusal(house, secret) == "invalid_token"
    assert sum("FROM api_keys" in statement for statement in statements) == 2


async def test_memory_is_bounded(house: House) -> None:
    """Past its capacity the oldest credential is forgotten, and no credential is mistaken for another."""
    small = Resource(house.db, house.tokens, house.tenants, plans=(), clock=house.clock, capacity=2)
    tokens = [await house.token(subject=f"user-{number}") for number in range(4)]
    for _ in range(2):
        subjects = [(await small.principal(token, None)).subject for token in tokens]
        assert subjects == ["user-0", "user-1", "user-2", "user-3"]
    assert len(small._known) == 2  # noqa: SLF001  what it holds
