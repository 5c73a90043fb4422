"""The official Python client does the whole way by itself, from a 401 on; only the person's clicks are scripted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from freehold.settings import Settings
from tests.agents import REDIRECT, USER, Browser, enrol
from tests.fixtures import sample_functions
from tests.served import Served, served
from tests.servers import free_port

pytestmark = pytest.mark.anyio


class Kept:
    """What the client's host keeps for it."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """The last ones."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """New ones."""
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Its registration."""
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """A new registration."""
        self.client = client_info


@pytest.fixture
async def public(settings: Settings) -> AsyncIterator[Served]:
    """A server at the address it says it has, with a person in acme."""
    port = free_port()
    fixed = settings.model_copy(update={"port": port})
    async with served(fixed, functions=[sample_functions()], port=port) as server:
        await server.tenant("acme")
        await enrol(server)
        yield server


@asynccontextmanager
async def connected(server: Served, kept: Kept, mode: str, scope: str | None = None) -> AsyncIterator[tuple[Client, list[str]]]:
    """The client, connected, and every address its person was sent to."""
    browser, visited = Browser(server), list[str]()

    async def go(address: str) -> None:
        visited.append(address)

    async def clicked() -> AuthorizationCodeResult:
        reply = await browser.decide(await browser.sign_in(visited[-1]))
        said = {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["location"]).query).items()}
        return AuthorizationCodeResult(code=said["code"], state=said["state"], iss=said["iss"])

    told: dict[str, Any] = {"client_name": "Official", "redirect_uris": [REDIRECT], "scope": scope}
    auth = OAuthClientProvider(f"{server.url}/mcp", OAuthClientMetadata(**told), kept, redirect_handler=go, callback_handler=clicked)
    async with (
        create_mcp_http_client(auth=auth) as http,
        Client(streamable_http_client(f"{server.url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client, visited


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_connects_by_itself(public: Served, mode: str) -> None:
    """It finds the server, registers, is allowed, lists and calls; later, with what it kept, it refreshes and asks nobody."""
    kept = Kept()
    async with connected(public, kept, mode) as (client, visited):
        called = await client.call_tool("who", {})
        assert called.structured_content == {"tenant": "acme", "user": USER, "client": kept.client.client_id if kept.client else ""}
    assert len(visited) == 1
    assert kept.tokens is not None
    first = kept.tokens
    kept.tokens = first.model_copy(update={"access_token": "", "expires_in": -1})
    async with connected(public, kept, mode) as (client, visited):
        assert (await client.call_tool("echo", {"text": "again"})).content[0].text.count("again")
    assert visited == []
    assert kept.tokens.refresh_token != first.refresh_token


async def test_the_official_client_steps_up(public: Served) -> None:
    """Refused a tool for want of a scope, it asks the person for that, too, and the call is made (RS-10)."""
    kept = Kept()
    async with connected(public, kept, "auto") as (client, visited):
        assert kept.tokens is not None
        assert set((kept.tokens.scope or "").split()) == {"mcp:read", "mcp:write"}
        await enrol(public, roles=("admin",))
        result = await client.call_tool("refuse", {})
        assert "The invoice is closed already." in str(result.content)
        assert len(visited) == 2
    assert "mcp:admin" in (kept.tokens.scope or "").split()
