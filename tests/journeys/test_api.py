"""The administrative HTTP API: who may ask, what it does, and that its description is true."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from freehold.kit.errors import Misconfigured
from freehold.settings import Settings, load
from tests.fixtures import sample_functions
from tests.served import Reply, Served, served
from tests.strangers import Stranger

pytestmark = pytest.mark.anyio

TOKEN = "t" * 32
EDIT = "/api/v1/tenants/acme/catalog/tools/echo"
CALL = "/api/v1/tenants/acme/tools/{}/call"
EVERY_TOOL = {"echo", "who", "add", "fail", "refuse", "find"}


@pytest.fixture
def stranger() -> Stranger:
    """A source whose definitions wait for approval when they change."""
    return Stranger(find="Find a thing.")


@pytest.fixture
async def server(settings: Settings, stranger: Stranger) -> AsyncIterator[Served]:
    """A server with the API on, and two tenants."""
    on = settings.model_copy(update={"api_token": SecretStr(TOKEN)})
    async with served(on, functions=[sample_functions(), stranger]) as running:
        await running.tenant("acme")
        await running.tenant("globex", plan="small")
        yield running


async def ask(server: Served, method: str, path: str, body: object = None, *, token: str | None = TOKEN) -> Reply:
    """A request as the SaaS's code makes it."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    if body is not None:
        headers["content-type"] = "application/json"
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return await server.request(method, path, data=data, headers=headers)


def problem(reply: Reply) -> tuple[int, str]:
    """Status and code of a refusal, which says both in its body."""
    assert reply.headers["content-type"] == "application/problem+json"
    said = reply.json
    assert said["status"] == reply.status
    assert said["type"] == f"urn:freehold:refusal:{said['code']}"
    assert said["title"].endswith(".")
    assert said["detail"].endswith(".")
    return reply.status, said["code"]


async def names(server: Served, tenant: str) -> set[str]:
    """A tenant's list, as its agents see it."""
    reply = await server.modern("tools/list", token=server.tokens[tenant])
    return {one["name"] for one in reply.json["result"]["tools"]}


async def test_edits_are_put_shown_and_taken_back(server: Served) -> None:
    """A PUT replaces the tenant's edit, twice is once, its agents see it, another tenant's do not, and a DELETE takes it back."""
    for _ in range(2):
        put = await ask(server, "PUT", EDIT, {"name": "say", "roles": []})
        assert (put.status, put.json) == (200, {"tool": "echo", "name": "say", "roles": []})
    assert (await ask(server, "GET", EDIT)).json == put.json
    assert await names(server, "acme") == EVERY_TOOL - {"echo"} | {"say"}
    assert await names(server, "globex") == EVERY_TOOL
    await ask(server, "PUT", EDIT, {"enabled": False})
    seen = (await ask(server, "GET", "/api/v1/tenants/acme/catalog")).json["tools"]
    first: dict[str, Any] = next(one for one in seen if one["was"] == "echo")
    assert (first["tool"], first["state"]) == ("echo", "disabled")
    assert first["edits"] == [{"origin": "tenant", "tool": "echo", "enabled": False}]
    assert (await ask(server, "DELETE", EDIT)).status == 200
    assert problem(await ask(server, "DELETE", EDIT)) == (404, "edit_unknown")
    assert problem(await ask(server, "GET", EDIT)) == (404, "edit_unknown")
    assert await names(server, "acme") == EVERY_TOOL


async def test_puts_at_the_same_moment_all_succeed(server: Served) -> None:
    """The catalog is as one of them said, and there is one edit to take back."""
    replies = await asyncio.gather(*(ask(server, "PUT", EDIT, {"title": f"Title {number}"}) for number in range(8)))
    assert [reply.status for reply in replies] == [200] * 8
    assert (await ask(server, "GET", EDIT)).json["title"] in {reply.json["title"] for reply in replies}
    assert (await ask(server, "DELETE", EDIT)).status == 200
    assert problem(await ask(server, "DELETE", EDIT)) == (404, "edit_unknown")


