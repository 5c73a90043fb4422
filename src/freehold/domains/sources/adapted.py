"""Adapters between releases: a call of a tool as it was becomes the call of the tool as it is now. Pure.

Made from the two definitions alone. Where they do not say for certain what is meant, there is none, and the call stays as it was."""

import re
from typing import Any, cast

from msgspec import Struct

from freehold.core.tool import Tool
from freehold.domains.sources.differences import Pair, of_pair


class Adapter(Struct, frozen=True, kw_only=True):
    """How arguments of the earlier tool are those of the later one."""

    renamed: dict[str, str] = {}
    """Arguments under other names."""
    filled: dict[str, Any] = {}
    """Arguments that are required now and can only be this, or are this unless said otherwise."""

    def arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """What to call the later tool with."""
        return {**self.filled, **{self.renamed.get(name, name): value for name, value in given.items()}}

    def before(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The other way round: what the earlier tool calls them, without what it does not know."""
        names = {later: earlier for earlier, later in self.renamed.items()}
        return {names.get(name, name): value for name, value in arguments.items() if name not in self.filled}


class Adapted(Struct, frozen=True, eq=False):
    """The operation of an earlier tool that runs as a later one."""

    adapter: Adapter
    runs: Tool
    """The earlier tool with the later one's operation."""


def adapter(old: Tool, new: Tool) -> Adapter | None:
    """How calls of `old` become calls of `new`; None where the documents do not say it for certain."""
    renamed = _renamed(old, new)
    shown = old if not renamed else _under(old, renamed)
    told = of_pair(Pair(shown, new))
    required = [name for name in new.input_schema.get("required", ()) if name not in shown.input_schema.get("required", ())]
    filled: dict[str, Any] = {}
    for name in required:
        said = _said(new.input_schema["properties"].get(name))
        if len(said) != 1 or name in shown.input_schema.get("properties", {}):
            return None
        filled[name] = said[0]
    if any(one.breaking and one.kind not in {"renamed", "required"} for one in told) or _turns(new) & set(renamed.values()):
        return None
    return Adapter(renamed=renamed, filled=filled)


def _renamed(old: Tool, new: Tool) -> dict[str, str]:
    """Arguments that differ in how the name is written, and in nothing else."""
    known, there = old.input_schema.get("properties", {}), new.input_schema.get("properties", {})
    fresh: dict[str, list[str]] = {}
    for name in there:
        if name not in known:
            fresh.setdefault(_plain(name), []).append(name)
    lost = [name for name in known if name not in there]
    spelled = [_plain(name) for name in lost]
    return {name: fresh[_plain(name)][0] for name in lost if len(fresh.get(_plain(name), ())) == 1 and spelled.count(_plain(name)) == 1}


def _turns(tool: Tool) -> set[str | None]:
    """Arguments that answers speak of when they say how to go on."""
    paging = tool.paging
    return set() if paging is None else {paging.cursor, paging.after, paging.page, paging.offset, paging.size}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _under(tool: Tool, renamed: dict[str, str]) -> Tool:
    """The earlier tool with its arguments under their later names."""
    schema = tool.input_schema
    properties = {renamed.get(name, name): said for name, said in schema["properties"].items()}
    required = [renamed.get(name, name) for name in schema.get("required", ())]
    return Tool(
        name=tool.name,
        description=tool.description,
        title=tool.title,
        input_schema={**schema, "properties": properties, "required": required},
        source=tool.source,
        scopes=tool.scopes,
        audience=tool.audience,
        place=tool.place,
        read_only=tool.read_only,
        destructive=tool.destructive,
    )


def _said(schema: object) -> list[Any]:
    """The one value an argument can have, or has unless said otherwise."""
    given = cast("dict[str, Any]", schema) if isinstance(schema, dict) else {}
    for word in ("const", "default"):
        if word in given:
            return [given[word]]
    values: list[Any] = given.get("enum", [])
    return values if len(values) == 1 else []
