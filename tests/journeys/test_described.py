"""What a server says about itself to anyone, through real HTTP: the description, the registry entry, the page for models."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from freehold import __version__
from freehold.settings import Settings
from tests.fixtures import sample_functions
from tests.served import Served, served

pytestmark = pytest.mark.anyio

BASE = "https://mcp.example.com"
ENDPOINT = f"{BASE}/mcp"
INSTRUCTIONS = "Trackline plans deliveries.\nAsk it for shipments, routes and drivers, and tell it what changed on the way, as it happens."
VERSIONS = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"]
DOCUMENTS = {
    "/.well-known/mcp.json": "application/json",
    "/server.json": "application/json",
    "/llms.txt": "text/plain; charset=utf-8",
    "/.well-known/oauth-protected-resource": "application/json",
    "/.well-known/oauth-protected-resource/mcp": "application/json",
    "/.well-known/jwks.json": "application/json",
}
REGISTRY_NAME = r"^[a-zA-Z0-9][a-zA-Z0-9.-]*[a-zA-Z0-9]/[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9]$"
HEADER = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "description": {"type": "string"},
        "isRequired": {"type": "boolean"},
        "isSecret": {"type": "boolean"},
    },
}
REMOTE = {
    "type": "object",
    "required": ["type", "url"],
    "additionalProperties": False,
    "properties": {
        "type": {"enum": ["streamable-http", "sse"]},
        "url": {"type": "string", "pattern": r"^https?://\S+$"},
        "headers": {"type": "array", "items": HEADER},
    },
}
REGISTRY_RULES = {
    "type": "object",
    "required": ["$schema", "name", "description", "version", "remotes"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"},
        "name": {
            "type": "string",
            "maxLength": 200,
            "pattern": r"^[a-zA-Z0-9][a-zA-Z0-9.-]*[a-zA-Z0-9]/[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9]$",
        },
        "title": {"type": "string", "minLength": 1, "maxLength": 100},
        "description": {"type": "string", "minLength": 1, "maxLength": 100},
        "version": {"type": "string", "maxLength": 255, "pattern": r"^[0-9][^\s^~<>=*|]*$"},
        "remotes": {"type": "array", "minItems": 1, "items": REMOTE},
    },
}
"""The rules of the MCP registry for a server that is reached over the network; what we never send is not among them."""


@pytest.fixture
def described(tmp_path: Path) -> Settings:
    """A server with a public address, a name of its own and something to say."""
    return Settings(data_dir=tmp_path / "data", name="trackline", title="Trackline", instructions=INSTRUCTIONS, public_url=BASE)


@pytest.fixture
async def trackline(described: Settings) -> AsyncIterator[Served]:
    """That server, with tools and a customer."""
    async with served(described, functions=[sample_functions()]) as running:
        await running.tenant("acme")
        yield running


async def test_a_client_learns_where_to_connect_and_how_to_authenticate(trackline: Served) -> None:
    """/.well-known/mcp.json names the server, its endpoint on both transports, every version of both eras, and each kind of credential."""
    said = (await trackline.request("GET", "/.well-known/mcp.json")).json
    assert (said["name"], said["title"], said["version"], said["instructions"]) == ("trackline", "Trackline", __version__, INSTRUCTIONS)
    assert (said["endpoint"], said["protocolVersions"]) == (ENDPOINT, VERSIONS)
    http, websocket = said["transports"]
    assert http == {"type": "streamable-http", "url": ENDPOINT, "protocolVersions": VERSIONS}
    assert websocket == {"type": "websocket", "url": "wss://mcp.example.com/mcp", "subprotocol": "mcp", "protocolVersions": VERSIONS}
    oauth, key = said["authentication"]["schemes"]
    assert said["authentication"]["required"] is True
    assert (oauth["scheme"], oauth["scopes"]) == ("Bearer", ["mcp:read", "mcp:write"])
    assert key == {"type": "apiKey", "header": "X-API-Key"}
    assert said["registryEntry"] == f"{BASE}/server.json"


async def test_the_metadata_a_client_is_sent_to_is_there(trackline: Served) -> None:
    """The protected-resource metadata named in the description is served at that very path and is of that very endpoint."""
    schemes = (await trackline.request("GET", "/.well-known/mcp.json")).json["authentication"]["schemes"]
    address = schemes[0]["resourceMetadata"]
    assert address.startswith(BASE)
    assert (await trackline.request("GET", address.removeprefix(BASE))).json["resource"] == ENDPOINT


async def test_the_registry_entry_keeps_the_registrys_rules(trackline: Served) -> None:
    """/server.json fits the MCP registry's rules, is named after the domain and the server, and has no member the registry lacks."""
    entry = (await trackline.request("GET", "/server.json")).json
    assert list(faults(entry)) == []
    assert (entry["name"], entry["title"], entry["version"]) == ("com.example.mcp/trackline", "Trackline", __version__)
    assert entry["remotes"][0]["url"] == ENDPOINT
    assert entry["description"].startswith("Trackline plans deliveries. Ask it for")
    assert INSTRUCTIONS not in entry["description"]


