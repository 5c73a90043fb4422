"""What of an answer is asked for: a bounded selection, the useful scalars first, then objects below, then pages of lists.

One connection may be opened to the caller's page arguments; other lists show their first few. Nothing here follows a cycle:
how much is taken shrinks with every level."""

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from graphql import GraphQLField, GraphQLInterfaceType, GraphQLSchema, GraphQLUnionType, is_required_argument

from freehold.domains.sources.graphql.kinds import Named, fields, is_connection, is_leaf, is_list, named, node_of, speakable, written
from freehold.domains.sources.graphql.useful import is_blob, page_rank, rank, richness

LEAVES: Final = 40
"""Scalars taken of the object that is asked for."""
MOST: Final = 64
"""Fields taken of it in all, pages of lists aside."""
SIZE: Final = 8 * 1024
"""Bytes of one selection, as an aim."""
FEW: Final = 5
"""Items asked for of a list that has no page arguments."""
_PAYLOAD: Final = 24
"""Scalars taken of an object below: the more, the less the object around it says itself."""
_WRAPPER: Final = 4
_SHOWN: Final = ("hasNextPage", "endCursor")


class _Room(NamedTuple):
    """What may be taken of one type, and what of the types below it."""

    leaves: int
    most: int
    size: int
    inner: int = 0
    """Scalars of an object below; 0: none are taken."""
    pages: int = 0
    """Lists of which the first few are taken."""
    variants: tuple[int, int] = (0, 0)
    """Types behind an interface or union, and scalars of each."""
    blobs: bool = False


