"""The authorization endpoint: what is answered to whom, and what is never sent anywhere. Case by case, as tables."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.agents import Form, answer
from tests.authorization.conftest import PORTAL, Town

pytestmark = pytest.mark.anyio

WRONG = [
    ("AUTHZ-02 no response type", {"response_type": None}, "invalid_request"),
    ("AUTHZ-02 token", {"response_type": "token"}, "unsupported_response_type"),
    ("AUTHZ-02 code token", {"response_type": "code token"}, "unsupported_response_type"),
    ("AUTHZ-02 none", {"response_type": "none"}, "unsupported_response_type"),
    ("AUTHZ-02 fragment", {"response_mode": "fragment"}, "invalid_request"),
    ("AUTHZ-02 form post", {"response_mode": "form_post"}, "invalid_request"),
    ("AUTHZ-02 jwt", {"response_mode": "query.jwt"}, "invalid_request"),
    ("AUTHZ-03 request", {"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    ("AUTHZ-03 request_uri", {"request_uri": "https://evil.example/r"}, "request_uri_not_supported"),
    ("AUTHZ-05 fragment", {"resource": "http://127.0.0.1:8080/mcp#x"}, "invalid_target"),
    ("AUTHZ-05 relative", {"resource": "/mcp"}, "invalid_target"),
    ("AUTHZ-05 other", {"resource": "https://other.example/mcp"}, "invalid_target"),
    ("AUTHZ-05 longer", {"resource": "http://127.0.0.1:8080/mcp2"}, "invalid_target"),
    ("AUTHZ-05 slash", {"resource": "http://127.0.0.1:8080/mcp/"}, "invalid_target"),
    ("AUTHZ-05 root", {"resource": "http://127.0.0.1:8080"}, "invalid_target"),
    ("AUTHZ-05 no address", {"resource": "http://[mcp"}, "invalid_target"),
    ("AUTHZ-06 unknown scope", {"scope": "everything"}, "invalid_scope"),
    ("AUTHZ-06 quotes", {"scope": 'mcp:"read"'}, "invalid_scope"),
    ("AUTHZ-06 control characters", {"scope": "mcp:read\n"}, "invalid_scope"),
    ("AUTHZ-06 ten thousand", {"scope": "mcp:read " * 200}, "invalid_scope"),
    ("AUTHZ-07 long state", {"state": "s" * 8_193}, "invalid_request"),
    ("PKCE-01 none", {"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    ("PKCE-02 plain", {"code_challenge_method": "plain"}, "invalid_request"),
    ("PKCE-02 no method", {"code_challenge_method": None}, "invalid_request"),
    ("PKCE-03 unsupported", {"code_challenge_method": "S512"}, "invalid_request"),
    ("PKCE-03 case", {"code_challenge_method": "s256"}, "invalid_request"),
    ("PKCE-03 empty", {"code_challenge_method": ""}, "invalid_request"),
    ("PKCE-06 short", {"code_challenge": "a" * 42}, "invalid_request"),
    ("PKCE-06 long", {"code_challenge": "a" * 44}, "invalid_request"),
    ("PKCE-06 padded", {"code_challenge": "a" * 42 + "="}, "invalid_request"),
    ("PKCE-06 no base64url", {"code_challenge": "a" * 42 + "+"}, "invalid_request"),
    ("prompt none", {"prompt": "none"}, "interaction_required"),
]


@pytest.mark.parametrize(("case", "changed", "error"), WRONG, ids=[case for case, _, _ in WRONG])
async def test_a_wrong_request_is_told_to_the_application(town: Town, case: str, changed: dict[str, Any], error: str) -> None:
    """To a good address goes the error, the state as it was and who says so, and no code; nobody is asked to sign in (AUTHZ-08)."""
    agent = await town.agent()
    reply = await town.browser().get(agent.link(**changed))
    said = answer(reply)
    assert said["error"] == error
    assert said["iss"] == "http://127.0.0.1:8080"
    assert said.get("state") == (None if case == "AUTHZ-07 long state" else agent.state)
    assert "code" not in said
    assert reply.headers["location"].startswith(agent.redirect_uri + "?")
    assert (reply.headers["referrer-policy"], reply.headers["cache-control"]) == ("no-referrer", "no-store")  # AUTHZ-09
    assert "set-cookie" not in reply.headers


BAD_ADDRESS = {
    "RDR-01 slash": "http://127.0.0.1:43117/callback/",
    "RDR-01 query": "http://127.0.0.1:43117/callback?x=1",
    "RDR-01 fragment": "http://127.0.0.1:43117/callback#x",
    "RDR-02 user": "http://127.0.0.1:43117@evil.example/callback",
    "RDR-05 localhost": "http://localhost:43117/callback",
    "RDR-06 script": "javascript:alert(1)",
    "another": "https://evil.example/callback",
    "RDR-10 none of two": "",
}


@pytest.mark.parametrize("case", BAD_ADDRESS)
@pytest.mark.parametrize("beside", [{}, {"prompt": "none"}, {"response_type": "token"}], ids=["plain", "prompt none", "wrong type"])
async def test_a_bad_address_is_told_to_the_person(town: Town, case: str, beside: dict[str, str]) -> None:
    """A page of ours, no redirect and no link there, whatever else is wrong with the request (RDR-07)."""
    agent = town.portal() if case.startswith("RDR-10") else await town.agent()
    reply = await town.browser().get(agent.link(redirect_uri=BAD_ADDRESS[case], **beside))
    assert reply.status == 400
    assert "location" not in reply.headers
    shown = Form(reply.body.decode())
    assert "address that it did not register" in shown.text
    assert (shown.links, shown.action) == ([], "")


@pytest.mark.parametrize(
    "client_id", ["", "nobody", "mcp_client_01kb7t3v5zq8w4y6x2c9d0e1f2", "http://evil.example/client", "x" * 5_000, "\u202e"]
)
async def test_an_unknown_client_is_told_to_the_person(town: Town, client_id: str) -> None:
    """A page of ours and no redirect, which repeats nothing of what was sent (RDR-07)."""
    agent = await town.agent()
    reply = await town.browser().get(agent.link(client_id=client_id))
    assert reply.status == 400
    assert "location" not in reply.headers
    assert b"evil.example" not in reply.body


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "state", "scope", "resource", "code_challenge", "response_type", "unknown"])
async def test_a_parameter_given_twice_is_refused(town: Town, name: str) -> None:
    """Two values of anything are none: of client and address on a page of ours, of others at the application (AUTHZ-01)."""
    agent = await town.agent()
    reply = await town.browser().get(agent.link(unknown="1") + f"&{name}=other")
    assert reply.status == (400 if name in {"client_id", "redirect_uri"} else 303)
    if reply.status == 303:
        said = answer(reply)
        assert said["error"] == "invalid_request"
        assert "state" not in said or name != "state"


@pytest.mark.parametrize("query", ["client_id=%ff", "%zz=%", "&&&", "a=1&" * 200, "client_id=a%00b"])
async def test_a_broken_query_is_a_page(town: Town, query: str) -> None:
    """What cannot be read is told to the person, never a fault (RDR-07)."""
    reply = await town.browser().get(f"/authorize?{query}")
    assert reply.status == 400
    assert "location" not in reply.headers


async def test_an_unvouched_application_elsewhere_gets_errors_by_a_click(town: Town) -> None:
    """Anybody could register an address to send people to: the error is a link that names where it leads (RFC 9700 4.11)."""
    agent = await town.agent("https://evil.example/cb")
    reply = await town.browser().get(agent.link(scope="nothing"))
    assert reply.status == 400
    shown = Form(reply.body.decode())
    assert "Go back to evil.example" in shown.text
    assert parse_qs(urlsplit(shown.links[0]).query)["error"] == ["invalid_scope"]
    vouched = await town.browser().get(town.portal().link(scope="nothing"))
    assert answer(vouched)["error"] == "invalid_scope"
    assert vouched.headers["location"].startswith(PORTAL)


async def test_the_state_comes_back_byte_for_byte(town: Town) -> None:
    """Quotes, markup, line breaks, plus signs and other alphabets are the client's own business (AUTHZ-07)."""
    agent, browser = await town.agent(), town.browser()
    agent.state = "<script>\"'&+ \r\n%0d\u00e4\u4e2d\U0001f600"
    page = await browser.sign_in(agent.link())
    assert b"<script>" not in page.body
    reply = await browser.decide(page)
    assert answer(reply)["state"] == agent.state
    assert "\n" not in reply.headers["location"]


