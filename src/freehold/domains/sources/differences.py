"""What is different between two releases of a source, as agents and their callers would feel it. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple, cast

from msgspec import Struct

from freehold.core.tool import Tool
from freehold.domains.sources.narrowing import narrowings

Json = dict[str, Any]

Kind = Literal[
    "added", "removed", "renamed", "required", "gone", "narrowed", "effect", "security", "host", "moved", "argument", "described"
]
"""`required`: an argument must be given now. `gone`: an argument there is no more. `effect`: reads, writes or destroys, and did not.
`security`: other scopes. `host`: another origin. `moved`: another operation of the API. `argument`: a new one, or one that takes more."""

BREAKING: Final = frozenset({"removed", "renamed", "required", "gone", "narrowed", "effect"})
"""A call that was right before would be refused, or do another thing."""


class Difference(Struct, frozen=True, kw_only=True):
    """One thing that is different about one tool."""

    kind: Kind
    tool: str
    """Its name now; of one that is gone, its name before."""
    detail: str = ""

    @property
    def breaking(self) -> bool:
        """Whether a call that was right before would not be any more."""
        return self.kind in BREAKING


class Pair(NamedTuple):
    """A tool before and after; None where there is none."""

    before: Tool | None
    after: Tool | None


def pairs(before: Sequence[Tool], after: Sequence[Tool]) -> list[Pair]:
    """Which became which: by name, and those left by their place in the document. In the order they have now, the gone ones last."""
    names = {tool.name: tool for tool in before}
    kept = {tool.name for tool in after if tool.name in names}
    places = {tool.place: tool for tool in before if tool.place and tool.name not in kept}
    found = [Pair(names[tool.name] if tool.name in kept else places.pop(tool.place, None), tool) for tool in after]
    matched = {pair.before.name for pair in found if pair.before is not None}
    return found + [Pair(tool, None) for tool in before if tool.name not in matched]


def differences(before: Sequence[Tool], after: Sequence[Tool]) -> list[Difference]:
    """Everything that is different, tool by tool."""
    return [each for pair in pairs(before, after) for each in of_pair(pair)]


def of_pair(pair: Pair) -> list[Difference]:
    """What is different about one tool."""
    old, new = pair
    if old is None or new is None:
        tool = new or old
        return [] if tool is None else [Difference(kind="added" if old is None else "removed", tool=tool.name, detail=tool.place)]
    return [
        Difference(kind=kind, tool=new.name, detail=detail)
        for kind, detail in (*_named(old, new), *_arguments(old, new), *_about(old, new))
    ]


_Told = tuple[Kind, str]


def _named(old: Tool, new: Tool) -> Iterator[_Told]:
    if old.name != new.name:
        yield "renamed", f"it was {old.name}"
    if old.place != new.place:
        yield "moved", f"{new.place}, was {old.place}"


def _arguments(old: Tool, new: Tool) -> Iterator[_Told]:
    before, after = old.input_schema, new.input_schema
    if before == after:
        return
    known: Json = before.get("properties", {})
    there: Json = after.get("properties", {})
    lost = [name for name in known if name not in there]
    must = [name for name in after.get("required", ()) if name not in before.get("required", ())]
    for name in lost:
        yield "gone", f"{name} is no argument any more"
    for name in must:
        yield "required", f"{name} is required now"
    for one in narrowings(_without(before, lost), after):
        if one.path not in must:
            yield "narrowed", f"{one.path or 'the whole'} {one.why}"
    yield from _wider(before, after, must)


def _wider(before: Json, after: Json, must: Sequence[str]) -> Iterator[_Told]:
    known: Json = before.get("properties", {})
    there: Json = after.get("properties", {})
    for name in there:
        if name not in known and name not in must:
            yield "argument", f"{name} is new"
        elif name in known and there[name] != known[name] and narrowings(_one(after, name), _one(before, name)):
            yield "argument", f"{name} takes other values, too"


def _about(old: Tool, new: Tool) -> Iterator[_Told]:
    if _effect(old) != _effect(new):
        yield "effect", f"it {_effect(new)} now, where it {_effect(old)} before"
    if old.scopes != new.scopes:
        yield "security", f"needs {' '.join(sorted(new.scopes)) or 'no scope'}, needed {' '.join(sorted(old.scopes)) or 'none'}"
    if old.audience != new.audience:
        yield "host", f"{new.audience}, was {old.audience}"
    if (old.description, old.title) != (new.description, new.title):
        yield "described", "it is described in other words"


def _effect(tool: Tool) -> str:
    return "reads" if tool.read_only else "destroys" if tool.destructive else "writes"


def _without(schema: Json, lost: Sequence[str]) -> Json:
    """Arguments that are told by themselves are left out."""
    properties: Json = schema.get("properties", {})
    return {**schema, "properties": {name: said for name, said in properties.items() if name not in lost}}


def _one(schema: Json, name: str) -> Json:
    """One argument's own schema, with what it refers to."""
    properties: Json = schema["properties"]
    said = properties[name]
    return {**cast("Json", said), "$defs": schema.get("$defs", {})} if isinstance(said, dict) else {}