_WHOLE: Final = _Room(LEAVES, MOST, SIZE, inner=10, pages=3, variants=(12, 6), blobs=True)
_ITEM: Final = _Room(16, 32, SIZE // 2, inner=4, pages=2, variants=(8, 4))
_FIRST_FEW: Final = _Room(5, 5, SIZE // 16, variants=(4, 2))


class Opened(NamedTuple):
    """The connection whose pages the caller turns."""

    path: tuple[str, ...]
    """Fields from the root field's value to it; empty: the value is it."""
    given: str = ""
    """Its arguments in the document, with parentheses."""


class Selections:
    """The selections of one schema."""

    def __init__(self, schema: GraphQLSchema, *, few: int = FEW) -> None:
        """`few`: items asked for of a list without page arguments; 0: such lists are left out."""
        self._schema = schema
        self._few = few
        self._nearest: dict[str, tuple[str, ...]] = {}
        self._known: dict[tuple[str, _Room], str] = {}

    def nearest(self, field: GraphQLField) -> tuple[str, ...]:
        """The way to the connection below a root field that is nearest, and of those the most useful; empty when there is none."""
        kind = named(field)
        if is_list(field) or is_leaf(kind) or is_connection(kind):
            return ()
        if kind.name not in self._nearest:
            self._nearest[kind.name] = _nearest(kind)
        return self._nearest[kind.name]

    def of(self, field: GraphQLField, opened: Opened | None = None) -> str:
        """The selection set in braces, with a space before it; empty for a scalar."""
        kind = named(field)
        if is_leaf(kind):
            return ""
        room = _ITEM if is_list(field) else _WHOLE
        if opened is not None and opened.path:
            return _braced(self._chosen(kind, room, opened))
        key = (kind.name, room)
        if key not in self._known:
            self._known[key] = self._page(kind, _ITEM) if is_connection(kind) else _braced(self._chosen(kind, room))
        return self._known[key]

    def _page(self, kind: Named, room: _Room) -> str:
        """A connection: its total where it has one, its nodes, and where the next page begins."""
        found = fields(kind)
        total = [name for name in ("totalCount",) if name in found and _askable(name, found[name])]
        shown = [name for name in _SHOWN if "pageInfo" in found and name in fields(named(found["pageInfo"]))]
        page = [f"pageInfo{_braced(shown)}"] if shown else []
        held = node_of(kind)
        inner = "" if held is None or is_leaf(held) else _braced(self._chosen(held, room))
        items = f"nodes{inner}" if "nodes" in found else f"edges {{ node{inner} }}"
        return _braced([*total, *([] if held is None else [items]), *page])

    def _chosen(self, kind: Named, room: _Room, opened: Opened | None = None) -> list[str]:
        """The connection that is opened first in line for the room, then scalars, objects with their own scalars and lists."""
        last = [self._opened(kind, opened, room)] if opened is not None and opened.path else []
        within = _Filling(room, sum(map(len, last)))
        own = _leaves(kind, blobs=room.blobs)[: room.leaves]
        within.take(own)
        within.take(self._variants(kind, *room.variants))
        share = _PAYLOAD if room.inner and len(own) < _WRAPPER else room.inner
        for name, below in islice(_objects(kind), MOST if share else 0):
            if opened is None or name not in opened.path:
                leaves = self._part(below)[: max(min(share, within.left - 1), 0)]
                within.take([f"{name}{_braced(leaves)}"] if leaves else [], fields=len(leaves) + 1)
        for name, field in _pages(kind)[: room.pages if self._few else 0]:
            if opened is None or (name,) != opened.path:
                within.take([f"{name}(first: {self._few}){self._page(named(field), _FIRST_FEW)}"], fields=0)
        return [*within.taken, *last]

    def _opened(self, kind: Named, opened: Opened, room: _Room) -> str:
        (name, *rest) = opened.path
        below = named(fields(kind)[name])
        if not rest:
            return f"{name}{opened.given}{self._page(below, _ITEM)}"
        return f"{name}{_braced(self._chosen(below, room._replace(most=room.most // 2, pages=0), Opened(tuple(rest), opened.given)))}"

    def _part(self, kind: Named) -> list[str]:
        """What an object below says of itself; of a union, what the first of its types say."""
        return [*_leaves(kind, blobs=False), *(self._variants(kind, *_FIRST_FEW.variants) if isinstance(kind, GraphQLUnionType) else [])]

    def _variants(self, kind: Named, types: int, leaves: int) -> list[str]:
        """What the richest types behind an interface or union have of their own."""
        if not isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            return []
        common = fields(kind)
        taken = {name: written(field) for name, field in common.items()}
        made = ["__typename"]
        for one in sorted(self._schema.get_possible_types(kind), key=richness, reverse=True)[:types]:
            own = [name for name in _leaves(one, blobs=False) if name not in common][:leaves]
            if own and speakable(one.name):
                said = [_apart(one.name, name, written(one.fields[name]), taken) for name in own]
                made.append(f"... on {one.name}{_braced(said)}")
        return made


class _Filling:
    """A selection as it grows, within its room."""

    def __init__(self, room: _Room, size: int) -> None:
        self.taken: list[str] = []
        self.left = room.most
        self._size = room.size - size

    def take(self, parts: list[str], *, fields: int = 1) -> None:
        """Those that still fit; `fields` is what each counts."""
        for part in parts:
            size = len(part) + 1
            if size <= self._size and fields <= self.left:
                self.taken.append(part)
                self.left -= fields
                self._size -= size


def _braced(chosen: list[str]) -> str:
    return f" {{ {' '.join(chosen) or '__typename'} }}"


def _apart(owner: str, name: str, kind: str, taken: dict[str, str]) -> str:
    """The field, under a name of its own where another variant has one of that name and another type (specification 5.3.2)."""
    return name if taken.setdefault(name, kind) == kind else f"{owner}_{name}: {name}"


def _askable(name: str, field: GraphQLField, *, given: frozenset[str] = frozenset()) -> bool:
    """Whether a field can be asked for with these arguments alone, and should be."""
    wanted = field.deprecation_reason is None and name != "clientMutationId" and speakable(name)
    return wanted and not any(one not in given and is_required_argument(argument) for one, argument in field.args.items())


def _leaves(kind: Named, *, blobs: bool) -> list[str]:
    """Names of the scalars of a type, the useful ones first, else in the schema's order. A text is asked for in one form."""
    found = {name: field for name, field in fields(kind).items() if is_leaf(named(field)) and _askable(name, field)}
    long = [name for name, field in found.items() if is_blob(name, field)]
    forms = {name for name in long if any(name != other and name.startswith(other) for other in long)}
    kept = [name for name in found if name not in forms] if blobs else [name for name in found if name not in long]
    return sorted(kept or found, key=lambda name: rank(name, found[name]))


def _objects(kind: Named) -> Iterator[tuple[str, Named]]:
    """Fields of a type that are objects or lists of them."""
    for name, field in fields(kind).items():
        below = named(field)
        if not is_leaf(below) and not is_connection(below) and _askable(name, field):
            yield name, below


def _pages(kind: Named) -> list[tuple[str, GraphQLField]]:
    """Connections of a type that can be asked for with a size alone, the useful ones first."""
    found = [
        (name, field)
        for name, field in fields(kind).items()
        if is_connection(named(field)) and "first" in field.args and _askable(name, field, given=frozenset({"first"}))
    ]
    return sorted(found, key=lambda one: page_rank(*one))


def _nearest(kind: Named) -> tuple[str, ...]:
    """At most one object lies between."""
    ways = [((name,), field) for name, field in _turnable(kind)]
    if not ways:
        single = [(name, named(field)) for name, field in fields(kind).items() if not is_list(field) and not is_leaf(named(field))]
        ways = [
            ((name, page), field)
            for name, below in islice(single, MOST)
            if not is_connection(below) and _askable(name, fields(kind)[name])
            for page, field in _turnable(below)[:1]
        ]
    return min(ways, key=lambda way: page_rank(way[0][-1], way[1]))[0] if ways else ()


def _turnable(kind: Named) -> list[tuple[str, GraphQLField]]:
    """Connections that can be asked for page by page."""
    return [
        (name, field)
        for name, field in _pages(kind)
        if "after" in field.args and set(_SHOWN) <= fields(named(fields(named(field))["pageInfo"])).keys()
    ]
