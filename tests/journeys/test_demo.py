"""The demo as an operator starts it, and that its verdicts are found out rather than assumed."""

import asyncio
import json
import os
import shlex
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from base64 import b64decode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from mcp.client import Client

from freehold.demo import snippets
from freehold.demo.session import Agent, connected, isolation

pytestmark = pytest.mark.anyio

LOST_PROXY = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
URL, TOKEN = "http://127.0.0.1:8080/mcp", "mcp_live_not-a-real-one"


@asynccontextmanager
async def started(folder: Path, *options: str, **environment: str) -> AsyncGenerator[Process]:
    """`freehold demo` with these options as its own process, with `folder` for temporary files; ended with the block."""
    given = {**os.environ, "TMPDIR": str(folder), "COLUMNS": "80", **environment}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "freehold", "demo", *options, stdout=PIPE, stderr=PIPE, env=given)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def left_in(folder: Path) -> list[Path]:
    """What a demo left behind."""
    return list(folder.iterdir())


async def test_once_as_json_ends_with_the_promised_line(tmp_path: Path) -> None:
    """`demo --once --json` puts one line on stdout, whatever proxy is set: isolated, quota met, each call and act in the ledger."""
    async with started(tmp_path, "--once", "--json", **LOST_PROXY) as process:
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert out.count(b"\n") == 1
    line = json.loads(out)
    assert list(line) == ["tools", "calls", "isolated", "quota_refused", "ledger", "seconds"]
    assert (line["tools"], line["isolated"], line["quota_refused"]) == (21, True, 3)
    assert line["ledger"] == {"entries": line["calls"] + 4, "verified": True}
    assert line["calls"] > 240
    assert b"Traceback" not in err
    assert left_in(tmp_path) == []


async def test_once_prints_a_table_that_fits_a_plain_terminal(tmp_path: Path) -> None:
    """At 80 columns, in ASCII and without colour, no line is too long, and the refused agent's sentence stands whole."""
    async with started(tmp_path, "--once", PYTHONIOENCODING="ascii", NO_COLOR="1") as process:
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    text = out.decode("ascii")
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    said = " ".join(text.split())
    assert "The daily quota of the free plan is used up: 100 of 100 calls." in said
    assert "none found" in said
    assert "mcp_live_" not in said


async def test_it_keeps_serving_what_its_snippets_say(tmp_path: Path) -> None:
    """Pasting the Claude Code line's address and key into a client works, until SIGTERM ends the demo cleanly and leaves nothing."""
    async with started(tmp_path) as process:
        assert process.stdout is not None
        command = ""
        async for line in process.stdout:
            command = line.decode() if line.startswith(b"claude mcp add") else command
            if b"Serving until" in line:
                break
        url, header = shlex.split(command)[-3], shlex.split(command)[-1]
        async with connected(url, header.removeprefix("Authorization: Bearer ")) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
        assert "list_tasks" in names
        assert "delete_task" not in names
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert left_in(tmp_path) == []


async def test_a_taken_port_is_refused_in_words(tmp_path: Path) -> None:
    """`--port` of a port in use ends with 1 and a sentence that says the mend, and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with started(tmp_path, "--once", "--port", str(port)) as process:
            _, err = await process.communicate()
    assert process.returncode == 1
    assert f"Port {port} is in use. Choose another with --port" in err.decode()
    assert b"Traceback" not in err


def agent(marker: str, *answers: str, unlike: int = 0) -> Agent:
    """An agent after its session; it is not connected any more."""
    made = Agent(marker, marker, cast("Client", None), lambda _: None, answers=list(answers), known={f"tsk_{len(marker)}"})
    made.unlike = unlike
    return made


async def test_isolation_is_found_only_by_a_search_that_could_have_failed() -> None:
    """A foreign word, a foreign id, an unlike probe, or an agent that never saw its own data: each of them ends the verdict."""
    good, other = agent("salt", "Salt tsk_4"), agent("quill", "quill tsk_5")
    assert isolation(good, other).holds
    assert (isolation(good, other).searched, isolation(good, other).canaries) == (2, 4)
    assert not isolation(good, agent("quill", "quill tsk_5", "Salt")).holds
    assert not isolation(agent("salt", "salt tsk_4 tsk_5"), other).holds
    assert not isolation(agent("salt", "salt tsk_4", unlike=1), other).holds
    assert not isolation(agent("salt", "tsk_4 but no word"), other).holds
    assert not isolation(agent("salt"), other).holds


async def test_snippets_can_be_pasted() -> None:
    """Every snippet is one shell command or one JSON document of its client's form, and carries address and token unchanged."""
    remote = {"url": URL, "headers": {"Authorization": f"Bearer {TOKEN}"}}
    assert json.loads(snippets.cursor("t", URL, TOKEN)) == {"mcpServers": {"t": remote}}
    assert json.loads(snippets.vs_code("t", URL, TOKEN)) == {"servers": {"t": {"type": "http", **remote}}}
    desktop: Any = json.loads(snippets.claude_desktop("t", URL, TOKEN))["mcpServers"]["t"]
    assert URL in desktop["args"]
    assert desktop["env"] == {"FREEHOLD_AUTHORIZATION": f"Bearer {TOKEN}"}
    link = parse_qs(urlsplit(snippets.cursor_link("t", URL, TOKEN)).query)
    assert (link["name"], json.loads(b64decode(link["config"][0]))) == (["t"], remote)
    for command in (snippets.claude_code("t", URL, TOKEN), snippets.inspector(URL, TOKEN)):
        assert URL in shlex.split(command)
        assert f"Authorization: Bearer {TOKEN}" in shlex.split(command)
