"""Where the records of an answer are, and how to show some of them or less of each. Pure; knows JSON values only."""

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

PAGE_KEY: Final = "dev.freehold/page"
"""Member of a result's `_meta`: `shown`, `of` when the API says so, and `next`, the whole arguments of the next page or null."""

_PLACES: Final = ("items", "data", "results", "records", "values", "entries", "rows", "nodes", "result", "objects", "list")
"""Members that hold the records in most APIs, the likeliest first."""
_DEEPEST: Final = 2

Path = tuple[str, ...]
"""Names of members from the outside in; empty for the value itself."""


def find(value: object) -> tuple[Path, list[Any]] | None:
    """The list of records and where it is, None where there is none: the value, a member known for it, or the only list of an object."""
    return _find(value, 0)


def _find(value: object, depth: int) -> tuple[Path, list[Any]] | None:
    if isinstance(value, list):
        return (), cast("list[Any]", value)
    if not isinstance(value, dict) or depth > _DEEPEST:
        return None
    node = cast("dict[str, Any]", value)
    lists = [name for name, each in node.items() if isinstance(each, list)]
    name = next((name for name in _PLACES if name in lists), lists[0] if len(lists) == 1 else None)
    if name is not None:
        return (name,), node[name]
    inside = (_inside(name, node[name], depth + 1) for name in _PLACES if isinstance(node.get(name), dict))
    return next((found for found in inside if found is not None), None)


def _inside(name: str, value: object, depth: int) -> tuple[Path, list[Any]] | None:
    found = _find(value, depth)
    return None if found is None else ((name, *found[0]), found[1])


def put(value: Any, path: Path, records: Sequence[Any]) -> Any:
    """A copy of the value with these records in their place."""
    if not path:
        return list(records)
    return {**value, path[0]: put(value[path[0]], path[1:], records)}


def only(value: Any, fields: Sequence[str]) -> tuple[Any, list[str]]:
    """Each record, or the value itself where it has none, with these fields alone (dotted paths); and the fields that none has."""
    met: set[str] = set()
    keep = _keeping([tuple(field.split(".")) for field in fields], met)
    found = find(value)
    kept = keep(value) if found is None else put(value, found[0], [keep(record) for record in found[1]])
    return kept, [field for field in fields if field not in met]


def _keeping(paths: Sequence[Path], met: set[str]) -> Callable[[Any], Any]:
    def keep(record: Any, at: Path = ()) -> Any:
        if isinstance(record, list):
            return [keep(each, at) for each in cast("list[Any]", record)]
        if not isinstance(record, dict):
            return record
        kept: dict[str, Any] = {}
        for name, value in cast("dict[str, Any]", record).items():
            place = (*at, name)
            if place in paths:
                kept[name] = value
                met.add(".".join(place))
            elif any(path[: len(place)] == place for path in paths):
                kept[name] = keep(value, place)
        return kept

    return keep
