"""A bounded part of JSONPath (RFC 9535), to say which places of a document an overlay means.

Names, indexes, wildcards, descent, and filters that compare a value with a literal; no slices, functions or filters in filters."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, cast

import msgspec

from freehold.domains.sources.openapi.document import Json

MOST: Final = 100_000
"""Places one path may mean."""
_LOOKS: Final = 20_000_000
"""Values that may be looked at for one path."""
_LONGEST: Final = 2_000
_NAME: Final = re.compile(r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff-]*")
_STRING: Final = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_INDEX: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,9})")
_LITERAL: Final = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_ESCAPED: Final = re.compile(r"\\(.)")

Key = str | int


class BadPath(Exception):
    """The message says what is wrong with the path."""


class Place(NamedTuple):
    """One value and what holds it; the document itself is held by nothing."""

    holder: Any
    key: Key
    value: Any


class _Every(NamedTuple):
    """A wildcard."""


class _Test(NamedTuple):
    """`@.a.b == literal`, or whether `@.a.b` is there."""

    path: tuple[Key, ...]
    compared: str
    """`==`, `!=`, `!` for a value that must not be there, empty for one that must."""
    literal: Any


class _Filter(NamedTuple):
    """Any of these groups, each of which is true when all of its tests are."""

    groups: tuple[tuple[_Test, ...], ...]


class _Segment(NamedTuple):
    deep: bool
    """Of the value and everything below it."""
    selectors: tuple[Key | _Every | _Filter, ...]


def places(path: str, root: Json) -> list[Place]:
    """Where the path leads in the document, each place once and in its order; or `BadPath`."""
    budget = [_LOOKS]
    found = [Place(None, "", root)]
    for segment in _Parser(path).segments():
        starts = _below(found, budget) if segment.deep else found
        pairs = ((each, selector) for each in starts for selector in segment.selectors)
        found = list(_once(chosen for each, selector in pairs for chosen in _selected(each.value, selector, budget)))
    return found


def _once(chosen: Iterator[Place]) -> Iterator[Place]:
    met: set[tuple[int, Key]] = set()
    for each in chosen:
        mark = (id(each.holder), each.key)
        if mark not in met:
            met.add(mark)
            if len(met) > MOST:
                raise BadPath(f"it means more than {MOST} places")
            yield each


def _below(found: list[Place], budget: list[int]) -> Iterator[Place]:
    waiting = list(reversed(found))
    while waiting:
        place = waiting.pop()
        yield place
        waiting.extend(reversed(list(_children(place.value, budget))))


def _children(value: Any, budget: list[int]) -> Iterator[Place]:
    held: list[tuple[Key, Any]] = []
    if isinstance(value, dict):
        held = list(cast("Json", value).items())
    elif isinstance(value, list):
        held = list(enumerate(cast("list[Any]", value)))
    budget[0] -= len(held) + 1
    if budget[0] < 0:
        raise BadPath(f"it looks at more than {_LOOKS} values")
    return (Place(value, key, each) for key, each in held)


def _selected(value: Any, selector: Key | _Every | _Filter, budget: list[int]) -> Iterator[Place]:
    if isinstance(selector, _Every):
        yield from _children(value, budget)
    elif isinstance(selector, _Filter):
        yield from (each for each in _children(value, budget) if any(_all_hold(group, each.value) for group in selector.groups))
    elif isinstance(selector, str) and isinstance(value, dict) and selector in value:
        yield Place(value, selector, value[selector])
    elif isinstance(selector, int) and isinstance(value, list):
        items = cast("list[Any]", value)
        at = selector if selector >= 0 else selector + len(items)
        if 0 <= at < len(items):
            yield Place(items, at, items[at])


def _all_hold(tests: tuple[_Test, ...], value: Any) -> bool:
    return all(_holds(test, value) for test in tests)


def _holds(test: _Test, value: Any) -> bool:
    for key in test.path:
        inner = next(_selected(value, key, [1]), None)
        if inner is None:
            return test.compared in {"!", "!="}
        value = inner.value
    same = value == test.literal and isinstance(value, bool) == isinstance(test.literal, bool)
    return {"": True, "!": False, "==": same, "!=": not same}[test.compared]


class _Parser:
    """Reads one path from left to right."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._at = 0

    def segments(self) -> list[_Segment]:
        if len(self._path) > _LONGEST:
            raise BadPath(f"it is longer than {_LONGEST} characters")
        self._wanted("$", "a path begins with $")
        found: list[_Segment] = []
        while self._at < len(self._path.rstrip()):
            found.append(self._segment())
        return found

    def _segment(self) -> _Segment:
        deep = self._taken("..")
        if self._taken("["):
            return _Segment(deep, tuple(self._selectors()))
        if not deep:
            self._wanted(".", "a name follows a dot, anything else stands in brackets")
        return _Segment(deep, (_Every(),) if self._taken("*") else (self._match(_NAME, "a name such as paths, or one in ['quotes']")[0],))

    def _selectors(self) -> Iterator[Key | _Every | _Filter]:
        while True:
            yield self._selector()
            self._match(_BLANK, "")
            if not self._taken(","):
                self._wanted("]", "a bracket is closed with ]; slices and functions are not known here")
                return

    def _selector(self) -> Key | _Every | _Filter:
        self._match(_BLANK, "")
        if self._taken("*"):
            return _Every()
        return self._filter() if self._taken("?") else self._key()

    def _key(self) -> Key:
        quoted = _STRING.match(self._path, self._at)
        if quoted:
            self._at = quoted.end()
            return _ESCAPED.sub(r"\1", quoted[1] if quoted[1] is not None else quoted[2])
        return int(self._match(_INDEX, "a name in quotes, a number, * or a filter")[0])

    def _filter(self) -> _Filter:
        self._match(_BLANK, "")
        inside = self._taken("(")
        groups = [[self._test()]]
        while operator := self._operator("&&", "||"):
            if operator == "&&":
                groups[-1].append(self._test())
            else:
                groups.append([self._test()])
        if inside:
            self._wanted(")", "a filter compares with == or !=, and joins with && or ||; it holds no brackets of its own")
        return _Filter(tuple(tuple(group) for group in groups))

    def _test(self) -> _Test:
        self._match(_BLANK, "")
        absent = self._taken("!")
        self._wanted("@", "a filter looks at @, as in [?@.name == 'x']")
        path = tuple(self._inner())
        compared = "" if absent else self._operator("==", "!=")
        return _Test(path, compared, self._literal()) if compared else _Test(path, "!" if absent else "", None)

    def _inner(self) -> Iterator[Key]:
        while self._path[self._at : self._at + 1] in {".", "["}:
            if self._taken("["):
                yield self._key()
                self._wanted("]", "a bracket is closed with ]")
            else:
                self._at += 1
                yield self._match(_NAME, "a name after @.")[0]

    def _operator(self, *known: str) -> str:
        self._match(_BLANK, "")
        return next((each for each in known if self._taken(each)), "")

    def _literal(self) -> Any:
        self._match(_BLANK, "")
        if self._path[self._at : self._at + 1] in {"'", '"'}:
            return self._key()
        return msgspec.json.decode(self._match(_LITERAL, "a text in quotes, a number, true, false or null")[0])

    def _taken(self, word: str) -> bool:
        there = self._path.startswith(word, self._at)
        self._at += len(word) if there else 0
        return there

    def _wanted(self, word: str, rule: str) -> None:
        if not self._taken(word):
            raise BadPath(f"at character {self._at + 1}: {rule}")

    def _match(self, pattern: re.Pattern[str], rule: str) -> re.Match[str]:
        found = pattern.match(self._path, self._at)
        if found is None:
            raise BadPath(f"at character {self._at + 1} it has not {rule}")
        self._at = found.end()
        return found
