"""Which argument is which parameter of the document, found by name alone: what is left over belongs to the body."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from bench.documents.operations import PLACES, UNSENT_HEADERS, Described, Parameter
from bench.documents.written import Unfaithful

Arguments = dict[str, Any]

SLOT = re.compile(r"\{([^{}]*)\}")
_OPERATORS = "+*?&;.#/ "
"""Around a name in a path, as RFC 6570 templates have them."""


@dataclass(frozen=True)
class Given:
    """The arguments of one call."""

    parameters: dict[tuple[str, str], Any]
    """Place and name -> value, for those that were given."""
    body: Arguments
    whole: str
    """The argument that may be the whole body; empty when there are several."""


def told_apart(described: Described, properties: Mapping[str, Any], arguments: Arguments) -> Given:
    """`properties` are the tool's arguments as listed. Raises `Unfaithful` for a required parameter that no argument could be."""
    free = dict.fromkeys(properties)
    found: dict[tuple[str, str], Any] = {}
    for parameter in sorted(declared(described), key=lambda each: PLACES.index(each.place)):
        argument = next(names(parameter, free), None)
        if argument is None:
            if parameter.required and not unsent(described, parameter):
                raise Unfaithful("not_offered", f"{parameter.place} parameter {parameter.name} is not an argument")
            continue
        del free[argument]
        if argument in arguments:
            found[parameter.place, parameter.name] = arguments[argument]
    body = {name: value for name, value in arguments.items() if name in free or name not in properties}
    return Given(found, body, next(iter(free), "") if len(free) == 1 else "")


def declared(described: Described) -> list[Parameter]:
    """Path parameters by what the template says, the others by the document."""
    by_name = {each.name: each for each in described.parameters if each.place == "path"}
    in_query = {each.name for each in described.parameters if each.place == "query"}
    path, _, query = described.path.partition("#")[0].partition("?")
    slots = [slot(name, by_name) for name in [*SLOT.findall(path), *(name for name in SLOT.findall(query) if name not in in_query)]]
    written = fixed(described) - {name.strip(_OPERATORS) for name in SLOT.findall(query)}
    rest = [each for each in described.parameters if each.place != "path" and (each.place != "query" or each.name not in written)]
    return [*dict.fromkeys(slots), *rest]


def fixed(described: Described) -> set[str]:
    """Names in the query of the path template: what they are is said there."""
    return {unquote(pair.partition("=")[0]) for pair in described.path.partition("#")[0].partition("?")[2].split("&") if pair}


def slot(written: str, by_name: Mapping[str, Parameter]) -> Parameter:
    """The path parameter that `{written}` means; a string when the document forgot it."""
    name = written if written in by_name else written.strip(_OPERATORS) or "value"
    return by_name.get(name) or Parameter(name, "path", required=True, style="simple", explode=False)


def names(parameter: Parameter, free: Mapping[str, Any]) -> Iterator[str]:
    """The arguments that could be this parameter, likeliest first: marked with its place, its own name, or what may be kept of it."""
    if f"{parameter.name}__{parameter.place}" in free:
        yield f"{parameter.name}__{parameter.place}"
    if parameter.name in free:
        yield parameter.name
    plain = _plain(parameter.name)
    yield from [name for name in free if _plain(name) in {plain, f"{plain}{parameter.place}"}]
    marked = re.compile(f"{re.escape(plain[:44])}.{{0,8}}[0-9a-f]{{6}}")
    yield from [name for name in free if marked.fullmatch(_plain(name))]


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", name).lower()


def unsent(described: Described, parameter: Parameter) -> bool:
    """Parameters that are not the agent's: what the specification ignores, and credentials."""
    lower = parameter.name.lower()
    return (parameter.place, lower) in described.secrets or (parameter.place == "header" and lower in UNSENT_HEADERS)
