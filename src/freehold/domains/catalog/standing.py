"""Source: the three tools that stand in for a long catalog, and the one that reads on. An agent searches, has one described, and calls it
by its name.

Every caller searches their own catalog, indexed for itself: what is hidden has no part in a result, its order or its time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, cast

import msgspec
from msgspec import Struct

from freehold.core.call import Call, Outcome
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import READ_MORE, Meant, Tool, View
from freehold.domains.catalog.listing import defined
from freehold.domains.catalog.search import Index

SOURCE: Final = "freehold"
SEARCH: Final = "search_tools"
DESCRIBE: Final = "describe_tool"
CALL: Final = "call_tool"

_LIMIT: Final = 10
_MOST: Final = 50
_LINE: Final = 160
_INDEXES: Final = 64
_POSTINGS: Final = 2_000_000
"""Kept indexes, and pairs of word and tool in all of them, but for the newest; GitHub's operations have about 30,000."""


class Seen(Protocol):
    """What this needs of the catalog."""

    def seen(self, principal: Principal) -> tuple[object, Sequence[Tool]]:
        """What marks this caller's view until the catalog changes, and the tools of it, listed or not."""
        ...

    def find(self, principal: Principal, name: str) -> Tool | None:
        """The named tool unless `allowed_tools` hides it."""
        ...


class _Kept(Struct, frozen=True, eq=False):
    mark: object
    index: Index


class Standing:
    """The source of these tools. They need no scope; `allowed_tools` hides the three as it hides any."""

    def __init__(self, catalog: Seen, read: Callable[[Call], Awaitable[Outcome]]) -> None:
        """No index is made before the first search of a caller with that view. `read` gives the rest of an answer."""
        self.name = SOURCE
        self.tools: Sequence[Tool] = TOOLS
        self.resources: Sequence[Resource] = ()
        self.prompts: Sequence[Prompt] = ()
        self._catalog = catalog
        self._read = read
        self._kept: dict[object, _Kept] = {}
        self._turn = asyncio.Lock()

    async def invoke(self, call: Call) -> Outcome:
        """Search or describe; a stand-in arrives here only with arguments that mean nothing, and is refused."""
        if call.tool.stands_in is not None:
            call.tool.stands_in(call.principal, call.arguments)
            raise Refusal("unknown_tool")
        if call.tool.operation == READ_MORE:
            return await self._read(call)
        if call.tool.operation == DESCRIBE:
            return self._describe(call.principal, call.arguments["name"])
        return await self._search(call.principal, call.arguments)

    async def check(self) -> None:
        """There is nothing that could be wrong with it."""

    async def close(self) -> None:
        """Forget every index."""
        self.forget()

    def forget(self) -> None:
        """The sources are others: what was indexed of those before is not kept in memory for them."""
        self._kept.clear()

    async def index(self, principal: Principal) -> Index:
        """The caller's own, made in a thread at the first search of their view."""
        key, tools = self._catalog.seen(principal)
        kept = self._kept.get(key)
        if kept is None:
            async with self._turn:  # one at a time: a crowd after a change of the catalog makes each index once
                kept = self._kept.get(key)
                if kept is None:
                    kept = _Kept(key, await asyncio.to_thread(Index, tools))
                    self._keep(key, kept)
        return kept.index

    def _keep(self, key: object, kept: _Kept) -> None:
        self._kept[key] = kept
        while len(self._kept) > 1 and (len(self._kept) > _INDEXES or sum(each.index.size for each in self._kept.values()) > _POSTINGS):
            del self._kept[next(iter(self._kept))]

    async def _search(self, principal: Principal, arguments: dict[str, Any]) -> Outcome:
        found = (await self.index(principal)).search(arguments["query"], int(arguments.get("limit", _LIMIT)))
        return _answer({"tools": [_line(tool) for tool in found]})

    def _describe(self, principal: Principal, name: str) -> Outcome:
        tool = self._catalog.find(principal, name)
        if tool is None or not tool.scopes <= principal.scopes:
            raise Refusal("unknown_tool")
        if tool.quarantined:
            raise Refusal("definition_changed")
        return _answer(defined(tool))


