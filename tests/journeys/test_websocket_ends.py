"""What ends a WebSocket and what does not: bad frames and messages, credentials that end, bounds, slow readers, a drain."""

import asyncio
import base64
import json
import os
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from freehold.core.refusals import Refusal
from freehold.web import websocket
from tests.clocks import HandClock
from tests.conversations import Connection, Gate, connected, conversable, plain
from tests.processes import OFFERED, http, place
from tests.served import Served

pytestmark = pytest.mark.anyio

CANARY = "canary-91c2"
"""Must be in no log."""


@pytest.fixture
def gate() -> Gate:
    """A closed one."""
    return Gate()


@pytest.fixture
async def server(sqlite_url: str, tmp_path: Path, gate: Gate) -> AsyncIterator[Served]:
    """One of everything, and the gate; a small body cap."""
    async with conversable(plain(sqlite_url, tmp_path, body_cap=4_096), gate) as running:
        yield running


@pytest.fixture
async def talk(server: Served) -> AsyncIterator[Connection]:
    """A connection of a user of acme's."""
    async with connected(server, server.tokens["acme"]) as connection:
        yield connection


BAD_MESSAGES = {
    "no JSON": ("{" + CANARY, -32700, None),
    "duplicate key": ('{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32700, None),
    "not finite": ('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1e400}}', -32700, None),
    "deep": ("[" * 2_000, -32700, None),
    "no envelope": ('{"id":7,"method":"ping"}', -32600, 7),
    "params no object": ('{"jsonrpc":"2.0","id":"x","method":"ping","params":[1]}', -32600, "x"),
    "null id": ('{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None),
    "text": ('"hello"', -32600, None),
    "unknown method": ('{"jsonrpc":"2.0","id":8,"method":"canary-91c2"}', -32601, 8),
    "long batch": (json.dumps([{"jsonrpc": "2.0", "method": "x"}] * 21), -32600, None),
    "empty batch": ("[]", -32600, None),
}


@pytest.mark.parametrize("name", BAD_MESSAGES)
async def test_a_bad_message_is_answered_and_the_conversation_goes_on(
    talk: Connection, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """What is no request gets an error with its id if it can be read; it is not logged, the next is served (TR-01 to TR-09)."""
    text, code, number = BAD_MESSAGES[name]
    await talk.send(text)
    answer = await talk.next()
    assert (answer["error"]["code"], answer.get("id")) == (code, number)
    assert "result" not in answer
    assert (await talk.call("echo", {"text": "on"}, number=99))["result"]["content"][0]["text"] == "on"
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        '{"jsonrpc":"2.0","method":"notifications/initialized"}',
        '{"jsonrpc":"2.0","method":"notifications/no-such"}',
        '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}',
        '{"jsonrpc":"2.0","id":"0000000000000000.00000000000000000000000000000000","result":{}}',
        '{"jsonrpc":"2.0","id":4,"error":{"code":1,"message":"no"}}',
    ],
)
async def test_what_is_no_request_is_not_answered(talk: Connection, text: str) -> None:
    """Notifications, known or not, and answers nobody waits for get no answer and end nothing."""
    for _ in range(2):
        await talk.send(text)
        assert (await talk.call("echo", {"text": "on"}, number=1))["id"] == 1
        await talk.initialize()
    assert talk.heard == []


async def test_a_batch_of_the_oldest_revision(talk: Connection) -> None:
    """A 2025-03-26 batch is answered in one array, with its notifications left out and `initialize` refused; a newer revision has none."""
    await talk.initialize("2025-03-26")
    batch = [
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "initialize", "params": {"protocolVersion": "2025-03-26"}},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": "hi"}}},
    ]
    await talk.send(batch)
    answers = await talk.next()
    assert [answer["id"] for answer in answers] == [1, 2, 3]
    assert ["error" in answer for answer in answers] == [False, True, False]
    await talk.initialize("2025-06-18")
    await talk.send(batch)
    assert (await talk.next())["error"]["code"] == -32600


async def test_binary_frames_close(talk: Connection) -> None:
    """A binary frame is no message: 1003, with the mend in the reason, and nothing is answered."""
    await talk.socket.send_bytes(b'{"jsonrpc":"2.0","id":1,"method":"ping"}')
    code, reason = await talk.farewell()
    assert (code, "text frames" in reason) == (1003, True)
    assert talk.heard == []


async def test_a_message_too_large_closes(talk: Connection) -> None:
    """One byte more than body_cap closes with 1009; exactly body_cap is read."""
    body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    await talk.send(body + " " * (4_096 - len(body)))
    assert (await talk.next())["result"] == {}
    await talk.send(body + " " * (4_097 - len(body)))
    assert (await talk.farewell())[0] == 1009
    assert talk.heard == []


