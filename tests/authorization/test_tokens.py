"""The token endpoint: codes and refresh tokens, by which client, how often, and what a wrong request costs (cases PKCE, CODE, TOK, RT)."""

import asyncio
import secrets
from typing import Any

import pytest

from freehold.domains.oauth.grants.model import IDLE_SECONDS
from tests.agents import DEAD, FORM, GONE, PASSWORD, USER, Agent, answer, challenge, deeds, denied
from tests.authorization.conftest import BOSS, PORTAL, Town

pytestmark = pytest.mark.anyio

WRONG_EXCHANGES: list[tuple[str, dict[str, str | None], str]] = [
    ("PKCE-04 no verifier", {"code_verifier": None}, "invalid_grant"),
    ("PKCE-05 short", {"code_verifier": "a" * 42}, "invalid_grant"),
    ("PKCE-05 long", {"code_verifier": "a" * 129}, "invalid_grant"),
    ("PKCE-05 characters", {"code_verifier": "a" * 42 + "!"}, "invalid_grant"),
    ("PKCE-07 wrong", {"code_verifier": "a" * 43}, "invalid_grant"),
    ("RDR-08 another address", {"redirect_uri": "http://127.0.0.1:43117/other"}, "invalid_grant"),
    ("RDR-08 another port", {"redirect_uri": "http://127.0.0.1:43118/callback"}, "invalid_grant"),
    ("AUTHZ-05 another resource", {"resource": "https://other.example/mcp"}, "invalid_target"),
    ("TOK-05 no grant type", {"grant_type": None}, "invalid_request"),
    ("TOK-05 password", {"grant_type": "password"}, "unsupported_grant_type"),
    ("TOK-05 implicit", {"grant_type": "implicit"}, "unsupported_grant_type"),
    ("TOK-05 another grant", {"grant_type": "refresh_token"}, "invalid_grant"),
    ("CODE-09 no code", {"code": None}, "invalid_grant"),
    ("CODE-09 invented", {"code": "mcp_code_" + "A" * 120}, "invalid_grant"),
    ("TOK-02 no client", {"client_id": None}, "invalid_client"),
    ("TOK-03 unknown client", {"client_id": "mcp_client_nobody"}, "invalid_client"),
    ("TOK-02 a secret of one that has none", {"client_secret": "x"}, "invalid_client"),
]


@pytest.mark.parametrize(("case", "changed", "error"), WRONG_EXCHANGES, ids=[case for case, _, _ in WRONG_EXCHANGES])
async def test_a_wrong_exchange_does_not_use_the_code(town: Town, case: str, changed: dict[str, str | None], error: str) -> None:
    """It is refused by the book, nothing is given, and the right request gets its tokens afterwards."""
    agent = await town.agent()
    code = await agent.allowed(town.browser())
    denied(await agent.exchange(**{"code": code, **changed}), error)
    assert (await agent.exchange(code)).status == 200, case


async def test_the_challenge_is_no_verifier(town: Town) -> None:
    """Who saw the request, but not the secret behind its challenge, gets nothing (PKCE-05)."""
    agent = await town.agent()
    code = await agent.allowed(town.browser())
    denied(await agent.exchange(code, code_verifier=challenge(agent.verifier)), "invalid_grant", GONE)


async def test_five_wrong_verifiers_end_a_code(town: Town) -> None:
    """The sixth is not looked at, even when it is right (PKCE-07)."""
    agent = await town.agent()
    code = await agent.allowed(town.browser())
    for _ in range(5):
        denied(await agent.exchange(code, code_verifier=secrets.token_urlsafe(48)), "invalid_grant", GONE)
    denied(await agent.exchange(code), "invalid_grant", GONE)


async def test_a_code_counts_once_and_a_second_use_ends_everything(town: Town) -> None:
    """The tokens of the first use, also those refreshed since, stop on every replica, and the book says why (CODE-01, CODE-02)."""
    agent = await town.agent()
    code, before = await agent.allowed(town.browser()), len(await deeds(town.server))
    first = (await agent.exchange(code)).json
    fresh = (await agent.refresh(first["refresh_token"])).json
    assert await town.works(first["access_token"])
    denied(await agent.exchange(code), "invalid_grant", GONE)
    for tokens in (first, fresh):
        assert not await town.works(tokens["access_token"])
        denied(await agent.refresh(tokens["refresh_token"]), "invalid_grant", DEAD)
    denied(await agent.exchange(code), "invalid_grant", GONE)
    acts = [act for act, _ in (await deeds(town.server))[before:]]
    assert acts.count("code.reused") == 1
    assert (await deeds(town.server))[-1] == ("code.reused", f"client:{agent.client_id}")


async def test_twenty_exchanges_at_once_give_one_grant(town: Town) -> None:
    """At most one of them gets tokens, and since the others are second uses those do not last (CODE-03)."""
    agent = await town.agent()
    code = await agent.allowed(town.browser())
    replies = await asyncio.gather(*(agent.exchange(code) for _ in range(20)))
    good = [reply for reply in replies if reply.status == 200]
    assert len(good) == 1
    assert {reply.json["error"] for reply in replies if reply.status != 200} == {"invalid_grant"}
    assert not await town.works(good[0].json["access_token"])


