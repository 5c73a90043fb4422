"""How a value travels in a path, a query, a header or a cookie: OpenAPI's styles (RFC 6570), percent-encoded.

A path value stays inside its own segment whatever it holds (OA-01); a header value cannot start another header (OA-03)."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, cast
from urllib.parse import quote

import msgspec
from msgspec import Struct

from freehold.core.refusals import Refusal

Place = Literal["path", "query", "header", "cookie"]
Encode = Callable[[Any], str]

_RESERVED: Final = ":/?@!$'()*,;"
"""What `allowReserved` leaves alone; `#`, `&`, `+`, `=` and brackets would change the query around them."""
_DELIMITERS: Final = {"spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09"}
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


class Slot(Struct, frozen=True):
    """Where one argument goes. `encode` takes its value and gives what stands in the request, name included."""

    argument: str
    encode: Encode


def as_json(value: object, argument: str) -> bytes:
    """The value as JSON, or the refusal for text that is not text."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        raise refuse(argument, "it holds half a character") from None


def scalar(value: object) -> str:
    """The text of a value: JSON's own, without quotes around strings."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else msgspec.json.encode(value).decode()


def escaped(value: object, safe: str = "") -> str:
    """Percent-encoded text: everything but letters, digits and `-._~`."""
    return quote(scalar(value), safe=safe, errors="replace")


def _pairs(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(value.items())


def refuse(argument: str, why: str) -> Refusal:
    """The refusal for a value that has no place in a request."""
    return Refusal("argument_not_sendable", field=argument, why=why)


def path_slot(argument: str, name: str, style: str, *, explode: bool, content: bool) -> Slot:
    """A path segment or a part of one."""
    prefix = {"label": ".", "matrix": f";{escaped(name)}="}.get(style, "")

    def encode(value: Any) -> str:
        if value is None or value in ("", [], {}):
            raise refuse(argument, "a part of the path cannot be empty")
        if content:
            return quote(as_json(value, argument), safe="")
        first = ";" if style == "matrix" and explode and isinstance(value, dict) else prefix
        return first + _joined(cast("object", value), style, name, explode=explode)

    return Slot(argument, encode)


def _joined(value: object, style: str, name: str, *, explode: bool) -> str:
    """An array or object inside a path, without the style's prefix."""
    between = {"label": "." if explode else ",", "matrix": f";{escaped(name)}=" if explode else ","}.get(style, ",")
    if isinstance(value, list):
        return between.join(escaped(each) for each in cast("list[object]", value))
    if isinstance(value, dict):
        pairs = _pairs(cast("dict[str, Any]", value))
        if explode:
            between = {"label": ".", "matrix": ";"}.get(style, ",")
            return between.join(f"{escaped(key)}={escaped(each)}" for key, each in pairs)
        return ",".join(f"{escaped(key)},{escaped(each)}" for key, each in pairs)
    return escaped(value)


def query_slot(argument: str, name: str, style: str, *, explode: bool, content: bool, reserved: bool) -> Slot:
    """`name=value`, or several of them joined by `&`; an empty array or object sends nothing."""
    key = quote(name, safe="", errors="replace")
    safe = _RESERVED if reserved else ""

    def encode(value: Any) -> str:
        if content:
            return f"{key}={quote(as_json(value, argument), safe=safe)}"
        return "&".join(form_pairs(key, value, style, explode=explode, safe=safe))

    return Slot(argument, encode)


def form_pairs(key: str, value: object, style: str, *, explode: bool, safe: str = "") -> list[str]:
    """The `key=value` pairs of one field; `key` is encoded already. Also for form bodies."""
    if style == "deepObject" and isinstance(value, dict | list):
        return _deep(key, cast("object", value), safe)
    if isinstance(value, list):
        listed = [escaped(each, safe) for each in cast("list[object]", value)]
        if explode:
            return [f"{key}={each}" for each in listed]
        return [f"{key}={_DELIMITERS.get(style, ',').join(listed)}"] if listed else []
    if isinstance(value, dict):
        pairs = [(escaped(inner), escaped(each, safe)) for inner, each in _pairs(cast("dict[str, Any]", value))]
        if explode:
            return [f"{inner}={each}" for inner, each in pairs]
        return [f"{key}={_DELIMITERS.get(style, ',').join(part for pair in pairs for part in pair)}"] if pairs else []
    return [f"{key}={escaped(value, safe)}"]


def _deep(key: str, value: object, safe: str) -> list[str]:
    if isinstance(value, dict):
        return [pair for inner, each in _pairs(cast("dict[str, Any]", value)) for pair in _deep(f"{key}%5B{escaped(inner)}%5D", each, safe)]
    if isinstance(value, list):
        return [pair for at, each in enumerate(cast("list[object]", value)) for pair in _deep(f"{key}%5B{at}%5D", each, safe)]
    return [f"{key}={escaped(value, safe)}"]


def header_slot(argument: str, *, explode: bool, content: bool) -> Slot:
    """A header's value, in style simple; control characters are refused."""

    def encode(value: Any) -> str:
        sent = as_json(value, argument).decode() if content else _plainly(value, explode=explode)
        if _CONTROLS.search(sent):
            raise refuse(argument, "a header cannot hold line breaks or control characters")
        return sent

    return Slot(argument, encode)


def _plainly(value: object, *, explode: bool) -> str:
    if isinstance(value, list):
        return ",".join(scalar(each) for each in cast("list[object]", value))
    if isinstance(value, dict):
        between = "=" if explode else ","
        return ",".join(f"{key}{between}{scalar(each)}" for key, each in _pairs(cast("dict[str, Any]", value)))
    return scalar(value)


def cookie_slot(argument: str, name: str, *, explode: bool, content: bool) -> Slot:
    """`name=value` for the Cookie header, percent-encoded so that no value can end its cookie."""
    key = quote(name, safe="", errors="replace")

    def encode(value: Any) -> str:
        if content:
            return f"{key}={quote(as_json(value, argument), safe='')}"
        return "; ".join(form_pairs(key, value, "form", explode=explode))

    return Slot(argument, encode)
