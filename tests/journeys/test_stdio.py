"""`freehold stdio` as a host starts it: a real process, both eras, and how it ends."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from tests.conversations import Talk
from tests.operators import refused
from tests.processes import Place, place

pytestmark = pytest.mark.anyio

SPOKEN = '[sources.spoken]\npython = "tests.journeys.spoken:app"\n'
"""A source of Python tools: echo, print_it, slow and ask."""
ANNA = {"action": "accept", "content": {"name": "Anna"}}


@pytest.fixture
async def here(sqlite_url: str, tmp_path: Path) -> Place:
    """A folder whose server would be reachable under a public name, on one store, with the tenant acme."""
    folder = tmp_path / "here"
    folder.mkdir()
    made = place(folder, (sqlite_url, "memory:"), f"boundary = false\n{SPOKEN}")
    toml = folder / "freehold.toml"
    toml.write_text(toml.read_text().replace("http://127.0.0.1", "https://mcp.example.com").replace("page_size = 2", "page_size = 9"))
    await made.done("tenant", "create", "acme", "--plan", "forty")
    return made


class Spoken(Talk):
    """A running `freehold stdio`."""

    process: asyncio.subprocess.Process

    async def rest(self) -> tuple[int, list[dict[str, Any]], str]:
        """The end of its input, and what comes of it: the exit code, what it still says, and its errors."""
        out, err = await self.process.communicate(b"")
        return await self.process.wait(), [json.loads(line) for line in out.splitlines()], err.decode()


@asynccontextmanager
async def speaking(here: Place, *words: str) -> AsyncIterator[Spoken]:
    """The process; one that is still there at the end of the block is killed."""
    piped = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "freehold", "stdio", *words), cwd=here.folder, env=here.environment, stdin=piped, stdout=piped, stderr=piped
    )
    entry, way_out = process.stdin, process.stdout
    assert entry is not None
    assert way_out is not None

    async def write(text: str) -> None:
        entry.write(text.encode() + b"\n")
        await entry.drain()

    async def read() -> str:
        return (await way_out.readuntil(b"\n")).decode()

    talk = Spoken(write, read)
    talk.process = process
    try:
        async with asyncio.timeout(60):
            yield talk
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_the_official_client(here: Place, mode: Any, version: str) -> None:
    """The official Python client starts it, lists and calls, in either era; the call is in the local tenant's book."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "freehold", "stdio", "--tenant", "acme"], cwd=here.folder, env=here.environment
    )
    async with Client(server, mode=mode, read_timeout_seconds=30) as client:
        assert client.protocol_version == version
        assert "echo" in {tool.name for tool in (await client.list_tools()).tools}
        called = await client.call_tool("echo", {"text": "hello"})
        assert called.content[0].text == "hello"  # pyright: ignore[reportAttributeAccessIssue]  the first block is text
    assert [(entry["what"], entry["credential"], entry["outcome"]) for entry in await here.book("acme")] == [("echo", "local:stdio", "ok")]


async def test_both_eras_and_nothing_else_on_standard_output(here: Place) -> None:
    """Both eras in one conversation; what a tool prints, and what it reads, does not touch it; the end of input ends it with 0."""
    async with speaking(here, "--tenant", "acme", "--user", "ada") as talk:
        assert (await talk.call("who", number=1))["result"]["structuredContent"] == {"tenant": "acme", "user": "ada"}
        await talk.initialize("2025-03-26")
        printed = await talk.call("print_it", {"text": "canary-5d1"}, number=2, meta=None)
        assert printed["result"]["content"][0]["text"] == "read: ''"
        await talk.send("not JSON")
        assert (await talk.next())["error"]["code"] == -32700
        await talk.send("")
        code, rest, errors = await talk.rest()
    assert (code, rest, talk.heard) == (0, [], [])
    assert "canary-5d1" in errors
    assert "Traceback" not in errors


