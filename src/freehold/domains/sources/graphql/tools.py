"""A schema becomes tools: one per field of Query and of Mutation, or a reason why not. Subscriptions are named and left out.

The operations of an operator's own documents come first, and take the place of a field of their name."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, cast
from urllib.parse import quote, urlsplit

from graphql import GraphQLField, GraphQLSchema, OperationDefinitionNode, parse

from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.sources.graphql.bounds import MAX_NODES, nodes
from freehold.domains.sources.graphql.cost import pages_of
from freehold.domains.sources.graphql.documents import Documents
from freehold.domains.sources.graphql.effects import STREAM, effects, told_apart, tool_name
from freehold.domains.sources.graphql.inputs import Arguments, Inputs
from freehold.domains.sources.graphql.kinds import speakable
from freehold.domains.sources.graphql.operation import PAGE, GraphQlOperation
from freehold.domains.sources.graphql.persisted import persisted
from freehold.domains.sources.graphql.selection import Selections
from freehold.domains.sources.graphql.turning import Turning, told, turning
from freehold.domains.sources.graphql.walk import Walk
from freehold.domains.sources.openapi.document import Inexpressible
from freehold.domains.sources.openapi.names import LONGEST
from freehold.domains.sources.openapi.servers import absolute, origin
from freehold.domains.sources.openapi.texts import plain
from freehold.domains.sources.openapi.tools import Compiled, Skip, Trimmed

_DESCRIPTION: Final = 600
_CUT: Final = "Some nested or optional arguments are left out of this schema."
_KEPT: Final = "/:@!$&'()*+,;=~%?"


class _Found(NamedTuple):
    kind: str
    name: str
    field: GraphQLField

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name[:LONGEST]}"


class _Made(NamedTuple):
    """A tool's operation, and the words about its lists."""

    operation: GraphQlOperation
    said: str


def compile_schema(
    schema: GraphQLSchema,
    *,
    source: str,
    endpoint: str,
    operations: Documents | None = None,
    only_operations: bool = False,
    max_nodes: int = MAX_NODES,
) -> Compiled:
    """The tools of what `read.read` returned; `endpoint` is the URL they are sent to, `max_nodes` what one call may come to.

    Raises `Refusal("document_invalid")` when that is none, or an operation does not fit the schema.
    """
    try:
        base = _endpoint(endpoint)
    except Inexpressible as fault:
        raise Refusal("document_invalid", why=str(fault), mend="Give the endpoint's address as base_url.") from None
    made, trimmed = persisted(schema, operations or Documents(()), source=source, audience=origin(base), max_nodes=max_nodes)
    work = _Work(schema, source, base, max_nodes, {one.name for one in made if isinstance(one, Tool)})
    if not only_operations:
        made += [work.attempt(found) for found in _roots(schema)]
    return Compiled(
        tools=tuple(one for one in made if isinstance(one, Tool)),
        skipped=tuple(one for one in made if isinstance(one, Skip)),
        trimmed=(*trimmed, *work.trimmed),
        base_url=base,
    )


def _endpoint(url: str) -> str:
    """The URL as it is sent to: many frameworks tell `/graphql` from `/graphql/`, some versions are in the query."""
    base, parts = absolute(url), urlsplit(url)
    slash = "/" if parts.path.endswith("/") else ""
    return f"{base}{slash}{f'?{quote(parts.query, safe=_KEPT)}' if parts.query else ''}"


def _roots(schema: GraphQLSchema) -> Iterator[_Found]:
    kinds = (("query", schema.query_type), ("mutation", schema.mutation_type), ("subscription", schema.subscription_type))
    return (_Found(kind, name, field) for kind, root in kinds if root is not None for name, field in root.fields.items())