async def test_what_breaks_the_registrys_rules_is_noticed(trackline: Served) -> None:
    """The rules used here are not empty: an entry with a longer description, a bare name or a version range does not fit."""
    entry = (await trackline.request("GET", "/server.json")).json
    broken: list[dict[str, Any]] = [
        {"description": "x" * 101},
        {"name": "trackline"},
        {"version": "^1.2.3"},
        {"tools": []},
        {"remotes": []},
    ]
    for member in broken:
        assert list(faults(entry | member)), member


async def test_the_page_for_models_has_the_form_they_know(trackline: Served) -> None:
    """/llms.txt is a title, a quoted summary, then sections that hold nothing but links, and no other heading comes before them."""
    page = (await trackline.request("GET", "/llms.txt")).body.decode()
    opening, *sections = page.split("\n## ")
    first, blank, summary, *rest = opening.splitlines()
    assert (first, blank, summary) == ("# Trackline", "", "> " + INSTRUCTIONS.replace("\n", " "))
    assert not [line for line in rest if line.startswith(("#", ">"))]
    assert [section.partition("\n")[0] for section in sections] == ["Endpoint", "How to connect", "Documentation"]
    for section in sections:
        lines = [line for line in section.splitlines()[1:] if line]
        assert lines
        assert all(re.fullmatch(r"- \[[^\]]+\]\([a-z]+://[^)\s]+\): .+", line) for line in lines), lines


async def test_every_link_of_the_page_to_this_server_leads_somewhere(trackline: Served) -> None:
    """What /llms.txt links to on this server answers, apart from the endpoint itself, which wants a credential."""
    page = (await trackline.request("GET", "/llms.txt")).body.decode()
    paths = set(re.findall(rf"\({re.escape(BASE)}([^)]*)\)", page)) - {"/mcp"}
    assert paths == {"/.well-known/mcp.json", "/server.json", "/.well-known/oauth-protected-resource/mcp"}
    assert {(await trackline.request("GET", path)).status for path in paths} == {200}


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_documents_are_for_anyone_and_may_be_kept(trackline: Served, path: str) -> None:
    """Without a credential, for pages of any origin and for caches, and the same to a customer: nothing of the caller is in it."""
    reply = await trackline.request("GET", path, headers={"origin": "https://elsewhere.example"})
    assert (reply.status, reply.headers["content-type"]) == (200, DOCUMENTS[path])
    assert reply.headers["cache-control"].startswith("public, max-age=")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert not {"www-authenticate", "access-control-allow-credentials", "set-cookie", "vary"} & reply.headers.keys()
    own = await trackline.request("GET", path, headers={"authorization": f"Bearer {trackline.tokens['acme']}"})
    assert own.body == reply.body
    assert not [word for word in (b"acme", b"echo", b"refuse") if word in reply.body]


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_head_says_what_get_would_without_the_body(trackline: Served, path: str) -> None:
    """HEAD has GET's status and headers, its content-length among them, and no body."""
    got, head = await trackline.request("GET", path), await trackline.request("HEAD", path)
    named = ("content-type", "content-length", "cache-control", "access-control-allow-origin")
    assert (head.status, [head.headers[name] for name in named]) == (200, [got.headers[name] for name in named])
    assert int(head.headers["content-length"]) == len(got.body)
    assert head.body == b""


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_documents_can_only_be_read(trackline: Served, path: str) -> None:
    """Every other method is 405 with the two that are allowed, in words, kept by no cache, and without the document (TR-20)."""
    document = (await trackline.request("GET", path)).body
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        reply = await trackline.request(method, path)
        assert (reply.status, reply.headers["allow"], reply.headers["cache-control"]) == (405, "GET, HEAD", "no-store"), method
        assert reply.json["error"]["data"]["code"] == "document_read_only"
        assert document not in reply.body


async def test_a_server_with_nothing_to_say_is_still_described(tmp_path: Path) -> None:
    """Without instructions there is no such member, and the summary everywhere is made of the title."""
    async with served(Settings(data_dir=tmp_path / "data")) as plain:
        said = (await plain.request("GET", "/.well-known/mcp.json")).json
        entry = (await plain.request("GET", "/server.json")).json
        page = (await plain.request("GET", "/llms.txt")).body.decode()
    assert "instructions" not in said
    assert list(faults(entry)) == []
    assert said["description"] == entry["description"] == "Freehold for AI agents, over the Model Context Protocol."
    assert f"> {said['description']}\n" in page
    assert said["transports"][1]["url"] == "ws://127.0.0.1:8080/mcp"


def faults(entry: dict[str, Any]) -> Iterator[str]:
    """What breaks the registry's rules."""
    return (fault.message for fault in Draft202012Validator(REGISTRY_RULES, offline=True).iter_errors(entry))
