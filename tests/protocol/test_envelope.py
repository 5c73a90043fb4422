"""JSON-RPC at the door: one message, its id, and what comes of everything that is not one (basic/index, Messages)."""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as laws
from hypothesis import strategies as st

from freehold.web.problems import LOOKS
from tests.served import META, MODERN, Reply, Served

pytestmark = pytest.mark.anyio

CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": "x"}, "_meta": META}}
HEADERS = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "echo"}
CANARY = "canary-7f3a9"


@pytest.mark.parametrize("identity", [0, "", -5, "a-b", 2**53])
async def test_errors_carry_the_readable_id(features: Served, identity: int | str) -> None:
    """Whatever is wrong after the id was read, the error has the id, a whole number for a code and a sentence for a message."""
    wrong: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"jsonrpc": "1.0"}, {}),
        ({"params": []}, {}),
        ({"params": {"name": "echo"}}, {}),
        ({}, {"mcp-method": "tools/list"}),
        ({"method": "no/such"}, {"mcp-method": "no/such"}),
        ({"params": {"name": 5, "_meta": META}}, {"mcp-name": "5"}),
        ({"params": {"name": "echo", "arguments": [], "_meta": META}}, {}),
        ({"params": {"name": "nobody", "_meta": META}}, {"mcp-name": "nobody"}),
    ]
    for changes, headers in wrong:
        body = {**CALL, "id": identity, **changes}
        reply = await features.post(body, features.tokens["acme"], headers={**HEADERS, **headers})
        assert 400 <= reply.status < 500, changes
        assert set(reply.json) == {"jsonrpc", "id", "error"}
        assert (reply.json["id"], type(reply.json["id"])) == (identity, type(identity)), changes
        assert type(reply.json["error"]["code"]) is int
        assert reply.json["error"]["message"].strip().endswith((".", "version")), changes


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"jsonrpc":"2.0","id":null,"method":"x"}', b'{"jsonrpc":"2.0","id":{},"method":"x"}', b"7"]
)
async def test_errors_without_readable_id_leave_it_out(features: Served, body: bytes) -> None:
    """Where no id could be read the member is absent, which is what the schema allows; it is never null."""
    reply = await features.post(body, features.tokens["acme"], headers=HEADERS)
    assert reply.status == 400
    assert set(reply.json) == {"jsonrpc", "error"}


@pytest.mark.parametrize("method", ["notifications/cancelled", "notifications/initialized", "notifications/nobody/knows", "tools/call"])
async def test_notifications_get_202_and_nothing_else(features: Served, ran: list[str], method: str) -> None:
    """A message without an id is accepted with an empty body, in both eras, and runs nothing."""
    params = {"name": "echo", "arguments": {}, "requestId": 1, "_meta": META}
    for headers in ({"mcp-protocol-version": MODERN, "mcp-method": method}, {"mcp-protocol-version": "2025-11-25"}):
        given = params if "mcp-method" in headers else {key: value for key, value in params.items() if key != "_meta"}
        reply = await features.post({"jsonrpc": "2.0", "method": method, "params": given}, features.tokens["acme"], headers=headers)
        assert (reply.status, reply.body) == (202, b"")
    assert ran == []


async def test_unknown_members_are_tolerated(features: Served) -> None:
    """Members of the envelope and of params that nobody knows change nothing."""
    body = {**CALL, "extra": [1], "params": {**CALL["params"], "task": {"ttl": 5}, "odd": None}}  # type: ignore[dict-item]  JSON is a dict of anything
    reply = await features.post(body, features.tokens["acme"], headers=HEADERS)
    assert (reply.status, reply.text) == (200, "x")
    assert reply.json["result"]["resultType"] == "complete"


def test_error_codes_are_those_of_the_specification() -> None:
    """Of the ranges JSON-RPC and MCP keep for themselves no refusal takes a code but those that were given out."""
    codes = {look.code for look in LOOKS.values() if look.shown == "rpc"}
    assert {code for code in codes if -32099 <= code <= -32000} <= {-32020, -32021, -32022, -32042}
    assert {code for code in codes if -32768 <= code <= -32100} <= {-32700, -32600, -32601, -32602, -32603}


def refused(reply: Reply) -> bool:
    """Whether it is a refusal any client can read: a status that blames the caller, a JSON-RPC error whose sentence repeats nothing."""
    if not 400 <= reply.status < 500 or "result" in reply.json:
        return False
    return CANARY not in reply.json["error"]["message"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.just(CANARY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "2.0", "2.0", "1.0", 2]),
        "id": st.sampled_from([1, "a"]) | JSON_VALUES,
        "method": st.sampled_from(["tools/call", "resources/read", "prompts/get", "completion/complete", "tools/list"]) | JSON_VALUES,
        "params": st.fixed_dictionaries(
            {},
            optional={
                "_meta": st.just(META) | JSON_VALUES,
                "name": st.just("nobody") | JSON_VALUES,
                "uri": st.just("note://nobody") | JSON_VALUES,
                "arguments": JSON_VALUES,
                "cursor": JSON_VALUES.filter(lambda value: value is not None),
                "requestState": JSON_VALUES,
                "inputResponses": JSON_VALUES,
                "ref": JSON_VALUES,
                "argument": JSON_VALUES,
            },
        )
        | JSON_VALUES,
        "result": JSON_VALUES,
        "error": JSON_VALUES,
    },
)
PLAIN = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
KNOWN = ("tools/call", "tools/list", "resources/read", "nobody", MODERN, "2025-11-25", "2025-03-26")
HEADER_VALUES = st.none() | st.sampled_from(KNOWN) | PLAIN.map(lambda text: text + CANARY)


