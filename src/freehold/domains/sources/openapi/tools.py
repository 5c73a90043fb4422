"""A checked document becomes tools: one per operation, or a reason why not. One bad operation never costs the others."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple, cast

import msgspec
from msgspec import Struct

from freehold.core.refusals import Refusal
from freehold.core.resource import Resource
from freehold.core.tool import Tool
from freehold.domains.sources.openapi.allowance import METHODS, allowance
from freehold.domains.sources.openapi.document import Document, Inexpressible, Json, mapping, sequence, text
from freehold.domains.sources.openapi.hints import Hints, hints
from freehold.domains.sources.openapi.inputs import Compiler
from freehold.domains.sources.openapi.names import Wish, assign, words_of
from freehold.domains.sources.openapi.operation import Operation
from freehold.domains.sources.openapi.outputs import Outputs
from freehold.domains.sources.openapi.payloads import bare, is_json
from freehold.domains.sources.openapi.poison import reasons
from freehold.domains.sources.openapi.servers import Origins, origin
from freehold.domains.sources.openapi.texts import described
from freehold.domains.sources.openapi.unseen import seen
from freehold.domains.sources.paging import plan
from freehold.kit.garbage import resting

Access = Literal["read", "write", "destructive"]

DEFAULT_SCOPES: Final[Mapping[Access, frozenset[str]]] = {
    "read": frozenset({"mcp:read"}),
    "write": frozenset({"mcp:write"}),
    "destructive": frozenset({"mcp:admin"}),
}
BUDGET: Final = 24 * 1024
"""Bytes one tool may take in a list, as an aim."""

_SCHEMA_SHARE: Final = 0.85
_READS: Final = frozenset({"get", "head", "options"})
_CHANGES: Final = frozenset(
    {"cancel", "create", "delete", "destroy", "disable", "enable", "modify", "purge", "remove", "reset", "revoke", "terminate", "update"}
)
_ACCEPTS: Final = 4
_CUT: Final = "Some nested fields are left out of this schema; they are accepted all the same."


class Skip(Struct, frozen=True):
    """An operation that is not offered; `why` completes the sentence."""

    operation: str
    """Method and path."""
    why: str


class Trimmed(Struct, frozen=True):
    """A tool whose input schema was made smaller to fit its bytes."""

    tool: str
    what: Literal["prose", "fields"]
    """Descriptions inside its arguments alone, or also fields; what is left out is accepted all the same."""


class Flag(Struct, frozen=True):
    """A tool whose document deserves a look before agents read it."""

    tool: str
    why: str
    """Completes the sentence "it is flagged because ..."."""


class Remark(Struct, frozen=True):
    """Something that was ignored, and that its author would want to know."""

    where: str
    what: str


class Compiled(Struct, frozen=True, kw_only=True):
    """What a document came to, in its own order."""

    tools: tuple[Tool, ...]
    skipped: tuple[Skip, ...]
    base_url: str
    trimmed: tuple[Trimmed, ...] = ()
    """Tools that say less than the document does."""
    flagged: tuple[Flag, ...] = ()
    remarks: tuple[Remark, ...] = ()
    resources: tuple[Resource, ...] = ()
    """Operations the operator offers as resources, too."""


class _Found(NamedTuple):
    method: str
    path: str
    item: Json
    operation: Json

    @property
    def label(self) -> str:
        return f"{self.method.upper()} {self.path}"


@resting()
def compile_tools(
    raw: Json,
    *,
    source: str,
    base_url: str | None = None,
    location: str | None = None,
    scopes: Mapping[Access, frozenset[str]] = DEFAULT_SCOPES,
    budget: int = BUDGET,
) -> Compiled:
    """Compile what `read.read` returned. `base_url` wins over the document's servers; `location` is the URL it came from.

    Raises `Refusal("document_invalid")` when there is no operation or no host to send to.
    """
    document = Document(raw)
    try:
        origins = Origins(raw, base_url=base_url, location=location)
    except Inexpressible as fault:
        raise Refusal("document_invalid", why=str(fault), mend="Give the API's address with --base-url.") from None
    found = list(_operations(document))
    if not found:
        raise Refusal("document_invalid", why="it describes no operation", mend="Check that its `paths` are filled in.")
    work = _Work(document, origins, source, scopes, budget)
    said = [work.hints(each) for each in found]
    wishes = (_wish(document, each, "" if isinstance(one, Skip) else one.name) for each, one in zip(found, said, strict=True))
    made = [work.attempt(each, name, one) for each, name, one in zip(found, assign(wishes), said, strict=True)]
    return Compiled(
        tools=tuple(each for each in made if isinstance(each, Tool)),
        skipped=tuple(each for each in made if isinstance(each, Skip)),
        trimmed=tuple(work.trimmed),
        flagged=tuple(work.flagged),
        remarks=(*work.remarks, *_webhooks(raw)),
        base_url=origins.base,
    )


def _webhooks(raw: Json) -> Iterator[Remark]:
    if count := len(mapping(raw.get("webhooks"))):
        yield Remark("webhooks", f"{count} of them are no tools: they are requests the API sends")


def _operations(document: Document) -> Iterator[_Found]:
    for path, raw in mapping(document.raw.get("paths")).items():
        if path.startswith("x-"):
            continue
        try:
            item = document.follow(raw)
        except Inexpressible:
            item = mapping(raw)
        for method, operation in item.items():
            if method in METHODS and isinstance(operation, dict):
                yield _Found(method, path, item, cast("Json", operation))


def _wish(document: Document, found: _Found, given: str) -> Wish:
    identifier = text(found.operation.get("operationId"))
    many = not identifier and _answer(document, found.operation)[1].get("type") == "array"
    return Wish(found.method, found.path, identifier, many, given)


def _answer(document: Document, operation: Json) -> tuple[Json, Json]:
    """The content of the first good answer, and the schema of its JSON form."""
    for status, raw in mapping(operation.get("responses")).items():
        if status[:1] == "2" or status == "default":
            try:
                content = mapping(document.follow(raw).get("content"))
                kind = next((kind for kind in content if is_json(bare(kind))), None)
                return content, document.follow(mapping(content.get(kind)).get("schema")) if kind else {}
            except Inexpressible:
                continue
    return {}, {}


class _Work:
    """The compilation of one document."""

    def __init__(self, document: Document, origins: Origins, source: str, scopes: Mapping[Access, frozenset[str]], budget: int) -> None:
        self._document = document
        self._origins = origins
        self._source = source
        self._scopes = scopes
        self.trimmed: list[Trimmed] = []
        self.flagged: list[Flag] = []
        self.remarks: list[Remark] = []
        self._prose = allowance(document.raw).tool
        self._outputs = Outputs(document)
        self._inputs = Compiler(document, budget=int(budget * _SCHEMA_SHARE))

    def hints(self, found: _Found) -> Hints | Skip:
        try:
            return hints(found.item, found.operation, lambda what: self.remarks.append(Remark(found.label, what)))
        except Inexpressible as fault:
            return Skip(found.label, str(fault))

    def attempt(self, found: _Found, name: str, said: Hints | Skip) -> Tool | Skip:
        if isinstance(said, Skip):
            return said
        if said.name not in ("", name):
            self.remarks.append(Remark(found.label, f"x-freehold-name {said.name} is another operation's; this one is called {name}"))
        try:
            tool = self._tool(found, name, said)
        except Inexpressible as fault:
            return Skip(found.label, str(fault))
        except RecursionError:
            return Skip(found.label, "its schema is nested too deeply")
        except (AttributeError, KeyError, TypeError, ValueError):  # the promise above, kept also for shapes nobody thought of
            return Skip(found.label, "it is malformed")
        self._look(found, tool)
        return tool

    def _look(self, found: _Found, tool: Tool) -> None:
        written = msgspec.json.encode([found.operation, found.item.get("parameters"), tool.description, tool.input_schema])
        self.flagged += [Flag(tool.name, why) for why in reasons(written.decode("utf-8", "replace"))]

    def _tool(self, found: _Found, name: str, said: Hints) -> Tool:
        if found.method == "trace":
            raise Inexpressible("TRACE would show the agent the credentials Freehold sends")
        prefix = self._origins.prefix(found.operation, found.item)
        inputs = self._inputs.inputs(found.path, found.item, found.operation)
        content, answer = _answer(self._document, found.operation)
        access = _access(found)
        if inputs.quieter:
            self.trimmed.append(Trimmed(name, "fields" if inputs.cut else "prose"))
        return Tool(
            name=name,
            description=_description(found, said.description, self._prose, cut=inputs.cut),
            input_schema=seen(inputs.schema),
            output_schema=self._outputs.schema(answer) if answer else None,
            source=self._source,
            read_only=access == "read",
            destructive=access == "destructive",
            idempotent=found.method in {"put", "delete"} or access == "read",
            cost=said.cost,
            scopes=self._scopes[access] if said.scopes is None else said.scopes,
            audience=origin(prefix),
            place=found.label,
            tags=tuple(tag for tag in sequence(found.operation.get("tags")) if isinstance(tag, str)),
            paging=plan(inputs.schema, inputs.sent),
            operation=Operation(
                method=found.method.upper(),
                prefix=prefix,
                path=inputs.path,
                fixed_query=inputs.fixed_query,
                query=inputs.query,
                headers=inputs.headers,
                cookies=inputs.cookies,
                body=inputs.body,
                accept=_accept(content),
            ),
        )


def _access(found: _Found) -> Access:
    """From the method; a GET whose own name says that it changes something is not taken for a read (OA-07)."""
    if found.method in _READS:
        said = [word for word in words_of(text(found.operation.get("operationId"))) if word != found.method][:1]
        return "write" if _CHANGES.intersection(said) else "read"
    return "destructive" if found.method == "delete" else "write"


def _description(found: _Found, given: str, most: int, *, cut: bool) -> str:
    operation = found.operation
    spoken = given or described(text(operation.get("summary")), text(operation.get("description")), most) or f"{found.label}."
    if operation.get("deprecated") is True:
        spoken = f"Deprecated. {spoken}"
    return f"{spoken} {_CUT}" if cut else spoken


def _accept(content: Json) -> str:
    """The document's own media types, JSON first, and anything else rather than nothing."""
    kinds = dict.fromkeys(bare(kind) for kind in content if "*" not in kind and kind.isascii() and kind.isprintable())
    ordered = sorted(kinds, key=lambda kind: (kind != "application/json", not is_json(kind)))[:_ACCEPTS]
    return ", ".join([*(ordered or ["application/json"]), "*/*;q=0.5"])
