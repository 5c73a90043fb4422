"""From a document to the wire: every request is read back as raw bytes by a server that knows nothing of us."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from freehold.core.call import Call, Outcome
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.sources.openapi.invoke import OpenApiSource
from freehold.domains.sources.openapi.tools import compile_tools
from freehold.domains.sources.port import Source
from freehold.kit.outbound import GuardedClient
from tests.documents import document, parameter

pytestmark = pytest.mark.anyio

PRINCIPAL = Principal(
    tenant="acme", subject="ada", client="test", credential="key:1", scopes=frozenset({"mcp:read"}), plan="free", expires_at=4e9
)
JSON = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'


def reply(body: bytes, kind: str = "application/json", status: str = "200 OK", *more: str) -> bytes:
    """A whole HTTP/1.1 answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *([f"Content-Type: {kind}"] if kind else []), *more]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Recorder:
    """A server that keeps what arrives, byte for byte, and answers what it was told."""

    url: str = ""
    answer: bytes | Callable[[bytes], bytes] = JSON
    """Or what to answer to each head."""
    breaks_off: bool = False
    hangs: bool = False
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The last request line."""
        return self.heads[-1].split(b"\r\n")[0].decode("latin-1")

    @property
    def headers(self) -> dict[str, str]:
        """The last request's headers, names in lower case."""
        pairs = (line.decode("latin-1").partition(": ") for line in self.heads[-1].split(b"\r\n")[1:] if line)
        return {name.lower(): value for name, _, value in pairs}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(int(self.headers.get("content-length", 0))))
                if self.hangs:
                    await reader.read()
                writer.write(self.answer if isinstance(self.answer, bytes) else self.answer(head))
                await writer.drain()
                if self.breaks_off:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    """The recorder on a free loopback port."""
    recorder = Recorder()
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    async with server:
        recorder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield recorder


Run = Callable[..., Any]


@asynccontextmanager
async def source(
    paths: Mapping[str, Any], *, seconds: float = 5.0, cap: int = 1_000_000, base: str = "/v1", **more: Any
) -> AsyncIterator[tuple[Recorder, Run]]:
    """A recorder and the way to call the document's tools by position."""
    async with recording() as recorder:
        compiled = compile_tools(document(paths, **more), source="api", base_url=recorder.url + base)
        client = GuardedClient(["127.0.0.1"])
        made: Source = OpenApiSource("api", compiled, client, seconds=seconds, cap=cap)

        async def run(
            arguments: Mapping[str, Any] | None = None, *, at: int = 0, credential: tuple[tuple[str, str], ...] = (), traceparent: str = ""
        ) -> Outcome:
            return await made.invoke(call(made, at, arguments or {}, credential, traceparent))

        try:
            yield recorder, run
        finally:
            await client.close()


def call(made: Source, at: int, arguments: Mapping[str, Any], credential: tuple[tuple[str, str], ...], traceparent: str) -> Call:
    """A call of one of the source's tools."""
    return Call(
        id="1",
        at=0.0,
        principal=PRINCIPAL,
        tool=made.tools[at],
        arguments=dict(arguments),
        request_id="r",
        revision="2026-07-28",
        bytes_in=1,
        deadline=1e12,
        credential=credential,
        traceparent=traceparent,
    )


TASK = {
    "/projects/{project}/tasks/{task}": {
        "parameters": [parameter("project", "path"), parameter("task", "path", {"type": "array", "items": {"type": "string"}})],
        "patch": {
            "operationId": "updateTask",
            "parameters": [
                parameter("notify", "query", {"type": "boolean"}),
                parameter("filter", "query", {"type": "object"}, style="deepObject", explode=True),
                parameter("X-Trace", "header", {"type": "integer"}),
                parameter("theme", "cookie"),
            ],
            "requestBody": {
                "content": {
                    "application/merge-patch+json": {
                        "schema": {"type": "object", "properties": {"title": {"type": "string", "nullable": True}}}
                    }
                }
            },
            "responses": {
                "200": {
                    "description": "ok",
                    "content": {"application/json": {"schema": {"type": "object", "properties": {"ok": {"type": "boolean"}}}}},
                }
            },
        },
    }
}


