"""Every way Freehold says no: one stable code, one sentence, what to do next (law 6).

How a refusal looks on the wire is `web/problems.py`'s; when to refuse is the rooms'."""

import math
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple


class Wording(NamedTuple):
    """The sentence a person reads and what they can do. Both are formatted with the refusal's facts."""

    sentence: str
    mend: str


REFUSALS: Final[dict[str, Wording]] = {
    # the door
    "host_not_allowed": Wording(
        "This server does not answer for that host name.", "Use the address your provider gave you, or add the host to allowed_hosts."
    ),
    "origin_not_allowed": Wording("Requests from that web origin are not accepted.", "Add the origin to allowed_origins if it is yours."),
    "body_too_large": Wording("The request body is larger than {limit} bytes.", "Send less in one request."),
    "media_type_not_json": Wording("The request body must be application/json.", "Set Content-Type: application/json."),
    "method_not_allowed": Wording("This endpoint takes POST only.", "Send one JSON-RPC message per POST."),
    "document_read_only": Wording("This document can only be read.", "Send GET or HEAD."),
    "not_found": Wording("There is nothing at this path.", "The MCP endpoint is {endpoint}."),
    "draining": Wording("This server is shutting down and takes no new work.", "Try again; another replica will answer."),
    # who is calling
    "unauthenticated": Wording("This server needs a credential.", "Send Authorization: Bearer with an access token or API key."),
    "invalid_token": Wording("The credential is not valid.", "Get a new access token, or ask the tenant's admin for a new API key."),
    "invalid_proof": Wording("The DPoP proof is not valid for this request.", "Make a new one for this request and token (RFC 9449)."),
    "insufficient_scope": Wording(
        "The credential does not carry the scopes this tool needs: {scopes}.", "Ask for those scopes and try again."
    ),
    "identity_unavailable": Wording("The credential cannot be checked right now.", "Try again in a few seconds."),
    # the message
    "parse_error": Wording("The body is not valid JSON: {why}.", "Send one JSON object in UTF-8 without duplicate keys."),
    "invalid_request": Wording(
        "The body is not a JSON-RPC 2.0 request: {why}.", "Send one request object with jsonrpc, id, method and params."
    ),
    "invalid_params": Wording("The parameters are not valid: {why}.", "Correct the parameters and try again."),
    "header_mismatch": Wording("Header mismatch: {why}.", "Make the MCP headers repeat what the body says."),
    "unsupported_version": Wording("Unsupported protocol version.", "Use one of the versions in `supported`."),
    "missing_capability": Wording("The client does not declare a capability this needs: {needs}.", "Use a client that supports it."),
    "method_not_found": Wording("This server does not implement that method.", "Look at the capabilities it declares for what it can do."),
    "unknown_tool": Wording("There is no such tool for this caller.", "List the tools again and use a name from the list."),
    "unknown_resource": Wording("There is no such resource for this caller.", "List the resources again and use a URI from the list."),
    "unknown_prompt": Wording("There is no such prompt for this caller.", "List the prompts again and use a name from the list."),
    "invalid_state": Wording(
        "The requestState is not one this server gave to this caller for this request.", "Make the request again without it."
    ),
    "session_unknown": Wording("There is no such session for this caller.", "Initialize again."),
    "url_elicitation_required": Wording(
        "The call needs the user to open a page first.", "Open the address in `elicitations`, then call again."
    ),
    "cancelled": Wording("The request was cancelled by its client.", "Make it again if it is still wanted."),
    "too_many_questions": Wording("Too many calls wait for answers of their clients.", "Answer those that are open, then call again."),
    "unknown_task": Wording("There is no such task for this caller.", "Use a taskId of your own whose ttlMs is not over."),
    "tasks_unavailable": Wording("Tasks cannot be reached right now.", "Try again in a few seconds."),
    "too_many_tasks": Wording(
        "This caller has as many tasks as it may: {limit} running, {kept} in all.", "Wait for one to end or to expire, or cancel one."
    ),
    "not_exportable": Wording("{tool} cannot be exported: {why}.", "Name a tool that only reads and answers with a list of records."),
    "too_many_exports": Wording(
        "This caller has as many exports as it may: {limit}.", "Wait until one expires: each does {minutes} minutes after it was made."
    ),
    "exports_unavailable": Wording("Exports cannot be kept or read right now.", "Try again in a few seconds."),
    "too_many_streams": Wording("This caller has as many open streams as it may.", "Close one and try again."),
    "too_many_requests": Wording("This connection has {limit} requests open, as many as it may.", "Wait for an answer, then ask again."),
    "too_many_reports": Wording("There are too many reports at once.", "Wait {retry_after} seconds and report again."),
    "too_many_connections": Wording("This caller has as many open connections as it may.", "Close one and try again."),
    "subprotocol_missing": Wording("A WebSocket here carries MCP and nothing else.", "Offer the subprotocol: Sec-WebSocket-Protocol: mcp."),
    "resource_failed": Wording("The resource could not be read: {why}.", "Correct the URI, or try again later."),
    "answer_too_large": Wording("The answer is larger than {limit} bytes.", "Ask for less at once."),
    "invalid_cursor": Wording("The cursor is not one this server gave to this caller.", "Start the list again without a cursor."),
    # the corridor
    "unknown_continuation": Wording(
        "There is no such continuation for this caller.",
        "Continuations last ten minutes, for whom they were given to; call the tool anew, unless repeating it does harm.",
    ),
    "invalid_arguments": Wording("The arguments do not fit the tool's schema: {why}.", "Correct the named field and call again."),
    "definition_changed": Wording(
        "The definition of this tool has changed since it was approved, so it is not called.",
        "Ask the operator to look at the change and approve it.",
    ),
    "rate_limited": Wording("Too many calls: this plan allows {per_second} a second.", "Wait {retry_after} seconds and call again."),
    "key_rate_limited": Wording("Too many calls: this key may make {per_minute} a minute.", "Wait {retry_after} seconds and call again."),
    "quota_exhausted": Wording(
        "The daily quota of the {plan} plan is used up: {used} of {limit} calls.",
        "It resets at {resets_at}; the tenant's admin can move to a larger plan.",
    ),
    "overloaded": Wording("The source behind this tool has as many calls in flight as it may.", "Wait a few seconds and call again."),
    "deadline_exceeded": Wording(
        "The call took longer than {seconds} seconds and was stopped.", "Ask for less at once, or call again later."
    ),
    "upstream_unreachable": Wording("The API behind this tool cannot be reached.", "Call again later; if it lasts, tell the operator."),
    "upstream_denied": Wording(
        "The server behind this tool does not accept the operator's credential.", "Tell the operator; calling again does not help."
    ),
    "upstream_broken": Wording(
        "The API behind this tool broke off its answer.", "The call may have taken effect; check before repeating it."
    ),
    "upstream_too_large": Wording("The API's answer is larger than {limit} bytes.", "Ask for less: a narrower filter or a smaller page."),
    "argument_not_sendable": Wording("The argument {field} cannot be sent: {why}.", "Correct the argument and call again."),
    "query_too_costly": Wording(
        "The query may come to {nodes} nodes, and this source allows {limit} in one call.", "Ask for fewer at once: smaller {arguments}."
    ),
    "address_refused": Wording(
        "The operator's outbound rules do not allow that address.", "Add the host to outbound_allow if it is your own API."
    ),
    "credential_unavailable": Wording(
        "No credential for the API behind this tool can be made right now.", "Call again later; if it lasts, tell the operator."
    ),
    "state_unavailable": Wording("Limits cannot be checked right now.", "Call again in a few seconds."),
    "ledger_unavailable": Wording("The call cannot be recorded, so it is not served.", "Call again later; if it lasts, tell the operator."),
    "tool_failed": Wording("The tool failed.", "Call again; if it lasts, tell the operator and give the request id {request_id}."),
    "internal": Wording("Something went wrong on our side.", "Tell the operator and give the request id {request_id}."),
    # the operator
    "tenant_unknown": Wording("There is no tenant {tenant}.", "See `freehold tenant list`."),
    "tenant_exists": Wording("There is already a tenant {tenant}.", "Choose another id, or use the one there is."),
    "tenant_id_invalid": Wording("{tenant!r} cannot be a tenant id.", "Use 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit."),
    "user_id_invalid": Wording(
        "{user!r} cannot be a user's name.",
        "Use 1 to 128 of a-z, 0-9 and ._+@-, beginning with a letter or digit: an e-mail address in lower case.",
    ),
    "user_unknown": Wording("Tenant {tenant} has no user {user}.", "See `freehold user list --tenant {tenant}`."),
    "role_invalid": Wording("{role!r} cannot be a role.", "Use 1 to 64 of letters, digits and ._:-."),
    "password_unfit": Wording("This cannot be a password: {why}.", "Choose one of 12 to 256 characters."),
    "key_unknown": Wording("Tenant {tenant} has no key {key}.", "See `freehold key list --tenant {tenant}`."),
    "key_ended": Wording("Key {key} of tenant {tenant} has ended.", "Make a new one with `freehold key create --tenant {tenant}`."),
    "network_invalid": Wording("{network!r} is not a network.", "Write an address or a CIDR block without host bits, like 192.0.2.0/24."),
    "service_invalid": Wording("{service!r} cannot be a service account.", "Use 1 to 63 of a-z 0-9 . _ -, not beginning with . _ -."),
    "plan_unknown": Wording("There is no plan {plan}.", "Use one of: {plans}."),
    "scope_invalid": Wording("{scope!r} cannot be a scope.", "Use printable ASCII without spaces, quotes or backslashes."),
    "document_invalid": Wording("This is not a document Freehold can import: {why}.", "{mend}"),
    "edit_invalid": Wording("This edit of the catalog cannot be made: {why}.", "{mend}"),
    "edit_unknown": Wording("There is no edit of {pattern}.", "See `freehold catalog show`; edits of catalog.toml are taken back there."),
    "nothing_pending": Wording(
        "There is no definition of {tool} that waits for approval.",
        "See `freehold catalog pending`; a name that looks like another tool's cannot be approved.",
    ),
    "source_unknown": Wording("There is no source {source}.", "See `freehold source list`."),
    "release_unknown": Wording("The source {source} has no release {release}.", "See `freehold source releases {source}`."),
    "nothing_to_roll_back": Wording(
        "The source {source} has no canary and no release before the current one.", "See `freehold source releases {source}`."
    ),
    "nothing_pinned": Wording("Tenant {tenant} is not pinned to a release of {source}.", "See `freehold source releases {source}`."),
}