async def test_only_the_operators_token_opens_it(server: Served) -> None:
    """No credential, another one, a tenant's own token and keys of the right length are refused, and nothing is changed."""
    key, _ = await server.application.administration.create_key("acme")
    assert problem(await ask(server, "PUT", EDIT, {"enabled": False}, token=None)) == (401, "unauthenticated")
    for wrong in (server.tokens["acme"], key, "u" * 32, TOKEN + "t", ""):
        reply = await ask(server, "PUT", EDIT, {"enabled": False}, token=wrong)
        assert problem(reply) == (401, "invalid_token")
        assert reply.headers["www-authenticate"].startswith("Bearer")
    assert await names(server, "acme") == EVERY_TOOL
    assert (await server.modern("tools/list", token=TOKEN)).status == 401, "nor does this token open /mcp"
    bad = await server.request("GET", EDIT, headers={"authorization": f"Bearer {TOKEN}", "host": "evil.example"})
    assert problem(bad) == (421, "host_not_allowed")
    cross = await server.request("GET", EDIT, headers={"authorization": f"Bearer {TOKEN}", "origin": "https://evil.example"})
    assert problem(cross) == (403, "origin_not_allowed")


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("PUT", EDIT, {}, (422, "edit_invalid")),
        ("PUT", EDIT, {"name": "add"}, (422, "edit_invalid")),
        ("PUT", EDIT, {"plans": ["gold"]}, (422, "plan_unknown")),
        ("PUT", EDIT, {"enabled": "no"}, (400, "invalid_params")),
        ("PUT", EDIT, {"enable": False}, (400, "invalid_params")),
        ("PUT", EDIT, {"pattern": "*", "enabled": False}, (400, "invalid_params")),
        ("PUT", EDIT, [], (400, "invalid_params")),
        ("PUT", EDIT, b'{"enabled": false, "enabled": true}', (400, "parse_error")),
        ("PUT", EDIT, b"x" * 1_100_000, (413, "body_too_large")),
        ("PUT", "/api/v1/tenants/nobody/catalog/tools/echo", {"enabled": False}, (404, "tenant_unknown")),
        ("POST", EDIT, {}, (405, "method_not_allowed")),
        ("GET", "/api/v1/tenants/acme", None, (404, "not_found")),
        ("GET", "/api/v1/tenants//catalog", None, (404, "not_found")),
        ("GET", "/api/", None, (404, "not_found")),
        ("GET", "/api/v1/tenants/nobody/catalog", None, (404, "tenant_unknown")),
        ("POST", CALL.format("never"), {}, (404, "unknown_tool")),
        ("POST", CALL.format("echo"), {"arguments": {}}, (422, "invalid_arguments")),
        ("POST", CALL.format("echo"), {"arguments": []}, (400, "invalid_params")),
        ("POST", CALL.format("echo"), {"tenant": "globex"}, (400, "invalid_params")),
        ("POST", "/api/v1/tenants/nobody/tools/echo/call", {"arguments": {"text": "x"}}, (404, "tenant_unknown")),
        ("POST", "/api/v1/tenants/acme/catalog/approvals", {"tool": "echo"}, (404, "nothing_pending")),
        ("POST", "/api/v1/tenants/acme/catalog/approvals", {}, (400, "invalid_params")),
    ],
)
async def test_what_cannot_be_done_is_a_problem_in_words(
    server: Served, method: str, path: str, body: object, said: tuple[int, str]
) -> None:
    """Each with its status and code, and the catalog is as before."""
    reply = await ask(server, method, path, body)
    assert problem(reply) == said
    assert ("allow" in reply.headers) == (reply.status == 405)
    assert await names(server, "acme") == EVERY_TOOL


