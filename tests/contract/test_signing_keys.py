"""The keys we sign with: made once, sealed, rotated with overlap, on every store."""

import asyncio
import base64
import json

import pytest

from freehold.domains.oauth import store
from freehold.kit.crypto import Seal
from freehold.kit.db import Database, connect
from freehold.kit.errors import Misconfigured
from freehold.kit.jose import new_private_key, parse, sign
from tests.clocks import HandClock
from tests.identities import House, build, code_of, populated, refusal

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> HandClock:
    """A clock turned by hand."""
    return HandClock()


@pytest.fixture
async def house(db: Database, clock: HandClock) -> House:
    """A replica, and tenants acme and globex."""
    return await populated(db, clock)


async def test_two_processes_agree_on_the_first_key(house: House, database_url: str) -> None:
    """When several replicas need the first key at once, one is made and all sign with it."""
    replicas = [build(connect(database_url), house.clock) for _ in range(4)]
    kids = [key.public.kid for key in await asyncio.gather(*(each.signing.current("access") for each in replicas))]
    assert len(set(kids)) == 1
    assert [each["kid"] for each in (await house.signing.published("access"))["keys"]] == kids[:1]
    assert (await house.signing.current("service")).public.kid != kids[0]
    for each in replicas:
        await each.db.close()


async def test_a_rotated_key_is_published_before_it_signs_and_after_it_stopped(house: House, clock: HandClock) -> None:
    """The next key is in the JWKS at once and signs ten minutes later; the old one stays until its last token is over (JWT-14)."""
    old = (await house.signing.current("access")).public.kid
    token = await house.token(seconds=86_400)
    clock.advance(1000)
    new = await house.signing.rotate("access")

    async def state() -> tuple[str, list[str]]:
        kids = [each["kid"] for each in (await house.signing.published("access"))["keys"]]
        return (await house.signing.current("access")).public.kid, kids

    assert await state() == (old, [old, new])
    clock.advance(599)
    assert await state() == (old, [old, new])
    last = await house.token(seconds=86_400)
    clock.advance(1)
    assert await state() == (new, [old, new])
    assert [await refusal(house, each) for each in (token, last, await house.token())] == ["", "", ""]
    clock.advance(86_398)
    assert await refusal(house, last) == ""
    clock.advance(2)
    assert await state() == (new, [new])
    await house.signing.rotate("access")
    assert old not in [row.kid for row in await house.rows()]


async def test_a_replica_learns_a_key_it_has_not_heard_of(house: House, clock: HandClock) -> None:
    """A token of a freshly rotated key is accepted by a replica that missed the news, and a flood of unknown kids reads once (JWT-14)."""
    other = build(house.db, clock)
    assert await refusal(other, await house.token()) == ""
    clock.advance(1)
    await house.signing.rotate("access")
    clock.advance(601)
    assert await refusal(other, await house.token()) == ""
    loaded = other.signing._loaded_at  # noqa: SLF001  when it last read
    clock.advance(1)
    for _ in range(5):
        assert await refusal(other, sign(parse(await house.token()).claims(), new_private_key(), "at+jwt")) == "invalid_token"
    assert other.signing._loaded_at == loaded  # noqa: SLF001  when it last read


async def test_private_keys_are_sealed(house: House) -> None:
    """The row holds the public half in clear and nothing of the private one."""
    key = await house.signing.current("access")
    (row,) = await house.rows()
    private = json.loads(key.export())
    assert json.loads(row.public_jwk) == dict(key.public.document)
    assert "d" not in json.loads(row.public_jwk)
    for form in (private["d"].encode(), base64.urlsafe_b64decode(private["d"] + "=")):
        assert form not in row.sealed


async def test_a_key_the_master_key_did_not_seal_is_not_trusted(house: House) -> None:
    """Whoever writes a key of theirs into the table, or moves a sealed one to another purpose or kid, gains nothing."""
    key = await house.signing.current("access")
    (row,) = await house.rows()
    theirs = new_private_key()
    document, sealed = json.dumps(dict(theirs.public.document)), Seal(b"x" * 32).seal("signing-key", theirs.export())
    planted = [
        store.SealedKey(theirs.public.kid, "access", "ES256", document, sealed, 1.0, None),
        store.SealedKey("moved", "access", "ES256", row.public_jwk, row.sealed, 1.0, None),
        store.SealedKey("turned", "service", "ES256", row.public_jwk, row.sealed, 1.0, None),
    ]
    async with house.db.system(write=True) as scope:
        for each in planted:
            await store.add_signing(scope, each, retire_at=house.clock.now() + 9999)
    house.hear()
    assert (await house.signing.current("access")).public.kid == key.public.kid
    assert [each["kid"] for each in (await house.signing.published("access"))["keys"]] == [key.public.kid]
    assert await refusal(house, sign(parse(await house.token()).claims(), theirs, "at+jwt")) == "invalid_token"
    with pytest.raises(Misconfigured):
        await house.signing.current("service")


async def test_another_master_key_stops_the_start(house: House) -> None:
    """With the wrong master key no new key is made in silence: `check` says what to put back."""
    await house.signing.check()
    with pytest.raises(Misconfigured, match="master key"):
        await build(house.db, house.clock, master=b"n" * 32).signing.check()
    assert len(await house.rows()) == 2


async def test_a_token_has_a_longest_life(house: House) -> None:
    """The issuer mints nothing that would outlive the key's publication, nor a scope that is none."""
    with pytest.raises(ValueError, match="86400"):
        await house.token(seconds=86_401)
    assert await code_of(house.token(scopes=["a b"])) == "scope_invalid"


async def test_a_key_is_renewed_when_it_is_old(house: House, database_url: str) -> None:
    """After its age a key gets one successor, whichever replicas look, and before it none."""
    others = [build(connect(database_url), house.clock) for _ in range(3)]
    replicas = [house.signing, *(each.signing for each in others)]
    first = (await house.signing.current("service")).public.kid
    house.clock.advance(99)
    assert await asyncio.gather(*(each.renew("service", after=100) for each in replicas)) == [False] * 4
    house.clock.advance(2)
    assert sorted(await asyncio.gather(*(each.renew("service", after=100) for each in replicas))) == [False, False, False, True]
    house.signing.forget()
    kids = [each["kid"] for each in (await house.signing.published("service"))["keys"]]
    assert len(kids) == 2
    assert kids[0] == first
    assert (await house.signing.current("service")).public.kid == first
    for each in others:
        await each.db.close()
