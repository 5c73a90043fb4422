"""Answers that become event streams: progress and log messages before the result, and nothing a client did not ask for."""

import asyncio
import json
from typing import Any

import pytest

from freehold import Context, Freehold
from freehold.settings import Settings
from tests.clocks import HandClock
from tests.events import messages, streaming
from tests.served import META, MODERN, Reply, Served, served

pytestmark = pytest.mark.anyio

LOG_LEVEL = "io.modelcontextprotocol/logLevel"
TOKENS = ("p-1", 7, 0, "")


async def call(server: Served, tool: str, meta: dict[str, Any], **arguments: Any) -> Reply:
    """A call with this metadata."""
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    return await server.modern("tools/call", params, token=server.tokens["acme"], number="call")


@pytest.mark.parametrize("token", TOKENS)
async def test_progress_precedes_the_result_and_only_grows(features: Served, token: str | int) -> None:
    """With a progressToken each step forward is told with that token, in order; the result comes last and ends the stream."""
    said = messages((await call(features, "advance", {"progressToken": token})).body)
    steps = [message["params"] for message in said[:-1]]
    assert all(message["method"] == "notifications/progress" and "id" not in message for message in said[:-1])
    assert [step["progress"] for step in steps] == [1, 2, 3.5]
    assert all(step["progressToken"] == token and type(step["progressToken"]) is type(token) for step in steps)
    assert steps[0]["total"] == 4
    assert steps[0]["message"] == "step 1"
    assert (said[-1]["id"], said[-1]["result"]["resultType"]) == ("call", "complete")


async def test_a_call_that_says_nothing_is_answered_in_json(features: Served) -> None:
    """Without a token nobody hears of progress, and the answer stays one JSON object; so does that of a call with nothing to tell."""
    for tool, meta in (("advance", {}), ("echo", {"progressToken": "p", LOG_LEVEL: "debug"}), ("chat", {})):
        reply = await call(features, tool, meta)
        assert reply.headers["content-type"] == "application/json"
        assert reply.json["result"]["resultType"] == "complete"


LEVELS: dict[str, list[str]] = {
    "debug": ["debug", "info", "error"],
    "info": ["info", "error"],
    "notice": ["error"],
    "error": ["error"],
    "critical": [],
}


@pytest.mark.parametrize("level", LEVELS)
async def test_log_messages_are_of_the_asked_level_or_graver(features: Served, level: str) -> None:
    """A log level in the request brings messages of that level and above, for this request only."""
    reply = await call(features, "chat", {LOG_LEVEL: level})
    said = messages(reply.body)[:-1] if reply.headers["content-type"].startswith("text/event-stream") else []
    assert [message["params"]["level"] for message in said] == LEVELS[level]
    assert all(message["method"] == "notifications/message" for message in said)
    assert [message["params"]["data"] for message in said if message["params"]["level"] == "debug"] in ([], [{"said": "debug"}])
    after = await call(features, "chat", {})
    assert after.headers["content-type"] == "application/json"


@pytest.mark.parametrize("level", ["loud", "", 3, None, ["info"]])
async def test_an_unknown_log_level_is_refused(features: Served, level: object) -> None:
    """A level that is none of the eight is -32602."""
    reply = await call(features, "chat", {LOG_LEVEL: level})
    assert (reply.status, reply.json["error"]["code"], reply.json["id"]) == (400, -32602, "call")


async def test_what_an_event_stream_looks_like(features: Served) -> None:
    """One JSON object a data line, no event ids and no retry, nothing buffered or cached on the way, no session."""
    reply = await call(features, "advance", {"progressToken": "p"})
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["x-accel-buffering"] == "no"
    assert "no-cache" in reply.headers["cache-control"]
    assert "mcp-session-id" not in reply.headers
    lines = reply.body.split(b"\n")
    assert not [line for line in lines if line.startswith((b"id:", b"retry:"))]
    assert all(json.loads(line[5:])["jsonrpc"] == "2.0" for line in lines if line.startswith(b"data:"))