async def test_text_that_is_no_text_closes(talk: Connection, caplog: pytest.LogCaptureFixture) -> None:
    """A text frame that is not UTF-8 closes with 1007."""
    await talk.socket._writer.send_frame(b'{"\xff' + CANARY.encode(), 1)  # noqa: SLF001  the client will not send this of its own accord
    assert (await talk.farewell())[0] == 1007
    assert CANARY not in caplog.text


async def test_a_revoked_credential_closes(server: Served) -> None:
    """Each message is a request of its own: after the key is revoked the next one closes with 1008 and does not run (SSE-03)."""
    secret, key = await server.application.administration.create_key("acme")
    async with connected(server, None, headers={"x-api-key": secret}) as talk:
        assert "result" in await talk.call("echo", {"text": "hi"})
        await server.application.administration.revoke_key("acme", key.key_id)
        await talk.begin("tools/call", {"name": "echo", "arguments": {}}, number=2)
        code, reason = await talk.farewell()
    assert (code, "Get a new access token" in reason) == (1008, True)
    assert talk.heard == []


async def test_an_expired_credential_closes(sqlite_url: str, tmp_path: Path, gate: Gate) -> None:
    """A connection lives no longer than its token: the first message after it closes with 1008, and what was open is cancelled (SSE-03)."""
    clock = HandClock()
    async with conversable(plain(sqlite_url, tmp_path), gate, clock=clock) as server, connected(server, server.tokens["acme"]) as talk:
        await talk.begin("tools/call", {"name": "wait", "arguments": {}}, number=1)
        await gate.entered.wait()
        clock.advance(86_400)
        await talk.begin("server/discover", number=2)
        assert (await talk.farewell())[0] == 1008
        await gate.cancelled.wait()
    assert talk.heard == []


async def test_a_credential_that_cannot_be_checked_closes_nothing(
    server: Served, talk: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While credentials cannot be checked requests are refused in words, notifications dropped, and the connection stays."""

    async def unavailable(*_: object) -> None:
        raise Refusal("identity_unavailable")

    with monkeypatch.context() as patched:
        patched.setattr(server.application.resource, "principal", unavailable)
        await talk.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        refused = await talk.call("echo", {"text": "hi"}, number="q")
    assert (refused["id"], refused["error"]["data"]["code"]) == ("q", "identity_unavailable")
    assert "result" in await talk.call("echo", {"text": "hi"}, number=2)
    assert talk.heard == []


async def test_connections_of_one_caller_are_bounded(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """One connection more than a caller may have is refused with 429; another tenant's is not, and a closed one makes room (SSE-01)."""
    monkeypatch.setattr(websocket, "SHARE", 2)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(connected(server, server.tokens["acme"]))
        assert await refused_with(server, "acme") == 429
        other = await stack.enter_async_context(connected(server, server.tokens["globex"]))
        assert "result" in await other.call("echo", {"text": "hi"})
    async with connected(server, server.tokens["acme"]) as talk:
        assert "result" in await talk.call("echo", {"text": "hi"})


@pytest.mark.parametrize(("most", "of_one", "tenants"), [(8, 2, ("acme",)), (1, 1, ("acme", "globex"))], ids=["tenant", "process"])
async def test_connections_of_all_are_bounded(
    sqlite_url: str, tmp_path: Path, gate: Gate, most: int, of_one: int, tenants: tuple[str, ...]
) -> None:
    """A tenant has a quarter of the connections, whoever of it asks; a process has as many as `stream_cap` (SSE-01)."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(conversable(plain(sqlite_url, tmp_path, stream_cap=most), gate))
        for number in range(of_one):
            token = await server.token("acme", user=f"user-{number}")
            await stack.enter_async_context(connected(server, token))
        for tenant in tenants:
            assert await refused_with(server, tenant) == 429


async def refused_with(server: Served, tenant: str) -> int:
    """The HTTP status of a handshake that is refused."""
    import aiohttp

    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connected(server, server.tokens[tenant]):
            pass
    return refused.value.status


async def test_a_drain_lets_what_is_open_be_answered(server: Served, gate: Gate, talk: Connection) -> None:
    """From the drain on requests are refused in words; what was open is answered, and then the connection closes with 1001 (SSE-07)."""
    await talk.begin("tools/call", {"name": "wait", "arguments": {"text": "whole"}}, number=1)
    await gate.entered.wait()
    server.application.drain()
    refused = await talk.call("echo", {"text": "late"}, number=2)
    assert refused["error"]["data"]["code"] == "draining"
    assert await refused_with(server, "acme") == 503
    gate.open.set()
    code, reason = await talk.farewell()
    assert (code, "Connect again" in reason) == (1001, True)
    assert [(message["id"], message["result"]["content"][0]["text"]) for message in talk.heard] == [(1, "whole")]


async def test_a_drain_ends_subscriptions(server: Served, talk: Connection) -> None:
    """A subscription ends with its result, and with the notification that ends it where it has no stream of its own; then 1001."""
    await talk.begin("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, number="s")
    tag = {"io.modelcontextprotocol/subscriptionId": "s"}
    acknowledged = await talk.next()
    assert (acknowledged["method"], acknowledged["params"]["_meta"]) == ("notifications/subscriptions/acknowledged", tag)
    server.application.drain()
    assert (await talk.farewell())[0] == 1001
    ended, cancelled = talk.heard
    assert ended["id"] == "s"
    assert ended["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == "s"
    assert (cancelled["method"], cancelled["params"]["requestId"]) == ("notifications/cancelled", "s")


async def test_a_subscription_can_be_cancelled(server: Served, talk: Connection) -> None:
    """What changed is told under the subscription's tag, to its own tenant only, until the client cancels it; then nothing more comes."""
    await talk.begin("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, number="s")
    await talk.next()
    await server.call("change", token=server.tokens["globex"])
    await server.call("change", token=server.tokens["acme"])
    told = await talk.next()
    assert told["method"] == "notifications/tools/list_changed"
    assert told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == "s"
    await talk.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "s"}})
    await talk.call("change", number=1)
    await talk.call("echo", {"text": "on"}, number=2)
    assert talk.heard == []


