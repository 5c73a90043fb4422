"""Arguments a client must repeat in `Mcp-Param-*` headers, as a tool's schema says with `x-mcp-header` (server/tools).

A proxy in front may act on such a header, so a call whose headers and arguments disagree is refused whole."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, cast

from msgspec import Struct

from freehold.protocol.stateless import header_value, name_of
from freehold.protocol.wire import Fault, is_object

KEYWORD: Final = "x-mcp-header"
PREFIX: Final = b"mcp-param-"

Kind = Literal["string", "integer", "boolean"]

_KINDS: Final[dict[object, Kind]] = {"string": "string", "integer": "integer", "boolean": "boolean"}
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.6.2."""
_DECIMAL: Final = re.compile(r"-?[0-9]{1,16}(?:\.0{1,16})?")
_LARGEST: Final = 2**53 - 1
_VISIBLE: Final = bytes([9, *range(0x20, 0x7F)])
_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose members are names of schemas, not keywords."""
_VALUES: Final = frozenset({"const", "enum", "default", "example", "examples"})
"""Keywords that hold data; what looks like a keyword in them is none."""

_Place = tuple[str, ...]
"""Keys from the root of a schema."""


class Mirrored(Struct, frozen=True):
    """One argument that has a header."""

    path: tuple[str, ...]
    """Names of properties, from the arguments inward."""
    suffix: str
    """What follows `Mcp-Param-`, as the schema spells it."""
    kind: Kind
    header: bytes
    """The header's whole name in lower case."""


def plan(input_schema: dict[str, Any]) -> tuple[Mirrored, ...]:
    """The arguments to be mirrored. Invalid annotations are left out: a client drops a tool that has one, so none should be shown."""
    return tuple(one for one in _judged(input_schema) if isinstance(one, Mirrored))


def faults(input_schema: dict[str, Any]) -> list[str]:
    """A sentence for each annotation that no client would accept; empty for a schema fit to be shown."""
    return [one for one in _judged(input_schema) if isinstance(one, str)]


def gathered(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    """Every `Mcp-Param-*` header by its name in lower case, with all its values."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in raw:
        lowered = name.lower()
        if lowered.startswith(PREFIX):
            found.setdefault(lowered, []).append(value)
    return found


def check(plan: Sequence[Mirrored], arguments: dict[str, Any], headers: Mapping[bytes, Sequence[bytes]]) -> None:
    """Raise `Fault` unless exactly the arguments that are there are repeated, each once (Custom Headers from Tool Parameters).

    `headers` as `gathered` gives them; those the plan does not name are ignored. An argument of a type that no header can
    carry needs none: it does not fit the schema, and the call is refused for that.
    """
    for one in plan:
        value, sent = _argument(arguments, one.path), headers.get(one.header, ())
        if len(sent) > 1:
            raise _fault(one, "is given twice")
        if sent:
            _compare(one, value, sent[0])
        elif isinstance(value, str | int | float):
            raise _fault(one, "is missing")


def repeated(plan: Sequence[Mirrored], arguments: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The headers a client of this plan sends with these arguments; what is absent, null or of another type has none."""
    found = [(one, _argument(arguments, one.path)) for one in plan]
    return tuple((f"Mcp-Param-{one.suffix}", header_value(_written(value))) for one, value in found if isinstance(value, str | int | float))


def _written(value: str | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _argument(arguments: dict[str, Any], path: tuple[str, ...]) -> object:
    """None also where the path leads nowhere."""
    value: object = arguments
    for name in path:
        if not is_object(value):
            return None
        value = value.get(name)
    return value


def _compare(one: Mirrored, value: object, header: bytes) -> None:
    if header.translate(None, _VISIBLE):
        raise _fault(one, "has characters that must be base64 encoded")
    text = name_of(header)
    if value is None:
        raise _fault(one, "has no argument to repeat")
    if text is None or not _repeats(text, value, one.kind):
        raise _fault(one, "must repeat its argument")


def _repeats(text: str, value: object, kind: Kind) -> bool:
    """Integers by their value, within what every reader can hold; all else as it is written."""
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    if kind == "integer" and isinstance(value, int | float):
        return abs(value) <= _LARGEST and _DECIMAL.fullmatch(text) is not None and int(text.partition(".")[0]) == value
    return isinstance(value, str | int | float) and text == str(value)


def _fault(one: Mirrored, why: str) -> Fault:
    return Fault("header_mismatch", f"Mcp-Param-{one.suffix} {why}")


# reading a schema


def _judged(input_schema: dict[str, Any]) -> Iterator[Mirrored | str]:
    """Each annotation as what it asks for, or as what is wrong with it; of two with one name the first counts."""
    taken: set[bytes] = set()
    for place, schema in _schemas(input_schema):
        if KEYWORD not in schema:
            continue
        one = _read(place, schema)
        if isinstance(one, Mirrored) and one.header in taken:
            one = f"{KEYWORD} of {_shown(place)} is another property's too. Give each a name of its own, whatever the case of its letters."
        if isinstance(one, Mirrored):
            taken.add(one.header)
        yield one


def _read(place: _Place, schema: dict[str, Any]) -> Mirrored | str:
    name, kind = schema[KEYWORD], schema.get("type")
    if set(place[::2]) != {"properties"}:
        return f"{KEYWORD} of {_shown(place)} is not on a property that properties alone lead to. Move it to one, or leave it out."
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        return f"{KEYWORD} of {_shown(place)} is not an HTTP token. Use letters, digits and -."
    if not isinstance(kind, str) or kind not in _KINDS:
        return f"{KEYWORD} of {_shown(place)} is on a type no header carries. Use type string, integer or boolean."
    return Mirrored(place[1::2], name, _KINDS[kind], PREFIX + name.lower().encode())


def _schemas(root: dict[str, Any]) -> Iterator[tuple[_Place, dict[str, Any]]]:
    """Every schema in a schema with its place, in the order they are written; as deep as they go, without recursion."""
    waiting: list[tuple[_Place, dict[str, Any]]] = [((), root)]
    while waiting:
        place, schema = waiting.pop()
        yield place, schema
        inner = [(place + keys, held) for keys, held in _inside(schema) if is_object(held)]
        waiting.extend(reversed(inner))


def _inside(schema: dict[str, Any]) -> Iterator[tuple[_Place, object]]:
    """What a schema's keywords hold, with the keys that lead there."""
    for keyword, held in schema.items():
        if keyword in _VALUES:
            continue
        if keyword in _NAMED:
            named = held if is_object(held) else {}
            yield from (((keyword, name), inner) for name, inner in named.items())
        elif isinstance(held, list):
            yield from (((keyword, str(number)), inner) for number, inner in enumerate(cast("list[object]", held)))
        else:
            yield (keyword,), held


def _shown(place: _Place) -> str:
    return "#" + "".join(f"/{key}" for key in place)
