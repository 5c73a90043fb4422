"""What a review found without bounds once: heads, trailers, views, explanations of faults; and what was started and never ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from freehold.adapters.state_memory import MemoryState
from freehold.adapters.state_redis import open_redis
from freehold.cli import heads
from freehold.cli.heads import BoundedHeads
from freehold.core.call import Call
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.catalog.cursors import Cursors
from freehold.domains.catalog.resolve import Catalog
from freehold.domains.guard.arguments import Arguments
from freehold.domains.sources.functions import Functions
from freehold.kit.changes import Changes
from freehold.kit.clock import SystemClock
from freehold.kit.crypto import Seal
from freehold.kit.db import connect
from freehold.kit.http import Request
from freehold.roster import InProcessApi
from freehold.settings import PlanSettings, Settings
from freehold.web.edges import Edges
from tests.served import served

pytestmark = pytest.mark.anyio

HEAD = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n"


@asynccontextmanager
async def bounded() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server with bounded heads that answers everything with 204 at once."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None, ws="none", http=BoundedHeads))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for this
        await asyncio.sleep(0)
    reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await task


@pytest.mark.parametrize(
    "begins",
    [
        HEAD,
        b"POST /" + b"x" * 100,
        HEAD + b"x-one: ",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;",
    ],
    ids=["headers", "target", "one header", "trailers", "chunk extension"],
)
async def test_what_never_ends_is_hung_up_on(begins: bytes) -> None:
    """Headers, a target, trailers or chunk extensions without end cost one connection 64 kB, not all the memory there is (TR-26)."""
    line = b"x-more: " + b"a" * 8_000 + b"\r\n" if begins.endswith(b"\n") else b"a" * 8_000
    async with bounded() as (reader, writer):
        writer.write(begins)
        sent = 0
        with suppress(ConnectionError):
            async with asyncio.timeout(20):
                while not reader.at_eof() and sent < 50_000_000:
                    writer.write(line)
                    await writer.drain()
                    sent += len(line)
                    await asyncio.sleep(0)
        assert sent < 5_000_000


@pytest.mark.parametrize("begins", [b"", b"POST /mcp HTTP/1.1\r\nHost: loc"], ids=["nothing", "half a head"])
async def test_a_head_that_does_not_come_is_not_waited_for(begins: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that sends nothing, or stops in the middle of a head, is closed when its time is up (TR-19)."""
    monkeypatch.setattr(heads, "SECONDS", 0.05)
    async with bounded() as (reader, writer), asyncio.timeout(10):
        writer.write(begins)
        with suppress(ConnectionError):
            assert await reader.read() == b""


