"""The operations of an operator's own documents become tools, called as the operations are, their variables the arguments."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, cast

from graphql import (
    ArgumentNode,
    GraphQLArgument,
    GraphQLInputField,
    GraphQLSchema,
    NullValueNode,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    type_from_ast,  # pyright: ignore[reportUnknownVariableType]  the library leaves wrapped types open
    value_from_ast_untyped,
    visit,
)
from graphql.type.definition import GraphQLDefaultInput

from freehold.core.tool import Tool
from freehold.domains.sources.graphql.bounds import nodes
from freehold.domains.sources.graphql.cost import pages_of
from freehold.domains.sources.graphql.documents import Documents, Operation, checked, line, refused
from freehold.domains.sources.graphql.effects import STREAM, effects, tool_name
from freehold.domains.sources.graphql.inputs import Inputs
from freehold.domains.sources.graphql.kinds import is_connection, is_list, named
from freehold.domains.sources.graphql.operation import GraphQlOperation
from freehold.domains.sources.graphql.walk import Asked, Walk
from freehold.domains.sources.openapi.document import Inexpressible
from freehold.domains.sources.openapi.texts import plain
from freehold.domains.sources.openapi.tools import Skip, Trimmed

_DESCRIPTION: Final = 1_000
"""An operator's own words may be more than a schema's."""
_CUT: Final = "Some nested or optional arguments are left out of this schema."

Made = tuple[list[Tool | Skip], list[Trimmed]]


def persisted(schema: GraphQLSchema, documents: Documents, *, source: str, audience: str, max_nodes: int) -> Made:
    """A tool per query and mutation, and those whose arguments say less than the schema. Raises `Refusal` for one that is broken."""
    work = _Work(schema, source, audience, max_nodes)
    return [work.attempt(operation) for operation in checked(schema, documents)], work.trimmed


class _Work:
    """The compilation of one source's documents."""

    def __init__(self, schema: GraphQLSchema, source: str, audience: str, max_nodes: int) -> None:
        self._schema = schema
        self._source = source
        self._audience = audience
        self._most = max_nodes
        self._inputs = Inputs()
        self._taken: set[str] = set()
        self.trimmed: list[Trimmed] = []

    def attempt(self, operation: Operation) -> Tool | Skip:
        kind = operation.node.operation.value
        if kind == "subscription":
            return Skip(f"{kind} {operation.name}", STREAM)
        where = f"{operation.file}:{line(operation.node)}"
        name = tool_name(operation.name, kind)
        if name in self._taken:
            raise refused(where, f"another operation is the tool {name} already", "Give it another name.")
        self._taken.add(name)
        try:
            return self._tool(operation, name, where)
        except Inexpressible as fault:
            raise refused(where, f"{operation.name} cannot be a tool: {fault}", "Give it fewer variables.") from None

    def _tool(self, operation: Operation, name: str, where: str) -> Tool:
        kind = operation.node.operation.value
        declared = _declared(self._schema, operation)
        schema, cut = self._inputs.variables(declared)
        if cut:
            self.trimmed.append(Trimmed(name, "fields"))
        walk = Walk(self._schema, operation.node, operation.fragments)
        made = self._operation(operation, walk, where)
        said = plain(operation.description, _DESCRIPTION) or f"The {kind} {operation.name}."
        return Tool(
            name=name,
            description=f"{said} {_CUT}" if cut else said,
            input_schema=schema,
            source=self._source,
            audience=self._audience,
            paging=made.paging,
            operation=made,
            **effects(kind, [operation.name, *(root.node.name.value for root in walk.roots())]),
        )

    def _operation(self, operation: Operation, walk: Walk, where: str) -> GraphQlOperation:
        pages = pages_of(walk)
        variables = operation.node.variable_definitions or ()
        least = nodes(pages, {one.variable.name.value: 1 for one in variables})
        if least > self._most:
            why = f"{operation.name} asks for {least} nodes at least, and max_nodes is {self._most}"
            raise refused(where, why, "Ask for smaller pages, or raise the source's max_nodes.")
        reads = operation.node.operation is OperationType.QUERY
        turned = next(_turnable(walk), _STILL) if reads else _STILL
        return GraphQlOperation(
            query=operation.sent,
            name=operation.name,
            pages=pages,
            sizes={
                one.variable.name.value: value_from_ast_untyped(one.default_value)
                for one in variables
                if one.default_value is not None and not isinstance(one.default_value, NullValueNode)
            },
            most=self._most,
            backwards=turned.backwards,
            page_path=turned.path,
            cursor_argument=turned.cursor,
            size_argument=turned.size,
        )


def _declared(schema: GraphQLSchema, operation: Operation) -> dict[str, GraphQLArgument]:
    """The variables as if they were a field's arguments; one that says nothing of itself speaks as what it is first given to."""
    said = _said(schema, operation)
    return {
        one.variable.name.value: GraphQLArgument(
            cast("Any", type_from_ast(schema, cast("Any", one.type))),
            description=one.description.value if one.description else said.get(one.variable.name.value),
            default=GraphQLDefaultInput(literal=one.default_value) if one.default_value is not None else None,
        )
        for one in operation.node.variable_definitions or ()
    }


def _said(schema: GraphQLSchema, operation: Operation) -> dict[str, str]:
    """What the schema says of the argument or input field each variable is given to."""
    said: dict[str, str] = {}
    info: Any = TypeInfo(schema)

    class Uses(Visitor):
        def enter_argument(self, node: ArgumentNode, *_: object) -> None:
            self._note(node.value, info.get_argument())

        def enter_object_field(self, node: Any, *_: object) -> None:
            parent = info.get_parent_input_type()
            self._note(node.value, getattr(parent, "fields", {}).get(node.name.value))

        def _note(self, value: object, given: GraphQLArgument | GraphQLInputField | None) -> None:
            if isinstance(value, VariableNode) and given is not None and given.description:
                said.setdefault(value.name.value, given.description)

    for node in (operation.node, *operation.fragments.values()):
        visit(node, TypeInfoVisitor(info, Uses()))
    return said


class _Turned(NamedTuple):
    """A connection's response keys, and the variables given to its `after`, `first` and `last`; empty for those that are not given one."""

    path: tuple[str, ...] = ()
    cursor: str = ""
    size: str = ""
    backwards: str = ""


_STILL: Final = _Turned()


def _turnable(walk: Walk) -> Iterator[_Turned]:
    """Connections whose cursor is a variable and whose pageInfo is asked for, nearest first."""
    waiting: list[tuple[tuple[str, ...], Asked]] = [((one.key,), one) for one in walk.roots()]
    while waiting:
        path, one = waiting.pop(0)
        below = list(walk.asked(one.node.selection_set, named(one.field)))
        given = {each.name.value: each.value.name.value for each in one.node.arguments or () if isinstance(each.value, VariableNode)}
        if is_connection(named(one.field)) and "after" in given and _says_where(walk, below):
            yield _Turned(path, given["after"], given.get("first", ""), given.get("last", ""))
        if not is_list(one.field):
            waiting += [((*path, each.key), each) for each in below if each.node.selection_set is not None]


def _says_where(walk: Walk, chosen: list[Asked]) -> bool:
    shown = {
        each.key
        for one in chosen
        if one.key == "pageInfo" == one.node.name.value
        for each in walk.asked(one.node.selection_set, named(one.field))
    }
    return {"hasNextPage", "endCursor"} <= shown
