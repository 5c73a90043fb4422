"""A schema's twin that explains faults at a bounded price.

What an `anyOf` or `oneOf` says of each alternative doubles with every level of a recursive schema, so a few hundred bytes of
arguments could hold the process for minutes. In the twin such alternatives are looked at as a whole: they fit or they do not."""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import jsonschema_rs

Schema = dict[str, Any]

_ALTERNATIVES: Final = ("anyOf", "oneOf")
_WHOLE: Final = "-as-a-whole"
KEYWORDS: Final = {kind + _WHOLE: kind for kind in _ALTERNATIVES}
"""The twin's keywords, and the standard's that each stands for."""
_OF_SCHEMAS: Final = frozenset({"$defs", "definitions", "properties", "patternProperties", "dependentSchemas"})
_SCHEMA: Final = frozenset(
    {
        *("items", "additionalProperties", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties"),
        *("not", "if", "then", "else", "prefixItems", "allOf", *_ALTERNATIVES),
    }
)
_LEADS_ON: Final = _OF_SCHEMAS | _SCHEMA | {"$ref", "$dynamicRef"}


def explaining(schema: Schema) -> jsonschema_rs.Draft202012Validator:
    """The twin, compiled. Its faults are the schema's own, but for alternatives that lead further into the schema."""
    known = {name: schema[name] for name in ("$defs", "definitions") if name in schema}
    keywords: dict[str, Any] = {name: _whole(known, kind) for name, kind in KEYWORDS.items()}
    return jsonschema_rs.Draft202012Validator(_twin(schema), offline=True, keywords=keywords)


def _whole(known: Schema, kind: str) -> Callable[[Schema, Any, object], "_Whole"]:
    return lambda _parent, alternatives, _path: _Whole({**known, kind: alternatives})


class _Whole:
    """A keyword of the twin."""

    def __init__(self, schema: Schema) -> None:
        try:
            self._fits = jsonschema_rs.Draft202012Validator(schema, offline=True).is_valid
        except ValueError:  # it refers to a place in the schema that is not among its definitions
            self._fits = _anything

    def validate(self, instance: Any) -> None:
        if not self._fits(instance):
            raise ValueError


def _anything(_instance: Any) -> bool:
    return True


def _twin(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    twin: Schema = {}
    for name, value in cast("Schema", schema).items():
        if name in _ALTERNATIVES and not all(_is_plain(each) for each in value):
            twin[name + _WHOLE] = value
        else:
            twin[name] = _within(name, value)
    return twin


def _within(name: str, value: Any) -> Any:
    if name in _OF_SCHEMAS and isinstance(value, dict):
        return {key: _twin(each) for key, each in cast("Schema", value).items()}
    if name in _SCHEMA:
        return [_twin(each) for each in cast("list[Any]", value)] if isinstance(value, list) else _twin(value)
    return value


def _is_plain(schema: Any) -> bool:
    return not isinstance(schema, Mapping) or _LEADS_ON.isdisjoint(cast("Mapping[str, Any]", schema))