@pytest.mark.parametrize("accept", ["application/json, text/event-stream", "*/*", "application/*, text/*", "application/json", ""])
async def test_accept_is_read_liberally(features: Served, accept: str) -> None:
    """An odd or missing Accept never costs the answer; who takes JSON alone gets JSON, without what would come before it."""
    headers = {"accept": accept or "*/*"}
    params = {"name": "echo", "arguments": {"text": "x"}}
    reply = await features.modern("tools/call", params, token=features.tokens["acme"], headers=headers)
    assert (reply.status, reply.text) == (200, "x")
    told = {"name": "advance", "arguments": {}, "_meta": {"progressToken": 1}}
    reply = await features.modern("tools/call", told, token=features.tokens["acme"], headers=headers)
    *progress, last = messages(reply.body) if reply.headers["content-type"].startswith("text/event-stream") else [reply.json]
    assert last["result"]["resultType"] == "complete"
    assert accept != "application/json" or not progress


async def test_sessions_and_resumption_are_ignored(features: Served) -> None:
    """A session id or Last-Event-ID on a modern request changes nothing, and no session id comes back."""
    headers = {"mcp-session-id": "made-up", "last-event-id": "5"}
    reply = await features.modern("tools/list", token=features.tokens["acme"], headers=headers)
    assert reply.status == 200
    assert "mcp-session-id" not in reply.headers


def waiting(started: asyncio.Event, ended: asyncio.Event) -> Freehold:
    """An application whose one tool tells that it runs, and that it ended."""
    app = Freehold("waiting")

    @app.tool(read_only=True)
    async def wait(context: Context) -> str:
        """Run until cancelled."""
        try:
            await context.progress(1)
            started.set()
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "never"

    return app


async def test_closing_the_stream_cancels_the_request(plain: Settings) -> None:
    """A client that closes a request's stream has cancelled it: the function is stopped."""
    started, ended = asyncio.Event(), asyncio.Event()
    async with served(plain, functions=[waiting(started, ended).functions]) as server:
        await server.tenant("acme")
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                "params": {"name": "wait", "arguments": {}, "_meta": {**META, "progressToken": 1}}}  # fmt: skip
        headers = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "wait"}
        async with streaming(server, server.tokens["acme"], body, headers=headers) as stream:
            assert (await stream.next())["method"] == "notifications/progress"
            await started.wait()
            assert not ended.is_set()
        await asyncio.wait_for(ended.wait(), 10)


async def test_a_posted_cancellation_stops_nobody_elses_request(plain: Settings) -> None:
    """notifications/cancelled by POST is accepted and, in 2026-07-28, acts on no request: ids are guessable."""
    started, ended = asyncio.Event(), asyncio.Event()
    async with served(plain, functions=[waiting(started, ended).functions]) as server:
        await server.tenant("acme")
        params = {"name": "wait", "arguments": {}}
        call = asyncio.create_task(server.modern("tools/call", params, token=server.tokens["acme"], number=5))
        await started.wait()
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5, "_meta": META}}
        headers = {"mcp-protocol-version": MODERN, "mcp-method": "notifications/cancelled"}
        assert (await server.post(note, server.tokens["acme"], headers=headers)).status == 202
        assert not ended.is_set()
        call.cancel()
        await asyncio.wait_for(ended.wait(), 10)


async def test_a_waiting_call_shows_that_it_lives(plain: Settings) -> None:
    """While a call's stream is silent a comment goes out now and then, so that nothing on the way takes it for dead."""
    started, ended, clock = asyncio.Event(), asyncio.Event(), HandClock()
    async with served(plain, functions=[waiting(started, ended).functions], clock=clock) as server:
        await server.tenant("acme")
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                "params": {"name": "wait", "arguments": {}, "_meta": {**META, "progressToken": 1}}}  # fmt: skip
        headers = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "wait"}
        async with streaming(server, server.tokens["acme"], body, headers=headers) as stream:
            await stream.next()
            clock.advance(15.0)
            line = await asyncio.wait_for(stream.answer.content.readline(), 3)
        assert line.startswith(b":")


async def test_progress_is_limited_in_rate(plain: Settings) -> None:
    """A tool that reports ten thousand steps at once is heard now and then, in order, and its last step always."""
    app = Freehold()

    @app.tool(read_only=True)
    async def rush(context: Context) -> str:
        """Report far too often."""
        for step in range(1, 10_001):
            await context.progress(step, 10_000)
        return "done"

    async with served(plain, functions=[app.functions], clock=HandClock()) as server:
        await server.tenant("acme")
        said = messages((await call(server, "rush", {"progressToken": 1})).body)
    steps = [message["params"]["progress"] for message in said[:-1]]
    assert 2 < len(steps) < 100
    assert steps == sorted(steps)
    assert steps[-1] == 10_000
    assert "done" in said[-1]["result"]["content"][0]["text"]
