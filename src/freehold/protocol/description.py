"""What a server says about itself to whoever has not connected yet, as values: its description, its registry entry, its page for models.

Holds only what is the same for every caller. Where the documents are and how they are sent is `web/wellknown.py`'s."""

import re
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from freehold.protocol import revisions

DESCRIPTION: Final = "/.well-known/mcp.json"
REGISTRY_ENTRY: Final = "/server.json"
FOR_MODELS: Final = "/llms.txt"

REGISTRY_SCHEMA: Final = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
"""The published form of the MCP registry's server.json that `registry_entry` follows."""
VERSIONS: Final = (revisions.MODERN, *revisions.LEGACY)
"""Every protocol version spoken, newest first."""
_LONGEST: Final = 100
"""Characters the registry's title and description may have."""
_LONGEST_NAME: Final = 64
_SHORTEST_NAME: Final = 2
_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9._-]+")
_SPECIFICATION: Final = f"https://modelcontextprotocol.io/specification/{revisions.MODERN}"


class About(Struct, frozen=True, kw_only=True):
    """The facts the documents are made of."""

    name: str
    version: str
    title: str
    instructions: str
    base: str
    """The public address, without a trailing slash."""
    endpoint: str
    """The MCP endpoint's public address."""
    metadata_url: str | None
    """Where the protected-resource metadata is (RFC 9728); None when no credential is asked for."""
    scopes: tuple[str, ...]
    """What a first-time client should ask for."""


def description(about: About) -> dict[str, Any]:
    """`/.well-known/mcp.json`: who this is, where it answers, in which versions, and how to authenticate."""
    said = {"instructions": about.instructions} if about.instructions else {}
    return {
        "name": about.name,
        "title": about.title,
        "version": about.version,
        "description": _summary(about),
        **said,
        "endpoint": about.endpoint,
        "protocolVersions": list(VERSIONS),
        "transports": [
            {"type": "streamable-http", "url": about.endpoint, "protocolVersions": list(VERSIONS)},
            {"type": "websocket", "url": _websocket(about), "subprotocol": "mcp", "protocolVersions": list(VERSIONS)},
        ],
        "authentication": _authentication(about),
        "registryEntry": about.base + REGISTRY_ENTRY,
    }


def _authentication(about: About) -> dict[str, Any]:
    if about.metadata_url is None:
        return {"required": False, "schemes": []}
    scopes = list(about.scopes)
    oauth = {"type": "oauth2", "header": "Authorization", "scheme": "Bearer", "resourceMetadata": about.metadata_url, "scopes": scopes}
    key = {"type": "apiKey", "header": "X-API-Key"}
    return {"required": True, "schemes": [oauth, key]}


def registry_entry(about: About) -> dict[str, Any]:
    """`/server.json` in the MCP registry's form, to publish as it is when the name's domain is yours."""
    remote: dict[str, Any] = {"type": "streamable-http", "url": about.endpoint}
    if about.metadata_url is not None:
        remote["headers"] = [
            {"name": "X-API-Key", "description": "An API key, for clients without OAuth.", "isRequired": False, "isSecret": True}
        ]
    return {
        "$schema": REGISTRY_SCHEMA,
        "name": registry_name(about.base, about.name),
        "title": _clipped(_title(about)),
        "description": _clipped(_summary(about)),
        "version": about.version,
        "remotes": [remote],
    }


def registry_name(base: str, name: str) -> str:
    """The address's host in reverse and the server's name, `com.example.mcp/shop`. An IP address takes its name in the DNS's own tree."""
    host = urlsplit(base).hostname or "localhost"
    try:
        host = ip_address(host).reverse_pointer
    except ValueError:
        host = host.strip(".")
    namespace = ".".join(reversed(host.split(".")))
    return f"{_NOT_IN_NAMES.sub('-', namespace)}/{_name_part(name)}"


def _name_part(name: str) -> str:
    part = _NOT_IN_NAMES.sub("-", name).strip("-._")[:_LONGEST_NAME].strip("-._")
    return part if len(part) >= _SHORTEST_NAME else f"{part}-server".lstrip("-")


def for_models(about: About) -> str:
    """`/llms.txt` in the form of llmstxt.org: a title, a summary, what to know, then sections of links."""
    versions = ", ".join(VERSIONS)
    links = [
        "## Endpoint",
        "",
        f"- [MCP endpoint]({about.endpoint}): streamable HTTP, protocol versions {versions}",
        f"- [WebSocket]({_websocket(about)}): the same messages, subprotocol `mcp`",
        "",
        "## How to connect",
        "",
        f"- [Description]({about.base}{DESCRIPTION}): endpoint, transports and authentication as JSON",
        f"- [Registry entry]({about.base}{REGISTRY_ENTRY}): the same server as the MCP registry describes it",
    ]
    if about.metadata_url is not None:
        links.append(f"- [Protected-resource metadata]({about.metadata_url}): which authorization servers issue access tokens")
    links += ["", "## Documentation", "", f"- [Model Context Protocol]({_SPECIFICATION}): what clients and servers say to each other"]
    return "\n".join([f"# {_title(about)}", "", f"> {_summary(about)}", "", _how(about), "", *links, ""])


def _how(about: About) -> str:
    opening = "This is a server for AI agents. Add the endpoint to an MCP client; it finds out the rest."
    if about.metadata_url is None:
        return f"{opening} No credential is needed."
    return f"{opening} Requests need `Authorization: Bearer` with an access token or an API key, or the API key in `X-API-Key`."


def _websocket(about: About) -> str:
    return "ws" + about.endpoint.removeprefix("http")


def _title(about: About) -> str:
    return _one_line(about.title) or _one_line(about.name) or "MCP server"


def _summary(about: About) -> str:
    return _one_line(about.instructions) or f"{_title(about)} for AI agents, over the Model Context Protocol."


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _clipped(text: str) -> str:
    """Whole words as far as the registry allows."""
    if len(text) <= _LONGEST:
        return text
    cut = text[: _LONGEST - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:.") + "…"
