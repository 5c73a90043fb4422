"""Clients: known by a document of theirs, or registered by themselves; what neither can claim, fetch or become (cases CIMD and DCR)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from freehold.domains.oauth.clients.documents import KEPT, REFUSED, ClientDocuments
from freehold.domains.oauth.clients.register import UNUSED, USED
from freehold.kit.outbound import GuardedClient
from freehold.settings import Settings
from tests.agents import Agent, Browser, Form, answer, enrol
from tests.authorization.conftest import Town
from tests.clocks import HandClock
from tests.fixtures import PLANS, sample_functions
from tests.hostile import Line, Upstream, upstream, whole
from tests.served import Served, served

pytestmark = pytest.mark.anyio

JSON = b"Content-Type: application/json"


@dataclass
class Street:
    """A server, and a host on which clients' documents lie."""

    server: Served
    clock: HandClock
    up: Upstream
    pages: dict[str, bytes]

    def agent(self, path: str = "/client.json", **said: Any) -> Agent:
        """A client whose document is there."""
        agent = Agent(self.server, client_id=self.up.origin + path)
        body = {"client_id": agent.client_id, "client_name": "Documented", "redirect_uris": [agent.redirect_uri], **said}
        self.pages[path] = whole(json.dumps(body).encode(), JSON)
        return agent


@asynccontextmanager
async def street(folder: Path, *, allowed: bool = True) -> AsyncIterator[Street]:
    """Started on entry."""
    pages: dict[str, bytes] = {}

    async def answered(line: Line) -> None:
        while request := await line.request():
            await line.write(pages.get(request.split(b" ")[1].decode(), whole(b"", status=b"404 Not Found")))

    async with upstream(answered) as up:
        settings = Settings(
            data_dir=folder / "data",
            database_url=f"sqlite:///{folder / 'freehold.db'}",
            migrate_on_start=True,
            plans=PLANS,
            default_plan="open",
            outbound_allow=(f"127.0.0.1:{up.port}",) if allowed else (),
        )
        clock = HandClock()
        async with served(settings, functions=[sample_functions()], clock=clock) as server:
            await server.tenant("acme")
            await enrol(server)
            yield Street(server, clock, up, pages)


@pytest.fixture(scope="module")
async def _documents(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    async with street(tmp_path_factory.mktemp("documents")) as there:
        yield there


@pytest.fixture
def documents(_documents: Street) -> Street:
    """An hour later, so that nothing is known any more."""
    _documents.clock.advance(KEPT + 1)
    return _documents


async def refused(there: Street, agent: Agent) -> str:
    """The words of the page that a bad client gets; nothing is redirected."""
    reply = await Browser(there.server).get(agent.link())
    assert reply.status == 400, reply
    assert "location" not in reply.headers
    return Form(reply.body.decode()).text


async def test_a_client_with_a_document_needs_no_registration(documents: Street) -> None:
    """Its document is read once, the page names its host, and it gets to a tool call and a refresh (CIMD, protocol A7)."""
    agent = documents.agent()
    before = len(documents.up.requests)
    browser = Browser(documents.server)
    page = await browser.sign_in(agent.link())
    assert f"127.0.0.1:{documents.up.port}" in Form(page.body.decode()).text
    assert "Documented" in Form(page.body.decode()).text
    tokens = (await agent.exchange(answer(await browser.decide(page))["code"])).json
    said = (await documents.server.call("who", token=tokens["access_token"])).json["result"]["structuredContent"]
    assert said["client"] == agent.client_id
    assert (await agent.refresh(tokens["refresh_token"])).status == 200
    assert len(documents.up.requests) == before + 1
    head = documents.up.requests[-1].lower()
    assert not any(name in head for name in (b"cookie", b"authorization", b"referer"))


BAD_DOCUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("CIMD-04 another id", {"client_id": "https://other.example/client.json"}),
    ("CIMD-04 no id", {"client_id": None}),
    ("CIMD-06 a secret", {"client_secret": "x"}),
    ("CIMD-06 a secret method", {"token_endpoint_auth_method": "client_secret_basic"}),
    ("CIMD-06 a secret's end", {"client_secret_expires_at": 0}),
    ("CIMD-07 no name", {"client_name": None}),
    ("CIMD-07 turned name", {"client_name": "edualC\u202e"}),
    ("CIMD-07 hidden name", {"client_name": "Cla\u200dude"}),
    ("CIMD-07 long name", {"client_name": "x" * 101}),
    ("CIMD-07 no text", {"client_name": ["x"]}),
    ("RDR-06 script", {"redirect_uris": ["javascript:alert(1)"]}),
    ("no address", {"redirect_uris": []}),
    ("no list", {"redirect_uris": "http://127.0.0.1:43117/callback"}),
    ("CIMD-03 large", {"more": "x" * 5_200}),
]