async def test_ordinary_requests_are_none_the_wiser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large headers within the bound, a head in pieces, bodies and requests that follow each other on one connection are answered."""
    monkeypatch.setattr(heads, "SECONDS", 5)
    body = b"x" * 200_000
    first = HEAD + b"x-large: " + b"a" * 30_000 + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with bounded() as (reader, writer), asyncio.timeout(10):
        for data in (first[:20], first[20:] + body, first + body, HEAD + b"\r\n"):
            writer.write(data)
            await writer.drain()
            if data is not first[:20] and len(data) != 20:
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")


async def test_a_path_written_with_percent_signs_leads_nowhere(tmp_path: Path) -> None:
    """`/%6detrics` is not `/metrics`: a proxy's rule about a path cannot be walked around by spelling it otherwise (RS-11)."""
    async with served(Settings(data_dir=tmp_path / "data")) as server:
        for path, status in (
            ("/livez", b"200"),
            ("/livez?a=%20", b"200"),
            ("/%6civez", b"404"),
            ("/%6detrics", b"404"),
            ("/mc%70", b"404"),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert (await reader.readline()).split()[1] == status, path
            await reader.read()
            writer.close()


async def test_an_in_process_application_ends_with_the_server(tmp_path: Path) -> None:
    """The lifespan of the SaaS's own application that began with its first call ends when the server stops, and no task is left."""
    said: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        said.append("up")
        yield
        said.append("down")

    api = FastAPI(lifespan=lifespan)

    @api.get("/things")
    async def things() -> dict[str, str]:
        return {}

    settings = Settings(data_dir=tmp_path / "data", plans={"open": PlanSettings()}, default_plan="open")
    before = asyncio.all_tasks()
    async with served(settings, apis=[InProcessApi(name="shop", app=api)]) as server:
        token = await server.tenant("acme")
        (tool, _) = (await server.modern("tools/list", token=token)).json["result"]["tools"]
        assert (await server.call(tool["name"], token=token)).status == 200
        assert said == ["up"]
    assert said == ["up", "down"]
    assert asyncio.all_tasks() == before


async def test_broadcasts_are_heard_again_after_a_close(redis_url: str) -> None:
    """A state that was closed and is used again, as when an application is served twice, listens again."""
    state = open_redis(redis_url, prefix="again:", seconds=30.0)
    async with asyncio.timeout(30):
        for _ in range(2):
            heard = asyncio.Event()
            state.subscribe("topic", lambda _message, heard=heard: heard.set())
            await state.check()
            await state.publish("topic", "")
            await heard.wait()
            await state.close()


async def test_who_asks_twice_to_hear_of_changes_is_told_once(sqlite_url: str) -> None:
    """Each start of an application asks again; a hundred starts do not make it forget a hundred times over at each change."""
    changes = Changes(connect(sqlite_url), MemoryState(SystemClock()))
    told: list[str] = []
    changes.watch(tell := partial(told.append, "once"))
    changes.watch(tell)
    await changes.announce()
    assert told == ["once"]


def test_scopes_that_no_tool_asks_for_make_no_view_of_their_own() -> None:
    """A thousand tokens with scopes of their own invention share one list of tools in memory, and see the same (TEN-08)."""
    functions = Functions()

    async def hello() -> str:
        """Say hello."""
        return "hello"

    functions.add(hello, read_only=True)
    catalog = Catalog(Cursors(Seal(bytes(32))), page_size=10)
    catalog.replace([functions])

    def page(*scopes: str) -> bytes:
        who = {"tenant": "acme", "subject": "u", "client": "c", "credential": "k", "plan": "open", "expires_at": 9e9}
        return catalog.page(Principal(scopes=frozenset(scopes), **who), "tools", None).items

    first = page("mcp:read")
    assert all(page("mcp:read", f"invented:{number}") is first for number in range(100))
    assert page("mcp:write") == page("invented:1") == b"[]"


async def test_a_content_length_of_thousands_of_digits_is_too_large() -> None:
    """A number Python would not even read is a body that is too large, on servers that pass it on (TR-16)."""
    edges = Edges(hosts=[], origins=[], loopback=False, body_cap=1024)
    headers = {b"content-type": b"application/json", b"content-length": b"9" * 5000}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    with pytest.raises(Refusal, match="larger than 1024 bytes"):
        await edges.body(headers, receive)


def test_alternatives_that_lead_into_themselves_are_explained_at_once() -> None:
    """Twelve levels of a recursive oneOf, 300 bytes, took eleven seconds to explain and held up every tenant (TR-29, TEN-18)."""
    branches = [{"properties": {"c": {"$ref": "#/$defs/n"}}, "required": [name]} for name in "abc"]
    schema = {
        "type": "object",
        "properties": {"f": {"$ref": "#/$defs/n"}, "k": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
        "$defs": {"n": {"oneOf": branches}},
    }
    value: dict[str, Any] = {"a": "x"}
    for _ in range(12):
        value = {"c": value, "a": "1", "b": "2"}
    tool = Tool(name="t", description="", input_schema=schema, source="s", scopes=frozenset())
    assert (
        Arguments().fault(tool, {"f": value, "k": "x"}) == "f must fit exactly one of the allowed shapes; k must be of type integer, null"
    )
    assert Arguments().fault(tool, {"f": {"a": "x"}, "k": None}) is None


def test_of_large_arguments_only_the_first_fault_is_looked_for() -> None:
    """Every wrong item of a long list is not made into an error only to name three (TR-29)."""
    schema = {"type": "object", "properties": {"items": {"type": "array", "items": {"type": "integer"}}}}
    tool = Tool(name="t", description="", input_schema=schema, source="s", scopes=frozenset())
    assert Arguments().fault(tool, {"items": ["x"] * 100_000}) == "items.0 must be of type integer"
    assert Arguments().fault(tool, {"items": ["x"] * 4}) == "; ".join(f"items.{at} must be of type integer" for at in range(3))


def test_calls_and_requests_tell_nothing_of_what_they_carry() -> None:
    """Credential, arguments, address and body are not in the text that a log or an error report would take (VA-14)."""
    who = {"tenant": "acme", "subject": "u", "client": "c", "credential": "key:1", "plan": "open", "expires_at": 9e9}
    call = Call(
        id="1",
        at=0.0,
        principal=Principal(scopes=frozenset(), **who),
        tool=Tool(name="pay", description="", input_schema={}, source="s", scopes=frozenset()),
        arguments={"card": "canary-argument"},
        request_id="r",
        revision="",
        bytes_in=0,
        deadline=0.0,
        credential=(("authorization", "Bearer canary-token"),),
    )
    request = Request(method="POST", url="https://api.example.com/canary-path?q=canary", headers=call.credential, body=b"canary-body")
    assert repr(call) == "Call('1', tool='pay')"
    assert repr(request) == "Request('POST', 'https://api.example.com')"
