"""Sign-in and consent: no code without the right person's click on the page that was made for that person (cases CONS)."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.agents import PASSWORD, USER, Form, answer, deeds
from tests.authorization.conftest import BOSS, BOTH, PORTAL, Town

pytestmark = pytest.mark.anyio

EVIL = "https://evil.example/cb"
_HARMLESS = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


async def test_pages_cannot_be_framed_or_scripted(town: Town) -> None:
    """Sign-in, consent and error pages carry every header that keeps frames, scripts and other places' styles away (CONS-02)."""
    agent, browser = await town.agent(), town.browser()
    pages = [await browser.get(agent.link()), await browser.sign_in(agent.link()), await browser.get("/authorize?client_id=nobody")]
    for page in pages:
        assert {name: page.headers[name] for name in _HARMLESS} == _HARMLESS
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'; style-src 'sha256-" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert b"<script" not in page.body


async def test_a_page_says_what_is_allowed_to_whom(town: Town) -> None:
    """Application, where the answer goes, person, organisation, scopes in words with their tools; that nobody checked it (CONS-09)."""
    agent, browser = await town.agent(EVIL), town.browser()
    await agent.register(client_name="Trackline Support \u2713")
    shown = Form((await browser.sign_in(agent.link())).body.decode())
    for words in ("Trackline Support", "evil.example", USER, "acme", "look at your data", "echo, who", "Nobody at Trackline has checked"):
        assert words in shown.text, words
    assert "this computer" not in shown.text
    assert "globex" not in shown.text
    local = Form((await browser.get((await town.agent()).link())).body.decode())
    assert "any program may be waiting" in local.text  # CIMD-08
    vouched = Form((await browser.get(town.portal().link())).body.decode())
    assert "Nobody at" not in vouched.text


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "{page}{0}%s", "</title><script>", "&lt;b&gt;"]
)
async def test_what_strangers_wrote_is_text(town: Town, name: str) -> None:
    """A client's name, a state and a user's name are shown as they are and never become markup (CONS-10)."""
    agent, browser = await town.agent(), town.browser()
    await agent.register(client_name=name)
    agent.state = name
    first = await browser.get(agent.link())
    shown = Form(first.body.decode())
    again = await browser.post("/login", {**shown.fields, "user": name, "password": "no"})
    page = await browser.sign_in(agent.link())
    for reply in (first, again, page):
        assert b"<script" not in reply.body
        assert b"<img" not in reply.body
        assert Form(reply.body.decode()).buttons
        assert name in Form(reply.body.decode()).text
    assert Form(again.body.decode()).fields["user"] == name


async def test_each_scope_can_be_left_out(town: Town) -> None:
    """The token has what was ticked and nothing else; with nothing ticked the page comes again and no code is given."""
    agent, browser = await town.agent(), town.browser()
    page = await browser.sign_in(agent.link())
    nothing = await browser.decide(page, leave=("mcp:read", "mcp:write"))
    assert nothing.status == 400
    assert "Choose at least one" in Form(nothing.body.decode()).text
    said = answer(await browser.decide(nothing, leave=("mcp:write",)))
    tokens = (await agent.exchange(said["code"])).json
    assert tokens["scope"] == "mcp:read"
    assert (await town.server.call("add", {"a": 1}, token=tokens["access_token"])).status == 403


async def test_a_scope_that_was_not_asked_for_is_not_given(town: Town) -> None:
    """Ticking more by hand gives no more: neither what the client did not ask for nor what the person may not give (AUTHZ-04, -06)."""
    agent, browser = await town.agent(), town.browser()
    page = await browser.sign_in(agent.link(scope="mcp:read mcp:admin"))
    assert "scope.mcp:admin" not in Form(page.body.decode()).fields
    said = answer(await browser.decide(page, **{"scope.mcp:write": "on", "scope.mcp:admin": "on"}))
    assert (await agent.exchange(said["code"])).json["scope"] == "mcp:read"