class Refusal(Exception):
    """A no with a reason. Raised by steps and use cases, turned into an answer at the door.

    `facts` fill the wording; they are shown to the caller, so nothing secret goes in.
    `retry_after` is in seconds; sentences name it in whole ones.
    """

    __slots__ = ("code", "data", "facts", "retry_after")

    def __init__(self, code: str, *, retry_after: float | None = None, data: dict[str, Any] | None = None, **facts: object) -> None:
        """Refuse with a code from `REFUSALS`; `data` is machine-readable detail for the wire."""
        super().__init__(code)
        self.code = code
        self.facts = facts if retry_after is None else {"retry_after": math.ceil(retry_after), **facts}
        self.retry_after = retry_after
        self.data = data

    @property
    def sentence(self) -> str:
        """What happened, in one sentence."""
        return REFUSALS[self.code].sentence.format(**self.facts)

    @property
    def mend(self) -> str:
        """What to do next, in one sentence."""
        return REFUSALS[self.code].mend.format(**self.facts)

    def __str__(self) -> str:
        """Both sentences."""
        return f"{self.sentence} {self.mend}"


def short_of(scopes: AbstractSet[str]) -> Refusal:
    """The refusal that names every scope of an operation at once (protocol 3.1)."""
    names = sorted(scopes)
    return Refusal("insufficient_scope", scopes=" ".join(names), data={"scopes": names})