async def test_what_is_open_when_input_ends_is_answered(here: Place) -> None:
    """Requests sent before the end of input are answered before the process ends, and recorded; a last line needs no line end."""
    async with speaking(here, "--tenant", "acme") as talk:
        await talk.begin("tools/call", {"name": "slow", "arguments": {"text": "whole"}}, number=1)
        await talk.begin("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, number="s")
        assert talk.process.stdin is not None
        talk.process.stdin.write(b'{"jsonrpc":"2.0","id":2,"method":"ping"}')
        code, rest, _ = await talk.rest()
    answers = {message["id"]: message for message in rest if "id" in message}
    assert code == 0
    assert answers[1]["result"]["content"][0]["text"] == "whole"
    assert answers[2]["result"] == {}
    assert answers["s"]["result"]["resultType"] == "complete"
    assert [message["params"]["requestId"] for message in rest if message.get("method") == "notifications/cancelled"] == ["s"]
    assert [entry["outcome"] for entry in await here.book("acme")] == ["ok"]


async def test_sigterm_drains(here: Place) -> None:
    """SIGTERM takes no more requests, answers what is open, and ends with 0 although input goes on."""
    async with speaking(here, "--tenant", "acme") as talk:
        await talk.call("echo", {"text": "up"}, number=0)
        await talk.begin("tools/call", {"name": "slow", "arguments": {"text": "whole"}}, number=1)
        await talk.ask("server/discover", number=2)
        talk.process.terminate()
        assert (await talk.answer(1))["result"]["content"][0]["text"] == "whole"
        assert await talk.process.wait() == 0
    assert [entry["outcome"] for entry in await here.book("acme")] == ["ok", "ok"]


async def test_a_question_is_asked_and_answered(here: Place) -> None:
    """A 2025-x client is asked on its own line and answers on one; when input ends first, the question is not waited for."""
    able = {"elicitation": {}}
    async with speaking(here) as talk:
        await talk.initialize(capabilities=able)
        await talk.begin("tools/call", {"name": "ask", "arguments": {}}, number=1, meta=None)
        asked = await talk.next()
        await talk.send({"jsonrpc": "2.0", "id": asked["id"], "result": ANNA})
        assert (await talk.answer(1))["result"]["content"][0]["text"] == "Hello, Anna!"
        await talk.begin("tools/call", {"name": "ask", "arguments": {}}, number=2, meta=None)
        await talk.next()
        code, rest, _ = await talk.rest()
    assert code == 0
    assert [(message["id"], message["result"]["isError"]) for message in rest] == [(2, True)]


async def test_a_line_too_long_is_passed_over(here: Place) -> None:
    """A line of more than body_cap is refused without being kept, and the next one is served."""
    with (here.folder / "freehold.toml").open("r+") as file:
        text = file.read()
        file.seek(0)
        file.write(f"body_cap = 2048\n{text}")
    async with speaking(here) as talk:
        await talk.send('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"' + "x" * 200_000 + '"}}')
        refusal = await talk.next()
        assert (refusal["error"]["data"]["code"], "id" in refusal) == ("body_too_large", False)
        assert (await talk.ask("ping", number=2, meta=None))["result"] == {}


async def test_the_plan_is_the_tenants(here: Place) -> None:
    """A tenant there is acts on its own plan and not when it is suspended; a scope that was not named is not there."""
    async with speaking(here, "--tenant", "acme", "--scope", "mcp:read") as talk:
        assert {tool["name"] for tool in (await talk.ask("tools/list", number=1))["result"]["tools"]} == {"echo", "who", "slow", "ask"}
        for number in range(2, 42):
            assert not (await talk.call("echo", number=number))["result"].get("isError")
        over = await talk.call("echo", number=50)
        assert over["result"]["_meta"]["dev.freehold/refusal"]["code"] == "quota_exhausted"
        denied = await talk.call("print_it", {"text": "x"}, number=51)
        assert denied["error"]["data"]["code"] == "insufficient_scope"
        assert "result" not in denied
    await here.done("tenant", "suspend", "acme")
    refused(await here.run("stdio", "--tenant", "acme"), "Tenant acme is suspended.")
    refused(await here.run("stdio", "--tenant", "Not An Id"), "cannot be a tenant id")