async def test_who_has_the_role_may_give_it(town: Town) -> None:
    """An admin may give mcp:admin away, and the token carries both; once the role is gone the next refresh gives the rest (RT-09)."""
    agent, browser = await town.agent(), town.browser()
    page = await browser.sign_in(agent.link(scope="mcp:read mcp:admin"), user=BOSS)
    tokens = (await agent.exchange(answer(await browser.decide(page))["code"])).json
    assert tokens["scope"] == "mcp:admin mcp:read"
    enrolling = town.server.application.authorizing.enrolling
    await enrolling.add("acme", BOSS, roles=("member",), password=None)
    assert (await agent.refresh(tokens["refresh_token"])).json["scope"] == "mcp:read"
    await enrolling.add("acme", BOSS, roles=("admin",), password=None)


async def test_a_person_of_two_organisations_chooses_one(town: Town) -> None:
    """None is chosen beforehand, without a choice there is no code, and the token is the chosen one's and no other's (CONS-09)."""
    agent, browser = await town.agent(), town.browser()
    page = await browser.sign_in(agent.link(), user=BOTH)
    shown = Form(page.body.decode())
    assert shown.choices == {"tenant": ["acme", "globex"]}
    assert "tenant" not in shown.fields
    assert (await browser.decide(page)).status == 400
    assert (await browser.decide(page, tenant="nowhere")).status == 400
    assert page.body.decode().count("formnovalidate") == 2  # or a browser would not let anybody cancel before choosing
    tokens = (await agent.exchange(answer(await browser.decide(page, tenant="globex"))["code"])).json
    said = (await town.server.call("who", token=tokens["access_token"])).json["result"]["structuredContent"]
    assert (said["tenant"], said["user"]) == ("globex", BOTH)
    assert ("consent.given", BOTH) in await deeds(town.server, "globex")
    assert BOTH not in {actor for _, actor in await deeds(town.server, "acme")}


async def test_a_role_counts_where_it_is_held(town: Town) -> None:
    """Who is an owner in one organisation gives mcp:admin away there and not in the other, whatever is ticked (AUTHZ-06)."""
    agent, browser = await town.agent(), town.browser()
    page = await browser.sign_in(agent.link(scope="mcp:admin"), user=BOTH)
    reply = await browser.decide(page, tenant="acme")
    assert reply.status == 400
    assert "that you may allow" in Form(reply.body.decode()).text
    tokens = (await agent.exchange(answer(await browser.decide(page, tenant="globex"))["code"])).json
    assert tokens["scope"] == "mcp:admin"


async def test_another_organisation_cannot_be_chosen_by_hand(town: Town) -> None:
    """A person of one organisation gets no code for another, whatever the form says (TEN-02)."""
    agent, browser = await town.agent(), town.browser()
    page = await browser.sign_in(agent.link())
    reply = await browser.decide(page, tenant="globex")
    assert reply.status == 400
    assert "location" not in reply.headers


async def test_nothing_is_given_without_a_click(town: Town) -> None:
    """Whoever is signed in and has allowed this client before is asked again, on each way there (CONS-05)."""
    agent, browser = await town.agent(), town.browser()
    page = await browser.sign_in(agent.link())
    answer(await browser.decide(page))
    for site in ("cross-site", "same-site", "none", "same-origin"):
        again = await browser.get(agent.link(), **{"sec-fetch-site": site})
        assert again.status == 200
        assert Form(again.body.decode()).buttons == ["allow", "deny", "switch"]
        assert "location" not in again.headers


async def test_a_form_counts_only_from_its_own_page_and_session(town: Town) -> None:
    """Without the page's word, with another session's, an old, changed or another site's one: no code (CONS-01, -04, -06, AUTHZ-04)."""
    agent, browser, other = await town.agent(), town.browser(), town.browser()
    page = await browser.sign_in(agent.link())
    foreign = await other.sign_in(agent.link(), user=BOSS)
    good = Form(page.body.decode()).fields
    word = good["page"]
    refused = [
        await browser.post("/consent", {**good, "page": "", "decision": "allow"}),
        await browser.post("/consent", {**good, "page": Form(foreign.body.decode()).fields["page"], "decision": "allow"}),
        await browser.post("/consent", {**good, "page": word[:-2] + ("A" if word[-2] != "A" else "B") + word[-1], "decision": "allow"}),
        await town.browser().post("/consent", {**good, "decision": "allow"}),
        await browser.post("/consent", {**good, "decision": "allow"}, origin="https://evil.example"),
        await browser.post("/consent", {**good, "decision": "allow"}, **{"sec-fetch-site": "cross-site"}),
        await browser.get("/consent?" + "&".join(f"{name}={value}" for name, value in {**good, "decision": "allow"}.items())),
    ]
    assert all(reply.status in {400, 403, 405} and "location" not in reply.headers for reply in refused), refused
    town.clock.advance(601)
    late = await browser.decide(page)
    assert late.status == 400
    assert "too old" in Form(late.body.decode()).text


