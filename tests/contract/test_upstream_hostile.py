"""An MCP server that means ill, or means well and fails: what is refused, what is left out, and what stays offered."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from freehold.core.call import Call, Outcome
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.sources.fetch import Documents
from freehold.domains.sources.upstream.upstreams import Upstreams, UpstreamSpec
from freehold.kit.changes import Changes
from freehold.kit.db import Database
from freehold.kit.outbound import GuardedClient
from tests.clocks import HandClock
from tests.served import listening
from tests.sources import MemoryState

pytestmark = pytest.mark.anyio

Reaction = Callable[[str, dict[str, Any]], Any]
EMPTY = {"type": "object", "properties": {}}
CAP = 1_000_000


def _listing(*tools: dict[str, Any]) -> Reaction:
    def react(method: str, _params: dict[str, Any]) -> Any:
        return {"tools": list(tools)} if method == "tools/list" else {"content": [{"type": "text", "text": "done"}]}

    return react


def tool(name: str, schema: Any = EMPTY, **more: Any) -> dict[str, Any]:
    """An entry of its list."""
    return {"name": name, "inputSchema": schema, **more}


@dataclass
class Server:
    """A server of 2026-07-28 that reacts as a test says: with a result, or with a raw answer of status, media type and body."""

    react: Reaction = field(default_factory=_listing)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        asked = json.loads(body) if body else {"method": scope["method"]}
        self.asked.append(asked["method"])
        if asked["method"] == "server/discover":
            answer: Any = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
        else:
            answer = self.react(asked["method"], asked.get("params", {}))
        if isinstance(answer, tuple):
            status, kind, content = answer
        else:
            status, kind = 200, "application/json"
            content = json.dumps({"jsonrpc": "2.0", "id": asked.get("id"), "result": {"resultType": "complete", **answer}}).encode()
        headers = [(b"content-type", kind.encode()), (b"location", b"http://169.254.169.254/")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


@dataclass
class House:
    """What reaches it."""

    server: Server
    upstreams: Upstreams
    spec: UpstreamSpec

    async def names(self) -> list[str]:
        """The tools after a fresh look."""
        return [one.name for one in (await self.upstreams.refresh(self.spec))[0].tools]

    async def kept(self) -> list[str]:
        """The tools of the last good catalog."""
        return [one.name for one in (await self.upstreams.load(self.spec))[0].tools]

    async def call(self, name: str, **arguments: Any) -> Outcome:
        """Call one of them."""
        source, _ = await self.upstreams.load(self.spec)
        principal = Principal(tenant="acme", subject="u", client="c", credential="key:1", scopes=frozenset(), plan="p", expires_at=0)
        chosen = next(one for one in source.tools if one.name == name)
        call = Call(
            id="1",
            at=0,
            principal=principal,
            tool=chosen,
            arguments=arguments,
            request_id="1",
            revision="",
            bytes_in=0,
            deadline=0,
            asked=name,
        )
        return await source.invoke(call)


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    """One such server, and a way to it."""
    server, clock = Server(), HandClock()
    async with listening(server, lifespan="off") as url:
        outbound = GuardedClient([url.removeprefix("http://")])
        documents = Documents(db, outbound, Changes(db, MemoryState(clock), poll_seconds=3600), clock)
        upstreams = Upstreams(documents, outbound, seconds=10, cap=CAP, clock=clock, randomness=bytes)
        yield House(server, upstreams, UpstreamSpec(name="ill", location=f"{url}/mcp", headers=(("Authorization", "Bearer operator"),)))
        await upstreams.close()
        await outbound.close()


async def _code(work: Any) -> str:
    with pytest.raises(Refusal) as refused:
        await work
    return refused.value.code


async def test_a_list_without_end_is_no_list(house: House) -> None:
    """Page after page, or round in circles, it is refused within bounds, and the last good catalog stays whole."""
    house.server.react = _listing(tool("good"))
    assert await house.names() == ["ill_good"]
    house.server.react = lambda _method, params: {"tools": [], "nextCursor": params.get("cursor", "") + "x"}
    assert await _code(house.names()) == "document_invalid"
    assert len(house.server.asked) < 250
    house.server.react = lambda _method, _params: {"tools": [], "nextCursor": "same"}
    assert await _code(house.names()) == "document_invalid"
    assert await house.kept() == ["ill_good"]


async def test_half_a_list_is_never_offered(house: House) -> None:
    """A server that vanishes after the first page of a changed list leaves the list of before."""
    house.server.react = _listing(tool("good"))
    await house.names()

    def half(_method: str, params: dict[str, Any]) -> Any:
        return (500, "text/plain", b"") if "cursor" in params else {"tools": [tool("other")], "nextCursor": "2"}

    house.server.react = half
    assert await _code(house.names()) == "upstream_broken"
    assert await house.kept() == ["ill_good"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((200, "text/html", b"<html>"), "upstream_broken"),
        ((302, "text/plain", b""), "upstream_broken"),
        ((500, "text/plain", b"stack trace"), "upstream_broken"),
        ((401, "text/plain", b""), "upstream_denied"),
        ((200, "application/json", b'{"jsonrpc":"2.0","id":"other","result":{}}'), "upstream_broken"),
        ((200, "application/json", b"[" * 100_000), "upstream_broken"),
        ((200, "text/event-stream", b"data: " + b"x" * 100_000_000), "upstream_too_large"),
        ((200, "text/event-stream", b"data: {}\n\n"), "upstream_broken"),
        ({"content": [{"type": "exploit"}]}, "upstream_broken"),
        ({"content": [{"type": "text"}]}, "upstream_broken"),
        ({"resultType": "strange"}, "upstream_broken"),
        ({"resultType": "input_required", "inputRequests": {"k": {"method": "roots/list", "params": {}}}}, "upstream_broken"),
    ],
    ids=["html", "redirect", "500", "401", "id", "deep", "long line", "no message", "block", "text", "type", "undeclared question"],
)
async def test_a_wrong_answer_is_refused_in_our_words(answer: Any, code: str, house: House) -> None:
    """Whatever a call is answered with that is no result, the caller gets a refusal, and nothing of the answer."""
    house.server.react = _listing(tool("good"))
    await house.names()
    house.server.react = lambda _method, _params: answer
    assert await _code(house.call("ill_good")) == code


async def test_bad_entries_cost_themselves_only(house: House) -> None:
    """Schemas that reach out, that explode, that are none, and names nobody can see are left out; their neighbours are offered."""
    doubled = {f"d{number}": {"allOf": [{"$ref": f"#/$defs/d{number + 1}"}] * 2} for number in range(30)}
    house.server.react = _listing(
        tool("good"),
        tool("good", description="the second of that name"),
        tool("remote", {"type": "object", "properties": {"a": {"$ref": "http://169.254.169.254/x"}}}),
        tool("bomb", {"type": "object", "$defs": {**doubled, "d30": {}}, "allOf": [{"$ref": "#/$defs/d0"}]}),
        tool("loop", {"type": "object", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "anyOf": [{"$ref": "#/$defs/a"}]}),
        tool("tree", {"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}),
        tool("none", {"type": "object", "properties": 5}),
        tool("array", {"type": "array"}),
        tool("hid\U000e0041den"),
        {"description": "without a name"},
        tool("files/list.all"),
        tool("a" * 100),
    )
    names = await house.names()
    assert [name for name in names if name in {"ill_good", "ill_tree"}] == ["ill_good", "ill_tree"]
    assert len(names) == 4
    assert all(len(name) <= 64 for name in names)
    assert [name for name in names if name.startswith("ill_files-list-all_")]


async def test_its_words_and_hints_are_a_stranger_s(house: House) -> None:
    """Descriptions say whose they are and hide nothing, in arguments too; a claim to be harmless changes neither hints nor scopes."""
    schema = {"type": "object", "properties": {"q": {"type": "string", "description": "a\u200bb\U000e0041"}}}
    house.server.react = _listing(tool("good", schema, description="Say\u202e hi" + "!" * 9_000, annotations={"readOnlyHint": True}))
    made = (await house.upstreams.refresh(house.spec))[0].tools[0]
    assert made.description.startswith("[ill] Say hi!")
    assert len(made.description) < 2_100
    assert made.input_schema["properties"]["q"]["description"] == "ab"
    assert (made.read_only, made.destructive, made.scopes) == (False, True, frozenset({"mcp:write"}))


async def test_the_operator_s_credential_goes_there_and_no_other(house: House) -> None:
    """Every request carries the settings' header and nothing of the caller's; an error of the server is told, bounded."""
    house.server.react = _listing(tool("good"))
    await house.names()
    said = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32602, "message": "no\u200b " + "y" * 5_000}}).encode()
    house.server.react = lambda _method, _params: (400, "application/json", said)
    outcome = await house.call("ill_good")
    assert outcome.status == "error"
    assert "no y" in outcome.content[0]["text"]
    assert len(outcome.content[0]["text"]) < 400
    assert {one["authorization"] for one in house.server.headers} == {"Bearer operator"}
    assert all("key:1" not in value for one in house.server.headers for value in one.values())
