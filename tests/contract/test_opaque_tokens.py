"""Opaque tokens of an external issuer: asked about over real HTTP on loopback, believed within bounds, and no more often than needed."""

import asyncio
import itertools
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import pytest
from msgspec import UNSET

from freehold.domains.oauth.jwks import Introspection, TrustedIssuer
from freehold.domains.oauth.opaque import IN_FLIGHT
from freehold.domains.oauth.tokens import AccessTokens, external
from freehold.kit.db import Database, connect
from freehold.kit.errors import Misconfigured
from freehold.kit.jose import new_private_key, parse
from freehold.kit.outbound import GuardedClient
from tests.clocks import HandClock
from tests.hostile import Line, Upstream, upstream, whole
from tests.identities import RESOURCE, House, refusal
from tests.issuers import NAMES, idp, trusting

pytestmark = pytest.mark.anyio

ISSUER = "https://login.example.org"
TOKEN = "opaque-token-of-them-0001"


@pytest.fixture
def clock() -> HandClock:
    """A clock turned by hand."""
    return HandClock()


def said(clock: HandClock, **changes: Any) -> dict[str, Any]:
    """What the issuer says of an active token, with changes; UNSET leaves a member out."""
    told = {"active": True, "iss": ISSUER, "aud": [RESOURCE], "sub": "u", "org": "acme", "azp": "chat", "scp": ["mcp:read"], "jti": "j"}
    told |= {"token_type": "Bearer", "iat": clock.now(), "exp": clock.now() + 300} | changes
    return {name: value for name, value in told.items() if value is not UNSET}


@asynccontextmanager
async def asked(db: Database, clock: HandClock, answer: Callable[[str], bytes]) -> AsyncIterator[tuple[House, Upstream]]:
    """A replica that trusts one issuer with introspection, which answers each token as `answer` does, whole HTTP response."""

    async def script(line: Line) -> None:
        while request := await line.request():
            await line.write(answer(parse_qs(request.partition(b"\r\n\r\n")[2].decode())["token"][0]))

    async with upstream(script) as up:
        told = Introspection(url=f"{up.origin}/introspect", client_id="free hold", client_secret="s:e+c r/t")
        async with trusting(
            db, clock, TrustedIssuer(issuer=ISSUER, jwks_uri=f"{up.origin}/jwks", claims=NAMES, introspection=told)
        ) as house:
            yield house, up


def telling(told: Mapping[str, Any]) -> Callable[[str], bytes]:
    """Says the same of every token."""
    return lambda _token: whole(json.dumps(told).encode())


async def test_an_active_token_becomes_a_principal(db: Database, clock: HandClock) -> None:
    """The issuer is asked once a minute, as RFC 7662 says and under our own name there; its claims count under ours."""
    async with asked(db, clock, telling(said(clock))) as (house, up):
        principal = await house.resource.principal(TOKEN, None)
        assert (principal.tenant, principal.subject, principal.client, principal.scopes) == ("acme", "u", "chat", frozenset({"mcp:read"}))
        assert await house.resource.principal(TOKEN, None) is principal
        (request,) = up.requests
        head, _, body = request.decode().partition("\r\n\r\n")
        given = next(line for line in head.split("\r\n") if line.lower().startswith("authorization: "))[len("authorization: ") :]
        assert [unquote_plus(part) for part in b64decode(given.removeprefix("Basic ")).decode().split(":")] == ["free hold", "s:e+c r/t"]
        assert head.startswith("POST /introspect HTTP/1.1")
        assert parse_qs(body) == {"token": [TOKEN], "token_type_hint": ["access_token"]}
        clock.advance(60)
        assert await refusal(house, TOKEN) == ""
        assert len(up.requests) == 2


@pytest.mark.parametrize(
    "changes",
    [
        *({"active": value} for value in (False, UNSET, "true", 1, None)),
        *({"aud": value} for value in (UNSET, "https://evil.example", [], RESOURCE + "/", RESOURCE.upper())),
        *({"iss": value} for value in ("https://evil.example", ISSUER + "/", None)),
        *({"exp": value} for value in (1_799_999_000, "1800000300", True, None)),
        *({name: 1_800_009_999} for name in ("nbf", "iat")),
        *({name: UNSET} for name in ("sub", "azp", "org")),
        *({"org": UNSET, "tenant_id": "acme"}, {"org": "nobody"}, {"sub": "service:billing"}, {"scp": None}, {"jti": 1}),
        *({"token_type": "DPoP"}, {"token_type": None}, {"cnf": {"jkt": "x"}}, {"cnf": {"x5t#S256": "x"}}),
    ],
)
async def test_what_is_not_for_us_is_refused(sqlite_url: str, clock: HandClock, changes: dict[str, Any]) -> None:
    """Inactive, foreign, over, early, incomplete and bound tokens are invalid, whatever else the issuer says of them (RS-02, RS-04)."""
    database = connect(sqlite_url)
    async with asked(database, clock, telling(said(clock, **changes))) as (house, _):
        assert await refusal(house, TOKEN) == "invalid_token"
    await database.close()


