"""Tokens bound to a key (DPoP, RFC 9449) at the front door: good with a fresh proof of that key for this very request, else nothing."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk
from msgspec import UNSET
from pydantic import SecretStr

from freehold.kit.jose import PrivateKey, new_private_key, parse, private_key, sign
from freehold.settings import Settings
from tests.booked import booked
from tests.clocks import HandClock
from tests.events import streaming
from tests.fixtures import PLANS, sample_functions
from tests.handshakes import message
from tests.served import META, MODERN, Reply, Served, served
from tests.vectors import keys, reheaded

pytestmark = pytest.mark.anyio

HOLDER = new_private_key()


@pytest.fixture
def clock() -> HandClock:
    """A clock turned by hand."""
    return HandClock()


@pytest.fixture
async def server(sqlite_url: str, tmp_path: Path, clock: HandClock) -> AsyncIterator[Served]:
    """A server with the sample functions and tenant acme."""
    settings = Settings(data_dir=tmp_path / "data", database_url=SecretStr(sqlite_url), plans=PLANS, default_plan="open")
    async with served(settings, functions=[sample_functions()], clock=clock) as running:
        await running.tenant("acme")
        yield running


def public(key: PrivateKey) -> dict[str, str]:
    """The public half as proofs carry it."""
    return {name: value for name, value in key.public.document.items() if name in {"kty", "crv", "x", "y", "n", "e"}}


async def bound(server: Served, key: PrivateKey = HOLDER, **changes: Any) -> str:
    """A token really signed by the embedded issuer and bound to the key."""
    claims = parse(server.tokens["acme"]).claims() | {"cnf": {"jkt": key.key.thumbprint()}} | changes
    return sign(claims, await server.application.signing_keys.current("access"), "at+jwt")


def proof(server: Served, token: str, key: PrivateKey = HOLDER, *, head: dict[str, Any] | None = None, **changes: Any) -> str:
    """A proof for one POST; UNSET leaves a claim out."""
    clock = server.application.clock
    ath = urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()
    claims: dict[str, Any] = {"jti": server.application.ids.new(), "htm": "POST", "htu": server.application.settings.resource}
    claims |= {"iat": int(clock.now()), "ath": ath} | changes
    made = sign({name: value for name, value in claims.items() if value is not UNSET}, key, "dpop+jwt")
    return reheaded(made, key, {"jwk": public(key)} | (head or {}))


async def shown(server: Served, token: str, proved: str | None, scheme: str = "DPoP", **more: str) -> Reply:
    """One call with this token and proof."""
    headers = {"authorization": f"{scheme} {token}"} | ({} if proved is None else {"dpop": proved}) | more
    return await server.modern("tools/call", {"name": "who", "arguments": {}}, token=None, headers=headers)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
async def test_a_bound_token_counts_with_a_proof_of_its_key(server: Served, algorithm: str) -> None:
    """Each call brings a proof of its own, of any algorithm the metadata names; query and fragment of its address do not matter."""
    key = keys()[algorithm]
    token = await bound(server, key)
    for address in ("", "?a=b", "#c"):
        reply = await shown(server, token, proof(server, token, key, htu=server.application.settings.resource + address))
        assert (reply.status, reply.json["result"]["structuredContent"]["user"]) == (200, "user")
    document = (await server.request("GET", "/.well-known/oauth-protected-resource/mcp")).json
    assert algorithm in document["dpop_signing_alg_values_supported"]


async def test_a_proof_is_taken_once(server: Served, clock: HandClock) -> None:
    """The same proof a second time is refused, also just before it is too old, and says so in the challenge of its scheme."""
    token = await bound(server)
    first = proof(server, token)
    assert (await shown(server, token, first)).status == 200
    for seconds in (0, 59):
        clock.advance(seconds)
        again = await shown(server, token, first)
        assert again.status == 401
        assert again.headers["www-authenticate"].startswith('DPoP error="invalid_dpop_proof"')
        assert 'algs="ES256 EdDSA RS256"' in again.headers["www-authenticate"]
        assert "resource_metadata=" in again.headers["www-authenticate"]
    assert (await shown(server, token, proof(server, token))).status == 200
    assert len(await booked(server, "acme")) == 2


async def test_without_its_proof_a_bound_token_is_nothing(server: Served) -> None:
    """As Bearer, with another's proof, or without one, it opens nothing; a token that is not bound does not count under DPoP (RS-05)."""
    token, free, stranger = await bound(server), server.tokens["acme"], new_private_key()
    refused = [
        await shown(server, token, None, "Bearer"),
        await shown(server, token, proof(server, token), "Bearer"),
        await shown(server, token, proof(server, token, stranger)),
        await shown(server, free, proof(server, free)),
        await shown(server, token, proof(server, token), **{"x-api-key": token}),
        await shown(server, "a.b.c", proof(server, "a.b.c")),
    ]
    assert {reply.status for reply in refused} == {401}
    assert len({reply.headers["www-authenticate"] for reply in refused}) == 1
    assert 'error="invalid_token"' in refused[0].headers["www-authenticate"]
    assert (await shown(server, token, None)).headers["www-authenticate"].startswith('DPoP error="invalid_dpop_proof"')
    secret, _ = await server.application.administration.create_key("acme")
    assert (await shown(server, secret, proof(server, secret))).status == 401
    assert await booked(server, "acme") == []
    assert (await shown(server, free, None, "Bearer")).status == 200