def _answer(said: dict[str, Any]) -> Outcome:
    return Outcome(status="ok", content=({"type": "text", "text": msgspec.json.encode(said).decode()},), structured=said)


def _line(tool: Tool) -> dict[str, Any]:
    """One tool among others: enough to choose by, and to call where it needs little."""
    said: dict[str, Any] = {"name": tool.name, "description": one_line(tool.description, _LINE)}
    said["kind"] = kind(tool)
    return {**said, "required": list(tool.input_schema.get("required", ()))}


def kind(tool: Tool) -> str:
    """What a call does, in one word."""
    return "reads" if tool.read_only else "destroys" if tool.destructive else "writes"


def one_line(prose: str, most: int) -> str:
    """The first sentence, in at most `most` bytes."""
    spoken = " ".join(prose.split())
    if spoken.startswith("Deprecated. "):
        return f"Deprecated. {one_line(spoken[12:], max(most - 12, 16))}"
    end = spoken.find(". ")
    first = spoken if end < 0 else spoken[: end + 1]
    encoded = first.encode("utf-8", "replace")
    return first if len(encoded) <= most else encoded[: most - 3].decode("utf-8", "ignore").rpartition(" ")[0] + "..."


def _meant(_: Principal, arguments: dict[str, Any], /) -> Meant:
    """The call that `call_tool` is asked for."""
    unknown = sorted(set(arguments) - {"name", "arguments", "fields"})
    if unknown:
        raise Refusal("invalid_arguments", why=f"{', '.join(unknown)[:64]} is not an argument of this tool")
    name, given, fields = arguments.get("name"), arguments.get("arguments"), arguments.get("fields")
    if not isinstance(name, str):
        raise Refusal("invalid_arguments", why="name must be of type string")
    if given is not None and not isinstance(given, dict):
        raise Refusal("invalid_arguments", why="arguments must be of type object")
    if fields is not None and not (isinstance(fields, list) and all(isinstance(one, str) for one in cast("list[object]", fields))):
        raise Refusal("invalid_arguments", why="fields must be of type array, of strings")
    view = View(fields=tuple(cast("list[str]", fields))) if fields else None
    return Meant(name=name, arguments=cast("dict[str, Any]", given or {}), view=view)


def _schema(required: Sequence[str], **arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": arguments, "required": list(required), "additionalProperties": False}


def _tool(name: str, description: str, schema: dict[str, Any], **said: Any) -> Tool:
    known: dict[str, Any] = {"destructive": False, "open_world": False, "source": SOURCE, "scopes": frozenset[str](), "operation": name}
    return Tool(name=name, description=description, input_schema=schema, **{**known, **said})


_NAME: Final = {"type": "string", "description": "A name from search_tools."}
_SEARCH_TOOL: Final = _tool(
    SEARCH,
    "Find tools by what they do. More tools can be called than are listed here: search before saying that something is not possible.",
    _schema(
        ["query"],
        query={"type": "string", "minLength": 1, "maxLength": 1_000, "description": "A few words: what is to be done, to what."},
        limit={"type": "integer", "minimum": 1, "maximum": _MOST, "default": _LIMIT},
    ),
    read_only=True,
    idempotent=True,
)
_DESCRIBE_TOOL: Final = _tool(
    DESCRIBE,
    "The whole definition of one tool: every argument, and what it answers.",
    _schema(["name"], name=_NAME),
    read_only=True,
    idempotent=True,
)
_CALL_TOOL: Final = _tool(
    CALL,
    "Call any tool by its name, listed here or not, with the arguments describe_tool names.",
    _schema(
        ["name"],
        name=_NAME,
        arguments={"type": "object"},
        fields={"type": "array", "items": {"type": "string"}, "description": "Dotted paths of the only fields to show of each record."},
    ),
    destructive=True,
    open_world=True,
    stands_in=_meant,
)
READING: Final = _tool(
    READ_MORE,
    "The rest of an answer that was too large.",
    _schema(["continuation"], continuation={"type": "string", "description": "As the answer gave it."}),
    read_only=True,
    idempotent=True,
    owed=True,
)
"""Offered to everybody."""
TOOLS: Final = (_SEARCH_TOOL, _DESCRIBE_TOOL, _CALL_TOOL)
"""Offered where a list is too long to be shown whole."""