async def test_a_call_arrives_exactly_as_the_document_asks() -> None:
    """Method, path, query, headers, cookies and body, each in its place and nothing besides."""
    async with source(TASK) as (recorder, run):
        arguments = {
            "project": "a/b c",
            "task": ["x", "y,z"],
            "notify": False,
            "filter": {"k": [1]},
            "X-Trace": 7,
            "theme": "d;k",
            "title": None,
        }
        made = await run(
            arguments,
            credential=(("Authorization", "Bearer service"),),
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        assert recorder.line == "PATCH /v1/projects/a%2Fb%20c/tasks/x,y%2Cz?notify=false&filter%5Bk%5D%5B0%5D=1 HTTP/1.1"
        assert recorder.bodies == [b'{"title":null}']
        headers = recorder.headers
        assert headers.pop("host") == recorder.url.removeprefix("http://")
        assert headers.pop("user-agent").startswith("freehold/")
        assert headers == {
            "accept": "application/json, */*;q=0.5",
            "accept-encoding": "identity",
            "x-trace": "7",
            "cookie": "theme=d%3Bk",
            "authorization": "Bearer service",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "content-type": "application/merge-patch+json",
            "content-length": "14",
        }
        assert (made.status, msgspec.json.encode(made.structured)) == ("ok", b'{"ok":true}')


@pytest.mark.parametrize(
    "value",
    [
        "../../admin",
        "..%2f..%2fadmin",
        "%2e%2e",
        "..;",
        "?x",
        "#x",
        "\\..\\admin",
        "//evil.example",
        "@evil.example",
        "a\r\nX-Evil: 1",
        "\x00",
        "é",
    ],
)
async def test_a_hostile_path_argument_stays_in_its_segment_on_the_wire(value: str) -> None:
    """Asserted on the raw request line, after every client on the way had its chance to normalise it (OA-01)."""
    async with source({"/files/{name}/meta": {"get": {}}}) as (recorder, run):
        await run({"name": value})
        method, target, version = recorder.line.split(" ")
        assert (method, version) == ("GET", "HTTP/1.1")
        assert target.startswith("/v1/files/")
        assert target.endswith("/meta")
        assert target.count("/") == 4
        assert not set(target) & set("?#\\")
        assert "x-evil" not in recorder.headers


@pytest.mark.parametrize("value", [".", "..", ""])
async def test_a_path_argument_that_would_climb_is_not_sent(value: str) -> None:
    """Nothing reaches the API (OA-01)."""
    async with source({"/files/{name}/meta": {"get": {}}}) as (recorder, run):
        with pytest.raises(Refusal) as refused:
            await run({"name": value})
        assert refused.value.code == "argument_not_sendable"
        assert not recorder.heads


async def test_a_header_argument_with_a_line_break_is_not_sent() -> None:
    """Nothing reaches the API (OA-03)."""
    async with source({"/a": {"get": {"parameters": [parameter("X-Own", "header")]}}}) as (recorder, run):
        with pytest.raises(Refusal, match="X-Own"):
            await run({"X-Own": "a\r\nX-Evil: 1"})
        assert not recorder.heads


async def test_files_are_uploaded_under_an_unguessable_boundary() -> None:
    """Two uploads never share one (OA-06)."""
    schema = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}, "note": {"type": "string"}}}
    async with source({"/files": {"post": {"requestBody": {"content": {"multipart/form-data": {"schema": schema}}}}}}) as (recorder, run):
        for _ in range(2):
            await run({"file": "AAEC", "file_filename": "a.bin", "note": "n"})
        boundaries = {head.partition(b"boundary=")[2].partition(b"\r\n")[0] for head in recorder.heads}
        assert len(boundaries) == 2
        assert all(len(boundary) == 36 for boundary in boundaries)
        assert b'filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n\x00\x01\x02\r\n' in recorder.bodies[0]


async def test_an_error_of_the_api_is_an_outcome() -> None:
    """With its status and its own words."""
    async with source({"/a": {"get": {}}}) as (recorder, run):
        recorder.answer = reply(b'{"message":"Task not found"}', status="404 Not Found")
        made = await run()
        assert (made.status, made.content[0]["text"]) == ("error", "The API answered 404 Not Found: Task not found.")
        assert made.structured is UNSET


async def test_a_redirect_is_not_followed() -> None:
    """One request, no second host (EG-06)."""
    async with recording() as other, source({"/a": {"get": {}}}) as (recorder, run):
        recorder.answer = reply(b"", "", "302 Found", f"Location: {other.url}/stolen")
        made = await run(credential=(("authorization", "Bearer service"),))
        assert made.status == "error"
        assert "not followed" in made.content[0]["text"]
        assert not other.heads
        assert len(recorder.heads) == 1


async def test_a_web_page_with_an_error_status_says_so() -> None:
    """And none of it is shown."""
    async with source({"/a": {"get": {}}}) as (recorder, run):
        recorder.answer = reply(b"<html><h1>nginx</h1></html>", "text/html; charset=utf-8", "502 Bad Gateway")
        text = (await run()).content[0]["text"]
        assert "web page" in text
        assert "nginx" not in text


async def test_an_answer_that_is_not_as_declared_still_arrives() -> None:
    """An output schema never turns a call that worked into an error."""
    async with source(TASK) as (recorder, run):
        recorder.answer = reply(b'{"ok":"certainly","more":[1]}')
        made = await run({"project": "p", "task": ["t"]})
        assert made.status == "ok"
        assert json.loads(msgspec.json.encode(made.structured)) == {"result": {"ok": "certainly", "more": [1]}}
        recorder.answer = reply(b"", "", "204 No Content")
        assert (await run({"project": "p", "task": ["t"]})).structured == {}


