"""The 2025 revisions: which era a request belongs to, and the `initialize` answer."""

from typing import Any

from freehold.protocol import revisions
from freehold.protocol.methods import Offered, capabilities
from freehold.protocol.stateless import unsupported
from freehold.protocol.wire import Fault, is_object


def negotiate(params: dict[str, Any]) -> str:
    """The revision `initialize` answers with: the one asked for, else our newest handshake revision."""
    wanted = params.get("protocolVersion")
    if type(wanted) is not str:
        raise Fault("invalid_params", "params.protocolVersion must be a string")
    return wanted if wanted in revisions.LEGACY else revisions.LEGACY[0]


def initialized(params: dict[str, Any], *, offered: Offered, server: dict[str, Any], instructions: str) -> dict[str, Any]:
    """The `initialize` result."""
    answer: dict[str, Any] = {
        "protocolVersion": negotiate(params),
        "capabilities": capabilities(offered, modern=False),
        "serverInfo": server,
    }
    if instructions:
        answer["instructions"] = instructions
    return answer


def era(version: bytes | None, body: object) -> str | None:
    """The legacy revision a body is served under, or None when it is a modern one.

    Header and body together decide, once (basic/versioning, Backward Compatibility): modern metadata in
    the body makes the request modern whatever the header says, so that nothing is downgraded silently.
    Raises `Fault` for a version that no revision of either era has.
    """
    meta = _meta(body)
    if meta is not None and revisions.VERSION_KEY in meta:
        return None
    if version is None:
        return revisions.ASSUMED
    named = version.strip(b" \t").decode("latin-1")
    if named in revisions.LEGACY:
        return named
    if named != revisions.MODERN and meta is None:
        raise unsupported(named)
    return None


def _meta(body: object) -> dict[str, Any] | None:
    params: object = body.get("params") if is_object(body) else None
    meta: object = params.get("_meta") if is_object(params) else None
    return meta if is_object(meta) else None
