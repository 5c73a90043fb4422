"""Says less with a translated schema: shorter prose first, and where that is not enough, wider shapes.

A trimmed schema accepts whatever the whole one accepts; which trimming a tool gets is `budget.py`'s to decide."""

from typing import Any, Final, cast

import msgspec

from freehold.domains.sources.openapi.document import Json, mapping
from freehold.domains.sources.openapi.schemas import Trim
from freehold.domains.sources.openapi.texts import plain
from freehold.domains.sources.openapi.words import CHOICES, summarised

_BY_NAME: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
_INNER: Final = frozenset(
    {"items", "prefixItems", "contains", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "propertyNames"}
    | {"allOf", "anyOf", "oneOf", "not", "if", "then", "else"}
)
_REVERSED: Final = frozenset({"not", "if", "then", "else", "maxContains", "unevaluatedProperties", "unevaluatedItems"})
"""Words that accept less when what they look at accepts more."""
_SHAPE: Final = frozenset(
    {"type", "description", "deprecated", "format", "enum", "const", "items", "$ref", "default", "minimum", "maximum"}
)
_LONG_CHOICE: Final = 512
"""Bytes of an `enum` that a tool short of room still spells out."""
_CHOICES_LEAST: Final = 60
"""Bytes left to prose that stands for choices: without it the schema would be wider and not say so."""


def inside(schema: Json, trim: Trim) -> Json:
    """The same schema with every schema directly in it trimmed; its own words stay."""
    made: Json = {}
    for word, value in schema.items():
        if word in _BY_NAME:
            made[word] = {name: trim(each) for name, each in mapping(value).items()}
        else:
            made[word] = trim(value) if word in _INNER else value
    return made


def quieter(schema: Any, prose: int) -> Any:
    """Every description in at most `prose` bytes, none at all for 0; what it accepts stays the same."""
    if isinstance(schema, list):
        return [quieter(each, prose) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    return _said(inside(cast("Json", schema), lambda each: quieter(each, prose)), prose)


def looser(schema: Any) -> Any:
    """Ready to have parts of it replaced by wider ones: no word is left that would then accept less. Long choices become prose."""
    if isinstance(schema, list):
        return [looser(each) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    node = {word: value for word, value in cast("Json", schema).items() if word not in _REVERSED}
    branches = node.pop("oneOf", None)
    if branches is not None:
        node.setdefault("anyOf", branches)
    if "enum" in node and len(msgspec.json.encode(node["enum"])) > _LONG_CHOICE:
        node["description"] = summarised(node.get("description", ""), node.pop("enum"))
    return inside(node, looser)


def shallow(schema: Any, depth: int, prose: int) -> Any:
    """A loose schema to `depth` levels of fields, and below that the shape alone."""
    if isinstance(schema, list):
        return [shallow(each, depth, prose) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    node = cast("Json", schema)
    kept = {word: value for word, value in node.items() if (depth > 0 and word != "examples") or word in _SHAPE}
    if depth <= 0 and "prefixItems" in node:
        kept.pop("items", None)
    return _said(_shallower(kept, depth, prose), prose)


def _shallower(node: Json, depth: int, prose: int) -> Json:
    deeper = {
        word: {name: shallow(each, depth - 1, prose) for name, each in mapping(value).items()}
        for word, value in node.items()
        if word in _BY_NAME
    }
    inner = {word: shallow(value, depth - (word == "items"), prose) for word, value in node.items() if word in _INNER}
    return {**node, **deeper, **inner}


def _said(schema: Json, prose: int) -> Json:
    spoken = schema.get("description")
    if not isinstance(spoken, str):
        return schema
    room = max(prose, _CHOICES_LEAST) if spoken.startswith(CHOICES) else prose
    short = plain(spoken, room) if room else ""
    return {**schema, "description": short} if short else {word: value for word, value in schema.items() if word != "description"}
