"""MCP as a client speaks it, on paper: requests of either era as headers and bytes, answers as values, and which era a server is of.

What a server says is never believed further than its shape; who sends and what is made of it is a source's affair."""

from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from freehold.protocol import revisions
from freehold.protocol.capabilities import Capabilities
from freehold.protocol.stateless import header_value
from freehold.protocol.wire import Id, encode, is_object

CLIENT_INFO_KEY: Final = "io.modelcontextprotocol/clientInfo"
ACCEPT: Final = "application/json, text/event-stream"
SESSION: Final = "mcp-session-id"
_UNSUPPORTED: Final = -32022
_MODERN_ERRORS: Final = (-32020, -32021)
"""Errors no older server gives; that of an unknown version says more, and is looked at by itself."""
_MESSAGE: Final = 300
"""Characters of an error's message that are kept."""
_OK: Final = 200

Headers = tuple[tuple[str, str], ...]


class Garbled(ValueError):
    """What came is no MCP message."""


class Sent(Struct, frozen=True):
    """One message to POST."""

    headers: Headers
    body: bytes


class Result(Struct, frozen=True):
    """An answer. `value` is the result object as it came."""

    id: Id | None
    value: Raw


class Failure(Struct, frozen=True):
    """An answer that is an error."""

    id: Id | None
    code: int
    message: str
    data: Any = None


class Question(Struct, frozen=True):
    """A request of the server to its client (2025 revisions)."""

    id: Id
    method: str
    params: dict[str, Any]


class Note(Struct, frozen=True):
    """A notification."""

    method: str
    params: dict[str, Any]


Heard = Result | Failure | Question | Note


class _Envelope(Struct):
    id: str | int | None = None
    method: str | None = None
    params: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


_envelope: Final = msgspec.json.Decoder(_Envelope).decode


# what we say


def modern(number: int, method: str, params: dict[str, Any], meta: dict[str, Any], *, more: Headers = ()) -> Sent:
    """A request of 2026-07-28; `meta` as `metadata` makes it, `more` the arguments mirrored in headers."""
    headers = [*_always(revisions.MODERN), ("mcp-method", method)]
    member = revisions.NAMED_BY.get(method)
    if member is not None:
        headers.append(("mcp-name", header_value(str(params[member]))))
    body = {"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, "_meta": meta}}
    return Sent((*headers, *more), encode(body))


def metadata(me: dict[str, Any], able: Capabilities, **more: Any) -> dict[str, Any]:
    """What every request of 2026-07-28 says of its client: `me` is an Implementation, `able` what it can do for this request."""
    return {
        revisions.VERSION_KEY: revisions.MODERN,
        revisions.CAPABILITIES_KEY: declared(able),
        CLIENT_INFO_KEY: me,
        **{key: value for key, value in more.items() if value is not None},
    }


def legacy(number: int, method: str, params: dict[str, Any], revision: str, session: str) -> Sent:
    """A request within a session; `session` is empty when the server gave none."""
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": number, "method": method}
    return Sent(in_session(revision, session), encode({**body, "params": params} if params else body))


def note(method: str, params: dict[str, Any], revision: str, session: str) -> Sent:
    """A notification within a session."""
    body: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    return Sent(in_session(revision, session), encode({**body, "params": params} if params else body))


def reply(identity: Id, answer: dict[str, Any], revision: str, session: str) -> Sent:
    """An answer to a question of the server; `answer` has the one member `result` or `error`."""
    return Sent(in_session(revision, session), encode({"jsonrpc": "2.0", "id": identity, **answer}))


def initialize(number: int, me: dict[str, Any], able: Capabilities) -> Sent:
    """The handshake, at the newest of the old revisions."""
    params = {"protocolVersion": revisions.LEGACY[0], "capabilities": declared(able), "clientInfo": me}
    body = {"jsonrpc": "2.0", "id": number, "method": "initialize", "params": params}
    return Sent((("content-type", "application/json"), ("accept", ACCEPT)), encode(body))


def in_session(revision: str, session: str) -> Headers:
    """The headers of everything sent within a session. 2025-03-26 has no version header, and nobody minds one."""
    return (*_always(revision), (SESSION, session)) if session else _always(revision)


def declared(able: Capabilities) -> dict[str, Any]:
    """A ClientCapabilities object."""
    said: dict[str, Any] = {}
    if able.form or able.url:
        said["elicitation"] = {**({"form": {}} if able.form else {}), **({"url": {}} if able.url else {})}
    if able.sampling:
        said["sampling"] = {"tools": {}} if able.sampling_tools else {}
    if able.roots:
        said["roots"] = {}
    return said


def _always(revision: str) -> Headers:
    return (("content-type", "application/json"), ("accept", ACCEPT), ("mcp-protocol-version", revision))


# what we hear


def heard(body: bytes | str) -> Heard:
    """One message of a server. Raises `Garbled`; of a batch, which nobody sends to us, too."""
    try:
        one = _envelope(body)
        if one.method is not None:
            return _said(one, one.method)
        if one.result is not UNSET:
            return Result(one.id, one.result)
        return _failed(one.id, msgspec.json.decode(one.error)) if one.error is not UNSET else _neither()
    except (msgspec.MsgspecError, ValueError, RecursionError) as fault:
        raise Garbled(type(fault).__name__) from None


def _said(one: _Envelope, method: str) -> Question | Note:
    found: object = {} if one.params is UNSET else msgspec.json.decode(one.params)
    params: dict[str, Any] = found if is_object(found) else {}
    return Note(method, params) if one.id is None else Question(one.id, method, params)


def _failed(identity: Id | None, error: object) -> Failure:
    if not is_object(error):
        raise Garbled("error")
    code, message = error.get("code"), error.get("message")
    return Failure(identity, code if type(code) is int else 0, str(message or "")[:_MESSAGE], error.get("data"))


def _neither() -> Heard:
    raise Garbled("neither a result nor an error")


# which era


Era = Literal["modern", "legacy"]


def era(status: int, answered: Result | Failure | None) -> Era | None:
    """What an answer to `server/discover` tells of its server; None when it tells nothing, so that nothing is remembered of it.

    Everything that only a server of 2026-07-28 would say is one; whatever else a server answers, it is asked to initialize
    (basic/versioning, Backward Compatibility). Faults of the way there are no verdict.
    """
    if isinstance(answered, Result):
        return "modern" if revisions.MODERN in versions(answered.value) else "legacy"
    if answered is not None and answered.code in _MODERN_ERRORS:
        return "modern"
    if answered is not None and answered.code == _UNSUPPORTED:
        listed: object = answered.data.get("supported") if is_object(answered.data) else None
        return "modern" if isinstance(listed, list) and revisions.MODERN in listed else "legacy"
    return None if status >= 500 or status in {401, 403, 407, 429} else "legacy"  # noqa: PLR2004  HTTP's own numbers


def versions(result: Raw) -> tuple[str, ...]:
    """The supportedVersions of a discover result."""
    try:
        return tuple(msgspec.json.decode(result, type=_Discovered).supportedVersions)
    except msgspec.MsgspecError:
        return ()


class _Discovered(Struct):
    supportedVersions: list[str] = []  # noqa: N815  the wire's own name


def outdated(failure: Failure) -> bool:
    """Whether it says that the version spoken is not supported."""
    return failure.code == _UNSUPPORTED
