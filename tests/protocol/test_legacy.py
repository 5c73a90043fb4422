"""The handshake revisions on the same endpoint: initialize, what each method answers there, and batches (2025-11-25 and before)."""

import json
from typing import Any

import pytest

from tests.handshakes import initialized, message
from tests.protocol.test_metadata import EVERY_METHOD
from tests.served import Served

pytestmark = pytest.mark.anyio

REVISIONS = ("2025-11-25", "2025-06-18", "2025-03-26")


@pytest.mark.parametrize("revision", REVISIONS)
async def test_initialize_answers_with_the_revision_asked_for(features: Served, revision: str) -> None:
    """A revision we speak is the answer; with it come capabilities, who we are, and a session id of visible ASCII."""
    client = await initialized(features, revision=revision)
    result = client.begun["result"]
    assert result["protocolVersion"] == revision
    assert result["serverInfo"]["name"] == "freehold"
    assert result["serverInfo"]["version"]
    assert {"tools", "resources", "prompts", "completions", "logging"} <= set(result["capabilities"])
    assert "extensions" not in result["capabilities"]
    assert "tasks" not in result["capabilities"]
    assert client.session is not None
    assert all(0x21 <= ord(letter) <= 0x7E for letter in client.session)


@pytest.mark.parametrize("revision", ["2026-07-28", "2024-11-05", "1999-01-01", ""])
async def test_initialize_answers_another_revision_with_the_newest(features: Served, revision: str) -> None:
    """One we do not speak by handshake gets our newest of those."""
    assert (await initialized(features, revision=revision)).revision == "2025-11-25"


@pytest.mark.parametrize("params", [{}, {"protocolVersion": 5}, {"protocolVersion": None}])
async def test_initialize_without_a_version_is_refused(features: Served, params: dict[str, Any]) -> None:
    """No version is -32602, and no session begins."""
    reply = await features.post(message("initialize", params, 3), features.tokens["acme"])
    assert (reply.json["error"]["code"], reply.json["id"]) == (-32602, 3)
    assert "mcp-session-id" not in reply.headers


@pytest.mark.parametrize("revision", REVISIONS)
async def test_every_method_is_served(features: Served, revision: str) -> None:
    """Lists, calls, reads, prompts, completions, ping, levels and subscriptions work in each revision, without anything modern."""
    client = await initialized(features, revision=revision)
    older = {"ping": None, "logging/setLevel": {"level": "info"}, "resources/subscribe": {"uri": "note://welcome"},
             "resources/unsubscribe": {"uri": "note://welcome"}}  # fmt: skip
    for method, params in {**EVERY_METHOD, **older}.items():
        reply = await client.ask(features, method, params, number=method)
        assert reply.json["id"] == method
        if method == "server/discover":
            assert (reply.status, reply.json["error"]["code"]) == (200, -32601)
            continue
        assert reply.status == 200, method
        assert not {"resultType", "ttlMs", "cacheScope", "_meta"} & set(reply.json["result"]), method
        if method in older:
            assert reply.json["result"] == {}


async def test_requests_without_a_session_are_served_too(features: Served) -> None:
    """A client that keeps no session id, or never initialized, is served by version header alone, or as 2025-03-26 without one."""
    for headers in ({"mcp-protocol-version": "2025-11-25"}, {"mcp-protocol-version": "2025-06-18"}, {}):
        reply = await features.post(message("tools/call", EVERY_METHOD["tools/call"], 1), features.tokens["acme"], headers=headers)
        assert (reply.status, reply.text) == (200, "x")
        ping = await features.post(message("ping", None, 2), features.tokens["acme"], headers=headers)
        assert (ping.status, ping.json["result"]) == (200, {})


@pytest.mark.parametrize("version", ["2024-01-01", "latest", "2025-11-25, 2025-06-18", "2025-11-26"])
async def test_an_unsupported_version_header_is_400(features: Served, ran: list[str], version: str) -> None:
    """A version nobody speaks is refused even within a session."""
    client = await initialized(features)
    reply = await client.post(features, message("tools/call", EVERY_METHOD["tools/call"], 1), headers={"mcp-protocol-version": version})
    assert reply.status == 400
    assert reply.json["error"]["data"]["requested"] == version
    assert ran == []


ERRORS: dict[str, tuple[str, dict[str, Any], int]] = {
    "unknown method": ("no/such", {}, -32601),
    "unknown tool": ("tools/call", {"name": "nobody"}, -32602),
    "unknown prompt": ("prompts/get", {"name": "nobody"}, -32602),
    "unknown resource": ("resources/read", {"uri": "note://nobody"}, -32002),
    "unknown level": ("logging/setLevel", {"level": "loud"}, -32602),
    "unknown resource to watch": ("resources/subscribe", {"uri": "note://nobody"}, -32002),
    "no uri": ("resources/subscribe", {}, -32602),
}


