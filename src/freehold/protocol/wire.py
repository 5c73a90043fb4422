"""JSON-RPC envelopes: a parsed body to a message, a result or error to bytes. Knows no method and no header."""

from typing import Any, Final, Literal, TypeGuard

import msgspec
from msgspec import Struct

MAX_ID: Final = 256
"""Characters a string id may have; longer ones are refused, they would be echoed."""
MAX_METHOD: Final = 128

Kind = Literal[
    "parse_error", "invalid_request", "invalid_params", "header_mismatch", "unsupported_version", "method_not_found", "missing_capability"
]
Id = str | int

encode: Final = msgspec.json.Encoder().encode


class Fault(Exception):
    """The message cannot be served. `why` is shown to the caller and never repeats a value of theirs."""

    def __init__(self, kind: Kind, why: str, *, data: dict[str, Any] | None = None) -> None:
        """`data` becomes the error object's data member."""
        super().__init__(kind)
        self.kind: Kind = kind
        self.why = why
        self.data = data


class Message(Struct, frozen=True):
    """One JSON-RPC request or notification (no id). `params` is always an object, empty when absent."""

    method: str
    params: dict[str, Any]
    id: Id | None


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether parsed JSON is an object."""
    return type(value) is dict


def readable_id(body: object) -> Id | None:
    """The id an error answer must carry, or None when the body has no usable one (basic/index, Responses)."""
    value: object = body.get("id") if is_object(body) else None
    if type(value) is str:
        return value if len(value) <= MAX_ID else None
    return value if type(value) is int and abs(value) < 1 << 63 else None


def is_batch(body: object) -> TypeGuard[list[object]]:
    """Whether parsed JSON is an array."""
    return type(body) is list


def batchable(body: object) -> object:
    """A message of a batch, or `Fault`: the handshake must not be part of one (2025-03-26, lifecycle)."""
    if is_object(body) and body.get("method") == "initialize":
        raise Fault("invalid_request", "initialize must not be part of a batch")
    return body


def is_response(body: object) -> bool:
    """Whether it is an answer to a request of ours."""
    return is_object(body) and "method" not in body and ("result" in body) != ("error" in body)


def answer(body: object) -> tuple[object, dict[str, Any] | None]:
    """The id and the result of a response; None when it is an error, or a result that is no object."""
    found = body if is_object(body) else {}
    result: object = found.get("result")
    return found.get("id"), result if is_object(result) else None


def message(body: object, identity: Id | None = None) -> Message:
    """Check the envelope; `identity` is its `readable_id`, when that is known already.

    Raises `Fault` for batches, posted responses and anything that is not one request.
    """
    if not is_object(body):
        raise Fault("invalid_request", "it is not one JSON object")
    if body.get("jsonrpc") != "2.0":
        raise Fault("invalid_request", 'member "jsonrpc" must be "2.0"')
    method: object = body.get("method")
    if type(method) is not str or not method or len(method) > MAX_METHOD:
        raise Fault("invalid_request", 'member "method" must be a short string')
    params: object = body.get("params", {})
    if not is_object(params):
        raise Fault("invalid_request", 'member "params" must be an object')
    if "id" not in body:
        return Message(method, params, None)
    identity = readable_id(body) if identity is None else identity
    if identity is None:
        raise Fault("invalid_request", 'member "id" must be a short string or an integer')
    if "result" in body or "error" in body:
        raise Fault("invalid_request", "it is both a request and a response")
    return Message(method, params, identity)


def result(identity: Id, encoded: bytes) -> bytes:
    """A response around a result that is already JSON."""
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (encode(identity), encoded)


def error(identity: Id | None, code: int, text: str, data: dict[str, Any] | None) -> bytes:
    """An error response; without a readable id the member is left out (schema 2026-07-28)."""
    body: dict[str, Any] = {"jsonrpc": "2.0"}
    if identity is not None:
        body["id"] = identity
    body["error"] = {"code": code, "message": text} if data is None else {"code": code, "message": text, "data": data}
    return encode(body)
