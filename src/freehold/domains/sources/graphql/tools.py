"""A schema becomes tools: one per field of Query and of Mutation, or a reason why not. Subscriptions are named and left out."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from graphql import GraphQLField, GraphQLSchema, is_required_argument

from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.sources.graphql.inputs import Arguments, Inputs
from freehold.domains.sources.graphql.invoke import PAGE, RootField
from freehold.domains.sources.graphql.kinds import is_connection, named
from freehold.domains.sources.graphql.selection import Selections, speakable
from freehold.domains.sources.openapi.document import Inexpressible, Json
from freehold.domains.sources.openapi.names import LONGEST, words_of
from freehold.domains.sources.openapi.servers import absolute, origin
from freehold.domains.sources.openapi.texts import plain
from freehold.domains.sources.openapi.tools import DEFAULT_SCOPES, Access, Compiled, Skip, Trimmed

LARGEST_PAGE: Final = 100
_DESCRIPTION: Final = 600
_CUT: Final = "Some nested or optional arguments are left out of this schema."
_DESTROYS: Final = frozenset({"delete", "destroy", "erase", "purge", "remove", "wipe"})
_HASH: Final = 6
_KEPT: Final = "/:@!$&'()*+,;=~%?"


class _Found(NamedTuple):
    kind: str
    name: str
    field: GraphQLField

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name[:LONGEST]}"


def compile_schema(schema: GraphQLSchema, *, source: str, endpoint: str) -> Compiled:
    """The tools of what `read.read` returned; `endpoint` is the URL they are sent to.

    Raises `Refusal("document_invalid")` when that is none.
    """
    try:
        base = _endpoint(endpoint)
    except Inexpressible as fault:
        raise Refusal("document_invalid", why=str(fault), mend="Give the endpoint's address as base_url.") from None
    work = _Work(schema, source, base)
    tools: list[Tool] = []
    skipped: list[Skip] = []
    for found in _roots(schema):
        made = work.attempt(found)
        if isinstance(made, Skip):
            skipped.append(made)
        else:
            tools.append(made)
    return Compiled(tools=tuple(tools), skipped=tuple(skipped), trimmed=tuple(work.trimmed), base_url=base)


def _endpoint(url: str) -> str:
    """The URL as it is sent to: many frameworks tell `/graphql` from `/graphql/`, some versions are in the query."""
    base, parts = absolute(url), urlsplit(url)
    slash = "/" if parts.path.endswith("/") else ""
    return f"{base}{slash}{f'?{quote(parts.query, safe=_KEPT)}' if parts.query else ''}"


def _roots(schema: GraphQLSchema) -> Iterator[_Found]:
    kinds = (("query", schema.query_type), ("mutation", schema.mutation_type), ("subscription", schema.subscription_type))
    return (_Found(kind, name, field) for kind, root in kinds if root is not None for name, field in root.fields.items())


class _Work:
    """The compilation of one schema."""

    def __init__(self, schema: GraphQLSchema, source: str, endpoint: str) -> None:
        self._source = source
        self._audience = origin(endpoint)
        self._selections = Selections(schema)
        self._inputs = {"query": Inputs(nulls=False), "mutation": Inputs(nulls=True)}
        self._taken: set[str] = set()
        self.trimmed: list[Trimmed] = []

    def attempt(self, found: _Found) -> Tool | Skip:
        try:
            return self._tool(found)
        except Inexpressible as fault:
            return Skip(found.label, str(fault))

    def _tool(self, found: _Found) -> Tool:
        if found.kind == "subscription":
            raise Inexpressible("a subscription is a stream, and a tool answers once")
        if not speakable(found.name):
            raise Inexpressible("its name is no GraphQL name")
        inputs = self._inputs[found.kind].arguments(found.field.args)
        pages = _paged(found, inputs)
        access = _access(found)
        name = self._name(found)
        if inputs.cut:
            self.trimmed.append(Trimmed(name, "fields"))
        return Tool(
            name=name,
            description=_description(found, cut=inputs.cut),
            input_schema=inputs.schema,
            source=self._source,
            read_only=access == "read",
            destructive=access == "destructive",
            idempotent=access == "read",
            scopes=DEFAULT_SCOPES[access],
            audience=self._audience,
            operation=RootField(
                query=_query(found, inputs.types, self._selections.of(found.field)),
                name=found.name,
                wrap=inputs.wrap,
                always=bool(inputs.wrap) and is_required_argument(found.field.args[inputs.wrap]),
                pages=pages,
            ),
        )

    def _name(self, found: _Found) -> str:
        """In snake case; where another field has that name already, told apart by a hash of kind and name."""
        wanted = "_".join(words_of(found.name))[:LONGEST] or found.kind
        if wanted in self._taken:
            digest = hashlib.sha256(f"{found.kind} {found.name}".encode()).hexdigest()[:_HASH]
            wanted = f"{wanted[: LONGEST - _HASH - 1]}_{digest}"
        self._taken.add(wanted)
        return wanted


def _query(found: _Found, types: Mapping[str, str], selection: str) -> str:
    declared = ", ".join(f"${name}: {kind}" for name, kind in types.items())
    given = ", ".join(f"{name}: ${name}" for name in types)
    return f"{found.kind}{f'({declared})' if declared else ''} {{ {found.name}{f'({given})' if given else ''}{selection} }}"


def _paged(found: _Found, inputs: Arguments) -> bool:
    """Whether it answers page by page; if so, the sizes of a page are bounded in the schema."""
    if not is_connection(named(found.field)):
        return False
    properties: Json = inputs.schema["properties"]
    for name in {"first", "last"} & inputs.types.keys() & properties.keys():
        properties[name] = {**properties[name], "minimum": 1, "maximum": LARGEST_PAGE}
    defaulted = "first" in inputs.types and "default" not in properties["first"] and "first" not in inputs.schema.get("required", ())
    if defaulted:
        properties["first"]["default"] = PAGE
    return defaulted


def _access(found: _Found) -> Access:
    """A mutation that destroys says so at one end of its name: `deleteIssue`, `issueDelete`."""
    if found.kind == "query":
        return "read"
    words = words_of(found.name)
    return "destructive" if _DESTROYS.intersection(words[:1] + words[-1:]) else "write"


def _description(found: _Found, *, cut: bool) -> str:
    said = plain(found.field.description or "", _DESCRIPTION) or f"The {found.kind} {found.name}."
    if found.field.deprecation_reason is not None:
        said = f"Deprecated. {said}"
    return f"{said} {_CUT}" if cut else said