async def test_another_client_cannot_use_or_spoil_a_code(town: Town) -> None:
    """It is refused, and the right client gets its tokens and keeps them (CODE-04)."""
    agent, thief = await town.agent(), await town.agent()
    code = await agent.allowed(town.browser())
    thief.verifier = agent.verifier
    denied(await thief.exchange(code), "invalid_grant", GONE)
    tokens = (await agent.exchange(code)).json
    denied(await thief.exchange(code), "invalid_grant", GONE)
    assert await town.works(tokens["access_token"])


async def test_a_code_lives_sixty_seconds(town: Town) -> None:
    """At the sixtieth second it is over, just before it counts (CODE-05)."""
    for seconds, status in ((59.9, 200), (60.0, 400)):
        agent = await town.agent()
        code = await agent.allowed(town.browser())
        town.clock.advance(seconds)
        assert (await agent.exchange(code)).status == status


async def test_who_is_no_member_any_more_gets_no_tokens(town: Town) -> None:
    """Between the click and the exchange, and at the next refresh; access tokens that were given stop, too (CODE-10, RT-09)."""
    enrolling = town.server.application.authorizing.enrolling
    agent, user = await town.agent(), "gone@acme.example"
    await enrolling.add("acme", user, roles=("member",), password=PASSWORD)
    browser = town.browser()
    tokens = (await agent.exchange(answer(await browser.decide(await browser.sign_in(agent.link(), user)))["code"])).json
    code = answer(await browser.decide(await browser.get(agent.link())))["code"]
    await enrolling.remove("acme", user)
    denied(await agent.exchange(code), "invalid_grant", GONE)
    denied(await agent.refresh(tokens["refresh_token"]), "invalid_grant", DEAD)
    assert not await town.works(tokens["access_token"])


async def test_a_suspended_tenant_gets_no_tokens_for_a_code(town: Town) -> None:
    """While it is suspended the code is refused and not used (CODE-10)."""
    agent, administration = await town.agent(), town.server.application.administration
    code = await agent.allowed(town.browser())
    await administration.suspend_tenant("acme")
    denied(await agent.exchange(code), "invalid_grant", GONE)
    await administration.resume_tenant("acme")
    assert (await agent.exchange(code)).status == 200


async def test_codes_and_refresh_tokens_open_no_door(town: Town) -> None:
    """Neither is an access token, nor one the other (RS-06)."""
    agent = await town.agent()
    code = await agent.allowed(town.browser())
    for token in (code, (await agent.exchange(code)).json["refresh_token"]):
        reply = await town.server.call("echo", {"text": "hi"}, token=token)
        assert reply.status == 401
        assert 'error="invalid_token"' in reply.headers["www-authenticate"]


async def test_a_client_with_a_secret_proves_it_in_one_way(town: Town) -> None:
    """HTTP Basic as it is registered for; by form, in both, with a wrong secret or none: refused, and the code still counts (TOK-02)."""
    portal, browser = town.portal(), town.browser()
    code = answer(await browser.decide(await browser.sign_in(portal.link())))["code"]
    said = {"grant_type": "authorization_code", "code": code, "code_verifier": portal.verifier, "redirect_uri": PORTAL}
    denied(await portal.ask(said), "invalid_client")
    denied(await portal.ask({**said, "client_secret": portal.secret}), "invalid_client")
    denied(await portal.ask({**said, "client_secret": portal.secret}, basic=True), "invalid_request")
    denied(await portal.ask({**said, "client_id": "other"}, basic=True), "invalid_request")
    wrong = Agent(town.server, client_id="portal", secret="x" * 40)
    reply = await wrong.ask(said, basic=True)
    denied(reply, "invalid_client")
    assert reply.headers["www-authenticate"].startswith("Basic ")
    tokens = (await portal.ask({**said, "client_id": None}, basic=True)).json
    assert await town.works(tokens["access_token"])
    assert (await portal.ask({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}, basic=True)).status == 200


@pytest.mark.parametrize(
    "value", ["basic", "Basic", "Basic !!!", "Basic cG9ydGFs", "Basic /zo=", "Bearer x", "Basic cG9ydGFsOng=,Basic x", ""]
)
async def test_a_broken_authorization_header_is_refused(town: Town, value: str) -> None:
    """No colon, no base64, no UTF-8, another scheme: the client is told that it is not known, and nothing breaks (TOK-02)."""
    body = b"grant_type=refresh_token&refresh_token=x"
    reply = await town.server.request("POST", "/token", data=body, headers={"content-type": FORM, "authorization": value})
    denied(reply, "invalid_client")


