"""The WebSocket at /mcp: who may open one, and the same calls in both eras on the one connection."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from freehold.web import conversation
from tests.conversations import Connection, Gate, connected, conversable, plain
from tests.handshakes import ABLE
from tests.processes import soon
from tests.served import META, MODERN, Served

pytestmark = pytest.mark.anyio

ANNA = {"action": "accept", "content": {"name": "Anna"}}


@pytest.fixture
def gate() -> Gate:
    """A closed one."""
    return Gate()


@pytest.fixture
async def server(sqlite_url: str, tmp_path: Path, gate: Gate) -> AsyncIterator[Served]:
    """One of everything, and the gate."""
    async with conversable(plain(sqlite_url, tmp_path), gate) as running:
        yield running


@pytest.fixture
async def talk(server: Served) -> AsyncIterator[Connection]:
    """A connection of a user of acme's."""
    async with connected(server, server.tokens["acme"]) as connection:
        yield connection


async def handshake(server: Served, headers: Mapping[str, str], *, path: str = "/mcp", protocols: tuple[str, ...] = ("mcp",)) -> Any:
    """Status, headers and body of a handshake that is refused."""
    key = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
    offered = {"sec-websocket-protocol": ", ".join(protocols)} if protocols else {}
    return await server.request("GET", path, headers={**key, **offered, **headers})


async def outcomes(server: Served) -> list[tuple[str, str]]:
    """What acme's book says of its calls, by the tools' names."""
    lines = b"".join([part async for part in server.application.book.export("acme", "jsonl")]).splitlines()
    calls = [entry for entry in map(json.loads, lines) if entry["kind"] == "call"]
    return sorted((entry["what"], entry["outcome"]) for entry in calls)


def bearer(server: Served, tenant: str = "acme") -> dict[str, str]:
    """The header that says who is calling."""
    return {"authorization": f"Bearer {server.tokens[tenant]}"}


async def test_a_call_as_over_http(server: Served, talk: Connection) -> None:
    """A 2026-07-28 call on the connection gives the result that POST gives, for the connection's own tenant."""
    answer = await talk.call("who", number="a")
    posted = await server.call("who", token=server.tokens["acme"], number="a")
    assert answer == posted.json
    assert answer["result"]["structuredContent"] == {"tenant": "acme", "user": "user"}
    assert talk.heard == []


async def test_a_call_is_recorded(server: Served, talk: Connection) -> None:
    """A call on the connection is in the tenant's book once, like any other; a list is not."""
    await talk.call("echo", {"text": "hi"})
    await talk.ask("tools/list", number=2)
    assert await outcomes(server) == [("echo", "ok")]


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"authorization": ""}, 401, "unauthenticated"),
        ({"authorization": "Bearer nobody"}, 401, "invalid_token"),
        ({"origin": "https://evil.example"}, 403, "origin_not_allowed"),
        ({"origin": "null"}, 403, "origin_not_allowed"),
        ({"host": "evil.example"}, 421, "host_not_allowed"),
    ],
    ids=["no credential", "bad credential", "origin", "null origin", "host"],
)
async def test_a_handshake_is_refused_over_http(server: Served, changed: dict[str, str], status: int, error: str) -> None:
    """Host, origin and credential are judged before there is a connection, with POST's status, challenge and words (TR-23, TR-24)."""
    given = {key: value for key, value in {**bearer(server), **changed}.items() if value}
    reply = await handshake(server, given)
    assert (reply.status, reply.json["error"]["data"]["code"]) == (status, error)
    assert ("www-authenticate" in reply.headers) == (status == 401)
    assert "sec-websocket-accept" not in reply.headers


@pytest.mark.parametrize("protocols", [(), ("mqtt",), ("MCP",)])
async def test_the_subprotocol_is_required(server: Served, protocols: tuple[str, ...]) -> None:
    """A handshake that does not offer `mcp` is refused in words."""
    reply = await handshake(server, bearer(server), protocols=protocols)
    assert (reply.status, reply.json["error"]["data"]["code"]) == (400, "subprotocol_missing")
    assert "sec-websocket-accept" not in reply.headers


async def test_the_subprotocol_is_chosen(talk: Connection) -> None:
    """Of what a client offers, `mcp` is what the connection speaks, uncompressed."""
    assert talk.socket.protocol == "mcp"
    assert talk.socket.compress == 0


