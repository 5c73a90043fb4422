"""The rules of a 2026-07-28 request: per-request metadata, and headers that must repeat the body.

Order of checks and error kinds follow basic/transports/streamable-http, Server Validation."""

import base64
import binascii
from typing import Any, Final

from freehold.protocol import revisions
from freehold.protocol.wire import Fault, Message, is_object

_OPEN: Final = b"=?base64?"
_CLOSE: Final = b"?="
_BLANK: Final = b" \t"


def check(asked: Message, *, version: bytes | None, method: bytes | None, name: bytes | None) -> None:
    """Refuse a modern request whose metadata or mirrored headers are wrong. Values are header bytes as received."""
    meta = metadata(asked.params)
    wanted = meta[revisions.VERSION_KEY]
    if version is None or version.strip(_BLANK) != wanted.encode():
        raise Fault("header_mismatch", "MCP-Protocol-Version must repeat the version in _meta")
    if method is None or method.strip(_BLANK) != asked.method.encode():
        raise Fault("header_mismatch", "Mcp-Method must repeat the method of the body")
    member = revisions.NAMED_BY.get(asked.method)
    if member is not None and name_of(name) != asked.params.get(member):
        raise Fault("header_mismatch", f"Mcp-Name must repeat params.{member}")
    if wanted not in revisions.SUPPORTED:
        raise unsupported(wanted)


def check_unneeded(asked: Message, *, method: bytes | None, name: bytes | None) -> None:
    """Refuse a legacy request whose mirrored headers contradict it; they mean nothing there, yet a reader in front might believe them."""
    if method is not None and method.strip(_BLANK) != asked.method.encode():
        raise Fault("header_mismatch", "Mcp-Method must repeat the method of the body")
    member = revisions.NAMED_BY.get(asked.method)
    if name is not None and member is not None and name_of(name) != asked.params.get(member):
        raise Fault("header_mismatch", f"Mcp-Name must repeat params.{member}")


def metadata(params: dict[str, Any]) -> dict[str, Any]:
    """`params._meta` with its two required members, or a `Fault` (basic/index, _meta)."""
    meta: object = params.get("_meta")
    if not is_object(meta):
        raise Fault("invalid_params", "params._meta is required")
    if type(meta.get(revisions.VERSION_KEY)) is not str:
        raise Fault("invalid_params", f"params._meta must name {revisions.VERSION_KEY}")
    if type(meta.get(revisions.CAPABILITIES_KEY)) is not dict:
        raise Fault("invalid_params", f"params._meta must carry {revisions.CAPABILITIES_KEY}")
    return meta


def unsupported(requested: str) -> Fault:
    """The -32022 fault, naming what would do."""
    return Fault(
        "unsupported_version", "Unsupported protocol version", data={"supported": list(revisions.SUPPORTED), "requested": requested[:64]}
    )


def name_of(header: bytes | None) -> str | None:
    """The value a routing header stands for, its base64 sentinel decoded strictly (Value Encoding)."""
    if header is None:
        return None
    value = header.strip(_BLANK)
    if value.startswith(_OPEN) and value.endswith(_CLOSE, len(_OPEN)):
        return _sentinel(value[len(_OPEN) : -len(_CLOSE)])
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        raise Fault("header_mismatch", "a routing header has characters that must be base64 encoded") from None


def header_value(text: str) -> str:
    """The same the other way round: the text as a header's value, in the sentinel where a header could not carry it as it is."""
    plain = text.isascii() and all(character.isprintable() or character == "\t" for character in text) and text == text.strip(" \t")
    if plain and not (text.startswith("=?base64?") and text.endswith("?=")):
        return text
    return f"=?base64?{base64.b64encode(text.encode('utf-8', 'replace')).decode()}?="


def _sentinel(payload: bytes) -> str:
    try:
        decoded = base64.b64decode(payload, validate=True)
        if base64.b64encode(decoded) != payload:
            raise Fault("header_mismatch", "a routing header is not canonical base64")
        return decoded.decode()
    except (binascii.Error, ValueError):
        raise Fault("header_mismatch", "a routing header is not valid base64 of UTF-8") from None
