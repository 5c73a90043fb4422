"""What the tests of the catalog offer in it, and who looks: values with everything a test does not care about filled in."""

import json
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool
from freehold.domains.catalog.cursors import Cursors
from freehold.domains.catalog.edition import ListKind
from freehold.domains.catalog.resolve import Catalog
from freehold.kit.crypto import Seal

SCOPES = ("mcp:read", "mcp:write", "mcp:admin", "billing:read")
KEY = b"k" * 32
KINDS: tuple[ListKind, ...] = ("tools", "resources", "templates", "prompts")


class Offered(Struct):
    """A source as the catalog sees it."""

    name: str
    tools: Sequence[Tool] = ()
    resources: Sequence[Resource] = ()
    prompts: Sequence[Prompt] = ()


def tool(name: str, scopes: frozenset[str] = frozenset(), source: str = "api", **more: Any) -> Tool:
    """A tool that needs these scopes."""
    said = {"description": f"About {name}.", "input_schema": {"type": "object"}}
    return Tool(name=name, source=source, scopes=scopes, **{**said, **more})


def resource(uri: str, name: str = "", scopes: frozenset[str] = frozenset(), **more: Any) -> Resource:
    """A resource at this URI, or at this template."""
    called = name or uri
    return Resource(uri=uri, name=called, tool=tool(f"resource:{called}", scopes), template="{" in uri, **more)


def prompt(name: str, scopes: frozenset[str] = frozenset(), **more: Any) -> Prompt:
    """A prompt."""
    return Prompt(name=name, tool=tool(f"prompt:{name}", scopes), **more)


def principal(tenant: str = "acme", scopes: frozenset[str] = frozenset(SCOPES), tools: frozenset[str] | None = None) -> Principal:
    """A caller with these scopes and tools."""
    who = {"tenant": tenant, "subject": "u", "client": "c", "credential": "jti:1", "plan": "free"}
    return Principal(**who, scopes=scopes, tools=tools, expires_at=2e9)


def catalog(*sources: Offered, page_size: int = 1_000, key: bytes = KEY) -> Catalog:
    """A catalog of these sources."""
    made = Catalog(Cursors(Seal(key)), page_size=page_size)
    made.replace(sources)
    return made


def of_tools(*tools: Tool, page_size: int = 1_000, key: bytes = KEY) -> Catalog:
    """A catalog of one source with these tools."""
    return catalog(Offered("api", tools), page_size=page_size, key=key)


def pages(catalog: Catalog, who: Principal, kind: ListKind = "tools") -> list[list[dict[str, Any]]]:
    """Every page of a list, walked by cursor."""
    found: list[list[dict[str, Any]]] = []
    cursor: str | None = None
    while not found or cursor is not None:
        page = catalog.page(who, kind, cursor)
        found.append(json.loads(page.items))
        cursor = page.following
    return found


def listed(catalog: Catalog, who: Principal, kind: ListKind = "tools") -> list[list[str]]:
    """The names on each page."""
    return [[one["name"] for one in page] for page in pages(catalog, who, kind)]


def refused(catalog: Catalog, who: Principal, cursor: str, kind: ListKind = "tools") -> bool:
    """Whether the cursor is refused, as `invalid_cursor` and nothing else."""
    try:
        catalog.page(who, kind, cursor)
    except Refusal as refusal:
        return refusal.code == "invalid_cursor"
    return False
