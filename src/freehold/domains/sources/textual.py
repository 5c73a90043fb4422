"""Arguments that arrive as text: the variables of a resource template and the arguments of a prompt.

The annotations still say what they become; this says what of them text can carry, and which choices there are."""

from typing import Any, Final, cast

_CARRIED: Final = frozenset({"string", "integer", "number", "boolean", "null"})
_REFERENCE: Final = "#/$defs/"

Schema = dict[str, Any]


def as_text(schema: Schema, name: str) -> Schema:
    """The input schema as it is when every value is text. Raises ValueError for a parameter that text cannot carry."""
    definitions = schema.get("$defs", {})
    properties: dict[str, Schema] = schema["properties"]
    shown: dict[str, Schema] = {}
    for key, one in properties.items():
        meant = _followed(one, definitions)
        if not _carried(meant, definitions):
            raise ValueError(
                f"Parameter {key!r} of {name} arrives as text. Annotate it str, int, float, bool, a date, or a Literal or Enum of texts."
            )
        shown[key] = _as_text(one, meant)
    return {"type": "object", "properties": shown, "required": schema.get("required", []), "additionalProperties": False}


def choices(schema: Schema) -> dict[str, tuple[str, ...]]:
    """By parameter, the texts it may be, where those can be counted."""
    definitions = schema.get("$defs", {})
    found = {key: _choices(_followed(one, definitions), definitions) for key, one in schema["properties"].items()}
    return {key: each for key, each in found.items() if each}


def _as_text(said: Schema, meant: Schema) -> Schema:
    spoken = {word: each for word in ("title", "description") for each in [said.get(word, meant.get(word))] if each is not None}
    if "enum" in meant:
        return {"type": "string", "enum": meant["enum"], **spoken}
    return {"type": "string", **spoken}


def _followed(schema: Schema, definitions: Schema) -> Schema:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    return cast("Schema", definitions.get(reference.removeprefix(_REFERENCE), {}))


def _branches(schema: Schema, definitions: Schema) -> list[Schema]:
    return [_followed(one, definitions) for word in ("anyOf", "oneOf") for one in schema.get(word, [])]


def _carried(schema: Schema, definitions: Schema) -> bool:
    branches = _branches(schema, definitions)
    if branches:
        return any(_carried(one, definitions) for one in branches if one.get("type") != "null")
    listed = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return schema.get("type", "string") in _CARRIED and all(isinstance(one, str) for one in listed)


def _choices(schema: Schema, definitions: Schema) -> tuple[str, ...]:
    if "enum" in schema:
        return tuple(schema["enum"])
    if "const" in schema:
        return (schema["const"],)
    if schema.get("type") == "boolean":
        return ("true", "false")
    branches = [_choices(one, definitions) for one in _branches(schema, definitions) if one.get("type") != "null"]
    return tuple(each for one in branches for each in one) if branches and all(branches) else ()
