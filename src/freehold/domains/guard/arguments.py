"""Arguments against a tool's JSON Schema 2020-12. Messages name the field and the rule, never the caller's value."""

import re
from collections.abc import Iterable
from typing import Any, Final, cast

import jsonschema_rs

from freehold.core.tool import Tool

_SHOWN: Final = 3
"""Faults named in one refusal; more would drown the agent."""

_LONGEST: Final = 200
"""Characters of a rule's own value that a message repeats."""

_SAFE_NAME: Final = re.compile(r"[\w$.@-]{1,64}")

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
    "additionalProperties": "is not an argument of this tool",
    "unevaluatedProperties": "is not an argument of this tool",
    "anyOf": "fits none of the allowed shapes",
    "oneOf": "must fit exactly one of the allowed shapes",
}


class Arguments:
    """Compiles each tool's validator once and keeps it as long as the tool is the same value."""

    def __init__(self) -> None:
        """Starts empty; bounded by the number of tool names."""
        self._compiled: dict[str, tuple[Tool, jsonschema_rs.Draft202012Validator]] = {}

    def fault(self, tool: Tool, arguments: dict[str, Any]) -> str | None:
        """What is wrong with the arguments, in words, or None."""
        kept = self._compiled.get(tool.name)
        if kept is None or kept[0] is not tool:
            kept = self._compiled[tool.name] = (tool, validator(tool.input_schema))
        if kept[1].is_valid(arguments):
            return None
        return describe(kept[1].iter_errors(arguments))


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """A validator that resolves nothing from outside the schema itself; raises ValueError for one it cannot compile."""
    return jsonschema_rs.Draft202012Validator(schema, offline=True)


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
        return [f"{_field([*path, str(name)])} {rule}" for name in kind.value]
    if kind.name == "required":
        return [f"{_field([*path, str(kind.value)])} {rule}"]
    return [f"{_field(path)} {rule.format(value=_shown(kind.value))}"]


def _field(path: list[str]) -> str:
    """A name safe to repeat: an agent's own key may hold anything."""
    if not path:
        return "the arguments object"
    return ".".join(part if _SAFE_NAME.fullmatch(part) else "(unnamed)" for part in path[-4:])


def _shown(value: object) -> str:
    """A schema's own value, short enough for a sentence."""
    text = ", ".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
