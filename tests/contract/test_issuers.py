"""External issuers: which tokens of theirs count, and how their keys are found, over real HTTP on loopback."""

import asyncio
import itertools
import json

import pytest
from msgspec import UNSET

from freehold.domains.oauth.jwks import TrustedIssuer
from freehold.domains.oauth.tokens import AccessTokens, external
from freehold.kit.db import Database
from freehold.kit.errors import Misconfigured
from freehold.kit.jose import new_private_key, parse, sign
from freehold.kit.outbound import GuardedClient
from tests.clocks import HandClock
from tests.hostile import Line, upstream, whole
from tests.identities import ISSUER, RESOURCE, build, refusal
from tests.issuers import NAMES, idp, trusting

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> HandClock:
    """A clock turned by hand."""
    return HandClock()


async def test_an_external_issuer_is_believed_within_its_claim_map(db: Database, clock: HandClock) -> None:
    """Its tokens count with its names mapped to ours, an audience shared with others, and never by a claim the map replaces."""
    async with idp() as them, trusting(db, clock, TrustedIssuer(issuer=them.origin, jwks_uri=f"{them.origin}/jwks", claims=NAMES)) as house:
        principal = await house.resource.principal(them.sign(clock), None)
        assert (principal.tenant, principal.subject, principal.client, principal.scopes) == ("acme", "u", "chat", frozenset({"mcp:read"}))
        assert await refusal(house, them.sign(clock, jti="a", tenant_id="globex")) == ""
        assert (await house.resource.principal(them.sign(clock, jti="a", tenant_id="globex"), None)).tenant == "acme"
        refused = [{"org": UNSET, "tenant_id": "acme"}, {"aud": ["https://userinfo.example"]}, {"aud": RESOURCE + "/"}, {"org": "nobody"}]
        assert {await refusal(house, them.sign(clock, **each)) for each in refused} == {"invalid_token"}
        assert await refusal(house, them.sign(clock, typ="JWT")) == "invalid_token"
        assert them.fetches("/jwks") == 1


async def test_an_issuers_key_signs_for_that_issuer_only(db: Database, clock: HandClock) -> None:
    """The key of one issuer with the `iss` of another, even under an equal kid, is refused; `iss` is compared exactly (JWT-10)."""
    async with idp() as them, idp() as others:
        twin = dict(others.key.public.document) | {"kid": them.key.public.kid}
        others.pages["/jwks"] = json.dumps({"keys": [twin]}).encode()
        trusted = [TrustedIssuer(issuer=each.origin, jwks_uri=f"{each.origin}/jwks", claims=NAMES) for each in (them, others)]
        async with trusting(db, clock, *trusted) as house:
            assert await refusal(house, them.sign(clock)) == ""
            for issuer in (others.origin, ISSUER, f"{them.origin}/", them.origin.upper(), [them.origin], UNSET, None):
                assert await refusal(house, them.sign(clock, iss=issuer)) == "invalid_token"


async def test_keys_are_found_through_the_issuers_own_metadata(db: Database, clock: HandClock) -> None:
    """RFC 8414 metadata, then OpenID discovery, name the keys; a document of another issuer, or a plain file URL, does not."""
    async with idp() as them:
        oauth, openid = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
        them.pages[oauth] = json.dumps({"issuer": "https://evil.example", "jwks_uri": f"{them.origin}/evil"}).encode()
        them.pages[openid] = json.dumps({"issuer": them.origin, "jwks_uri": f"{them.origin}/jwks"}).encode()
        async with trusting(db, clock, TrustedIssuer(issuer=them.origin, claims=NAMES)) as house:
            assert await refusal(house, them.sign(clock)) == ""
            assert (them.fetches(oauth), them.fetches(openid), them.fetches("/jwks"), them.fetches("/evil")) == (1, 1, 1, 0)
    async with idp() as them:
        them.pages[openid] = json.dumps({"issuer": them.origin, "jwks_uri": "file:///etc/passwd"}).encode()
        async with trusting(db, clock, TrustedIssuer(issuer=them.origin, claims=NAMES)) as house:
            assert await refusal(house, them.sign(clock)) == "identity_unavailable"


async def test_an_unknown_kid_costs_one_fetch_a_minute(db: Database, clock: HandClock) -> None:
    """A rotated key is learned at once, a flood of unknown kids fetches once, and a removed key stops counting (JWT-14)."""
    async with idp() as them, trusting(db, clock, TrustedIssuer(issuer=them.origin, jwks_uri=f"{them.origin}/jwks", claims=NAMES)) as house:
        assert await refusal(house, them.sign(clock)) == ""
        following = new_private_key()
        them.pages["/jwks"] = them.keys(dict(following.public.document))
        assert await refusal(house, them.sign(clock, following)) == "invalid_token"
        clock.advance(60)
        flood = [refusal(house, them.sign(clock, new_private_key())) for _ in range(20)]
        assert await asyncio.gather(*flood, refusal(house, them.sign(clock, following))) == ["invalid_token"] * 20 + [""]
        assert them.fetches("/jwks") == 2
        them.pages["/jwks"] = json.dumps({"keys": [dict(following.public.document)]}).encode()
        clock.advance(300)
        assert await refusal(house, them.sign(clock)) == "invalid_token"
        assert them.fetches("/jwks") == 3


