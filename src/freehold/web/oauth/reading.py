"""What a request to the authorization server says, read strictly: query and form parameters that may come once, small bodies, cookies."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast
from urllib.parse import unquote_to_bytes

from freehold.domains.oauth.denied import Denied
from freehold.domains.oauth.grants.request import Parameters
from freehold.kit.json import NotStrict, strict
from freehold.web.edges import Disconnected, Headers, Receive, Scope

BODY_CAP: Final = 65_536
_MOST: Final = 100
_FORM: Final = b"application/x-www-form-urlencoded"
_JSON: Final = b"application/json"


def parameters(encoded: bytes) -> Parameters:
    """Names and values of a query or a form. Raises `Denied` for what is not UTF-8 text or has too many parts."""
    parts = [part for part in encoded.split(b"&") if part]
    if len(parts) > _MOST:
        raise Denied("invalid_request", f"There are more than {_MOST} parameters.")
    values: dict[str, str] = {}
    repeated: set[str] = set()
    for part in parts:
        name, _, value = (_decoded(piece) for piece in part.partition(b"="))
        if name in values:
            repeated.add(name)
        values[name] = value
    return Parameters(values, frozenset(repeated))


def query(scope: Scope) -> Parameters:
    """The request's own."""
    return parameters(scope.get("query_string", b""))


async def form(headers: Headers, receive: Receive) -> dict[str, str]:
    """The fields of a form; those without a value count as left out (RFC 6749 section 3.2). Raises `Denied`."""
    read = parameters(await _body(headers, receive, _FORM))
    if read.repeated:
        raise Denied("invalid_request", "A parameter is given twice.")
    return {name: value for name, value in read.values.items() if value}


async def document(headers: Headers, receive: Receive) -> Mapping[str, Any]:
    """The object in a JSON body. Raises `Denied`."""
    try:
        said: object = strict(await _body(headers, receive, _JSON))
    except NotStrict:
        said = None
    if not isinstance(said, dict):
        raise Denied("invalid_client_metadata", "The body must be one JSON object without duplicate keys.")
    return cast("Mapping[str, Any]", said)


def cookie(raw: Iterable[tuple[bytes, bytes]], name: str) -> str:
    """The one value of a cookie; empty when there is none, or two that somebody may have slipped in."""
    pairs = [pair.strip() for key, line in raw if key == b"cookie" for pair in line.decode("latin-1").split(";")]
    found = [value for key, _, value in (pair.partition("=") for pair in pairs) if key == name]
    return found[0] if len(found) == 1 else ""


def header(raw: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """The value of a header that is not among those every door reads; the last one."""
    return next((value for key, value in reversed(list(raw)) if key == name), None)


async def _body(headers: Headers, receive: Receive, kind: bytes) -> bytes:
    said, _, parameter = headers.get(b"content-type", b"").lower().partition(b";")
    if said.strip() != kind or parameter.strip() not in {b"", b"charset=utf-8"} or b"content-encoding" in headers:
        raise Denied("invalid_request", f"The body must be {kind.decode()}.")
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_CAP:
            raise Denied("invalid_request", f"The body is larger than {BODY_CAP} bytes.")
        more = message.get("more_body", False)
    return b"".join(parts)


def _decoded(piece: bytes) -> str:
    try:
        return unquote_to_bytes(piece.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise Denied("invalid_request", "A parameter is not UTF-8 text.") from None
