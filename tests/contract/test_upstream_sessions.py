"""A server of the 2025 revisions: sessions begun, lost and ended, calls cancelled, questions on its own stream, and changes followed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from freehold.core.call import Call, Outcome
from freehold.core.channel import SILENT, Ask, Channel, InputRequired
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.sources.fetch import Documents
from freehold.domains.sources.upstream.exchange import Declined
from freehold.domains.sources.upstream.handlers import Handlers
from freehold.domains.sources.upstream.relay import Relay
from freehold.domains.sources.upstream.upstreams import Upstreams, UpstreamSpec
from freehold.kit.changes import Changes
from freehold.kit.db import Database
from freehold.kit.outbound import GuardedClient
from tests.clocks import HandClock
from tests.served import listening
from tests.sources import MemoryState

pytestmark = pytest.mark.anyio

QUESTION = {"messages": [], "maxTokens": 5}
ANSWER = {"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "m"}


@dataclass
class Old:
    """Speaks 2025-06-18 with sessions; its `ask` tool asks on the GET stream, its `hang` tool never answers."""

    names: list[str] = field(default_factory=lambda: ["ask", "hang", "say"])
    sessions: set[str] = field(default_factory=set)
    begun: list[dict[str, Any]] = field(default_factory=list)
    heard: list[tuple[str, str]] = field(default_factory=list)
    """Session and method, or `answer`, of everything that came."""
    streams: dict[str, asyncio.Queue[Any]] = field(default_factory=dict)
    answers: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        session = headers.get("mcp-session-id", "")
        body = (await receive())["body"]
        said = json.loads(body) if body else {"method": scope["method"]}
        self.heard.append((session, said.get("method", "answer")))
        self.news.set()
        if said.get("method") == "initialize":
            session = f"s{len(self.begun)}"
            self.begun.append(said["params"])
            self.sessions.add(session)
            result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "old", "version": "1"}}
            await self._json(send, 200, {"id": said["id"], "result": result}, session)
        elif said.get("method") == "server/discover":
            await self._json(send, 400, {"error": {"code": -32000, "message": "Bad Request: no valid session"}})
        elif session not in self.sessions:
            await self._json(send, 404, {"error": {"code": -32001, "message": "Session not found"}})
        else:
            await self._known(said, session, receive, send)

    async def _known(self, said: dict[str, Any], session: str, receive: Any, send: Any) -> None:
        match said.get("method"):
            case "GET":
                await self._stream(session, receive, send)
            case "DELETE":
                self.sessions.discard(session)
                await self._json(send, 200, {})
            case "tools/list":
                tools = [{"name": name, "inputSchema": {"type": "object"}} for name in self.names]
                await self._json(send, 200, {"id": said["id"], "result": {"tools": tools}})
            case "tools/call":
                await self._called(said, session, receive, send)
            case None:
                self.answers[said["id"]].set_result(said)
                await self._json(send, 202, None)
            case _:
                await self._json(send, 202, None)

    async def _called(self, said: dict[str, Any], session: str, receive: Any, send: Any) -> None:
        text = "said"
        if said["params"]["name"] == "hang":
            await receive()
            return
        if said["params"]["name"] == "ask" and session not in self.streams:
            text = "nobody listens"
        elif said["params"]["name"] == "ask":
            waiting = self.answers[f"q-{session}"] = asyncio.get_running_loop().create_future()
            question = {
                "jsonrpc": "2.0",
                "id": f"q-{session}",
                "method": "sampling/createMessage",
                "params": QUESTION,
            }
            self.streams[session].put_nowait(question)
            gone = asyncio.ensure_future(receive())
            await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if not waiting.done():
                return
            text = waiting.result()["result"]["content"]["text"]
        await self._json(send, 200, {"id": said["id"], "result": {"content": [{"type": "text", "text": text}]}})

    async def _stream(self, session: str, receive: Any, send: Any) -> None:
        queue = self.streams[session] = asyncio.Queue()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b": here\n\n", "more_body": True})
        gone = asyncio.ensure_future(receive())
        while not gone.done():
            waiting = asyncio.ensure_future(queue.get())
            await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                waiting.cancel()
                break
            event = f"data: {json.dumps(waiting.result())}\n\n".encode()
            await send({"type": "http.response.body", "body": event, "more_body": True})
        with suppress(OSError):
            await send({"type": "http.response.body", "body": b""})

    async def _json(self, send: Any, status: int, said: dict[str, Any] | None, session: str = "") -> None:
        headers = [(b"content-type", b"application/json"), *([(b"mcp-session-id", session.encode())] if session else [])]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if said is None else json.dumps({"jsonrpc": "2.0", **said}).encode()})

    async def until(self, method: str, *, count: int = 1) -> None:
        """Wait until that has come so often."""
        async with asyncio.timeout(10):
            while sum(one == method for _, one in self.heard) < count:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def _reached(server: Old, db: Database) -> AsyncIterator[tuple[Upstreams, UpstreamSpec]]:
    clock = HandClock()
    async with listening(server, lifespan="off") as url:
        outbound = GuardedClient([url.removeprefix("http://")])
        documents = Documents(db, outbound, Changes(db, MemoryState(clock), poll_seconds=3600), clock)
        upstreams = Upstreams(documents, outbound, seconds=10, cap=1_000_000, clock=clock, randomness=bytes)
        try:
            yield upstreams, UpstreamSpec(name="old", location=f"{url}/mcp", relays=True)
        finally:
            await upstreams.close()
            await outbound.close()


@pytest.fixture
async def old(sqlite_url: str) -> AsyncIterator[tuple[Old, Upstreams, UpstreamSpec]]:
    """The server and the way to it, listed once."""
    from freehold.kit.db import connect

    db, server = connect(sqlite_url), Old()
    async with _reached(server, db) as (upstreams, spec):
        await upstreams.refresh(spec)
        yield server, upstreams, spec
    await db.close()


async def _call(upstreams: Upstreams, spec: UpstreamSpec, name: str, *, tenant: str = "acme", channel: Channel = SILENT) -> Outcome:
    source, _ = await upstreams.load(spec)
    chosen = next(one for one in source.tools if one.name == f"old_{name}")
    who = Principal(tenant=tenant, subject="u", client="c", credential="k", scopes=frozenset(), plan="p", expires_at=0)
    call = Call(id="1", at=0, principal=who, tool=chosen, arguments={}, request_id="1", revision="", bytes_in=0, deadline=0)
    return await source.invoke(replace(call, channel=channel))


async def _sample(_params: dict[str, Any]) -> dict[str, Any]:
    return ANSWER


async def test_a_session_is_its_tenant_s_and_is_kept(old: Any) -> None:
    """Two calls of one user share a session, another tenant's has its own, none asks more than its caller's client can; all are ended."""
    server, upstreams, spec = old
    for tenant in ("acme", "acme", "globex"):
        assert (await _call(upstreams, spec, "say", tenant=tenant)).status == "ok"
    used = [session for session, method in server.heard if method == "tools/call"]
    assert used[0] == used[1] != used[2]
    assert [begun["capabilities"] for begun in server.begun[-2:]] == [{}, {}]
    await upstreams.close()
    assert server.sessions == set()


async def test_a_lost_session_is_begun_anew_once(old: Any) -> None:
    """Forgotten by the server, it is initialized again and the call made; forgotten every time, the call is refused."""
    server, upstreams, spec = old
    await _call(upstreams, spec, "say")
    server.sessions.clear()
    assert (await _call(upstreams, spec, "say")).status == "ok"
    assert sum(method == "tools/call" for _, method in server.heard) == 3


async def test_a_call_that_ends_early_is_cancelled_there(old: Any) -> None:
    """Cancelled here, the server hears `notifications/cancelled`; nothing is sent for a call that was answered."""
    server, upstreams, spec = old
    await _call(upstreams, spec, "say")
    hanging = asyncio.ensure_future(_call(upstreams, spec, "hang"))
    await server.until("tools/call", count=2)
    assert ("notifications/cancelled") not in [method for _, method in server.heard]
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    await server.until("notifications/cancelled")


async def test_a_question_on_its_own_stream_is_the_call_s(old: Any) -> None:
    """Asked through the GET stream, it is answered by the caller whose call it was, and sampling is declared for that session alone."""
    server, upstreams, spec = old
    outcome = await _call(upstreams, spec, "ask", channel=Handlers(sampling=_sample))
    assert outcome.content[0]["text"] == "Paris"
    assert server.begun[-1]["capabilities"] == {"sampling": {"tools": {}}}


async def test_nothing_is_asked_of_a_client_unless_the_operator_says_so(old: Any) -> None:
    """The server is told that it may ask nothing, and one that asks all the same is declined; where it is relayed, the client answers."""
    server, upstreams, spec = old
    asked: list[Any] = []

    async def sample(params: dict[str, Any]) -> dict[str, Any]:
        asked.append(params)
        return ANSWER

    able = Handlers(sampling=sample)
    outcome = await _call(upstreams, replace(spec, relays=False), "ask", channel=able)
    assert (outcome.content[0]["text"], asked) == ("nobody listens", [])
    assert server.begun[-1]["capabilities"] == {}
    relay = Relay(able, "old", may_ask=False)
    with pytest.raises(Declined):
        await relay.asked("sampling/createMessage", QUESTION)
    with pytest.raises(Refusal, match="broke off"):
        await relay.round(Raw(json.dumps({"inputRequests": {"k": {"method": "sampling/createMessage", "params": QUESTION}}}).encode()))
    assert asked == []
    outcome = await _call(upstreams, spec, "ask", channel=able)
    assert (outcome.content[0]["text"], len(asked)) == ("Paris", 1)
    assert server.begun[-1]["capabilities"] == {"sampling": {"tools": {}}}


class Rounds(Handlers, frozen=True, kw_only=True):
    """A caller of 2026-07-28, whose answers come with another call."""

    async def ask(self, asks: Any) -> Any:
        """Ends the call."""
        raise InputRequired(asks)


async def test_a_question_that_ends_the_call_ends_it_there_too(old: Any) -> None:
    """For a client whose answers come with its next request the call is over, with the question as its outcome, and cancelled there."""
    server, upstreams, spec = old
    outcome = await _call(upstreams, spec, "ask", channel=Rounds(sampling=_sample))
    assert outcome.status == "asked"
    assert isinstance(outcome.asks[0], Ask)
    again = await _call(upstreams, spec, "ask", channel=Rounds(sampling=_sample))
    assert [one.key for one in again.asks] == [one.key for one in outcome.asks]
    await server.until("notifications/cancelled", count=2)


async def test_a_changed_list_is_followed(old: Any) -> None:
    """Told on its stream that tools changed, the catalog is listed and kept again."""
    server, upstreams, spec = old
    upstreams.watch([spec])
    await server.until("GET", count=2)  # the listing's own and the watch's
    server.names.append("new")
    async with asyncio.timeout(10):
        while "old_new" not in [one.name for one in (await upstreams.load(spec))[0].tools]:
            for stream in server.streams.values():
                stream.put_nowait({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
            await asyncio.sleep(0.1)  # real time: changes within a second are looked at once
    assert upstreams.told() == {"old": {"status": "ok", "catalog_age_seconds": 0}}
