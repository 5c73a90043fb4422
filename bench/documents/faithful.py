"""Did a request arrive as its document asks? Compares what was recorded with the operation and with the arguments that were given."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

from bench.documents.content import check_body
from bench.documents.given import SLOT, Arguments, Given, fixed, slot, told_apart, unsent
from bench.documents.operations import Described, Parameter
from bench.documents.recorder import Recorded
from bench.documents.written import Pairs, Unfaithful, in_header, in_path, take, text

OURS = frozenset({"host", "user-agent", "accept", "accept-encoding", "authorization", "content-type", "content-length", "traceparent"})
"""Headers of the gateway and of the connection; any other must be a parameter."""
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*")
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")


def check(described: Described, properties: Mapping[str, Any], arguments: Arguments, recorded: Recorded) -> None:
    """Return if the request is faithful, raise `Unfaithful` if not. `properties` are the tool's arguments as listed."""
    given = told_apart(described, properties, arguments)
    if recorded.method != described.method:
        raise Unfaithful("method", f"{recorded.method} instead of {described.method}")
    path, _, query = recorded.target.partition("?")
    _check_path(described, given, path)
    _check_query(described, given, query)
    _check_headers(described, given, recorded)
    _check_cookies(described, given, recorded.header("cookie") or "")
    check_body(described, given, recorded)


def _check_path(described: Described, given: Given, path: str) -> None:
    template = described.path.partition("#")[0].partition("?")[0]
    template = template if template.startswith("/") else f"/{template}"
    rest = next((path[len(prefix) :] for prefix in described.prefixes if path.startswith(f"{prefix}/")), None)
    if rest is None:
        raise Unfaithful("path", f"{path} does not begin with {sorted(described.prefixes)}")
    wanted, came = template.split("/"), rest.split("/")
    if len(wanted) != len(came):
        raise Unfaithful("path", f"{path} has {len(came) - 1} segments, {template} has {len(wanted) - 1}")
    by_name = {each.name: each for each in described.parameters if each.place == "path"}
    for one, other in zip(wanted, came, strict=True):
        _check_segment(one, other, by_name, given)


def _check_segment(template: str, segment: str, by_name: Mapping[str, Parameter], given: Given) -> None:
    if not _SEGMENT.fullmatch(segment):
        raise Unfaithful("path", f"{segment} is not percent-encoded")
    parts = SLOT.split(template)
    slots = [slot(name, by_name) for name in parts[1::2]]
    values = [given.parameters.get(("path", each.name)) for each in slots]
    if len(slots) == 1 and parts[0] == parts[2] == "":
        if not in_path(segment, slots[0], values[0]):
            raise Unfaithful("path", f"{slots[0].name}={values[0]!r} arrived as {segment}")
        return
    wanted = "".join(text(values[at // 2]) if at % 2 else unquote(part) for at, part in enumerate(parts))
    if unquote(segment) != wanted:
        raise Unfaithful("path", f"{wanted} arrived as {segment}")


def _check_query(described: Described, given: Given, query: str) -> None:
    if not _QUERY.fullmatch(query):
        raise Unfaithful("query_wrong", f"{query} is not percent-encoded")
    pairs = [(unquote_plus(key), value) for key, _, value in (pair.partition("=") for pair in query.split("&") if pair)]
    for key, value in _fixed(described, given):
        if (key, value) not in [(each, unquote_plus(came)) for each, came in pairs]:
            raise Unfaithful("query_missing", f"{key}={value} of the path template")
        pairs.remove(next(pair for pair in pairs if pair[0] == key and unquote_plus(pair[1]) == value))
    written = SLOT.findall(described.path.partition("?")[2])
    for parameter in described.parameters:
        if parameter.place == "query" and parameter.name not in written and parameter.name not in fixed(described):
            pairs = _take_query(parameter, described, given, pairs)
    if pairs:
        raise Unfaithful("query_extra", f"{pairs[:3]}")


def _fixed(described: Described, given: Given) -> Iterator[tuple[str, str]]:
    """The query written into the path template."""
    for pair in described.path.partition("#")[0].partition("?")[2].split("&"):
        key, _, value = pair.partition("=")
        if key:
            yield unquote(key), SLOT.sub(lambda found: _told(given, found[1]), unquote(value))


def _told(given: Given, name: str) -> str:
    return text(given.parameters.get(("query", name), given.parameters.get(("path", name))))


def _take_query(parameter: Parameter, described: Described, given: Given, pairs: Pairs) -> Pairs:
    """What is left of the pairs once the parameter has taken its own."""
    key = (parameter.place, parameter.name)
    if key in given.parameters:
        return take(parameter, given.parameters[key], pairs, "query_wrong")
    if parameter.required and not unsent(described, parameter):
        raise Unfaithful("query_missing", parameter.name)
    return pairs


def _check_headers(described: Described, given: Given, recorded: Recorded) -> None:
    declared = {each.name: each for each in described.parameters if each.place == "header"}
    for name, parameter in declared.items():
        came = recorded.header(name.lower())
        if ("header", name) in given.parameters:
            value = given.parameters["header", name]
            if came is None or not in_header(came, parameter, value):
                raise Unfaithful("header_wrong", f"{name}={value!r} arrived as {came!r}")
        elif parameter.required and not unsent(described, parameter):
            raise Unfaithful("header_missing", name)
    allowed = OURS | {"cookie"} | {name.lower() for place, name in given.parameters if place == "header"}
    extra = {name for name, _ in recorded.headers} - allowed
    if extra:
        raise Unfaithful("header_extra", ", ".join(sorted(extra)))


def _check_cookies(described: Described, given: Given, cookie: str) -> None:
    pairs = [(unquote(key), value) for key, _, value in (pair.strip().partition("=") for pair in cookie.split(";") if pair)]
    for parameter in described.parameters:
        if parameter.place == "cookie" and ("cookie", parameter.name) in given.parameters:
            pairs = take(parameter, given.parameters["cookie", parameter.name], pairs, "cookie_wrong")
    if pairs:
        raise Unfaithful("cookie_wrong", f"{pairs[:3]} came and was not given")
