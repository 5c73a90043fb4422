"""One version of the catalog, worked out once: everything that does not depend on who asks."""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, Protocol

from msgspec import Struct

from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool
from freehold.domains.catalog.listing import encoded_prompt, encoded_resource
from freehold.domains.catalog.names import unique_prompts, unique_resources, unique_tools
from freehold.domains.catalog.uris import Uris, first_of_each
from freehold.protocol import mirrors
from freehold.protocol.mirrors import Mirrored

_log = logging.getLogger("freehold.catalog")

ListKind = Literal["tools", "resources", "templates", "prompts"]

_ANNOTATED: Final = f'"{mirrors.KEYWORD}"'.encode()


class Offer(Protocol):
    """What the catalog needs of a source."""

    @property
    def name(self) -> str:
        """The source's name."""
        ...

    @property
    def tools(self) -> Sequence[Tool]:
        """Its tools, in order."""
        ...

    @property
    def resources(self) -> Sequence[Resource]:
        """Its resources and templates, in order."""
        ...

    @property
    def prompts(self) -> Sequence[Prompt]:
        """Its prompts, in order."""
        ...


Encode = Callable[[Tool], bytes]
"""A tool as `tools/list` shows it; the same bytes for the same tool, so that editions share them."""


class Offers(Struct, frozen=True, kw_only=True):
    """What there is for anybody at all."""

    tools: bool
    resources: bool
    """Also templates."""
    prompts: bool
    completions: bool


class Entry(Struct, frozen=True):
    """One entry of a list, and the tool that says who may see it."""

    tool: Tool
    json: bytes


class Edition(Struct, frozen=True, kw_only=True, eq=False):
    """All sources' tools, resources and prompts under unique names. Compared by identity: equal lists may stand before other tools."""

    tools: Mapping[str, Tool]
    prompts: Mapping[str, Prompt]
    uris: Uris
    lists: Mapping[ListKind, Sequence[Entry]]
    mirrored: Mapping[str, tuple[Mirrored, ...]]
    """By the tool's name, for tools that have something to mirror."""
    asked: frozenset[str]
    """Every scope that something asks for."""
    roles: frozenset[str]
    """Every role that something asks for."""
    planned: bool
    """Whether something asks for a plan."""
    offers: Offers
    version: str
    """Digest of every list and of who may see what of it: equal on every replica that offers the same."""


def edition(sources: Sequence[Offer], encode: Encode, owed: Sequence[Tool] = ()) -> Edition:
    """What these sources offer, with tools under reserved names behind it. Raises ValueError for a URI template that is none."""
    tools = [*unique_tools([(source.name, tool) for source in sources for tool in source.tools]), *owed]
    prompts = unique_prompts([(source.name, prompt) for source in sources for prompt in source.prompts])
    resources = _resources(sources)
    lists = _lists(tools, resources, prompts, encode)
    return Edition(
        tools={tool.name: tool for tool in tools},
        prompts={prompt.name: prompt for prompt in prompts},
        uris=Uris(resources),
        lists=lists,
        mirrored=_mirrored(lists["tools"]),
        asked=_asked(tools, lists),
        roles=frozenset(role for tool in tools for role in tool.roles),
        planned=any(tool.plans for tool in tools),
        offers=_offers(tools, resources, prompts),
        version=_version(lists),
    )


def _resources(sources: Sequence[Offer]) -> list[Resource]:
    """Under unique names, each URI once; what is left out is the operator's to mend, who hears of it."""
    offered = [(source.name, resource) for source in sources for resource in source.resources]
    kept = first_of_each(offered)
    if len(kept) < len(offered):
        _log.warning("two resources have one URI; the first is offered", extra={"code": "resource_uri_taken"})
    return unique_resources(kept)


def _lists(tools: Sequence[Tool], resources: Sequence[Resource], prompts: Sequence[Prompt], encode: Encode) -> dict[ListKind, list[Entry]]:
    return {
        "tools": [Entry(one, encode(one)) for one in tools if one.listed],
        "resources": [Entry(one.tool, encoded_resource(one)) for one in resources if not one.template],
        "templates": [Entry(one.tool, encoded_resource(one)) for one in resources if one.template and one.tool.listed],
        "prompts": [Entry(one.tool, encoded_prompt(one)) for one in prompts],
    }


def _asked(tools: Sequence[Tool], lists: Mapping[ListKind, Sequence[Entry]]) -> frozenset[str]:
    """Of tools that are not listed, too: whether they can be found depends on it."""
    listed = (entry.tool for entries in lists.values() for entry in entries)
    return frozenset(scope for tool in (*tools, *listed) for scope in tool.scopes)


def _mirrored(tools: Sequence[Entry]) -> dict[str, tuple[Mirrored, ...]]:
    """Schemas without the keyword are told by their bytes, which is quicker than reading them all."""
    plans = {entry.tool.name: mirrors.plan((entry.tool.brief or entry.tool).input_schema) for entry in tools if _ANNOTATED in entry.json}
    return {name: plan for name, plan in plans.items() if plan}


def _offers(tools: Sequence[Tool], resources: Sequence[Resource], prompts: Sequence[Prompt]) -> Offers:
    completing = any(one.completing is not None for one in (*resources, *prompts))
    return Offers(tools=bool(tools), resources=bool(resources), prompts=bool(prompts), completions=completing)


def _version(lists: Mapping[ListKind, Sequence[Entry]]) -> str:
    parts = (b"\n".join([kind.encode(), *(entry.json + _rights(entry.tool) for entry in entries)]) for kind, entries in lists.items())
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def _rights(tool: Tool) -> bytes:
    """Who may see it. Tenants may be shown one text under different rights, and views are kept by version."""
    return b"".join(b"\t" + " ".join(sorted(names)).encode() for names in (tool.scopes, tool.plans, tool.roles))