async def test_an_address_with_a_query_keeps_it(town: Town) -> None:
    """The answer is added to what the client registered."""
    agent = await town.agent("http://127.0.0.1:1/cb?tenant=7")
    agent.redirect_uri = "http://127.0.0.1:2/cb?tenant=7"
    browser = town.browser()
    reply = await browser.decide(await browser.sign_in(agent.link()))
    said = answer(reply)
    assert said["tenant"] == "7"
    assert reply.headers["location"].startswith("http://127.0.0.1:2/cb?tenant=7&code=")


async def test_one_registered_address_need_not_be_named(town: Town) -> None:
    """With a single address the request may leave it out; the answer goes there (RDR-10)."""
    agent, browser = await town.agent(), town.browser()
    reply = await browser.decide(await browser.sign_in(agent.link(redirect_uri=None)))
    assert reply.headers["location"].startswith(agent.redirect_uri + "?code=")
    assert (await agent.exchange(answer(reply)["code"], redirect_uri=None)).status == 200


async def test_a_resource_may_be_left_out_or_written_in_capitals(town: Town) -> None:
    """There is one resource: clients of 2025-03-26 name none, others may write scheme and host in any case (protocol A5)."""
    for resource in (None, "HTTP://127.0.0.1:8080/mcp"):
        agent = await town.agent()
        code = await agent.allowed(town.browser(), resource=resource)
        tokens = (await agent.exchange(code, resource=resource)).json
        assert (await town.server.call("echo", {"text": "hi"}, token=tokens["access_token"])).text.count("hi")