@laws(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=64)
    | ENVELOPES.map(lambda value: json.dumps(value).encode())
    | JSON_VALUES.map(lambda v: json.dumps(v).encode()),
    version=HEADER_VALUES,
    method=HEADER_VALUES,
    name=HEADER_VALUES,
)
async def test_nothing_malformed_gets_through(
    features: Served,
    ran: list[str],
    caplog: pytest.LogCaptureFixture,
    body: bytes,
    version: str | None,
    method: str | None,
    name: str | None,
) -> None:
    """Whatever bytes and headers come, the answer is a result of nothing that runs, a 202, or a 4xx error in JSON; never a 5xx.

    Nothing of the request is logged.
    """
    given_headers = {"mcp-protocol-version": version, "mcp-method": method, "mcp-name": name}
    reply = await features.post(body, features.tokens["acme"], headers={k: v for k, v in given_headers.items() if v is not None})
    assert reply.status in {200, 202} or refused(reply), (reply.status, reply.body)
    assert reply.status != 202 or reply.body == b""
    assert ran == []
    assert CANARY not in caplog.text


METHODS = ("server/discover", "tools/list", "tools/call", "resources/list", "resources/templates/list", "resources/read", "prompts/list",
           "prompts/get", "completion/complete", "tasks/get", "tasks/update", "tasks/cancel", "initialize", "ping", "logging/setLevel",
           "resources/subscribe", "resources/unsubscribe")  # fmt: skip
MEMBERS = ("name", "uri", "taskId", "arguments", "cursor", "requestState", "inputResponses", "ref", "argument", "context", "level",
           "protocolVersion", "capabilities", "notifications", "task")  # fmt: skip


@laws(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(METHODS),
    params=st.dictionaries(st.sampled_from(MEMBERS), JSON_VALUES, max_size=5),
    era=st.sampled_from([MODERN, "2025-11-25"]),
)
async def test_no_parameters_break_a_method(
    features: Served, ran: list[str], caplog: pytest.LogCaptureFixture, method: str, params: dict[str, Any], era: str
) -> None:  # fmt: skip
    """Behind a correct envelope and headers, parameters of any shape come to a result or a 4xx, never a 5xx, and nothing is logged."""
    named = params.get({"resources/read": "uri"}.get(method, "taskId" if method.startswith("tasks/") else "name"))
    headers, modern = {"mcp-protocol-version": era}, era == MODERN
    if modern:
        name = base64.b64encode(named.encode()).decode() if isinstance(named, str) else ""
        headers |= {"mcp-method": method, "mcp-name": f"=?base64?{name}?="}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, **({"_meta": META} if modern else {})}}
    reply = await features.post(body, features.tokens["acme"], headers=headers)
    assert reply.status == 200 or refused(reply), (reply.status, reply.body)
    assert reply.json["id"] == 1
    assert ran == []
    assert CANARY not in caplog.text


CURSORS = st.text(max_size=40) | st.binary(max_size=40).map(lambda raw: raw.hex()) | st.sampled_from(["", "0", "1", "AAAA", CANARY])


@laws(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=CURSORS, kind=st.sampled_from(["tools/list", "resources/list", "resources/templates/list", "prompts/list"]))
async def test_no_invented_cursor_opens_a_page(features: Served, caplog: pytest.LogCaptureFixture, value: str, kind: str) -> None:
    """Every cursor this server did not write is -32602, the empty one too; none is logged."""
    reply = await features.modern(kind, {"cursor": value}, token=features.tokens["acme"])
    assert (reply.status, reply.json["error"]["code"]) == (400, -32602)
    assert refused(reply)
    assert CANARY not in caplog.text


STATES = (
    st.text(max_size=60) | st.binary(max_size=120).map(lambda raw: raw.hex()) | st.sampled_from(["", CANARY]) | st.integers() | st.none()
)


@laws(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(state=STATES.filter(lambda value: value is not None), answers=JSON_VALUES)
async def test_no_invented_state_continues_a_call(
    features: Served, ran: list[str], caplog: pytest.LogCaptureFixture, state: object, answers: object
) -> None:
    """Every requestState this server did not seal is a JSON-RPC error and the function does not run; none is logged."""
    params = {"name": "ask_name", "arguments": {}, "requestState": state, "inputResponses": answers}
    meta = {"_meta": {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}}
    reply = await features.modern("tools/call", {**params, **meta}, token=features.tokens["acme"])
    assert (reply.status, reply.json["error"]["code"]) == (400, -32602)
    assert ran == []
    assert CANARY not in caplog.text