async def test_two_hundred_unknown_keys_at_once_are_one_fetch(db: Database, clock: HandClock) -> None:
    """However many keys a crowd makes up, the issuer is asked once an interval, from cold, when warm and while it is away (JWT-14)."""
    async with idp() as them, trusting(db, clock, TrustedIssuer(issuer=them.origin, jwks_uri=f"{them.origin}/jwks", claims=NAMES)) as house:
        crowd = [them.sign(clock, new_private_key()) for _ in range(200)]
        for fetches in (1, 2):
            assert set(await asyncio.gather(*(refusal(house, token) for token in crowd))) == {"invalid_token"}
            assert set(await asyncio.gather(*(refusal(house, token) for token in crowd))) == {"invalid_token"}
            assert them.fetches("/jwks") == fetches
            house.hear()
            clock.advance(60)
        del them.pages["/jwks"]
        assert set(await asyncio.gather(*(refusal(house, token) for token in crowd))) == {"invalid_token"}
        assert them.fetches("/jwks") == 3
        assert await refusal(house, them.sign(clock)) == ""


async def test_an_address_in_a_token_is_never_asked(db: Database, clock: HandClock) -> None:
    """`jku` and `x5u` that lead to a listener refuse the token, whichever key signed it, and nobody asks it (JWT-03, JWT-04)."""
    async with idp() as them, idp() as canary:
        async with trusting(db, clock, TrustedIssuer(issuer=them.origin, jwks_uri=f"{them.origin}/jwks", claims=NAMES)) as house:
            for key, name in itertools.product((them.key, canary.key), ("jku", "x5u")):
                assert await refusal(house, them.sign(clock, key, head={name: f"{canary.origin}/jwks"})) == "invalid_token"
            assert await refusal(house, them.sign(clock)) == ""
        assert canary.up.requests == []


async def test_an_unreachable_issuer_is_no_reason_to_believe_anyone(db: Database, clock: HandClock) -> None:
    """Its tokens get 503 until the keys were fetched once and when they are a day old; tokens of our own go on (JWT-14)."""
    async with idp() as them, trusting(db, clock, TrustedIssuer(issuer=them.origin, jwks_uri=f"{them.origin}/jwks", claims=NAMES)) as house:
        good = them.pages["/jwks"]
        for page in (b"", b"<html>", b'{"keys":1}', b'{"keys":[' + b" " * 10_000_000 + b"]}"):
            them.pages["/jwks"] = page
            assert await refusal(house, them.sign(clock)) == "identity_unavailable"
            clock.advance(5)
        them.pages["/jwks"] = good
        assert await refusal(house, them.sign(clock)) == ""
        del them.pages["/jwks"]
        clock.advance(86_400)
        assert await refusal(house, them.sign(clock)) == ""
        clock.advance(61)
        assert await refusal(house, them.sign(clock)) == "identity_unavailable"
        assert await refusal(house, await house.token()) == ""


async def test_the_operator_may_hold_an_issuer_to_its_algorithms(db: Database, clock: HandClock) -> None:
    """A key of an algorithm that was not allowed is not a key of that issuer."""
    async with idp() as them:
        only_rsa = TrustedIssuer(issuer=them.origin, jwks_uri=f"{them.origin}/jwks", claims=NAMES, algorithms=frozenset({"RS256"}))
        async with trusting(db, clock, only_rsa) as house:
            assert await refusal(house, them.sign(clock)) == "invalid_token"


async def test_keys_come_only_from_allowed_addresses(db: Database, clock: HandClock) -> None:
    """The guarded client is the only way out: without an allowance loopback is refused and nothing is asked (EG-01)."""
    async with idp() as them:
        outbound = GuardedClient()
        house = build(db, clock, TrustedIssuer(issuer=them.origin, jwks_uri=f"{them.origin}/jwks"), outbound=outbound)
        assert await refusal(house, them.sign(clock)) == "identity_unavailable"
        assert them.up.requests == []
        await outbound.close()


async def test_a_hanging_issuer_keeps_nobody_for_ever(db: Database, clock: HandClock) -> None:
    """While one issuer hangs, tokens of our own are served, a caller who gives up is let go, and a second one joins the same fetch."""
    asked, over = asyncio.Event(), asyncio.Event()

    async def hangs(line: Line) -> None:
        await line.request()
        asked.set()
        await over.wait()
        await line.write(whole(b"no", status=b"404 Not Found"))

    async with upstream(hangs) as up, trusting(db, clock, TrustedIssuer(issuer=up.origin, jwks_uri=f"{up.origin}/jwks")) as house:
        theirs = sign(parse(await house.token()).claims() | {"iss": up.origin}, new_private_key(), "at+jwt")
        waiting = asyncio.ensure_future(house.resource.principal(theirs, None))
        await asked.wait()
        assert await refusal(house, await house.token()) == ""
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        joining = asyncio.ensure_future(refusal(house, theirs))
        await asyncio.sleep(0)
        over.set()
        assert await joining == "identity_unavailable"
        assert len(up.requests) == 1


def test_an_issuer_is_trusted_once(clock: HandClock) -> None:
    """Two entries for one issuer stop the start instead of one silently winning."""
    trust = external(TrustedIssuer(issuer="https://login.example.org"), GuardedClient(), clock)
    with pytest.raises(Misconfigured, match="trusted twice"):
        AccessTokens([trust, trust], resource=RESOURCE, clock=clock)