async def test_what_the_issuer_leaves_out(db: Database, clock: HandClock) -> None:
    """Without `exp` a token is believed for a minute at a time, without `iss` it is the issuer's that was asked, and it can be revoked."""
    async with asked(db, clock, telling(said(clock, exp=UNSET, iat=UNSET, jti=UNSET, iss=UNSET, token_type=UNSET))) as (house, up):
        principal = await house.resource.principal(TOKEN, None)
        assert principal.expires_at <= clock.now() + 90
        clock.advance(100)
        assert await refusal(house, TOKEN) == ""
        assert len(up.requests) == 2
        await house.revoke.token("acme", principal.credential.removeprefix("jti:"))
        house.hear()
        assert await refusal(house, TOKEN) == "invalid_token"


@pytest.mark.parametrize(
    "answer",
    [
        whole(b"no", status=b"500 Internal Server Error"),
        whole(b'{"error":"invalid_client"}', status=b"401 Unauthorized"),
        whole(b"", status=b"302 Found"),
        whole(b"<html>"),
        whole(b"[]"),
        whole(b'{"active":true,"active":false}'),
        whole(b'{"active":true,"filler":"' + b"x" * 70_000 + b'"}'),
    ],
)
async def test_no_answer_is_nobodys_identity(sqlite_url: str, clock: HandClock, answer: bytes) -> None:
    """Errors, redirects and nonsense are 503, never a principal and never invalid; the issuer then has five seconds of peace (RS-08)."""
    database = connect(sqlite_url)
    answers = [answer, whole(json.dumps(said(clock)).encode())]
    async with asked(database, clock, lambda _token: answers[0]) as (house, up):
        assert await refusal(house, TOKEN) == "identity_unavailable"
        answers.pop(0)
        assert await refusal(house, TOKEN + "x") == "identity_unavailable"
        assert len(up.requests) == 1
        assert await refusal(house, await house.token()) == ""
        clock.advance(5)
        assert await refusal(house, TOKEN) == ""
    await database.close()


async def test_what_is_ours_or_cannot_be_theirs_is_not_told_them(db: Database, clock: HandClock) -> None:
    """Keys, codes and refresh tokens of ours, signed tokens and what RFC 6750 does not allow are judged here alone (RS-06)."""
    async with asked(db, clock, telling(said(clock))) as (house, up):
        secret, key = await house.keys.create("acme", name="ci")
        await house.keys.revoke("acme", key.key_id)
        mine = await house.token()
        others = [secret, secret[:-1], "mcp_refresh_" + "x" * 60, "mcp_code_" + "x" * 60, "mcp_live_", mine[:-4] + "AAAA"]
        others += ["short", "with a space-0001", "caf\u00e9-token-0001-000", "line\nbreak-token-0001", "x" * 9_000, "", "a\0" + TOKEN]
        assert {await refusal(house, each) for each in others} == {"invalid_token"}
        assert up.requests == []
        assert parse(mine).claims()["sub"] == "user-1"


async def test_a_crowd_costs_the_issuer_little(db: Database, clock: HandClock) -> None:
    """One token of many callers is one question; of a flood so many are asked about at a time, and known callers go on (RS-08)."""
    over = asyncio.Event()

    async def script(line: Line) -> None:
        while request := await line.request():
            if b"flood" in request:
                await over.wait()
            await line.write(whole(json.dumps(said(clock, active=b"flood" not in request)).encode()))

    async with upstream(script) as up:
        told = Introspection(url=f"{up.origin}/introspect", client_id="a", client_secret="b")
        async with trusting(db, clock, TrustedIssuer(issuer=ISSUER, claims=NAMES, introspection=told)) as house:
            assert await asyncio.gather(*(refusal(house, TOKEN) for _ in range(100))) == [""] * 100
            assert len(up.requests) == 1
            flood = [asyncio.ensure_future(refusal(house, f"flood-token-number-{number:05}")) for number in range(300)]
            for each in itertools.islice(asyncio.as_completed(flood), 300 - IN_FLIGHT):
                assert await each == "identity_unavailable"
            assert await refusal(house, TOKEN) == ""
            assert await refusal(house, await house.token()) == ""
            over.set()
            assert sorted(await asyncio.gather(*flood)) == ["identity_unavailable"] * (300 - IN_FLIGHT) + ["invalid_token"] * IN_FLIGHT
            assert len(up.requests) == 1 + IN_FLIGHT


async def test_one_issuer_is_never_shown_anothers_token(db: Database, clock: HandClock) -> None:
    """Several issuers are trusted at once, each with its own keys and claims; a second one with introspection stops the start."""
    async with idp() as signing, asked(db, clock, telling(said(clock))) as (_, up):
        told = Introspection(url=f"{up.origin}/introspect", client_id="a", client_secret="b")
        opaque = TrustedIssuer(issuer=ISSUER, claims=NAMES, introspection=told)
        signed = TrustedIssuer(issuer=signing.origin, jwks_uri=f"{signing.origin}/jwks", claims=NAMES)
        async with trusting(db, clock, opaque, signed) as house:
            assert await refusal(house, signing.sign(clock)) == ""
            assert await refusal(house, signing.sign(clock, new_private_key())) == "invalid_token"
            assert up.requests == []
            assert await refusal(house, TOKEN) == ""
            assert await refusal(house, await house.token()) == ""
        client = GuardedClient()
        twice = [external(each, client, clock) for each in (opaque, TrustedIssuer(issuer="https://b.example", introspection=told))]
        with pytest.raises(Misconfigured, match="one must not see the other's tokens"):
            AccessTokens(twice, resource=RESOURCE, clock=clock)
        assert repr(told) == f"Introspection('{up.origin}/introspect')"
        await client.close()
