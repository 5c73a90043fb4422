"""The schema words an agent's client understands, one small function each: OpenAPI 3.0 and 3.1 in, JSON Schema 2020-12 out.

A word whose value cannot be right is dropped, so that one slip never costs a tool. Composition is `schemas.py`'s."""

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET

from freehold.domains.sources.openapi.document import Json
from freehold.domains.sources.openapi.texts import first_sentence, plain

CHOICES: Final = "One of "
"""How prose that stands for choices begins."""
_DEFAULT: Final = 100
_EXAMPLE: Final = 48
_ENUM_BYTES: Final = 4096
_CHOICES_SHOWN: Final = 5

_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_MISSPELT: Final = {
    "int": "integer", "long": "integer", "int32": "integer", "int64": "integer", "short": "integer",
    "float": "number", "double": "number", "decimal": "number", "bool": "boolean", "list": "array", "map": "object",
    "file": "string", "date": "string", "datetime": "string", "date-time": "string", "str": "string", "text": "string", "uuid": "string",
}  # fmt: skip
_NOISE: Final = frozenset(
    {"int32", "int64", "int16", "int8", "uint32", "uint64", "float", "double", "string", "integer", "number", "boolean"}
)


def type_word(value: object) -> Any:
    """`type`, with common misspellings put right."""
    if isinstance(value, list):
        named = [found for each in cast("list[object]", value) if (found := _type(each))]
        return list(dict.fromkeys(named)) or UNSET
    return _type(value) or UNSET


