"""A list that fits an agent's context: which tools are listed within a budget, in fewer words, and which are found by searching.

Pure. The same tools and the same budget give the same list; nothing that can be called without a budget cannot be called with one."""

import math
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.resource import Prompt, Resource
from freehold.core.tool import BYTES_PER_TOKEN, Brief, Tool
from freehold.domains.catalog.edition import Offer
from freehold.domains.catalog.listing import encoded
from freehold.domains.catalog.names import unique_tools
from freehold.domains.catalog.search import words
from freehold.domains.catalog.standing import READING, SOURCE, TOOLS, kind, one_line

LEAST: Final = 1_000
"""The smallest budget, in tokens: the three tools of the search, the one that reads on, and a few beside them."""
_ENVELOPE: Final = len('{"tools":[]}')
_DESCRIPTION: Final = 120
_ARGUMENT: Final = 60
_OPTIONAL: Final = 6
_CHOICES: Final = 160
"""Bytes of an enumeration that is still shown."""
_PLAIN: Final = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})
_COMMON: Final = ("list", "get", "search", "create", "update", "add")
"""Verbs of what is done to an API's central things, the commonest first."""


class Shortlist(Struct, frozen=True, kw_only=True):
    """What is to be listed first. Names that no tool has are ignored here; whoever takes them from a person checks them."""

    tokens: int
    """What the whole list may take."""
    first: tuple[str, ...] = ()
    """Names that come before all others, in this order."""
    tags: frozenset[str] = frozenset()
    """Only tools of these areas are listed; empty for all."""
    kinds: frozenset[str] = frozenset()
    """Only tools that are `reads`, `writes` or `destroys` are listed; empty for all."""
    usage: Mapping[str, int] = {}
    """Calls by tool's name: what is used more is listed sooner."""


class _Curated(Struct, frozen=True):
    """An offer with some of its tools behind the search."""

    name: str
    tools: Sequence[Tool]
    resources: Sequence[Resource]
    prompts: Sequence[Prompt]


class Budget:
    """Arrangement: the same budget for every tenant."""

    def __init__(self, shortlist: Shortlist) -> None:
        """What to list."""
        self._shortlist = shortlist

    def key(self, tenant: str) -> Hashable:
        """One budget for all."""
        return self._shortlist.tokens

    def arranged(self, tenant: str, offers: Sequence[Offer]) -> Sequence[Offer]:
        """All of it where it fits; else the chosen tools in brief, the others unlisted, and the search."""
        listed = chosen(offers, self._shortlist)
        if listed is None:
            return offers
        return [*(_curated(offer, listed) for offer in offers), _Curated(SOURCE, TOOLS, (), ())]


def chosen(offers: Sequence[Offer], shortlist: Shortlist) -> Mapping[Tool, Brief] | None:
    """What is said of each tool that is listed beside those that find and call the others; None where everything fits as it is."""
    named = unique_tools([(offer.name, tool) for offer in offers for tool in offer.tools])
    tools = [tool for offer in offers for tool in offer.tools]
    room = shortlist.tokens * BYTES_PER_TOKEN - _ENVELOPE - len(encoded(READING)) - 1
    narrowed = bool(shortlist.tags or shortlist.kinds)
    if not narrowed and sum(len(encoded(tool)) + 1 for tool in named if tool.listed) <= room:
        return None
    names = dict(zip(tools, (tool.name for tool in named), strict=True))
    room -= sum(len(encoded(tool)) + 1 for tool in TOOLS)
    found: dict[Tool, Brief] = {}
    for tool in _ordered([tool for tool in tools if tool.listed and _wanted(tool, shortlist)], names, shortlist):
        brief = in_brief(tool)
        size = len(encoded(replace(tool, name=names[tool], brief=brief))) + 1
        if size <= room:
            found[tool] = brief
            room -= size
    return found


