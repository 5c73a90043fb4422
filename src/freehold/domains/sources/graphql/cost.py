"""The lists of an operation's document, for `bounds.py` to count.

Counted as written: what two fragments ask for is counted twice, a field with @include as if it were asked for."""

from collections.abc import Iterable, Iterator

from graphql import IntValueNode, VariableNode

from freehold.domains.sources.graphql.bounds import ASSUMED, Pages
from freehold.domains.sources.graphql.kinds import default, is_connection, named, size_arguments
from freehold.domains.sources.graphql.walk import Asked, Walk


def pages_of(walk: Walk) -> tuple[Pages, ...]:
    """The lists of an operation."""
    return tuple(_pages(walk, walk.roots()))


def _pages(walk: Walk, fields: Iterable[Asked]) -> Iterator[Pages]:
    for one in fields:
        inside = _pages(walk, walk.asked(one.node.selection_set, named(one.field)))
        names = size_arguments(one.field)
        if not names and not is_connection(named(one.field)):
            yield from inside
            continue
        shown = [default(one.field.args[name]) for name in names]
        usual = max((each for each in shown if isinstance(each, int)), default=ASSUMED)
        sizes = (_size(given.value) for given in one.node.arguments or () if given.name.value in names)
        yield Pages(one.node.name.value, tuple(each for each in sizes if each is not None), usual, tuple(inside))


def _size(value: object) -> int | str | None:
    if isinstance(value, IntValueNode):
        return int(value.value)
    return value.name.value if isinstance(value, VariableNode) else None
