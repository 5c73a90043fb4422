"""How a value is written in paths, queries, headers and forms, read back: parts are divided before they are decoded, as RFC 6570 has it."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from bench.documents.operations import Parameter

Pairs = list[tuple[str, str]]
"""Decoded names with values as they arrived."""

_DELIMITERS = {"spaceDelimited": "%20|\\+| ", "pipeDelimited": "%7C|\\|", "tabDelimited": "%09"}


class Unfaithful(Exception):
    """The first thing that is not as the document asks."""

    def __init__(self, fault: str, detail: str) -> None:
        """`fault` is a class to count, `detail` for a person."""
        super().__init__(f"{fault}: {detail[:300]}")
        self.fault = fault


def text(value: Any) -> str:
    """A value where there is only text: JSON's spelling, strings without quotes."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def same(written: str, value: Any) -> bool:
    """Whether decoded text stands for the value; what styles leave undefined (null, nesting) may be written in any way that keeps it."""
    if value is None:
        return written in {"", "null"}
    if isinstance(value, float | dict | list):
        return same_json(written, value)
    return written == text(value)


def same_json(written: str | bytes, value: Any) -> bool:
    """Whether this is the value's JSON."""
    try:
        return json.loads(written) == value
    except ValueError:
        return False


def divided(raw: str, between: str, value: Any, equals: str) -> bool:
    """A scalar, or an array or object whose parts were divided by the pattern `between`, a key from its value by `equals`."""
    if not isinstance(value, list | dict):
        return same(unquote(raw), value)
    parts = re.split(f"{between}|{equals}" if isinstance(value, dict) else between, raw)
    wanted = value if isinstance(value, list) else [each for pair in value.items() for each in pair]
    return all_same(parts, wanted)


def all_same(parts: list[str], wanted: list[Any]) -> bool:
    """Encoded parts, one for each value."""
    return len(parts) == len(wanted) and all(same(unquote(part), each) for part, each in zip(parts, wanted, strict=True))


def in_path(segment: str, slot: Parameter, value: Any) -> bool:
    """Whether a whole segment is the value in the parameter's style."""
    if slot.is_json:
        return same_json(unquote(segment), value)
    prefix = {"label": ".", "matrix": f";{slot.name}="}.get(slot.style, "")
    if isinstance(value, dict) and slot.style == "matrix" and slot.explode:
        prefix = ";"
    between = {"label": "." if slot.explode else ",", "matrix": prefix if slot.explode else ","}.get(slot.style, ",")
    equals = "=" if slot.explode else between
    return segment.startswith(prefix) and divided(segment[len(prefix) :], re.escape(between), value, re.escape(equals))


def in_header(came: str, parameter: Parameter, value: Any) -> bool:
    """Whether a header's text is the value in style simple."""
    if parameter.is_json:
        return same_json(came, value)
    if isinstance(value, list):
        return came == ",".join(map(text, value))
    if isinstance(value, dict):
        return came == ",".join(f"{key}{'=' if parameter.explode else ','}{text(each)}" for key, each in value.items())
    return same(came, value)


def take(parameter: Parameter, value: Any, pairs: Pairs, fault: str) -> Pairs:
    """Check that a query parameter, cookie or form field came as its style says; what is left of the pairs."""
    if value in ([], {}) and not parameter.is_json:  # nothing, or its JSON where no style is given
        return (
            pairs
            if parameter.style
            else [(name, raw) for name, raw in pairs if name != parameter.name or not same_json(unquote(raw), value)]
        )
    spread = _spread(parameter, value)
    if spread is not None:
        for name, each in spread.items():
            nested = isinstance(each, dict | list)  # no style reaches this deep
            pairs = take(Parameter(name, parameter.place, is_json=nested), each, pairs, fault)
        return pairs
    own = [raw.replace("+", "%20") for name, raw in pairs if name == parameter.name]
    if not _is_there(parameter, value, own):
        raise Unfaithful(fault, f"{parameter.name}={value!r} arrived as {own}")
    return [(name, raw) for name, raw in pairs if name != parameter.name]


def _spread(parameter: Parameter, value: Any) -> dict[str, Any] | None:
    """The pairs of a value that is written as several, under names of their own."""
    if parameter.is_json or not isinstance(value, dict | list):
        return None
    if parameter.style == "deepObject":
        return dict(_flat(parameter.name, value))
    return value if isinstance(value, dict) and parameter.style == "form" and parameter.explode else None


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _flat(f"{name}[{key}]", each)
    else:
        yield name, value


def _is_there(parameter: Parameter, value: Any, own: list[str]) -> bool:
    if parameter.is_json or (not parameter.style and isinstance(value, dict)):
        return len(own) == 1 and same_json(unquote(own[0]), value)
    if isinstance(value, list) and (parameter.explode or not parameter.style):
        return all_same(own, value)
    return len(own) == 1 and divided(own[0], _DELIMITERS.get(parameter.style, ","), value, ",")
