"""Types of a schema under one set of names: what the library leaves untyped is said here, and nowhere else."""

import re
from typing import Any, Final, cast

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    get_named_type,
    value_from_ast_untyped,
)

Named = GraphQLScalarType | GraphQLEnumType | GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType
Given = GraphQLArgument | GraphQLInputField
SIZES: Final = ("first", "last", "limit")
"""Arguments that say how many items a list may have."""


_NAME: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,127}")


def speakable(name: str) -> bool:
    """Whether a name may stand in a query: an introspection can answer with any text."""
    return _NAME.fullmatch(name) is not None


def named(field: GraphQLField) -> Named:
    """The type of a field without list and non-null around it."""
    return cast("Named", get_named_type(cast("Any", field).type))


def fields(kind: Named) -> dict[str, GraphQLField]:
    """The fields of an object or interface; others have none."""
    return kind.fields if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) else {}


def is_leaf(kind: Named) -> bool:
    """Whether it is a value and takes no selection."""
    return isinstance(kind, GraphQLScalarType | GraphQLEnumType)


def is_connection(kind: Named) -> bool:
    """Whether it is a page of a list in Relay's manner."""
    found = fields(kind)
    return "pageInfo" in found and bool(found.keys() & {"nodes", "edges"})


def node_of(kind: Named) -> Named | None:
    """What a connection is a page of."""
    found = fields(kind)
    if "nodes" in found:
        return named(found["nodes"])
    node = fields(named(found["edges"])).get("node") if "edges" in found else None
    return None if node is None else named(node)


def is_list(field: GraphQLField) -> bool:
    """Whether its value is a list itself."""
    return isinstance(without_non_null(cast("Any", field).type), GraphQLList)


def size_arguments(field: GraphQLField) -> list[str]:
    """Those of its arguments that say how many items come, when it is a connection or a list."""
    if not (is_list(field) or is_connection(named(field))):
        return []
    return [name for name in SIZES if name in field.args and is_leaf(cast("Named", get_named_type(cast("Any", field.args[name]).type)))]


def written(one: GraphQLField | Given, *, nullable: bool = False) -> str:
    """Its type as GraphQL writes it, without the last `!` when it may be null."""
    said = str(cast("Any", one).type)
    return said.removesuffix("!") if nullable else said


def input_type(one: Given) -> Any:
    """The type of an argument or an input field, without the outermost non-null."""
    return without_non_null(cast("Any", one).type)


def may_be_null(one: Given) -> bool:
    """Whether null is a value of it."""
    return not isinstance(cast("Any", one).type, GraphQLNonNull)


def without_non_null(kind: Any) -> Any:
    """What a non-null type wraps, or the type itself."""
    return cast("Any", kind).of_type if isinstance(kind, GraphQLNonNull) else kind


def items(kind: Any) -> Any:
    """What a list is a list of; None for what is no list."""
    return without_non_null(cast("Any", kind).of_type) if isinstance(kind, GraphQLList) else None


def default(one: Given) -> Any:
    """The default in JSON values; None when there is none."""
    literal = None if one.default is None else one.default.literal
    return None if literal is None else value_from_ast_untyped(literal)