async def test_scopes_nobody_knows_are_left_out(town: Town) -> None:
    """Of the scopes named, those there are can be given; the token answer says which (AUTHZ-06, protocol A13)."""
    agent = await town.agent()
    tokens = (await agent.exchange(await agent.allowed(town.browser(), scope="openid mcp:read offline_access"))).json
    assert tokens["scope"] == "mcp:read"


@pytest.mark.parametrize("path", ["/authorize", "/login", "/consent"])
async def test_other_methods_are_not_served(town: Town, path: str) -> None:
    """The endpoint is for GET, the forms for POST; HEAD and others get no page of either."""
    browser = town.browser()
    reply = await (browser.post(path, {"a": "b"}) if path == "/authorize" else browser.get(path))
    assert reply.status == 405
    assert "location" not in reply.headers


async def test_the_server_says_what_it_can(town: Town) -> None:
    """All well-known forms are the same document of the same issuer, readable by any page, with only what is there (AUTHZ-10)."""
    paths = ("oauth-authorization-server", "oauth-authorization-server/mcp", "openid-configuration")
    found = [await town.server.request("GET", f"/.well-known/{path}") for path in paths]
    found.append(await town.server.request("GET", "/mcp/.well-known/openid-configuration"))
    said = found[0].json
    assert {reply.body for reply in found} == {found[0].body}
    assert {reply.headers["access-control-allow-origin"] for reply in found} == {"*"}
    assert said["issuer"] == "http://127.0.0.1:8080"
    assert (said["response_types_supported"], said["code_challenge_methods_supported"]) == (["code"], ["S256"])
    assert said["authorization_response_iss_parameter_supported"] is said["client_id_metadata_document_supported"] is True
    keys = (await town.server.request("GET", urlsplit(said["jwks_uri"]).path)).json["keys"]
    assert keys
    assert all("d" not in key for key in keys)
    for endpoint in ("token_endpoint", "registration_endpoint", "revocation_endpoint"):
        assert (await town.server.request("POST", urlsplit(said[endpoint]).path)).status == 400