async def test_one_page_gives_one_code(town: Town) -> None:
    """Back and pressed again gives nothing more, and the code of the first press still counts (CONS-15)."""
    agent, browser = await town.agent(), town.browser()
    page = await browser.sign_in(agent.link())
    said = answer(await browser.decide(page))
    again = await browser.decide(page)
    assert again.status == 400
    assert "answered already" in Form(again.body.decode()).text
    assert (await agent.exchange(said["code"])).status == 200


async def test_two_tabs_do_not_disturb_each_other(town: Town) -> None:
    """Pages of two clients in one browser each give their own client's code, in either order (CONS-03)."""
    one, two, browser = await town.agent(), await town.agent("http://127.0.0.1:9/other"), town.browser()
    first = await browser.sign_in(one.link())
    second = await browser.get(two.link())
    for agent, page in ((two, second), (one, first)):
        reply = await browser.decide(page)
        assert reply.headers["location"].startswith(agent.redirect_uri)
        assert (await agent.exchange(answer(reply)["code"])).status == 200


async def test_no_is_told_to_the_application(town: Town) -> None:
    """Cancelling sends access_denied with state and issuer, no code, and stands in the book (CONS-13)."""
    agent, browser = await town.agent(), town.browser()
    said = answer(await browser.decide(await browser.sign_in(agent.link()), "deny"))
    assert (said["error"], said["state"], said["iss"]) == ("access_denied", agent.state, "http://127.0.0.1:8080")
    assert "code" not in said
    assert (await deeds(town.server))[-1] == ("consent.denied", USER)


async def test_signing_out_ends_sessions_everywhere(town: Town) -> None:
    """Signing in as somebody else ends the person's sessions in every browser, and pages that were open with them (CONS-12)."""
    agent, browser, laptop = await town.agent(), town.browser(), town.browser()
    page = await browser.sign_in(agent.link())
    await laptop.sign_in(agent.link())
    kept = dict(browser.cookies)
    town.clock.advance(1)
    reply = await browser.decide(page, "switch")
    assert Form((await browser.get(reply.headers["location"])).body.decode()).action == "/login"
    assert Form((await laptop.get(agent.link())).body.decode()).action == "/login"
    browser.cookies = kept
    assert (await browser.decide(page)).status == 400


async def test_a_session_is_new_after_signing_in(town: Town) -> None:
    """The cookie before is another than the one after; a sign-in form made for another browser signs nobody in (CONS-08)."""
    agent, browser, attacker = await town.agent(), town.browser(), town.browser()
    theirs = Form((await attacker.get(agent.link())).body.decode()).fields
    await browser.get(agent.link())
    fixed = await browser.post("/login", {**theirs, "user": BOSS, "password": PASSWORD})
    assert fixed.status == 400
    assert "freehold-session" not in browser.cookies
    before = dict(browser.cookies)
    await browser.sign_in(agent.link())
    first = browser.cookies["freehold-session"]
    assert before != browser.cookies
    browser.cookies.pop("freehold-session")
    await browser.sign_in(agent.link())
    assert browser.cookies["freehold-session"] != first


@pytest.mark.parametrize(
    ("user", "password"), [(USER, "wrong"), ("nobody@acme.example", PASSWORD), ("", PASSWORD), (USER, ""), ("x" * 9_000, "x" * 9_000)]
)
async def test_a_wrong_name_or_password_is_told_as_one(town: Town, user: str, password: str) -> None:
    """The form comes again with one sentence for both; there is no session."""
    agent, browser = await town.agent(), town.browser()
    reply = await browser.sign_in(agent.link(), user, password)
    assert reply.status == 400
    shown = Form(reply.body.decode())
    assert "The name or the password is not right." in shown.text
    assert "password" not in shown.fields or shown.fields["password"] == ""
    assert "freehold-session" not in browser.cookies


