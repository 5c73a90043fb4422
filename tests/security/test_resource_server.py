"""The resource server at its front door: which credentials count where, and that a refusal tells nothing."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import msgspec
import pytest
from pydantic import SecretStr

from freehold.core.call import Call
from freehold.domains.oauth.apikeys import written
from freehold.kit.jose import new_private_key, parse, sign
from freehold.settings import Settings
from tests.booked import booked
from tests.clocks import HandClock
from tests.fixtures import sample_functions
from tests.served import MODERN, Reply, Served, served

pytestmark = pytest.mark.anyio

API_TOKEN, METRICS_TOKEN = "a" * 40, "m" * 40


@pytest.fixture
def clock() -> HandClock:
    """A clock turned by hand."""
    return HandClock()


@pytest.fixture
async def guarded(settings: Settings, clock: HandClock) -> AsyncIterator[Served]:
    """A server with every door that takes a credential, and the tenants acme and globex."""
    given = settings.model_copy(update={"api_token": SecretStr(API_TOKEN), "metrics_token": SecretStr(METRICS_TOKEN)})
    async with served(given, functions=[sample_functions()], clock=clock) as running:
        await running.tenant("acme")
        await running.tenant("globex")
        yield running


def said(reply: Reply) -> tuple[object, ...]:
    """Everything of an answer but when it was given."""
    return reply.status, reply.body, sorted((name, value) for name, value in reply.headers.items() if name != "date")


async def asked(server: Served, **headers: str) -> Reply:
    """One call with exactly these credentials."""
    return await server.modern("tools/call", {"name": "echo", "arguments": {"text": "x"}}, token=None, headers=headers)


async def test_another_scheme_is_no_credential(guarded: Served) -> None:
    """Any scheme but ours gets the bare challenge of who presents nothing: no error, and no word of what was presented (RS-01, RS-05)."""
    nothing = await asked(guarded)
    challenge = nothing.headers["www-authenticate"]
    assert (nothing.status, challenge.startswith("Bearer ")) == (401, True)
    assert "error" not in challenge
    for value in ("Basic dXNlcjpwYXNz", "Digest username=x", "Token canary", "Negotiate canary", "canary", "Bear er canary"):
        assert said(await asked(guarded, authorization=value)) == said(nothing)
    assert b"canary" not in nothing.body
    assert b"Traceback" not in nothing.body


async def test_a_token_counts_in_one_place_only(guarded: Served) -> None:
    """In a cookie, a form, the address, beside another key or given twice, a good token opens nothing (RS-05, RS-07, KEY-08)."""
    token = guarded.tokens["acme"]
    secret, _ = await guarded.application.administration.create_key("acme")
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}'
    assert (await asked(guarded, cookie=f"session={token}; access_token={token}")).status == 401
    assert (await guarded.post(body, None, path=f"/mcp?api_key={secret}")).status == 401
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await guarded.request("POST", "/mcp", data=f"access_token={token}".encode(), headers=form)).status == 401
    assert (await asked(guarded, authorization=f"Bearer {token}", **{"x-api-key": secret})).status == 401
    assert (await asked(guarded, **{"x-api-key": token})).status == 401
    headers = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}"), ("content-type", "application/json")]
    async with guarded.session.post(f"{guarded.url}/mcp", data=body, headers=headers) as twice:
        assert twice.status == 400
    assert (await asked(guarded, authorization=f"Bearer {token}")).status == 200
    assert len(await booked(guarded, "acme")) == 1


async def test_every_refused_credential_is_answered_alike(guarded: Served, clock: HandClock) -> None:
    """Noise, expired, revoked and forged tokens and keys, and those of a suspended tenant, get one body and one set of headers (RS-02)."""
    application = guarded.application
    expired = await guarded.token("acme", expires_in=60)
    foreign = guarded.tokens["globex"]
    short, _ = await application.administration.create_key("acme", expires_in=60)
    revoked, key = await application.administration.create_key("acme")
    _, live = await application.administration.create_key("acme")
    wrong_secret = written(live.key_id, bytes(24), test=False)
    claims = parse(guarded.tokens["acme"]).claims()
    forged = [sign(claims, new_private_key(), "at+jwt"), sign(claims | {"tenant_id": "nobody"}, new_private_key(), "at+jwt")]
    await application.administration.revoke_key("acme", key.key_id)
    await application.administration.suspend_tenant("globex")
    clock.advance(91)
    answers = [await asked(guarded, authorization=f"Bearer {one}") for one in (expired, foreign, short, revoked, wrong_secret, *forged)]
    answers += [await asked(guarded, authorization=f"Bearer {one}") for one in ("noise", "a.b.c", "mcp_live_", key.key_id)]
    assert len({str(said(answer)) for answer in answers}) == 1
    assert answers[0].status == 401
    assert 'error="invalid_token"' in answers[0].headers["www-authenticate"]
    for word in ("acme", "globex", "expired", "revoked", "suspended", key.key_id):
        assert word not in str(said(answers[0]))


async def test_what_is_no_access_token_opens_nothing(guarded: Served) -> None:
    """Key ids, digests, service tokens, codes, refresh tokens, secrets and tokens of another type are refused like noise (RS-06)."""
    application = guarded.application
    secret, key = await application.administration.create_key("acme")
    principal = await application.resource.principal(secret, None)
    tool = msgspec.structs.replace(application.catalog.tools[0], audience="https://api.example.com")
    call = Call(id="1", at=0.0, principal=principal, tool=tool, arguments={}, request_id="1", revision=MODERN, bytes_in=0, deadline=0.0)
    claims = parse(guarded.tokens["acme"]).claims()
    access = await application.signing_keys.current("access")
    others = [sign(claims, access, typ) for typ in ("JWT", "logout+jwt", "rt+jwt", "id+jwt", "application/at+jwt", "AT+JWT")]
    others += [value.removeprefix("Bearer ") for _, value in await application.service_tokens.header(call)]
    others += [key.key_id, secret[9:], hashlib.sha256(secret.encode()).hexdigest(), "frt_" + "x" * 43, "x" * 43, API_TOKEN, METRICS_TOKEN]
    for one in others:
        assert (await asked(guarded, authorization=f"Bearer {one}")).status == 401, one
    assert (await asked(guarded, authorization=f"Bearer {secret}")).status == 200


async def test_each_door_takes_its_own_credential(guarded: Served) -> None:
    """An agent's token or key opens neither the administrative API nor the metrics, and their tokens no tool (RS-03, RS-07)."""
    secret, _ = await guarded.application.administration.create_key("acme", scopes=("mcp:read", "mcp:write", "mcp:admin"))
    token, api = guarded.tokens["acme"], "/api/v1/tenants/acme/catalog"
    for one in (secret, token, METRICS_TOKEN):
        assert (await guarded.request("GET", api, headers={"authorization": f"Bearer {one}"})).status == 401
    for one in (secret, token, API_TOKEN):
        assert (await guarded.request("GET", "/metrics", headers={"authorization": f"Bearer {one}"})).status == 404
    for one in (API_TOKEN, METRICS_TOKEN):
        assert (await asked(guarded, authorization=f"Bearer {one}")).status == 401
    assert (await guarded.request("GET", api, headers={"authorization": f"Bearer {API_TOKEN}"})).status == 200
    assert (await guarded.request("GET", "/metrics", headers={"authorization": f"Bearer {METRICS_TOKEN}"})).status == 200


@pytest.mark.parametrize("host", ["127.0.0.1/x?", "a/mcp#", "localhost/metrics?", "localhost@evil.example", "localhost, evil.example", ""])
async def test_the_host_header_decides_no_path(guarded: Served, host: str) -> None:
    """Whatever a Host says beside a name and a port, it is refused; the path is the request line's (RS-11)."""
    assert await _status(guarded, "POST /mcp HTTP/1.1", host) in {b"400", b"421"}


async def test_an_absolute_request_target_is_the_same_path(guarded: Served) -> None:
    """`POST http://evil.example/mcp` is 404 or the endpoint with its 401; never a door without a credential (RS-11)."""
    for target in ("http://evil.example/mcp", "http://localhost/mcp", "http://localhost//mcp", "http://localhost/mcp/../metrics", "*"):
        assert await _status(guarded, f"POST {target} HTTP/1.1", "localhost") in {b"400", b"401", b"404"}


async def _status(server: Served, line: str, host: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    head = f"{line}\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    writer.write(head.encode())
    async with asyncio.timeout(10):
        first = await reader.readline()
        await reader.read()
    writer.close()
    return first.split()[1]