async def test_unknown_and_unproven_clients_are_told_the_same(town: Town) -> None:
    """Whether a client exists cannot be found out without its secret (TOK-03)."""
    answers: list[Any] = []
    for client_id in ("portal", "nobody"):
        agent = Agent(town.server, client_id=client_id, secret="y" * 40)
        reply = await agent.ask({"grant_type": "refresh_token", "refresh_token": "x"}, basic=True)
        answers.append((reply.status, reply.json, reply.headers.get("www-authenticate")))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"grant_type": "refresh_token"}'),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n--x--"),
        (FORM + "; charset=utf-16", b"grant_type=refresh_token"),
        ("", b"grant_type=refresh_token"),
        (FORM, b"grant_type=refresh_token&grant_type=authorization_code"),
        (FORM, b"a=1&" * 1_000),
        (FORM, b"a=" + b"x" * 70_000),
        (FORM, b"grant_type=%ff"),
        (FORM, b""),
        (FORM, b"\x00\xff"),
    ],
    ids=["json", "multipart", "charset", "no kind", "twice", "many", "large", "not utf-8", "empty", "bytes"],
)
async def test_a_body_that_is_no_form_is_refused(town: Town, kind: str, body: bytes) -> None:
    """400 and an OAuth error, never a fault (TOK-01, TOK-04, AUTHZ-01)."""
    reply = await town.server.request(
        "POST", "/token", data=body, headers={"content-type": kind} if kind else {"content-type": "text/plain"}
    )
    denied(reply, "invalid_request")


async def test_browsers_may_ask_and_nobody_else_may_host(town: Town) -> None:
    """Pages of any origin may call these endpoints, which know no cookie; a host name that is not ours is refused (TR-23, TOK-06)."""
    for path in ("/token", "/register", "/revoke"):
        preflight = await town.server.request("OPTIONS", path, headers={"origin": "https://inspector.example"})
        assert preflight.status == 204
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in preflight.headers
        rebound = await town.server.request("POST", path, data=b"", headers={"host": "evil.example", "content-type": FORM})
        assert rebound.status == 421
        assert (await town.server.request("GET", path)).status == 405


async def test_the_book_names_the_acts_and_no_secret(town: Town) -> None:
    """Each act once, with who did it; no code, token or verifier anywhere in it."""
    agent = await town.agent()
    before = len(await deeds(town.server))
    code = await agent.allowed(town.browser())
    tokens = (await agent.exchange(code)).json
    await agent.refresh(tokens["refresh_token"])
    acts = ("user.signed_in", "consent.given", "token.issued", "token.refreshed")
    assert (await deeds(town.server))[before:] == [(act, USER) for act in acts]
    book = b"".join([part async for part in town.server.application.book.export("acme", "jsonl")]).decode()
    assert not any(secret in book for secret in (code, tokens["refresh_token"], tokens["access_token"], agent.verifier, PASSWORD))
    assert BOSS not in {actor for act, actor in (await deeds(town.server))[before:]}


async def test_the_database_has_no_token(town: Town) -> None:
    """Neither code, refresh tokens, access tokens nor passwords are in it in a form that could be used (CODE-09)."""
    agent = await town.agent()
    code = await agent.allowed(town.browser())
    tokens = (await agent.exchange(code)).json
    fresh = (await agent.refresh(tokens["refresh_token"])).json
    stored = town.stored()
    assert agent.client_id.encode() in stored
    for secret in (code, tokens["refresh_token"], fresh["refresh_token"], tokens["access_token"], agent.verifier, PASSWORD):
        assert secret.encode() not in stored


async def test_a_client_with_a_secret_can_ask_about_its_own_tokens(town: Town) -> None:
    """Of its own it is told whose they are and until when; others', old, revoked and invented ones are all just not active (TOK-09)."""
    portal, browser, other = town.portal(), town.browser(), await town.agent()
    code = answer(await browser.decide(await browser.sign_in(portal.link())))["code"]
    tokens = (await portal.ask({"grant_type": "authorization_code", "code": code, "code_verifier": portal.verifier}, basic=True)).json

    async def told(token: str) -> Any:
        return (await portal.ask({"token": token}, path="/introspect", basic=True)).json

    about = {"client_id": "portal", "sub": USER, "tenant_id": "acme", "scope": "mcp:read mcp:write", "active": True}
    about |= {"iss": "http://127.0.0.1:8080", "aud": "http://127.0.0.1:8080/mcp"}
    access, refresh = await told(tokens["access_token"]), await told(tokens["refresh_token"])
    assert access == {**about, "token_type": "Bearer", "exp": int(town.clock.now()) + 600}
    assert refresh == {**about, "exp": int(town.clock.now() + IDLE_SECONDS)}
    theirs = await other.tokens()
    fresh = (await portal.ask({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}, basic=True)).json
    for token in (
        theirs["access_token"],
        theirs["refresh_token"],
        tokens["refresh_token"],
        "x",
        "mcp_refresh_x",
        tokens["access_token"] + "x",
    ):
        assert await told(token) == {"active": False}
    await portal.ask({"token": fresh["refresh_token"]}, path="/revoke", basic=True)
    for token in (fresh["refresh_token"], fresh["access_token"]):
        assert await told(token) == {"active": False}
    denied(await other.ask({"token": theirs["access_token"]}, path="/introspect"), "unauthorized_client")
    denied(await Agent(town.server).ask({"token": theirs["access_token"]}, path="/introspect"), "invalid_client")