class _Work:
    """The compilation of one schema's root fields."""

    def __init__(self, schema: GraphQLSchema, source: str, endpoint: str, max_nodes: int, replaced: set[str]) -> None:
        self._schema = schema
        self._source = source
        self._audience = origin(endpoint)
        self._most = max_nodes
        self._selections = Selections(schema)
        self._bare = Selections(schema, few=0)
        self._inputs = Inputs()
        self._replaced = replaced
        self._taken: set[str] = set()
        self.trimmed: list[Trimmed] = []

    def attempt(self, found: _Found) -> Tool | Skip:
        try:
            return self._tool(found)
        except Inexpressible as fault:
            return Skip(found.label, str(fault))

    def _tool(self, found: _Found) -> Tool:
        if found.kind == "subscription":
            raise Inexpressible(STREAM)
        if not speakable(found.name):
            raise Inexpressible("its name is no GraphQL name")
        name = tool_name(found.name, found.kind)
        if name in self._replaced:
            raise Inexpressible("an operation of that name takes its place")
        inputs = self._inputs.arguments(found.field.args)
        made = self._fitting(found, inputs)
        if name in self._taken:
            name = told_apart(name, found.kind, found.name)
        self._taken.add(name)
        if inputs.cut:
            self.trimmed.append(Trimmed(name, "fields"))
        return Tool(
            name=name,
            description=_description(found, made.said, cut=inputs.cut),
            input_schema=inputs.schema,
            source=self._source,
            audience=self._audience,
            paging=made.operation.paging,
            place=found.label,
            operation=made.operation,
            **effects(found.kind, [found.name]),
        )

    def _fitting(self, found: _Found, inputs: Arguments) -> _Made:
        """The operation, smaller where its usual pages would come to more nodes than one call may."""
        properties = dict(inputs.schema["properties"])
        for selections, usual in ((self._selections, PAGE), (self._bare, PAGE), (self._bare, min(PAGE, self._most))):
            inputs.schema["properties"] = dict(properties)
            made = self._operation(found, inputs, selections, usual)
            if nodes(made.operation.pages, made.operation.variables({})) <= self._most:
                return made
        raise Inexpressible(f"its lists may come to more than {self._most} nodes")

    def _operation(self, found: _Found, inputs: Arguments, selections: Selections, usual: int) -> _Made:
        mutates = found.kind == "mutation"
        turned = Turning() if mutates else turning(found.field, inputs, self._inputs, selections, usual)
        text = _query(found, inputs.types, turned.types, (self._bare if mutates else selections).of(found.field, turned.opened))
        parsed = cast("OperationDefinitionNode", parse(text, no_location=True).definitions[0])
        pages = pages_of(Walk(self._schema, parsed))
        operation = GraphQlOperation(
            query=text,
            field=found.name,
            owners=inputs.owners | dict.fromkeys(turned.types, "") if inputs.rest else inputs.owners,
            rest=inputs.rest,
            always=inputs.always,
            usual_size=usual if turned.size else 0,
            backwards="last" if turned.size and not turned.path and "last" in inputs.types else "",
            pages=pages,
            most=self._most,
            page_path=(found.name, *turned.path) if turned.turnable else (),
            cursor_argument=turned.cursor,
            size_argument=turned.size,
        )
        return _Made(operation, told(turned, pages, usual=usual))


def _query(found: _Found, types: Mapping[str, str], more: Mapping[str, str], selection: str) -> str:
    declared = ", ".join(f"${name}: {kind}" for name, kind in {**types, **more}.items())
    given = ", ".join(f"{name}: ${name}" for name in types)
    return f"{found.kind}{f'({declared})' if declared else ''} {{ {found.name}{f'({given})' if given else ''}{selection} }}"


def _description(found: _Found, lists: str, *, cut: bool) -> str:
    said = plain(found.field.description or "", _DESCRIPTION) or f"The {found.kind} {found.name}."
    if found.field.deprecation_reason is not None:
        said = f"Deprecated. {said}"
    return " ".join(part for part in (said, lists, _CUT if cut else "") if part)
