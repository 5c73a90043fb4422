"""What of an answer is asked for: a bounded selection, scalars first, ids and names before all, one level of objects below.

Connections are asked for as nodes and pageInfo. Nothing here follows a cycle: below the second level only scalars are taken."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from graphql import GraphQLField, GraphQLInterfaceType, GraphQLSchema, GraphQLUnionType, is_required_argument

from freehold.domains.sources.graphql.kinds import Named, fields, is_connection, is_leaf, named, written

LEAVES: Final = 40
"""Scalars taken of the object that is asked for."""
MOST: Final = 64
"""Fields taken in all."""
_NESTED: Final = 10
_PAYLOAD: Final = 24
"""Scalars taken of an object below: the more, the less the object around it says itself."""
_WRAPPER: Final = 4
_VARIANTS: Final = 8
_VARIANT: Final = 4
_FIRST: Final = ("id", "name", "title", "key", "slug", "number", "code", "login", "email", "url", "state", "status", "message")
_RANKS: Final = {name: rank for rank, name in enumerate(_FIRST)}
_NAME: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,127}")
_PAGE: Final = "pageInfo { hasNextPage endCursor }"


def speakable(name: str) -> bool:
    """Whether a name may stand in a query: an introspection can answer with any text."""
    return _NAME.fullmatch(name) is not None


class Selections:
    """The selection for each type of one schema, made once."""

    def __init__(self, schema: GraphQLSchema) -> None:
        """Nothing is made before a tool needs it."""
        self._schema = schema
        self._known: dict[str, str] = {}

    def of(self, field: GraphQLField) -> str:
        """The selection set in braces, with a space before it; empty for a scalar."""
        kind = named(field)
        if is_leaf(kind):
            return ""
        if kind.name not in self._known:
            self._known[kind.name] = _braced(self._page(kind) if is_connection(kind) else self._chosen(kind))
        return self._known[kind.name]

    def _page(self, kind: Named) -> list[str]:
        """A connection: its total where it has one, its nodes, and where the next page begins."""
        found = fields(kind)
        total = [name for name in ("totalCount",) if name in found and _askable(name, found[name])]
        page = [_PAGE] if {"hasNextPage", "endCursor"} <= fields(named(found["pageInfo"])).keys() else []
        if "nodes" in found:
            return [*total, f"nodes{self._inner(found['nodes'])}", *page]
        edge = fields(named(found["edges"]))
        return [*total, f"edges {{ node{self._inner(edge['node'])} }}", *page] if "node" in edge else [*total, *page]

    def _inner(self, field: GraphQLField) -> str:
        kind = named(field)
        return "" if is_leaf(kind) else _braced(self._chosen(kind))

    def _chosen(self, kind: Named) -> list[str]:
        """Scalars, then objects with their own scalars, as long as there is room."""
        own = _leaves(kind)[:LEAVES]
        chosen = [*own, *self._variants(kind)]
        room = MOST - len(chosen)
        share = _PAYLOAD if len(own) < _WRAPPER else _NESTED
        for name, below in islice(_objects(kind), MOST):
            leaves = _leaves(below)[: max(min(share, room - 1), 0)]
            if leaves:
                chosen.append(f"{name}{_braced(leaves)}")
                room -= len(leaves) + 1
        return chosen

    def _variants(self, kind: Named) -> list[str]:
        """What the first few types behind an interface or union have of their own."""
        if not isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            return []
        common = fields(kind)
        taken = {name: written(field) for name, field in common.items()}
        made = ["__typename"]
        for one in self._schema.get_possible_types(kind)[:_VARIANTS]:
            own = [name for name in _leaves(one) if name not in common][:_VARIANT]
            if own and speakable(one.name):
                said = [_apart(one.name, name, written(one.fields[name]), taken) for name in own]
                made.append(f"... on {one.name}{_braced(said)}")
        return made


def _braced(chosen: list[str]) -> str:
    return f" {{ {' '.join(chosen) or '__typename'} }}"


def _apart(owner: str, name: str, kind: str, taken: dict[str, str]) -> str:
    """The field, under a name of its own where another variant has one of that name and another type (specification 5.3.2)."""
    return name if taken.setdefault(name, kind) == kind else f"{owner}_{name}: {name}"


def _askable(name: str, field: GraphQLField) -> bool:
    """Whether a field can be asked for without arguments, and should be."""
    wanted = field.deprecation_reason is None and name != "clientMutationId" and speakable(name)
    return wanted and not any(map(is_required_argument, field.args.values()))


def _leaves(kind: Named) -> list[str]:
    """Names of the scalars of a type, the useful ones first, else in the schema's order."""
    names = [name for name, field in fields(kind).items() if is_leaf(named(field)) and _askable(name, field)]
    return sorted(names, key=lambda name: _RANKS.get(name, len(_FIRST)))


def _objects(kind: Named) -> Iterator[tuple[str, Named]]:
    """Fields of a type that are objects or lists of them; a page of a list is asked for where it is the root."""
    for name, field in fields(kind).items():
        below = named(field)
        if not is_leaf(below) and not is_connection(below) and _askable(name, field):
            yield name, below
