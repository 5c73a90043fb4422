"""How each refusal looks on the wire: HTTP status, JSON-RPC code, or a tool result an agent reads. One table."""

from typing import Final, Literal, NamedTuple

Shown = Literal["http", "rpc", "result"]


class Look(NamedTuple):
    """`http`: refused before a message was read; the status is the code too. `rpc`: a JSON-RPC error. `result`: a tools/call
    result with isError; status and code are for methods that have no such result. Codes of our own lie outside -32768 to -32000."""

    shown: Shown
    status: int
    code: int = 0


LOOKS: Final[dict[str, Look]] = {
    "host_not_allowed": Look("http", 421),
    "origin_not_allowed": Look("http", 403),
    "body_too_large": Look("http", 413),
    "media_type_not_json": Look("http", 415),
    "method_not_allowed": Look("http", 405),
    "document_read_only": Look("http", 405),
    "not_found": Look("http", 404),
    "draining": Look("http", 503),
    "unauthenticated": Look("http", 401),
    "invalid_token": Look("http", 401),
    "invalid_proof": Look("http", 401),
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
    "unknown_resource": Look("rpc", 400, -32602),
    "unknown_prompt": Look("rpc", 400, -32602),
    "invalid_state": Look("rpc", 400, -32602),
    "session_unknown": Look("rpc", 404, -32600),
    "url_elicitation_required": Look("rpc", 400, -32042),
    "cancelled": Look("rpc", 200, 499),
    "unknown_task": Look("rpc", 400, -32602),
    "tasks_unavailable": Look("rpc", 503, -32603),
    "too_many_tasks": Look("rpc", 429, 429),
    "too_many_streams": Look("rpc", 429, 429),
    "too_many_requests": Look("rpc", 429, 429),
    "too_many_connections": Look("http", 429),
    "too_many_reports": Look("http", 429),
    "subprotocol_missing": Look("http", 400),
    "invalid_cursor": Look("rpc", 400, -32602),
    "ledger_unavailable": Look("rpc", 503, -32603),
    "internal": Look("rpc", 500, -32603),
    "unknown_continuation": Look("result", 400, -32602),
    "invalid_arguments": Look("result", 400, -32602),
    "definition_changed": Look("result", 403, 403),
    "rate_limited": Look("result", 200, 429),
    "key_rate_limited": Look("result", 200, 429),
    "quota_exhausted": Look("result", 200, 429),
    "overloaded": Look("result", 200, 503),
    "too_many_questions": Look("result", 200, 503),
    "deadline_exceeded": Look("result", 200, 504),
    "upstream_unreachable": Look("result", 200, 502),
    "upstream_denied": Look("result", 200, 502),
    "upstream_broken": Look("result", 200, 502),
    "upstream_too_large": Look("result", 200, 502),
    "resource_failed": Look("result", 200, 502),
    "answer_too_large": Look("result", 200, 502),
    "argument_not_sendable": Look("result", 400, -32602),
    "query_too_costly": Look("result", 400, -32602),
    "address_refused": Look("result", 200, 502),
    "credential_unavailable": Look("result", 200, 502),
    "state_unavailable": Look("result", 200, 503),
    "not_exportable": Look("result", 400, -32602),
    "too_many_exports": Look("result", 200, 429),
    "exports_unavailable": Look("result", 200, 503),
    "tool_failed": Look("result", 500, -32603),
}
"""Refusals of operators' commands have no look: the command line prints their sentences."""