async def test_a_call_goes_down_the_corridor(server: Served) -> None:
    """It runs in the tenant's name and the user's, is in its ledger as client `saas`, and plan, edits and suspension hold it too."""
    reply = await ask(server, "POST", CALL.format("who"), {"user": "ann", "roles": ["boss"]})
    assert reply.json["structuredContent"] == {"tenant": "acme", "user": "ann", "client": "saas"}
    lines = b"".join([part async for part in server.application.book.export("acme", "jsonl")]).splitlines()
    entries = [entry for entry in map(json.loads, lines) if entry["kind"] == "call"]
    assert [(one["what"], one["subject"], one["client"], one["outcome"]) for one in entries] == [("who", "ann", "saas", "ok")]
    await ask(server, "PUT", "/api/v1/tenants/acme/catalog/tools/who", {"roles": ["boss"]})
    assert problem(await ask(server, "POST", CALL.format("who"), {"user": "ann"})) == (404, "unknown_tool")
    assert (await ask(server, "POST", CALL.format("who"), {"roles": ["boss"]})).status == 200
    path = "/api/v1/tenants/globex/tools/add/call"
    done = [await ask(server, "POST", path, {"arguments": {"a": 1}}) for _ in range(21)]
    assert [reply.status for reply in done[:20]] == [200] * 20
    assert problem(done[20]) == (429, "quota_exhausted")
    await server.application.administration.suspend_tenant("acme")
    assert problem(await ask(server, "POST", CALL.format("add"), {"arguments": {"a": 1}})) == (404, "tenant_unknown")


async def test_pending_definitions_are_shown_and_approved(server: Served, stranger: Stranger) -> None:
    """For the tenant in the path, and no other; until then a call is a problem that says so."""
    assert (await ask(server, "GET", "/api/v1/catalog/pending")).json == {"pending": []}
    await stranger.changed(server, find="Find another thing.")
    (waiting,) = (await ask(server, "GET", "/api/v1/catalog/pending")).json["pending"]
    assert (waiting["tool"], waiting["why"]) == ("find", "changed")
    assert waiting["difference"] == {"description": "Find [-a-]{+another+} thing."}
    assert problem(await ask(server, "POST", CALL.format("find"), {})) == (403, "definition_changed")
    approval = {"tool": "find", "source": "stranger", "digest": waiting["digest"]}
    assert (await ask(server, "POST", "/api/v1/tenants/acme/catalog/approvals", approval)).json["approved"][0]["tool"] == "find"
    assert (await ask(server, "POST", CALL.format("find"), {})).status == 200
    assert problem(await ask(server, "POST", CALL.format("find").replace("acme", "globex"), {})) == (403, "definition_changed")


async def test_the_description_is_of_the_routes_there_are(server: Served) -> None:
    """Every operation of the document answers as one, and no method beside them does; it needs no token and has no tenant in it."""
    document = (await ask(server, "GET", "/api/openapi.json", token=None)).json
    assert document["openapi"] == "3.1.0"
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    tried = {(method, path) for path in document["paths"] for method in ("GET", "PUT", "POST", "DELETE", "PATCH")}
    answered: set[tuple[str, str]] = set()
    for method, path in sorted(tried):
        reply = await ask(
            server, method, path.replace("{tenant}", "acme").replace("{name}", "echo"), {} if method in {"PUT", "POST"} else None
        )
        if reply.status != 405:
            answered.add((method, path))
            assert reply.headers["content-type"] in {"application/json", "application/problem+json"}
    assert answered == described


async def test_without_the_setting_there_is_no_api(settings: Settings) -> None:
    """The path is as unknown as any other, whatever is shown; and a token that is too short stops the start."""
    async with served(settings, functions=[sample_functions()]) as server:
        for token in (TOKEN, "", None):
            assert (await ask(server, "GET", "/api/v1/catalog/pending", token=token)).status == 404
        assert (await ask(server, "GET", "/api/openapi.json", token=None)).status == 404
    with pytest.raises(Misconfigured, match="api_token must be at least 32"):
        load(None, {}, api_token="short")