async def test_half_an_answer_is_refused_as_broken() -> None:
    """And says that the call may have taken effect."""
    async with source({"/a": {"get": {}}}) as (recorder, run):
        recorder.answer, recorder.breaks_off = JSON[:-4], True
        with pytest.raises(Refusal) as refused:
            await run()
        assert refused.value.code == "upstream_broken"
        assert "may have taken effect" in refused.value.mend


async def test_ten_megabytes_are_refused_at_the_cap() -> None:
    """The cap is named."""
    async with source({"/a": {"get": {}}}, cap=1000) as (recorder, run):
        recorder.answer = reply(b"[" + b"1," * 5_000_000 + b"1]")
        with pytest.raises(Refusal) as refused:
            await run()
        assert (refused.value.code, refused.value.facts) == ("upstream_too_large", {"limit": 1000})


async def test_an_api_that_hangs_is_given_up() -> None:
    """After the seconds the operator set."""
    async with source({"/a": {"get": {}}}, seconds=0.2) as (recorder, run):
        recorder.hangs = True
        with pytest.raises(Refusal) as refused:
            await run()
        assert (refused.value.code, refused.value.facts) == ("deadline_exceeded", {"seconds": 0.2})


async def closed_port() -> int:
    """A port nobody listens on."""
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def test_an_api_that_is_not_there_is_refused_in_words() -> None:
    """For a call and for the start-up check alike."""
    compiled = compile_tools(document({"/a": {"get": {}}}), source="api", base_url=f"http://127.0.0.1:{await closed_port()}")
    client = GuardedClient(["127.0.0.1"])
    made = OpenApiSource("api", compiled, client, seconds=2, cap=1000)
    try:
        for attempt in (made.invoke(call(made, 0, {}, (), "")), made.check()):
            with pytest.raises(Refusal) as refused:
                await attempt
            assert refused.value.code == "upstream_unreachable"
    finally:
        await client.close()


async def test_an_address_the_operator_did_not_open_is_refused() -> None:
    """The guarded client decides, not the document (OA-02)."""
    async with recording() as recorder:
        compiled = compile_tools(document({"/a": {"get": {}}}), source="api", base_url=recorder.url)
        client = GuardedClient([])
        made = OpenApiSource("api", compiled, client, seconds=2, cap=1000)
        with pytest.raises(Refusal) as refused:
            await made.invoke(call(made, 0, {}, (), ""))
        assert refused.value.code == "address_refused"
        assert not recorder.heads
        await client.close()


async def test_a_source_whose_api_answers_anything_is_well() -> None:
    """Also 404: it was reached."""
    async with source({"/a": {"get": {}}}) as (recorder, _):
        recorder.answer = reply(b"", "", "404 Not Found")
        client = GuardedClient(["127.0.0.1"])
        made = OpenApiSource(
            "api", compile_tools(document({"/a": {"get": {}}}), source="api", base_url=recorder.url), client, seconds=2, cap=1000
        )
        await made.check()
        assert recorder.line.startswith("HEAD / ")
        assert made.name == "api"
        assert [tool.name for tool in made.tools] == ["get_a"]
        await made.close()
        await client.close()


async def test_concurrent_calls_do_not_mix() -> None:
    """Each answer goes to its own call."""
    async with source({"/echo/{n}": {"get": {}}}) as (recorder, run):
        recorder.answer = lambda head: reply(json.dumps({"n": head.split(b" ")[1].rpartition(b"/")[2].decode()}).encode())
        made = await asyncio.gather(*(run({"n": n}) for n in range(50)))
        assert [json.loads(msgspec.json.encode(each.structured))["n"] for each in made] == [str(n) for n in range(50)]


async def test_a_call_that_outlived_a_refresh_leaves_nothing_behind() -> None:
    """A tool of the document before, called on the source of the one after, does not decide what the new tool's answers must look like."""

    def described(kind: str) -> Mapping[str, Any]:
        schema = {"type": "object", "properties": {"ok": {"type": kind}}}
        return document(
            {"/things": {"get": {"responses": {"200": {"description": "x", "content": {"application/json": {"schema": schema}}}}}}}
        )

    async with recording() as recorder:
        before, after = (compile_tools(described(kind), source="api", base_url=recorder.url) for kind in ("string", "boolean"))
        client = GuardedClient(["127.0.0.1"])
        made = OpenApiSource("api", after, client, seconds=5, cap=1000)
        late = msgspec.structs.replace(call(made, 0, {}, (), ""), tool=before.tools[0])
        assert (await made.invoke(late)).structured != msgspec.Raw(b'{"ok":true}')
        assert (await made.invoke(call(made, 0, {}, (), ""))).structured == msgspec.Raw(b'{"ok":true}')
        await client.close()
