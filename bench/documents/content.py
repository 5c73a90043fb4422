"""Is the body of a recorded request one the operation declares, and does it hold what was given?"""

import base64
import email
import email.policy
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from bench.documents.given import Arguments, Given, names
from bench.documents.operations import Described, Parameter
from bench.documents.recorder import Recorded
from bench.documents.written import Unfaithful, same, take, text

Fields = Mapping[str, Parameter]


def check_body(described: Described, given: Given, recorded: Recorded) -> None:
    """Return if it is; raise `Unfaithful` if not."""
    sent = recorded.header("content-type")
    if sent is None:
        if recorded.body:
            raise Unfaithful("content_type", f"{recorded.body[:80]!r} came without one")
        if given.body or (described.body_required and described.bodies):
            raise Unfaithful("body_missing", f"{given.body!r} was given and nothing came")
        return
    if not described.bodies:
        raise Unfaithful("body_extra", f"the operation has none, {recorded.body[:80]!r} came")
    kind = sent.partition(";")[0].strip().lower()
    if "*" in kind:
        raise Unfaithful("content_type", f"the range {sent} was sent as if it were a type")
    declared = next((declared for declared in described.bodies if _covers(declared, kind)), None)
    if declared is None:
        raise Unfaithful("content_type", f"{sent} is none of {list(described.bodies)}")
    _content(kind, described.bodies[declared], _without_type(given, kind) if "*" in declared else given, recorded)


def _without_type(given: Given, kind: str) -> Given:
    """Where the document has only a range, an argument may say the type."""
    rest = {name: value for name, value in given.body.items() if name != "content_type" or value != kind}
    return replace(given, body=rest) if len(rest) == 1 else given


def _covers(declared: str, kind: str) -> bool:
    """Whether a declared media type or range holds this one; what is no media type at all says nothing."""
    plain = declared.partition(";")[0].strip()
    return "/" not in plain or re.fullmatch(re.escape(plain).replace(r"\*", ".*"), kind) is not None


def _content(kind: str, fields: Fields, given: Given, recorded: Recorded) -> None:
    if kind.endswith(("/json", "+json")):
        _json(given, recorded.body)
    elif kind == "application/x-www-form-urlencoded":
        _urlencoded(fields, given, recorded.body.decode())
    elif kind.startswith("multipart/"):
        _multipart(fields, given, recorded)
    elif kind.endswith(("/xml", "+xml")) and not _is_whole(given, recorded.body):
        _xml(given, recorded.body)
    else:
        _opaque(given, recorded.body)


def _json(given: Given, body: bytes) -> None:
    try:
        came = json.loads(body)
    except ValueError:
        raise Unfaithful("body_wrong", f"{body[:80]!r} is not JSON") from None
    whole = [given.body[given.whole]] if given.whole in given.body else []
    if came != given.body and came not in whole and not _renamed(came, given.body):
        raise Unfaithful("body_wrong", f"{given.body!r} arrived as {came!r}")


def _renamed(came: object, wanted: Arguments) -> bool:
    """The same fields under names that were made fit to be arguments."""
    if not isinstance(came, dict) or len(came) != len(wanted):
        return False
    left = dict(wanted)
    for name, value in came.items():
        argument = next(names(Parameter(name, "body"), left), None)
        if argument is None or left.pop(argument) != value:
            return False
    return True


def _form_fields(fields: Fields, given: Given) -> Iterator[tuple[Parameter, Any]]:
    """What must be in the form; a file's name travels with its file."""
    wanted = given.body
    if len(wanted) == 1 and given.whole in wanted and given.whole not in fields and isinstance(wanted[given.whole], dict):
        wanted = wanted[given.whole]
    left = dict(wanted)
    for parameter in fields.values():
        argument = next(names(parameter, left), None)
        if argument is not None:
            yield parameter, left.pop(argument)
        if parameter.binary:
            left = {name: value for name, value in left.items() if not name.endswith("_filename")}
    yield from ((Parameter(name, "form", style=""), value) for name, value in left.items())


def _urlencoded(fields: Fields, given: Given, body: str) -> None:
    pairs = [(unquote_plus(key), value) for key, _, value in (pair.partition("=") for pair in body.split("&") if pair)]
    for parameter, value in _form_fields(fields, given):
        pairs = take(parameter, value, pairs, "body_wrong")
    if pairs:
        raise Unfaithful("body_extra", f"{pairs[:3]}")


def _multipart(fields: Fields, given: Given, recorded: Recorded) -> None:
    head = b"Content-Type: " + (recorded.header("content-type") or "").encode() + b"\r\n\r\n"
    parts = list(_parts(email.message_from_bytes(head + recorded.body, policy=email.policy.HTTP)))
    for parameter, value in _form_fields(fields, given):
        wanted = value if isinstance(value, list) else [value]
        own = [content for name, content in parts if name == parameter.name]
        if len(own) != len(wanted) or not all(_is_part(content, each, parameter) for content, each in zip(own, wanted, strict=True)):
            raise Unfaithful("body_wrong", f"{parameter.name}={value!r} arrived as {own!r}")
        parts = [(name, content) for name, content in parts if name != parameter.name]
    if parts:
        raise Unfaithful("body_extra", f"{parts[:3]!r}")


def _parts(message: Any) -> Iterator[tuple[str, bytes]]:
    for part in message.iter_parts():
        yield part.get_param("name", header="content-disposition"), part.get_payload(decode=True)


def _is_part(content: bytes, value: Any, parameter: Parameter) -> bool:
    return content == base64.b64decode(value) if parameter.binary else same(content.decode(), value)


def _is_whole(given: Given, body: bytes) -> bool:
    return len(given.body) == 1 and body.decode(errors="replace") in given.body.values()


def _xml(given: Given, body: bytes) -> None:
    """Every value that was given is the text of an element or an attribute, and nothing else is; which one is not judged."""
    try:
        root = ET.fromstring(body)  # noqa: S314  what we wrote ourselves
    except ET.ParseError:
        raise Unfaithful("body_wrong", f"{body[:80]!r} is not XML") from None
    came = [each for element in root.iter() for each in (*element.attrib.values(), *([] if len(element) else [element.text or ""]))]
    wanted = [text(value) for value in _leaves(given.body)]
    if Counter(filter(None, came)) != Counter(filter(None, wanted)):
        raise Unfaithful("body_wrong", f"{given.body!r} arrived as {body[:200]!r}")


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _leaves(each)
    elif value is not None:
        yield value


def _opaque(given: Given, body: bytes) -> None:
    value = str(next(iter(given.body.values()), ""))
    if len(given.body) != 1 or body not in {value.encode(), _unpacked(value)}:
        raise Unfaithful("body_wrong", f"{given.body!r} arrived as {body[:80]!r}")


def _unpacked(value: str) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        return None