def _wanted(tool: Tool, shortlist: Shortlist) -> bool:
    if tool.name in shortlist.first:
        return True
    return (not shortlist.tags or not shortlist.tags.isdisjoint(tool.tags)) and (not shortlist.kinds or kind(tool) in shortlist.kinds)


def _curated(offer: Offer, listed: Mapping[Tool, Brief]) -> _Curated:
    tools = [replace(tool, brief=listed[tool]) if tool in listed else replace(tool, listed=False) for tool in offer.tools]
    return _Curated(offer.name, tools, offer.resources, offer.prompts)


def _ordered(tools: Sequence[Tool], names: Mapping[Tool, str], shortlist: Shortlist) -> Iterator[Tool]:
    """Named ones, then used ones, then the areas in turn, large ones more often, so that every part of an API has a tool to begin with."""
    place = {name: at for at, name in enumerate(shortlist.first)}
    first = sorted((tool for tool in tools if names[tool] in place), key=lambda tool: place[names[tool]])
    used = sorted(
        (tool for tool in tools if shortlist.usage.get(names[tool])), key=lambda tool: (-shortlist.usage[names[tool]], names[tool])
    )
    yield from dict.fromkeys((*first, *used, *_in_turn(tools, names)))


def _in_turn(tools: Sequence[Tool], names: Mapping[Tool, str]) -> Iterator[Tool]:
    areas: dict[str, list[Tool]] = defaultdict(list)
    for tool in tools:
        areas[area(tool)].append(tool)
    for within in areas.values():
        within.sort(key=lambda tool: (_distance(tool), names[tool]))
    turns = [((at + 1) / math.sqrt(len(within)), names[tool], tool) for within in areas.values() for at, tool in enumerate(within)]
    yield from (tool for _, _, tool in sorted(turns, key=lambda turn: turn[:2]))


def area(tool: Tool) -> str:
    """The part of an API a tool belongs to: its first tag, else the last word of its name."""
    return tool.tags[0] if tool.tags else (words(tool.name) or [tool.name])[-1]


def _distance(tool: Tool) -> tuple[int, ...]:
    """How far from what most agents want: central things before their details, reading and creating before the rest."""
    said = words(tool.name)
    verb = _COMMON.index(said[0]) if said and said[0] in _COMMON else len(_COMMON)
    needed = len(tool.input_schema.get("required", ()))
    return (int(tool.description.startswith("Deprecated")), int(tool.destructive), len(said) + needed, verb)


def in_brief(tool: Tool) -> Brief:
    """What the list says of it: one sentence, and arguments by name and type. Accepts whatever the tool's own schema accepts."""
    return Brief(description=one_line(tool.description, _DESCRIPTION), input_schema=_brief_schema(tool.input_schema))


def _brief_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    named: Mapping[str, Any] = schema.get("properties", {})
    required: Collection[str] = schema.get("required", ())
    optional = [name for name in named if name not in required]
    shown = {name: _brief_argument(each) for name, each in named.items() if name in required or name in optional[:_OPTIONAL]}
    brief: dict[str, Any] = {"type": "object"}
    if shown:
        brief["properties"] = shown
    if required:
        brief["required"] = list(required)
    return brief


def _brief_argument(raw: object) -> dict[str, Any]:
    if not isinstance(raw, dict):
        return {}
    argument = cast("dict[str, Any]", raw)
    said: dict[str, Any] = {}
    kinds = argument.get("type")
    if isinstance(kinds, str) or (isinstance(kinds, list) and _PLAIN.issuperset(cast("Iterable[str]", kinds))):
        said["type"] = kinds
    choices = argument.get("enum")
    if isinstance(choices, list) and len(repr(cast("object", choices))) <= _CHOICES:
        said["enum"] = choices
    prose = argument.get("description")
    if isinstance(prose, str) and "enum" not in said:
        spoken = one_line(prose, _ARGUMENT)
        if spoken and not spoken.endswith("..."):
            said["description"] = spoken
    return said