@pytest.mark.parametrize(("case", "said"), BAD_DOCUMENTS, ids=[case for case, _ in BAD_DOCUMENTS])
async def test_a_document_that_is_not_right_counts_for_nothing(documents: Street, case: str, said: dict[str, Any]) -> None:
    """Its client is not known, nothing is sent to its addresses, and it is not asked for again at once (CIMD-05, CIMD-09)."""
    agent = documents.agent(f"/{case.replace(' ', '-').replace(chr(39), '')}", **said)
    before = len(documents.up.requests)
    for _ in range(3):
        assert "not known" in await refused(documents, agent)
    assert len(documents.up.requests) == before + 1
    documents.clock.advance(REFUSED)
    assert "not known" in await refused(documents, agent)
    assert len(documents.up.requests) == before + 2


BAD_ANSWERS = {
    "CIMD-02 redirect": whole(b"", b"Location: http://127.0.0.1:1/x", status=b"302 Found"),
    "CIMD-03 html": whole(b"<html></html>", b"Content-Type: text/html"),
    "CIMD-03 no type": whole(b"{}"),
    "CIMD-03 empty": whole(b"", status=b"204 No Content"),
    "CIMD-03 mark": whole(b"\xef\xbb\xbf{}", JSON),
    "CIMD-03 twice": whole(b'{"client_id":"a","client_id":"b"}', JSON),
    "CIMD-03 list": whole(b"[]", JSON),
    "CIMD-03 error": whole(b"{}", JSON, status=b"500 Oops"),
    "CIMD-03 broken": b"nonsense\r\n\r\n",
}


@pytest.mark.parametrize("case", BAD_ANSWERS)
async def test_an_answer_that_is_no_document_counts_for_nothing(documents: Street, case: str) -> None:
    """No redirect is followed and nothing but a JSON object of type JSON is read."""
    agent = documents.agent(f"/{case.replace(' ', '-')}")
    documents.pages[f"/{case.replace(' ', '-')}"] = BAD_ANSWERS[case]
    assert "not known" in await refused(documents, agent)


async def test_a_changed_document_is_seen_within_the_hour(documents: Street) -> None:
    """Until then the old addresses count, afterwards the new ones and no old one, whatever the host says about keeping (CIMD-05)."""
    agent = documents.agent("/changing")
    assert (await Browser(documents.server).get(agent.link())).status == 200
    documents.agent("/changing", redirect_uris=["https://new.example/cb"])
    assert (await Browser(documents.server).get(agent.link())).status == 200
    documents.clock.advance(KEPT)
    assert "did not register" in await refused(documents, agent)
    agent.redirect_uri = "https://new.example/cb"
    assert (await Browser(documents.server).get(agent.link())).status == 200


async def test_a_host_that_does_not_answer_holds_up_nobody_else(documents: Street) -> None:
    """While it is waited for, others' documents are read; those who ask for it meanwhile cost no second connection (CIMD-03, CIMD-09)."""
    slow, quick = documents.agent("/slow"), documents.agent("/quick")
    documents.pages["/slow"] = b""
    before = len(documents.up.requests)
    waiting = [asyncio.create_task(Browser(documents.server).get(slow.link())) for _ in range(5)]
    await documents.up.until_asked(before + 1)
    assert (await Browser(documents.server).get(quick.link())).status == 200
    assert not any(task.done() for task in waiting)
    assert {reply.status for reply in await asyncio.gather(*waiting)} == {400}
    assert len(documents.up.requests) == before + 2