async def test_a_legacy_client_is_told_what_changed(server: Served, talk: Connection) -> None:
    """After `initialize` changes of the lists, and of resources it watches, come without asking and untagged; other tenants' do not."""
    await talk.initialize()
    await talk.ask("resources/subscribe", {"uri": "note://welcome"}, number=1, meta=None)
    for what, method in (("prompts", "notifications/prompts/list_changed"), ("resource", "notifications/resources/updated")):
        await server.call("change", {"what": "tools"}, token=server.tokens["globex"])
        await server.call("change", {"what": what}, token=server.tokens["acme"])
        told = await talk.next()
        assert told["method"] == method
        assert "_meta" not in told.get("params", {})
    assert talk.heard == []


async def test_a_server_that_is_told_to_stop(sqlite_url: str, tmp_path: Path) -> None:
    """`freehold serve` at SIGTERM answers what is open on a WebSocket, closes it with 1001 and not before, and ends with 0 (SSE-07)."""
    here = place(tmp_path, (sqlite_url, "memory:"), OFFERED)
    token = await here.tenant("acme")
    async with here.serving() as running, http() as session:
        address = Served(None, running.url, session)  # pyright: ignore[reportArgumentType]  the application is in another process
        async with connected(address, token) as talk:
            await talk.begin("tools/call", {"name": "slow", "arguments": {"text": "whole"}}, number=1)
            await talk.ask("server/discover", number=2)
            running.process.terminate()
            assert (await talk.farewell())[0] == 1001
        assert [message["id"] for message in talk.heard] == [1]
        assert (await running.ended()).code == 0
    assert [entry["outcome"] for entry in await here.book("acme")] == ["ok"]


# below the client's library


async def raw(server: Served, *headers: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which a handshake with these headers more has been sent."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [
        "GET /mcp HTTP/1.1",
        f"Host: {host}:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Protocol: mcp",
        f"Authorization: Bearer {server.tokens['acme']}",
        *headers,
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    return reader, writer


def frame(opcode: int, payload: bytes = b"", *, last: bool = True) -> bytes:
    """A masked frame."""
    size = len(payload)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    return bytes([(0x80 if last else 0) | opcode]) + length + bytes(4) + payload


async def test_a_handshake_the_library_cannot_read_is_refused(server: Served) -> None:
    """A handshake with more headers than it takes is answered with 400 and closed, not kept without end."""
    reader, writer = await raw(server, *(f"X-{number}: x" for number in range(200)))
    async with asyncio.timeout(10):
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_pieces_without_end_are_hung_up_on(server: Served) -> None:
    """A message in pieces that never end, none of which brings the size limit nearer, costs a bounded number of them."""
    reader, writer = await raw(server)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(frame(1, b"{", last=False) + frame(0, last=False) * 2_000)
    async with asyncio.timeout(10):
        assert await _rest(reader) == b""
    writer.close()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection is over, however it ends."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize("hostile", [frame(3), bytes([0x81, 0x01]) + b"x", frame(0, b"x"), bytes([0xF1, 0x80, 0, 0, 0, 0])])
async def test_frames_against_the_rules_close(server: Served, hostile: bytes) -> None:
    """An unknown opcode, an unmasked frame, a piece of nothing and reserved bits close with 1002, and others are not disturbed."""
    reader, writer = await raw(server)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(hostile)
    async with asyncio.timeout(10):
        answer = await reader.read()
    assert answer[:1] == b"\x88"
    assert struct.unpack("!H", answer[2:4]) == (1002,)
    writer.close()
    async with connected(server, server.tokens["acme"]) as talk:
        assert "result" in await talk.call("echo", {"text": "hi"})