def _type(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return value if value in _TYPES else _MISSPELT.get(value.lower(), value.lower() if value.lower() in _TYPES else None)


def prose(value: object, most: int, *, one_sentence: bool) -> Any:
    """`description` in at most so many bytes."""
    short = plain(value, most) if isinstance(value, str) else ""
    return (first_sentence(short) if one_sentence else short) or UNSET


def number(value: object) -> Any:
    """A bound."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else UNSET


def positive(value: object) -> Any:
    """`multipleOf`."""
    kept = number(value)
    return kept if kept is not UNSET and kept > 0 else UNSET


def count(value: object) -> Any:
    """A length: a whole number of at least 0."""
    kept = number(value)
    return int(kept) if kept is not UNSET and kept >= 0 and kept == int(kept) else UNSET


def truth(value: object) -> Any:
    """A flag worth its bytes only when true."""
    return True if value is True else UNSET


def names(value: object) -> Any:
    """`required`: distinct strings."""
    listed = list(dict.fromkeys(each for each in cast("list[object]", value) if isinstance(each, str))) if isinstance(value, list) else []
    return listed or UNSET


def name_lists(value: object) -> Any:
    """`dependentRequired`."""
    kept = {key: names(each) for key, each in cast("Json", value).items()} if isinstance(value, dict) else {}
    return {key: each for key, each in kept.items() if each is not UNSET} or UNSET


def choices(value: object) -> Any:
    """`enum`, unless it is empty or so long that a description serves better."""
    listed = cast("list[object]", value) if isinstance(value, list) else []
    distinct = list({msgspec.json.encode(each): each for each in listed}.values())
    return distinct if distinct and len(msgspec.json.encode(distinct)) <= _ENUM_BYTES else UNSET


def long_choices(raw: object, schema: Json) -> None:
    """An `enum` that was too long to keep is told in the description, so that no wider schema goes without a word."""
    listed = cast("list[object]", raw) if isinstance(raw, list) else []
    if listed and "enum" not in schema:
        schema["description"] = summarised(schema.get("description", ""), listed)


def summarised(spoken: str, values: Sequence[object]) -> str:
    """Prose in place of choices, before what else is said."""
    shown = ", ".join(plain(as_text(each), _EXAMPLE) for each in values[:_CHOICES_SHOWN])
    return f"{CHOICES}{len(values)} values, such as {shown}. {spoken}".strip()


def as_text(value: object) -> str:
    """A choice as a person reads it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def anything(value: object) -> Any:
    """`const`."""
    return value


def default(value: object) -> Any:
    """`default`, when it is short."""
    return value if value is not None and len(msgspec.json.encode(value)) <= _DEFAULT else UNSET


def example(value: object) -> Any:
    """One short scalar example, as `examples`."""
    if isinstance(value, list):
        value = next(iter(cast("list[object]", value)), None)
    scalar = isinstance(value, str | int | float) and not isinstance(value, bool)
    return [value] if scalar and len(str(value)) <= _EXAMPLE else UNSET


def notation(value: object) -> Any:
    """`format`, unless it only repeats the type."""
    return value if isinstance(value, str) and 0 < len(value) <= _EXAMPLE and value not in _NOISE else UNSET


PLAIN_WORDS: Final[dict[str, Callable[[object], Any]]] = {
    "type": type_word,
    "enum": choices,
    "const": anything,
    "default": default,
    "format": notation,
    "minimum": number,
    "maximum": number,
    "multipleOf": positive,
    "minLength": count,
    "maxLength": count,
    "minItems": count,
    "maxItems": count,
    "minProperties": count,
    "maxProperties": count,
    "minContains": count,
    "maxContains": count,
    "uniqueItems": truth,
    "deprecated": truth,
    "required": names,
    "dependentRequired": name_lists,
    "contentEncoding": notation,
    "contentMediaType": notation,
}
"""Words whose value holds no schema."""


def nullable(schema: Json) -> Json:
    """The same schema, also true of null (OpenAPI 3.0's `nullable: true`)."""
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    kind = schema.get("type")
    if isinstance(kind, str) and kind != "null":
        schema["type"] = [kind, "null"]
    elif kind is None and schema.keys() & {"$ref", "allOf", "oneOf", "anyOf", "not"}:
        spoken = {word: schema.pop(word) for word in ("description", "default", "deprecated") if word in schema}
        return {"anyOf": [schema, {"type": "null"}], **spoken}
    return schema


def never_null(schema: Json) -> Json:
    """The same schema, no longer true of null nor offering empty text: for a part of a path, which neither can be."""
    made = dict(schema)
    kinds = made.get("type")
    named = [kind for kind in cast("list[str]", kinds if isinstance(kinds, list) else [kinds] if kinds else []) if kind != "null"]
    if "enum" in made:
        made["enum"] = [each for each in made["enum"] if each is not None and each != ""] or made["enum"]
    for word in made.keys() & {"anyOf", "oneOf"}:
        made[word] = [never_null(cast("Json", each)) if isinstance(each, dict) else each for each in made[word] if each != {"type": "null"}]
    if named:
        made["type"] = named[0] if len(named) == 1 else named
    elif made.keys() & {"$ref", "allOf", "anyOf", "oneOf", "not", "items", "properties"}:
        return {"allOf": [made], "not": {"type": "null"}} if "not" in made else {**made, "not": {"type": "null"}}
    elif not made.keys() & {"enum", "const"}:
        made["type"] = ["string", "number", "boolean"]
    return made


def exclusive(raw: Json, schema: Json) -> None:
    """Bounds of 3.0 (`exclusiveMinimum: true` beside `minimum`) and of 3.1 (a number) become numbers."""
    for word, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        value = raw.get(word)
        if value is True and bound in schema:
            schema[word] = schema.pop(bound)
        elif number(value) is not UNSET:
            schema[word] = value


def choices_as_text(schema: Json) -> None:
    """Choices of a string field that YAML or a careless author made numbers or booleans."""
    if schema.get("type") == "string" and any(not isinstance(each, str | None) for each in schema.get("enum", ())):
        schema["enum"] = [each if isinstance(each, str | None) else as_text(each) for each in schema["enum"]]


_ONLY_FOR: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(("minLength", "maxLength", "pattern"), frozenset({"string"})),
    **dict.fromkeys(("minItems", "maxItems", "uniqueItems", "items", "prefixItems", "contains"), frozenset({"array"})),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), frozenset({"integer", "number"})),
    **dict.fromkeys(("minProperties", "maxProperties"), frozenset({"object"})),
}


def without_meaningless(schema: Json) -> None:
    """Drop the words that say nothing about values of the schema's type, as `uniqueItems` of a string."""
    said = schema.get("type")
    kinds = {said} if isinstance(said, str) else set(cast("list[str]", said or ()))
    for word in [word for word in schema if kinds.isdisjoint(_ONLY_FOR.get(word, kinds))] if kinds else ():
        del schema[word]