PRIVATE = json.loads(HOLDER.export())
WRONG: list[dict[str, Any]] = [
    *({"htm": value} for value in (UNSET, "GET", "post", None, ["POST"])),
    *(
        {"htu": value}
        for value in (UNSET, "https://evil.example/mcp", "http://127.0.0.1:8080/mcp2", "http://127.0.0.1:8080/MCP", None, 1, "http://[")
    ),
    *({"iat": 1_800_000_000 + value} for value in (-61, 31, 1e12)),
    *({"iat": value} for value in (UNSET, "1800000000", True, None)),
    *({"ath": value} for value in (UNSET, "", "x" * 43, None, "\u00e9")),
    *({"jti": value} for value in (UNSET, "", "short", 1, None, "x" * 257, "a b c d e f")),
    *({"head": {"typ": value}} for value in ("at+jwt", "JWT", "DPOP+JWT", None)),
    *({"head": {"alg": value}} for value in ("none", "HS256", "RS256", None)),
    *({"head": {"jwk": value}} for value in (None, "x", {}, [], {"kty": "oct", "k": "eA"}, PRIVATE, public(new_private_key()))),
    *(
        {"head": {name: value}}
        for name, value in (("jku", "https://evil.example"), ("x5c", ["x"]), ("crit", ["exp"]), ("b64", False), ("zip", "DEF"))
    ),
]


@pytest.mark.parametrize("wrong", [pytest.param(one, id=str(number)) for number, one in enumerate(WRONG)])
async def test_a_proof_for_anything_else_is_no_proof(sqlite_url: str, tmp_path: Path, clock: HandClock, wrong: dict[str, Any]) -> None:
    """Another method, address, moment, token, type, algorithm or key, and a key that is secret or too weak, are each refused."""
    settings = Settings(data_dir=tmp_path / "data", database_url=SecretStr(sqlite_url), plans=PLANS, default_plan="open")
    async with served(settings, functions=[sample_functions()], clock=clock) as running:
        await running.tenant("acme")
        token = await bound(running)
        reply = await shown(running, token, proof(running, token, **wrong))
        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith('DPoP error="invalid_dpop_proof"')
        assert (await shown(running, token, proof(running, token, iat=int(clock.now()) - 60))).status == 200
        assert len(await booked(running, "acme")) == 1


@pytest.mark.parametrize(
    "value", [None, {}, "x", {"jkt": "short"}, {"jkt": 1}, {"jkt": HOLDER.key.thumbprint(), "x5t#S256": "x"}, {"jwk": {}}]
)
async def test_another_binding_is_nobodys(server: Served, value: object) -> None:
    """A token bound in a way we could not see the proof of is invalid under either scheme (RS-02)."""
    token = await bound(server, cnf=value)
    assert (await shown(server, token, None, "Bearer")).status == 401
    assert (await shown(server, token, proof(server, token))).status == 401


async def test_a_weak_key_proves_nothing(server: Served) -> None:
    """A key we would not verify tokens with is no key for proofs either."""
    short = jwk.RSAKey.generate_key(2048).as_dict(private=True)
    key = private_key(short | {"kid": "k"})
    token = await bound(server, key)
    assert (await shown(server, token, proof(server, token, key))).status == 200
    weak = public(key) | {"e": "Aw"}
    assert (await shown(server, token, proof(server, token, key, head={"jwk": weak}))).status == 401


async def test_each_request_of_a_session_brings_its_own_proof(server: Served) -> None:
    """A session is no proof: its DELETE needs one for DELETE, and the session's POSTs one each."""
    token = await bound(server)
    body = message("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}, 0)
    sent = {"authorization": f"DPoP {token}"}
    begun = await server.post(body, None, headers={**sent, "dpop": proof(server, token)})
    assert begun.status == 200
    session = {"mcp-session-id": begun.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
    assert (await server.post(message("ping", None, 1), None, headers={**sent, **session})).status == 401
    for method, status in (("POST", 401), ("DELETE", 200)):
        headers = {**sent, **session, "dpop": proof(server, token, htm=method)}
        assert (await server.request("DELETE", "/mcp", headers=headers)).status == status


async def test_a_stream_stays_open_on_the_proof_that_opened_it(server: Served, clock: HandClock) -> None:
    """Its credential is verified again with every sign of life, without another proof, and ends it when it is good no longer (RS-09)."""
    token = await bound(server)
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "subscriptions/listen",
        "params": {"notifications": {"toolsListChanged": True}, "_meta": META},
    }
    headers = {"mcp-protocol-version": MODERN, "mcp-method": "subscriptions/listen", "authorization": f"DPoP {token}"}
    async with streaming(server, None, body, headers={**headers, "dpop": proof(server, token)}) as stream, asyncio.timeout(20):
        await stream.next()
        for _ in range(6):
            clock.advance(15)
            while not (line := await stream.answer.content.readline()).startswith(b":"):
                assert line
        await server.application.administration.suspend_tenant("acme")
        clock.advance(15)
        assert [one.get("method") for one in await stream.rest()] == [None]
