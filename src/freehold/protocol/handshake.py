"""The 2025 revisions: the `initialize` answer. Sessions, streams and server requests come with the whole protocol."""

from typing import Any

from freehold.protocol import revisions
from freehold.protocol.wire import Fault, is_object


def negotiate(params: dict[str, Any]) -> str:
    """The revision `initialize` answers with: the one asked for, else our newest handshake revision."""
    wanted = params.get("protocolVersion")
    if type(wanted) is not str:
        raise Fault("invalid_params", "params.protocolVersion must be a string")
    return wanted if wanted in revisions.LEGACY else revisions.LEGACY[0]


def initialized(params: dict[str, Any], *, server: dict[str, Any], instructions: str) -> dict[str, Any]:
    """The `initialize` result. `listChanged` is false: there is no stream to send it on."""
    answer: dict[str, Any] = {
        "protocolVersion": negotiate(params),
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": server,
    }
    if instructions:
        answer["instructions"] = instructions
    return answer


def era(version: bytes | None, params: dict[str, Any]) -> str | None:
    """The legacy revision a request is served under, or None when it is a modern one.

    Header and body together decide, once (basic/versioning, Backward Compatibility): modern metadata in
    the body makes the request modern whatever the header says, so that nothing is downgraded silently.
    """
    meta: object = params.get("_meta")
    if is_object(meta) and revisions.VERSION_KEY in meta:
        return None
    if version is None:
        return revisions.ASSUMED
    named = version.strip(b" \t").decode("latin-1")
    return named if named in revisions.LEGACY else None