@pytest.mark.parametrize("case", ERRORS)
async def test_errors_never_look_like_a_dead_session(features: Served, case: str) -> None:
    """An error of JSON-RPC is not HTTP 404, which would make the client begin anew."""
    method, params, code = ERRORS[case]
    reply = await (await initialized(features)).ask(features, method, params)
    assert reply.status in {200, 400}
    assert reply.json["error"]["code"] == code


async def test_structured_content_is_an_object_or_absent(features: Served) -> None:
    """What older revisions cannot carry as structuredContent stays in the text; objects are there in both forms."""
    client = await initialized(features)
    added = (await client.ask(features, "tools/call", {"name": "add", "arguments": {"a": 1}})).json["result"]
    assert added["structuredContent"] == {"sum": 2}
    assert json.loads(added["content"][0]["text"]) == {"sum": 2}
    several = (await client.ask(features, "tools/call", {"name": "several", "arguments": {}})).json["result"]
    assert isinstance(several.get("structuredContent", {}), dict)
    assert "[0,1,2]" in several["content"][0]["text"].replace(" ", "")
    listed = (await client.ask(features, "tools/list")).json["result"]["tools"]
    assert all(tool.get("outputSchema", {"type": "object"})["type"] == "object" for tool in listed)


async def test_progress_and_messages_come_before_the_result(features: Served) -> None:
    """A progressToken brings progress on the call's stream; messages of the level that was set come too, others do not."""
    client = await initialized(features)
    async with client.call(features, "advance", progressToken="p") as stream:
        said = await stream.rest()
    assert [one["params"]["progress"] for one in said[:-1]] == [1, 2, 3.5]
    assert said[-1]["id"] == "call"
    await client.ask(features, "logging/setLevel", {"level": "error"})
    async with client.call(features, "chat") as stream:
        *logged, result = await stream.rest()
    assert [one["params"]["level"] for one in logged] == ["error"]
    assert "result" in result


# batches: 2025-03-26 alone

CALL = message("tools/call", {"name": "echo", "arguments": {"text": "x"}}, "a")


async def test_a_batch_is_answered_message_by_message(features: Served, ran: list[str]) -> None:
    """Under 2025-03-26 an array gets an array: one response a request, errors among them, nothing for notifications."""
    client = await initialized(features, revision="2025-03-26")
    body = [CALL, message("no/such", None, 7), {"jsonrpc": "2.0", "method": "notifications/initialized"}, {"jsonrpc": "2.0", "id": 8}, 5]
    reply = await client.post(features, body)
    answers = {answer.get("id"): answer for answer in reply.json}
    assert reply.status == 200
    assert len(reply.json) == 4
    assert answers["a"]["result"]["content"][0]["text"] == "x"
    assert answers[7]["error"]["code"] == -32601
    assert answers[8]["error"]["code"] == -32600
    assert answers[None]["error"]["code"] == -32600
    assert ran == ["echo"]


async def test_a_batch_of_notifications_is_accepted(features: Served) -> None:
    """Nothing to answer is 202 with an empty body."""
    client = await initialized(features, revision="2025-03-26")
    reply = await client.post(features, [{"jsonrpc": "2.0", "method": "notifications/initialized"}] * 2)
    assert (reply.status, reply.body) == (202, b"")


async def test_initialize_stands_alone(features: Served) -> None:
    """An initialize inside a batch is an error, and begins no session."""
    begin = message("initialize", {"protocolVersion": "2025-03-26", "capabilities": {}}, 1)
    reply = await features.post([begin, message("ping", None, 2)], features.tokens["acme"])
    answers = {answer["id"]: answer for answer in reply.json}
    assert answers[1]["error"]["code"] == -32600
    assert answers[2]["result"] == {}
    assert "mcp-session-id" not in reply.headers


@pytest.mark.parametrize("body", [[], [CALL] * 21, [[CALL]]])
async def test_batches_are_bounded(features: Served, ran: list[str], body: list[Any]) -> None:
    """An empty batch, one that is too long and one inside another are errors, and nothing runs."""
    reply = await features.post(body, features.tokens["acme"])
    assert "result" not in reply.body.decode()
    assert "-32600" in reply.body.decode()
    assert ran == []


@pytest.mark.parametrize("revision", ["2025-11-25", "2025-06-18"])
async def test_later_revisions_have_no_batches(features: Served, ran: list[str], revision: str) -> None:
    """From 2025-06-18 on an array is 400 and -32600, and nothing of it runs."""
    client = await initialized(features, revision=revision)
    reply = await client.post(features, [CALL, CALL])
    assert (reply.status, reply.json["error"]["code"]) == (400, -32600)
    assert ran == []
