"""What each 2026-07-28 request says about itself in `_meta`, and what results say in theirs (basic/index)."""

from typing import Any

import pytest

from tests.served import META, MODERN, Reply, Served

pytestmark = pytest.mark.anyio

VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
CLIENT = "io.modelcontextprotocol/clientInfo"
SERVER = "io.modelcontextprotocol/serverInfo"

EVERY_METHOD: dict[str, dict[str, Any]] = {
    "server/discover": {},
    "tools/list": {},
    "tools/call": {"name": "echo", "arguments": {"text": "x"}},
    "resources/list": {},
    "resources/templates/list": {},
    "resources/read": {"uri": "note://welcome"},
    "prompts/list": {},
    "prompts/get": {"name": "hello"},
    "completion/complete": {"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "language", "value": "p"}},
}


async def with_meta(server: Served, method: str, params: object) -> Reply:
    """A request with exactly these params."""
    body = {"jsonrpc": "2.0", "id": 0, "method": method, "params": params}
    headers = {"mcp-protocol-version": MODERN, "mcp-method": method, "mcp-name": "echo"}
    return await server.post(body, server.tokens["acme"], headers=headers)


BROKEN: dict[str, Any] = {
    "no metadata": None,
    "null": {"_meta": None},
    "an array": {"_meta": []},
    "no version": {"_meta": {CAPABILITIES: {}}},
    "no capabilities": {"_meta": {VERSION: MODERN}},
    "version is a number": {"_meta": {**META, VERSION: 20260728}},
    "version is null": {"_meta": {**META, VERSION: None}},
    "capabilities are null": {"_meta": {**META, CAPABILITIES: None}},
    "capabilities are an array": {"_meta": {**META, CAPABILITIES: []}},
}


@pytest.mark.parametrize("case", BROKEN)
async def test_required_metadata_must_be_there_and_whole(features: Served, ran: list[str], case: str) -> None:
    """Without `_meta`, or with one of its two required members missing or malformed: 400 and -32602 with the id, nothing runs."""
    params = {"name": "echo", "arguments": {}, **(BROKEN[case] or {})}
    reply = await with_meta(features, "tools/call", params)
    assert (reply.status, reply.json["error"]["code"], reply.json["id"]) == (400, -32602, 0)
    assert ran == []


async def test_a_request_without_params_lacks_its_metadata(features: Served) -> None:
    """A modern request without params is -32602, not a request of an older revision."""
    body = {"jsonrpc": "2.0", "id": 0, "method": "server/discover"}
    headers = {"mcp-protocol-version": MODERN, "mcp-method": "server/discover"}
    reply = await features.post(body, features.tokens["acme"], headers=headers)
    assert (reply.status, reply.json["error"]["code"]) == (400, -32602)


@pytest.mark.parametrize("client", [None, {}, {"name": "", "version": ""}, {"name": "Freehold", "version": "1", "x": [1]}, 7])
async def test_client_info_changes_nothing(features: Served, client: object) -> None:
    """Who a client says it is may be missing or nonsense: the answer is the same."""
    meta = {VERSION: MODERN, CAPABILITIES: {}} | ({} if client is None else {CLIENT: client})
    reply = await with_meta(features, "tools/call", {"name": "echo", "arguments": {"text": "x"}, "_meta": meta})
    assert (reply.status, reply.text) == (200, "x")


async def test_unknown_metadata_is_tolerated(features: Served) -> None:
    """Keys nobody knows, of any type, and trace context do no harm."""
    meta = {**META, "com.example/odd": {"a": [1, None]}, "traceparent": 7, "baggage": "x", "tracestate": [], "progressToken": {"no": 1}}
    reply = await with_meta(features, "tools/call", {"name": "echo", "arguments": {"text": "x"}, "_meta": meta})
    assert (reply.status, reply.text) == (200, "x")


@pytest.mark.parametrize("method", EVERY_METHOD)
async def test_every_result_says_what_it_is_and_who_answers(features: Served, method: str) -> None:
    """Every result carries `resultType` and, in `_meta` only, who the server is."""
    reply = await features.modern(method, EVERY_METHOD[method], token=features.tokens["acme"])
    result = reply.json["result"]
    assert reply.status == 200
    assert result["resultType"] == "complete"
    assert result["_meta"][SERVER]["name"] == "freehold"
    assert result["_meta"][SERVER]["version"]
    assert "serverInfo" not in result


async def test_refused_calls_say_who_answers_too(features: Served) -> None:
    """A result that tells of an error is a whole result."""
    result = (await features.call("add", {"a": "x"}, token=features.tokens["acme"])).json["result"]
    assert (result["resultType"], result["isError"]) == ("complete", True)
    assert result["_meta"][SERVER]["name"] == "freehold"


async def test_capabilities_count_for_their_own_request_only(features: Served) -> None:
    """What an earlier request declared is not remembered: the next one without it is refused what needs it."""
    params = {"name": "ask_name", "arguments": {}}
    able = {**params, "_meta": {CAPABILITIES: {"elicitation": {}}}}
    first = await features.modern("tools/call", able, token=features.tokens["acme"])
    second = await features.modern("tools/call", params, token=features.tokens["acme"])
    assert first.json["result"]["resultType"] == "input_required"
    assert (second.status, second.json["error"]["code"]) == (400, -32021)
