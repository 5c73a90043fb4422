"""How each refusal looks on the wire: HTTP status, JSON-RPC code, or a tool result an agent reads. One table."""

from typing import Final, Literal, NamedTuple

Shown = Literal["http", "rpc", "result"]


class Look(NamedTuple):
    """`http`: an HTTP answer before JSON-RPC. `rpc`: a JSON-RPC error. `result`: a tools/call result with isError."""

    shown: Shown
    status: int
    code: int = 0


LOOKS: Final[dict[str, Look]] = {
    "host_not_allowed": Look("http", 421),
    "origin_not_allowed": Look("http", 403),
    "body_too_large": Look("http", 413),
    "media_type_not_json": Look("http", 415),
    "method_not_allowed": Look("http", 405),
    "not_found": Look("http", 404),
    "draining": Look("http", 503),
    "unauthenticated": Look("http", 401),
    "invalid_token": Look("http", 401),
    "insufficient_scope": Look("http", 403),
    "identity_unavailable": Look("http", 503),
    "parse_error": Look("rpc", 400, -32700),
    "invalid_request": Look("rpc", 400, -32600),
    "invalid_params": Look("rpc", 400, -32602),
    "header_mismatch": Look("rpc", 400, -32020),
    "unsupported_version": Look("rpc", 400, -32022),
    "missing_capability": Look("rpc", 400, -32021),
    "method_not_found": Look("rpc", 404, -32601),
    "unknown_tool": Look("rpc", 400, -32602),
    "invalid_cursor": Look("rpc", 400, -32602),
    "ledger_unavailable": Look("rpc", 503, -32603),
    "internal": Look("rpc", 500, -32603),
    "invalid_arguments": Look("result", 200),
    "rate_limited": Look("result", 200),
    "quota_exhausted": Look("result", 200),
    "overloaded": Look("result", 200),
    "deadline_exceeded": Look("result", 200),
    "upstream_unreachable": Look("result", 200),
    "upstream_broken": Look("result", 200),
    "upstream_too_large": Look("result", 200),
    "argument_not_sendable": Look("result", 200),
    "address_refused": Look("result", 200),
    "credential_unavailable": Look("result", 200),
    "state_unavailable": Look("result", 200),
    "tool_failed": Look("result", 200),
}
"""Refusals of operators' commands have no look: the command line prints their sentences."""
