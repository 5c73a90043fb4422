"""Arguments against a tool's JSON Schema 2020-12. Messages name the field and the rule, never the caller's value."""

import re
from collections.abc import Iterable
from typing import Any, Final, cast

import jsonschema_rs

from freehold.core.tool import Tool
from freehold.domains.guard.shapes import KEYWORDS, explaining
from freehold.kit.json import encode

_SHOWN: Final = 3
"""Faults named in one refusal; more would drown the agent."""

_LONGEST: Final = 200
"""Characters of a rule's own value that a message repeats."""

_SAFE_NAME: Final = re.compile(r"[\w$.@-]{1,64}")

_SMALL: Final = 4_096
"""Bytes of arguments up to which every fault is looked for."""

_ALTERNATIVES: Final = {"anyOf": "fits none of the allowed shapes", "oneOf": "must fit exactly one of the allowed shapes"}

_RULES: Final[dict[str, str]] = {
    "required": "is required",
    "type": "must be of type {value}",
    "enum": "must be one of {value}",
    "const": "must be {value}",
    "minimum": "must be at least {value}",
    "maximum": "must be at most {value}",
    "exclusiveMinimum": "must be greater than {value}",
    "exclusiveMaximum": "must be less than {value}",
    "multipleOf": "must be a multiple of {value}",
    "minLength": "must have at least {value} characters",
    "maxLength": "must have at most {value} characters",
    "minItems": "must have at least {value} items",
    "maxItems": "must have at most {value} items",
    "minProperties": "must have at least {value} members",
    "maxProperties": "must have at most {value} members",
    "pattern": "must match the pattern {value}",
    "format": "must be a valid {value}",
    "uniqueItems": "must not repeat an item",
    "contains": "lacks an item it must hold",
    "unevaluatedItems": "has items that are not allowed",
    "propertyNames": "has a member whose name is not allowed",
    "additionalProperties": "is not an argument of this tool",
    "unevaluatedProperties": "is not an argument of this tool",
    **_ALTERNATIVES,
    **{name: _ALTERNATIVES[kind] for name, kind in KEYWORDS.items()},
    "not": "is of a shape that is ruled out",
    "falseSchema": "is not allowed",
}


class Arguments:
    """Compiles each tool's validator once and keeps it as long as the tool is the same value."""

    def __init__(self) -> None:
        """Starts empty; bounded by the number of tool names."""
        self._compiled: dict[str, tuple[Tool, jsonschema_rs.Draft202012Validator]] = {}
        self._explaining: dict[str, tuple[Tool, jsonschema_rs.Draft202012Validator]] = {}

    def fault(self, tool: Tool, arguments: dict[str, Any]) -> str | None:
        """What is wrong with the arguments, in words, or None."""
        kept = self._compiled.get(tool.name)
        if kept is None or kept[0] is not tool:
            kept = self._compiled[tool.name] = (tool, validator(tool.input_schema))
        if kept[1].is_valid(arguments):
            return None
        kept = self._explaining.get(tool.name)
        if kept is None or kept[0] is not tool:
            kept = self._explaining[tool.name] = (tool, explaining(tool.input_schema))
        return describe(_errors(kept[1], arguments)) or f"{_field([])} {_RULES['anyOf']}"


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """A validator that resolves nothing from outside the schema itself; raises ValueError for one it cannot compile."""
    return jsonschema_rs.Draft202012Validator(schema, offline=True)


def _errors(explained: jsonschema_rs.Draft202012Validator, arguments: dict[str, Any]) -> Iterable[Any]:
    """Every fault of small arguments; of large ones the first, for the list would be made whole before any of it is read."""
    if len(encode(arguments)) <= _SMALL:
        return explained.iter_errors(arguments)
    try:
        explained.validate(arguments)
    except jsonschema_rs.ValidationError as error:
        return (error,)
    return ()


def describe(errors: Iterable[Any]) -> str:
    """The first few faults as one clause each."""
    clauses: list[str] = []
    for error in errors:
        clauses += _clauses(error)
        if len(clauses) >= _SHOWN:
            break
    return "; ".join(dict.fromkeys(clauses[:_SHOWN]))


def _clauses(error: Any) -> list[str]:
    kind, path = error.kind, [str(part) for part in error.instance_path]
    rule = _RULES.get(kind.name, "does not fit the schema")
    if kind.name in {"additionalProperties", "unevaluatedProperties"}:
        return [f"{_field([*path, str(name)])} {rule}" for name in kind.value[:_SHOWN]]
    if kind.name == "required":
        return [f"{_field([*path, str(kind.value)])} {rule}"]
    if kind.name == "falseSchema" and error.schema_path[-1:] == ["additionalProperties"]:
        return [f"{_field(path)} must be empty"]
    types = _types(error) if kind.name == "anyOf" else []
    if types:
        rule = _RULES["type"]
    return [f"{_field(path)} {rule.format(value=_shown(types or kind.value)) if '{' in rule else rule}"]


def _types(error: Any) -> list[object]:
    """The types an `anyOf` allows, when the type is all that each of its branches minds."""
    faults = [fault for branch in error.kind.value for fault in branch]
    bare = all(fault.kind.name == "type" and fault.instance_path == error.instance_path for fault in faults)
    return [name for fault in faults for name in fault.kind.value] if bare else []


def _field(path: list[str]) -> str:
    """A name safe to repeat: an agent's own key may hold anything."""
    if not path:
        return "the arguments object"
    return ".".join(part if _SAFE_NAME.fullmatch(part) else "(unnamed)" for part in path[-4:])


def _shown(value: object) -> str:
    """A schema's own value, short enough for a sentence."""
    text = ", ".join(map(_word, cast("list[object]", value))) if isinstance(value, list) else _word(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _word(value: object) -> str:
    return value if isinstance(value, str) else encode(value).decode()