async def test_a_documents_other_addresses_are_not_fetched(documents: Street) -> None:
    """Logo, home page and keys are neither asked for nor shown (CIMD-07, DCR-06)."""
    origin = documents.up.origin
    agent = documents.agent("/logo", logo_uri=f"{origin}/logo.svg", client_uri="javascript:alert(1)", jwks_uri=f"{origin}/keys")
    page = await Browser(documents.server).sign_in(agent.link())
    assert not any(path in request for request in documents.up.requests for path in (b"/logo.svg", b"/keys"))
    assert b"javascript:" not in page.body
    assert b"logo.svg" not in page.body


async def test_a_document_behind_the_firewall_is_not_read(tmp_path: Path) -> None:
    """Without the operator's leave not one connection is made to a private address (CIMD-01)."""
    async with street(tmp_path, allowed=False) as there:
        assert "not known" in await refused(there, there.agent())
        assert there.up.lines == []


@pytest.mark.parametrize(
    "client_id",
    [
        *("http://client.example/c", "https://client.example", "https://client.example/", "https://client.example/c#x"),
        *("https://client.example/c?x=1", "https://u@client.example/c", "https://client.example/a/../c", "https://client.example/%2e/c"),
        *(
            "https://client.example:0/c",
            "HTTPS://client.example/c",
            "https://Client.example/c",
            "https://[::1]/c",
            "https://\u00e4.example/c",
        ),
        *("https://client.example/" + "c" * 250, "https://client.example/c d", "https://client.example/c\n", "ftp://client.example/c"),
    ],
    ids=ascii,
)
def test_what_is_no_address_of_a_document(client_id: str) -> None:
    """Addresses with a second spelling, a user, a fragment, a query or no path are never fetched (CIMD-04)."""
    known = ClientDocuments(GuardedClient(), HandClock().monotonic, local=False)
    assert known.names("https://client.example/c")
    assert not known.names("http://127.0.0.1:1/c")
    assert not known.names(client_id)