async def test_other_paths_are_no_websockets(server: Served) -> None:
    """There is one endpoint; elsewhere a handshake is 404."""
    for path in ("/", "/mcp/", "/livez"):
        reply = await handshake(server, bearer(server), path=path)
        assert (reply.status, reply.json["error"]["data"]["code"]) == (404, "not_found")


async def test_a_credential_in_the_address_counts_for_nothing(server: Served) -> None:
    """A token in the query is no credential."""
    reply = await handshake(server, {}, path=f"/mcp?access_token={server.tokens['acme']}")
    assert reply.status == 401


async def test_a_legacy_conversation(talk: Connection) -> None:
    """After `initialize` messages without an era are of the revision agreed on; no session id is shown, no modern member sent."""
    answer = await talk.initialize("2025-06-18")
    assert answer["result"]["protocolVersion"] == "2025-06-18"
    listed = await talk.ask("tools/list", number=1, meta=None)
    called = await talk.call("who", number=2, meta=None)
    assert {"who", "wait"} <= {tool["name"] for tool in listed["result"]["tools"]}
    assert called["result"]["structuredContent"]["tenant"] == "acme"
    assert await talk.ask("ping", number=3, meta=None) == {"jsonrpc": "2.0", "id": 3, "result": {}}
    assert "session" not in json.dumps([answer, listed, called]).lower()
    assert "resultType" not in json.dumps([answer, listed, called])


async def test_both_eras_on_one_connection(talk: Connection) -> None:
    """A message that carries 2026-07-28 metadata is of that revision, before and after `initialize`; legacy methods are not in it."""
    assert (await talk.ask("server/discover", number=1))["result"]["supportedVersions"] == [MODERN]
    await talk.initialize()
    assert (await talk.ask("server/discover", number=2))["result"]["resultType"] == "complete"
    assert (await talk.ask("ping", number=3))["error"]["code"] == -32601
    assert "resultType" not in (await talk.ask("tools/list", number=4, meta=None))["result"]


async def test_metadata_is_checked_without_headers(talk: Connection) -> None:
    """There are no headers to repeat, but a version nobody speaks and missing capabilities are refused as over HTTP."""
    unknown = await talk.ask("tools/list", number=1, meta={**META, "io.modelcontextprotocol/protocolVersion": "2099-01-01"})
    assert (unknown["error"]["code"], unknown["error"]["data"]["supported"]) == (-32022, [MODERN])
    missing = await talk.ask("tools/list", number=2, meta={"io.modelcontextprotocol/protocolVersion": MODERN})
    assert missing["error"]["code"] == -32602
    assert "result" not in unknown
    assert "result" not in missing


async def test_mirrored_arguments_need_no_headers(talk: Connection) -> None:
    """A tool whose arguments are mirrored in headers over HTTP is called with its arguments alone."""
    answer = await talk.call("mirrored", {"region": "eu", "count": 3})
    assert "error" not in answer
    assert not answer["result"].get("isError")


async def test_a_question_waits_for_its_answer(talk: Connection) -> None:
    """A 2025-x client is asked on the connection and answers on it; the call that asked then goes on, and others ran meanwhile."""
    await talk.initialize(capabilities=ABLE)
    await talk.begin("tools/call", {"name": "ask_name", "arguments": {}}, number=7, meta=None)
    asked = await talk.next()
    assert asked["method"] == "elicitation/create"
    assert (await talk.call("echo", {"text": "meanwhile"}, number=8, meta=None))["id"] == 8
    await talk.send({"jsonrpc": "2.0", "id": asked["id"], "result": ANNA})
    answer = await talk.answer(7)
    assert "Hello, Anna!" in answer["result"]["content"][0]["text"]
    assert talk.heard == []