async def test_guessing_passwords_is_slowed(town: Town) -> None:
    """After ten tries at one name, from wherever, even the right password waits; another name does not (TOK-07)."""
    agent, browser = await town.agent(), town.browser()
    shown = Form((await browser.get(agent.link())).body.decode())
    tries = [(await browser.post("/login", {**shown.fields, "user": USER, "password": f"guess {n}"})).status for n in range(10)]
    assert set(tries) == {400}
    slow = await browser.post("/login", {**shown.fields, "user": USER.upper(), "password": PASSWORD})
    assert slow.status == 429
    assert "freehold-session" not in browser.cookies
    assert (await browser.post("/login", {**shown.fields, "user": BOSS, "password": PASSWORD})).status == 303


async def test_where_a_sign_in_leads_cannot_be_chosen(town: Town) -> None:
    """It leads to our own authorization endpoint with the request that was begun, and nowhere else (RDR-09)."""
    agent, browser = await town.agent(), town.browser()
    link = agent.link()
    shown = Form((await browser.get(link + "&next=https://evil.example&return_to=//evil.example")).body.decode())
    said = {**shown.fields, "user": USER, "password": PASSWORD, "next": EVIL, "return_to": EVIL, "redirect_uri": PORTAL}
    reply = await browser.post("/login", said)
    assert reply.headers["location"].startswith("/authorize?")
    expected = parse_qs(urlsplit(link).query) | {"next": ["https://evil.example"], "return_to": ["//evil.example"]}
    assert parse_qs(urlsplit(reply.headers["location"]).query) == expected


async def test_a_member_of_nothing_can_allow_nothing(town: Town) -> None:
    """Whoever left the last organisation is signed out; in a suspended one there is nothing to allow (CODE-10)."""
    agent, browser = await town.agent(), town.browser()
    enrolling = town.server.application.authorizing.enrolling
    await enrolling.add("acme", "leaver@acme.example", roles=("member",), password=PASSWORD)
    page = await browser.sign_in(agent.link(), user="leaver@acme.example")
    await town.server.application.administration.suspend_tenant("acme")
    suspended = await browser.get(agent.link())
    await town.server.application.administration.resume_tenant("acme")
    assert suspended.status == 403
    assert "not a member" in Form(suspended.body.decode()).text
    page = await browser.sign_in(agent.link(), user="leaver@acme.example")
    await enrolling.remove("acme", "leaver@acme.example")
    assert (await browser.decide(page)).status == 400
    assert Form((await browser.get(agent.link())).body.decode()).action == "/login"


async def test_who_left_and_came_back_signs_in_again(town: Town) -> None:
    """A session of before does not count after, nor does what was allowed then (RS-09)."""
    agent, browser, user = await town.agent(), town.browser(), "back@acme.example"
    enrolling = town.server.application.authorizing.enrolling
    await enrolling.add("acme", user, roles=("member",), password=PASSWORD)
    tokens = (await agent.exchange(answer(await browser.decide(await browser.sign_in(agent.link(), user)))["code"])).json
    town.clock.advance(60)
    await enrolling.remove("acme", user)
    await enrolling.add("acme", user, roles=("member",), password=PASSWORD)
    assert Form((await browser.get(agent.link())).body.decode()).action == "/login"
    assert (await agent.refresh(tokens["refresh_token"])).status == 400


async def test_cookies_are_for_this_server_only(town: Town) -> None:
    """HttpOnly, SameSite=Lax, for the whole path and without a domain (CONS-14; over https see the unit test of browsers)."""
    agent, browser = await town.agent(), town.browser()
    first = await browser.get(agent.link())
    signed = await browser.post("/login", {**Form(first.body.decode()).fields, "user": USER, "password": PASSWORD})
    for reply in (first, signed):
        told = reply.headers["set-cookie"]
        assert told.endswith("; Path=/; HttpOnly; SameSite=Lax")
        assert "domain" not in told.lower()


async def test_a_session_cookie_is_no_credential_for_mcp(town: Town) -> None:
    """A browser that is signed in can call no tool with its cookie (RS-07)."""
    agent, browser = await town.agent(), town.browser()
    await browser.sign_in(agent.link())
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    reply = await town.server.modern("tools/list", token=None, headers={"cookie": cookie})
    assert reply.status == 401
