"""Is an upstream's schema fit to be shown and to be held to? Pure; a fault is a sentence, and costs the one tool that has it."""

from typing import Any, Final, cast

import jsonschema_rs

from freehold.domains.sources.upstream.words import hides, shown
from freehold.protocol.wire import is_object

_HEAVIEST: Final = 20_000
"""Schemas in a schema, each counted as often as references lead to it: what validating may cost."""
_PROSE: Final = frozenset({"description", "title", "$comment"})
_VALUES: Final = frozenset({"const", "enum", "default", "example", "examples"})
_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_IN_PLACE: Final = frozenset(
    {"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "$ref", "$dynamicRef", "$recursiveRef"}
)
"""Keywords that look at the same value again."""
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")


def fault(schema: object) -> str | None:
    """What is wrong with an input schema, or None. Its prose is not looked at: `cleaned` mends it."""
    if not is_object(schema) or schema.get("type") != "object":
        return "its input schema is not of type object"
    return general_fault(schema)


def general_fault(schema: dict[str, Any]) -> str | None:
    """Likewise of any schema."""
    if _hides(schema):
        return "its schema has names or values with characters nobody sees"
    outside = _outside(schema)
    if outside:
        return f"its schema refers to something outside itself ({outside})"
    if _Weight(schema).too_heavy:
        return "its schema refers to itself too often"
    try:
        jsonschema_rs.Draft202012Validator(schema, offline=True)
    except ValueError:
        return "its schema is none"
    return None


def cleaned(value: Any) -> Any:
    """The schema with its prose made fit to be shown, all else as it is."""
    if is_object(value):
        return {key: _cleaned(key, inner) for key, inner in value.items()}
    return [cleaned(one) for one in cast("list[object]", value)] if isinstance(value, list) else value


def _cleaned(key: str, inner: Any) -> Any:
    if key in _PROSE and isinstance(inner, str):
        return shown(inner)
    if key in _NAMED and is_object(inner):
        return {name: cleaned(one) for name, one in inner.items()}
    return inner if key in _VALUES else cleaned(inner)


def _hides(value: object, *, prose: bool = True) -> bool:
    """Whether anything but prose hides characters."""
    if isinstance(value, str):
        return hides(value)
    if isinstance(value, list):
        return any(_hides(one, prose=prose) for one in cast("list[object]", value))
    if not is_object(value):
        return False
    spared = {key for key, inner in value.items() if prose and key in _PROSE and isinstance(inner, str)}
    return any(hides(key) or (key not in spared and _hides(inner, prose=key not in _VALUES)) for key, inner in value.items())


def _outside(value: object) -> str:
    """A reference that leads out of the schema, shortened; empty when there is none."""
    if isinstance(value, list):
        return next((found for one in cast("list[object]", value) if (found := _outside(one))), "")
    if not is_object(value):
        return ""
    for key, inner in value.items():
        if key in _REFERENCES and isinstance(inner, str) and not inner.startswith("#"):
            return shown(inner, 80)
        if key not in _VALUES and (found := _outside(inner)):
            return found
    return ""


class _Weight:
    """How much a schema is when its references are followed; references that lead back without going into the value are endless."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._known: dict[str, int] = {}
        self._open: dict[str, int] = {}
        self._inward = 0
        self.too_heavy = False
        self.total = self._of(root)
        self.too_heavy = self.too_heavy or self.total > _HEAVIEST

    def _of(self, value: object) -> int:
        if self.too_heavy:
            return 0
        if isinstance(value, list):
            return sum(self._of(one) for one in cast("list[object]", value))
        if not is_object(value):
            return 0
        total = 1 + sum(self._member(key, inner) for key, inner in value.items() if key not in _VALUES)
        self.too_heavy = self.too_heavy or total > _HEAVIEST
        return total

    def _member(self, key: str, inner: object) -> int:
        if key in _REFERENCES and isinstance(inner, str):
            return self._referred(inner)
        if key in ("$defs", "definitions"):  # weighed where they are referred to
            return 0
        deeper = key not in _IN_PLACE
        self._inward += deeper
        total = self._of(inner)
        self._inward -= deeper
        return total

    def _referred(self, reference: str) -> int:
        if reference in self._open:
            self.too_heavy = self.too_heavy or self._open[reference] == self._inward
            return 1
        if reference not in self._known:
            self._open[reference] = self._inward
            self._known[reference] = self._of(self._at(reference))
            del self._open[reference]
        return self._known[reference]

    def _at(self, reference: str) -> object:
        """What a pointer leads to; an anchor is found by nobody here, and weighs nothing."""
        found: object = self._root
        for part in reference.removeprefix("#").split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if is_object(found):
                found = found.get(key)
            elif isinstance(found, list) and key.isdigit() and int(key) < len(cast("list[object]", found)):
                found = cast("list[object]", found)[int(key)]
            else:
                return None
        return found