async def test_another_conversation_cannot_answer(server: Served, talk: Connection) -> None:
    """The answer to a question counts only on the connection that was asked, even from the same user (SSE-08)."""
    await talk.initialize(capabilities=ABLE)
    await talk.begin("tools/call", {"name": "ask_name", "arguments": {}}, number=7, meta=None)
    asked = await talk.next()
    async with connected(server, server.tokens["acme"]) as other:
        await other.initialize(capabilities=ABLE)
        await other.send({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept", "content": {"name": "Mallory"}}})
        assert (await other.ask("ping", number=1, meta=None))["result"] == {}
    await talk.send({"jsonrpc": "2.0", "id": asked["id"], "result": ANNA})
    answer = await talk.answer(7)
    assert "Anna" in answer["result"]["content"][0]["text"]
    assert "Mallory" not in json.dumps(answer)


async def test_rounds(talk: Connection) -> None:
    """A 2026-07-28 client is asked by the result and calls again with its answer and the state."""
    able = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    params: dict[str, Any] = {"name": "ask_name", "arguments": {}}
    first = await talk.ask("tools/call", params, number=1, meta=able)
    assert first["result"]["resultType"] == "input_required"
    again = {**params, "inputResponses": {"user_name": ANNA}, "requestState": first["result"]["requestState"]}
    assert "Hello, Anna!" in (await talk.ask("tools/call", again, number=2, meta=able))["result"]["content"][0]["text"]


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_progress_comes_before_the_answer(talk: Connection, era: str) -> None:
    """What a call tells meanwhile comes on the connection, tagged by the client's token, only forward and never after the answer."""
    if era == "legacy":
        await talk.initialize()
    said = {"progressToken": "p"}
    params = {"name": "advance", "arguments": {}, "_meta": said}
    await talk.ask("tools/call", params, number=1, meta={**META, **said} if era == "modern" else None)
    assert [message["params"]["progress"] for message in talk.heard] == [1, 2, 3.5]
    assert {message["params"]["progressToken"] for message in talk.heard} == {"p"}


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_request_can_be_cancelled(server: Served, gate: Gate, talk: Connection, era: str) -> None:
    """`notifications/cancelled` stops the request of that id through to the tool; it is never answered, and in the book as cancelled."""
    if era == "legacy":
        await talk.initialize()
    meta = META if era == "modern" else None
    await talk.begin("tools/call", {"name": "wait", "arguments": {}}, number=5, meta=meta)
    await gate.entered.wait()
    for request in ("5", 6, None, [5]):  # ids of no request that is open
        await talk.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request}})
    await talk.call("echo", {"text": "still here"}, number=6, meta=meta)
    assert not gate.cancelled.is_set()
    await talk.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}})
    await gate.cancelled.wait()
    await talk.call("echo", {"text": "and on"}, number=7, meta=meta)
    assert talk.heard == []
    assert await outcomes(server) == [("echo", "ok"), ("echo", "ok"), ("wait", "cancelled")]


async def test_another_conversation_cannot_cancel(server: Served, gate: Gate, talk: Connection) -> None:
    """A cancellation names a request of its own connection; another's of the same id goes on."""
    await talk.begin("tools/call", {"name": "wait", "arguments": {"text": "done"}}, number=5)
    await gate.entered.wait()
    async with connected(server, server.tokens["acme"]) as other:
        await other.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}})
        await other.call("echo", {"text": "heard"}, number=1)
    gate.open.set()
    assert "done" in (await talk.answer(5))["result"]["content"][0]["text"]
    assert not gate.cancelled.is_set()


async def test_no_more_requests_than_may_be_open(gate: Gate, talk: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request more than may be open is refused in words; those that are open are answered, and then there is room again."""
    monkeypatch.setattr(conversation, "MOST", 2)
    for number in (1, 2):
        await talk.begin("tools/call", {"name": "wait", "arguments": {}}, number=number)
    refused = await talk.call("echo", {"text": "hi"}, number=3)
    assert (refused["error"]["code"], refused["error"]["data"]["code"]) == (429, "too_many_requests")
    gate.open.set()
    assert {(await talk.next())["id"] for _ in range(2)} == {1, 2}
    assert "result" in await talk.call("echo", {"text": "hi"}, number=4)


async def test_an_id_is_open_once(gate: Gate, talk: Connection) -> None:
    """A second request under the id of one that is open is refused and does not run; the first is answered (TR-07)."""
    await talk.begin("tools/call", {"name": "wait", "arguments": {"text": "first"}}, number=1)
    await gate.entered.wait()
    refused = await talk.call("echo", {"text": "second"}, number=1)
    assert refused["error"]["code"] == -32600
    gate.open.set()
    assert "first" in (await talk.answer(1))["result"]["content"][0]["text"]


async def test_a_closed_connection_cancels(gate: Gate, server: Served) -> None:
    """What is open when the client goes away is cancelled through to the tool, and its place is free again."""
    async with connected(server, server.tokens["acme"]) as talk:
        await talk.begin("tools/call", {"name": "wait", "arguments": {}}, number=1)
        await gate.entered.wait()
    async with asyncio.timeout(10):  # sooner than the call's own deadline
        await gate.cancelled.wait()

    async def none_left() -> bool:
        return server.application.doors.sockets["/mcp"].count == 0

    await soon(none_left)