BAD_REGISTRATIONS: list[tuple[str, dict[str, Any], str]] = [
    ("DCR-02 script", {"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
    ("DCR-02 one of two", {"redirect_uris": ["https://ok.example/cb", "http://evil.example/cb"]}, "invalid_redirect_uri"),
    ("DCR-02 none", {"redirect_uris": []}, "invalid_redirect_uri"),
    ("DCR-02 missing", {"redirect_uris": None}, "invalid_redirect_uri"),
    ("DCR-02 no text", {"redirect_uris": [7]}, "invalid_redirect_uri"),
    ("DCR-02 many", {"redirect_uris": [f"https://ok.example/{n}" for n in range(21)]}, "invalid_redirect_uri"),
    ("DCR-03 method", {"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
    ("DCR-03 no method", {"token_endpoint_auth_method": 7}, "invalid_client_metadata"),
    ("DCR-03 grant", {"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
    ("DCR-03 response", {"response_types": ["token"]}, "invalid_client_metadata"),
    ("CIMD-07 name", {"client_name": "x\u202ey"}, "invalid_client_metadata"),
    ("CIMD-07 long name", {"client_name": "x" * 101}, "invalid_client_metadata"),
    ("CIMD-07 no text", {"client_name": {"a": 1}}, "invalid_client_metadata"),
]


@pytest.mark.parametrize(("case", "said", "error"), BAD_REGISTRATIONS, ids=[case for case, _, _ in BAD_REGISTRATIONS])
async def test_a_registration_that_cannot_be_is_refused(town: Town, case: str, said: dict[str, Any], error: str) -> None:
    """By the book, whole, and nothing is registered (DCR-02, DCR-03)."""
    agent = Agent(town.server)
    reply = await agent.register(**said)
    assert (reply.status, reply.json["error"]) == (400, error), case
    assert "client_id" not in reply.json
    assert agent.client_id == ""


@pytest.mark.parametrize("body", [b"[]", b"7", b"", b"{", b'{"redirect_uris":1,"redirect_uris":2}', b"\xff"])
async def test_a_registration_that_is_no_object_is_refused(town: Town, body: bytes) -> None:
    """400 and an OAuth error."""
    reply = await town.server.post(body, path="/register")
    assert (reply.status, reply.json["error"]) == (400, "invalid_client_metadata")


async def test_a_client_cannot_register_rights(town: Town) -> None:
    """What it says of its id, secret, tenant, trust, scope or further grants has no effect and is not repeated (DCR-03, DCR-09)."""
    agent = Agent(town.server)
    claims = {"client_id": "portal", "client_secret": "mine", "tenant_id": "globex", "trusted": True, "scope": "mcp:admin"}
    more = {"grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:jwt-bearer"], "software_statement": "x.y.z"}
    said = (await agent.register(**claims, **more)).json
    assert set(said) == {
        *("client_id", "client_id_issued_at", "client_name", "redirect_uris", "grant_types", "response_types", "token_endpoint_auth_method")
    }
    assert said["client_id"] != "portal"
    assert said["grant_types"] == ["authorization_code", "refresh_token"]
    assert "Nobody at" in Form((await town.browser().sign_in(agent.link())).body.decode()).text


@pytest.mark.parametrize(("method", "basic"), [(None, True), ("client_secret_basic", True), ("client_secret_post", False)])
async def test_a_client_with_a_secret_registers(town: Town, method: str | None, *, basic: bool) -> None:
    """It is given one this once, kept as a digest only, and asked for it in the way it said (DCR-05)."""
    agent = Agent(town.server)
    reply = await agent.register(token_endpoint_auth_method=method)
    assert reply.headers["cache-control"] == "no-store"
    assert (len(agent.secret), reply.json["client_secret_expires_at"]) == (64, 0)
    code = await agent.allowed(town.browser())
    said = {"grant_type": "authorization_code", "code": code, "code_verifier": agent.verifier}
    assert (await agent.ask(said)).json["error"] == "invalid_client"
    assert (await agent.ask({**said, "client_secret": "x" * 64})).json["error"] == "invalid_client"
    given = await (agent.ask(said, basic=True) if basic else agent.ask({**said, "client_secret": agent.secret}))
    assert given.status == 200
    assert agent.client_id.encode() in town.stored()
    assert agent.secret.encode() not in town.stored()


async def test_a_registration_is_kept_while_it_is_used(town: Town) -> None:
    """Unused it is forgotten after a week; once somebody allowed it something it stays longer than any grant (DCR-01)."""
    used, unused = await town.agent(), await town.agent()
    tokens = await used.tokens()
    town.clock.advance(UNUSED)
    await town.agent()
    assert (await town.browser().get(unused.link())).status == 400
    assert (await town.browser().get(used.link())).status == 200
    assert (await used.refresh(tokens["refresh_token"])).status == 200
    town.clock.advance(USED)
    assert (await town.browser().get(used.link())).status == 400


async def test_registering_is_limited(town: Town) -> None:
    """One address registers thirty at once, then one a minute (DCR-01)."""
    assert {(await Agent(town.server).register()).status for _ in range(30)} == {201}
    slow = await Agent(town.server).register()
    assert (slow.status, slow.headers["retry-after"]) == (429, "60")
    town.clock.advance(60)
    assert (await Agent(town.server).register()).status == 201


async def test_registration_and_sign_in_can_be_switched_off(tmp_path: Path) -> None:
    """Then the metadata says so or is not there, and neither are the doors (DCR-08)."""
    given: dict[str, Any] = {"migrate_on_start": True, "plans": PLANS, "default_plan": "open"}
    off = Settings(data_dir=tmp_path / "a", database_url=f"sqlite:///{tmp_path / 'a.db'}", registration=False, **given)
    async with served(off) as server:
        about = (await server.request("GET", "/.well-known/oauth-authorization-server")).json
        assert "registration_endpoint" not in about
        assert (await Agent(server).register()).status == 404
    without = Settings(data_dir=tmp_path / "b", database_url=f"sqlite:///{tmp_path / 'b.db'}", sign_in="off", **given)
    async with served(without) as server:
        for path in ("/.well-known/oauth-authorization-server", "/authorize", "/token", "/login", "/register"):
            assert (await server.request("GET", path)).status == 404
