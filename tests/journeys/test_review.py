"""What a review found broken once: start and stop, tools that misbehave, doors in trouble, arguments made to hold up the process."""

import asyncio
import getpass
import json
import logging
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from freehold import Freehold
from freehold.adapters.state_memory import MemoryState
from freehold.app import Application, build
from freehold.cli.main import app as command
from freehold.domains.sources.functions import Functions
from freehold.domains.sources.load import Loader
from freehold.domains.sources.specs import OpenApiSpec
from freehold.kit.changes import Changes
from freehold.kit.clock import SystemClock
from freehold.kit.db import connect
from freehold.kit.errors import Misconfigured
from freehold.kit.http import Request, SendFailed
from freehold.kit.outbound import GuardedClient
from freehold.roster import InProcessApi, Roster
from freehold.settings import PlanSettings, Settings, SourceSettings
from tests.clocks import HandClock
from tests.documents import document
from tests.served import Served, listening, served

pytestmark = pytest.mark.anyio


def plain(tmp_path: Path, **said: Any) -> Settings:
    """Settings for SQLite and one process, with a plan of twenty calls a day."""
    plans = {"open": PlanSettings(), "small": PlanSettings(calls_per_day=20)}
    return Settings(data_dir=tmp_path / "data", plans=plans, default_plan="open", **said)


def product(tmp_path: Path, **said: Any) -> Freehold:
    """A server with one tool."""
    app = Freehold(settings=plain(tmp_path, **said))

    @app.tool(read_only=True)
    async def hello() -> str:
        """Say hello."""
        return "hello"

    return app


@asynccontextmanager
async def mounted(application: Application) -> AsyncIterator[Served]:
    """The application in a host that gives it no lifespan."""
    async with listening(application.asgi, lifespan="off") as url, aiohttp.ClientSession() as session:
        yield Served(application, url, session)


async def outcomes(server: Served, tenant: str = "acme") -> list[tuple[str, str, str, int]]:
    """Tool, outcome, refusal and units of every call in the tenant's book."""
    lines = b"".join([part async for part in server.application.book.export(tenant, "jsonl")])
    entries = [entry for entry in map(json.loads, lines.splitlines()) if entry["kind"] == "call"]
    return [(entry["what"], entry["outcome"], entry["refusal"], entry["units"]) for entry in entries]


def running(*names: str) -> list[str]:
    """Those of our background tasks that run."""
    return sorted(task.get_name() for task in asyncio.all_tasks() if task.get_name() in names)


async def test_requests_that_come_first_together_start_it_once(tmp_path: Path) -> None:
    """Eight first requests at once to a mounted application start one ledger and one poll, and stopping leaves neither."""
    app = product(tmp_path)
    async with mounted(app.application) as server:
        replies = await asyncio.gather(*(server.request("GET", "/livez") for _ in range(8)))
        assert {reply.status for reply in replies} == {200}
        assert running("ledger", "changes") == ["changes", "ledger"]
        await app.application.stop()
    assert running("ledger", "changes") == []


async def test_a_start_that_failed_leaves_it_to_the_next_request(tmp_path: Path) -> None:
    """Without its document a mounted application answers a 500 that tells nothing of it; once the document is there it serves and books."""
    place = tmp_path / "openapi.json"
    app = product(tmp_path, sources={"api": SourceSettings(openapi=str(place))})
    async with mounted(app.application) as server:
        refused = await server.request("GET", "/livez")
        assert (refused.status, refused.json["error"]["data"]["code"]) == (500, "internal")
        assert str(tmp_path) not in refused.body.decode()
        place.write_text(json.dumps(document({"/things": {"get": {}}})))
        assert (await server.request("GET", "/livez")).status == 200
        async with asyncio.timeout(10):
            token = await server.tenant("acme")
            assert (await server.call("hello", token=token)).status == 200
        await app.application.stop()


async def test_a_stopped_application_can_be_opened_and_served_again(tmp_path: Path) -> None:
    """One application is opened for an act, opened again and then served: nothing it hands to the ledger waits for ever."""
    app = product(tmp_path)
    async with asyncio.timeout(20):
        for tenant in ("first", "second"):
            async with app.application.opened():
                await app.application.administration.create_tenant(tenant)
        async with app.running(), mounted(app.application) as server:
            token = await server.tenant("acme")
            assert (await server.call("hello", token=token)).status == 200
            assert [outcome for _, outcome, _, _ in await outcomes(server)] == ["ok"]


def test_an_application_serves_on_one_event_loop_after_another(tmp_path: Path) -> None:
    """A module's application that each test of a SaaS serves on a loop of its own works on the second as on the first."""
    app = product(tmp_path)

    async def once(tenant: str) -> str:
        async with asyncio.timeout(20), app.running(), mounted(app.application) as server:
            await server.application.administration.create_tenant(tenant)
            server.application.signing_keys.forget()
            tokens = await asyncio.gather(*(server.token(tenant) for _ in range(5)))
            return (await server.call("hello", token=tokens[0])).text

    assert all("hello" in asyncio.run(once(tenant)) for tenant in ("first", "second"))


async def test_stopping_finishes_the_calls_in_flight(tmp_path: Path) -> None:
    """A call under way when the server stops gets its answer and its entry; one that comes later is told to go elsewhere."""
    functions, begun, go_on = Functions(), asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        """Take a while."""
        begun.set()
        await go_on.wait()
        return "done"

    functions.add(slow, read_only=True)
    application = build(plain(tmp_path), functions=[functions])
    async with mounted(application) as server:
        async with application.running():
            token = await server.tenant("acme")
            calling = asyncio.create_task(server.call("slow", token=token))
            await begun.wait()
            stopping = asyncio.create_task(application.stop())
            while not (late := await server.call("slow", token=token)).headers.get("retry-after"):
                pass
            go_on.set()
            assert "done" in (await calling).text
            await stopping
        assert (late.status, late.json["error"]["data"]["code"]) == (503, "draining")
    async with application.opened():
        assert [outcome for _, outcome, _, _ in await outcomes(server)] == ["ok"]


async def test_nothing_runs_that_could_not_be_recorded(tmp_path: Path) -> None:
    """While the ledger takes no entries a call is refused before its tool runs, and costs nothing of the day's quota (AU-06, BILL-07)."""
    functions, ran = Functions(), list[int]()

    async def act() -> str:
        """Do something."""
        ran.append(1)
        return "done"

    functions.add(act, read_only=True)
    async with served(plain(tmp_path), functions=[functions]) as server:
        token = await server.tenant("acme", plan="small")
        await server.application.ledger.close()
        refused = [await server.call("act", token=token) for _ in range(25)]
        assert {(reply.status, reply.json["error"]["data"]["code"]) for reply in refused} == {(503, "ledger_unavailable")}
        assert ran == []
        await server.application.ledger.start()
        replies = [await server.call("act", token=token) for _ in range(20)]
        assert not any(reply.json["result"].get("isError") for reply in replies)
        assert await outcomes(server) == [("act", "ok", "", 1)] * 20


async def test_whatever_a_tool_raises_is_answered_and_recorded(tmp_path: Path) -> None:
    """A task of its own cancelled, an exit, an iterator at its end in a thread: each is a tool that failed, at once, and in the book."""
    functions = Functions()

    async def cancelled() -> str:
        """Wait for a task that was cancelled."""
        task = asyncio.ensure_future(asyncio.Event().wait())
        task.cancel()
        return str(await task)

    async def leaving() -> str:
        """Leave."""
        sys.exit(3)

    def ended() -> str:
        """Ask an empty iterator, in a thread."""
        return next(iter(list[str]()))

    tools = (cancelled, leaving, ended)
    for tool in tools:
        functions.add(tool, read_only=True)
    async with served(plain(tmp_path, call_seconds=600), functions=[functions]) as server:
        token = await server.tenant("acme", plan="small")
        async with asyncio.timeout(20):
            replies = [await server.call(tool.__name__, token=token) for tool in tools]
        assert all(reply.status == 200 and "The tool failed." in reply.text for reply in replies)
        assert await outcomes(server) == [(tool.__name__, "failed", "tool_failed", 0) for tool in tools]


async def test_metrics_are_for_this_machine_under_its_own_name(tmp_path: Path) -> None:
    """A page that made its own name lead here reads no metrics (DNS rebinding, TR-24); this machine under its own name does."""
    async with served(plain(tmp_path)) as server:
        for host in ("evil.example", "evil.example:8080", "localhost.evil.example", ""):
            foreign = await server.request("GET", "/metrics", headers={"host": host})
            assert foreign.status == 404, host
            assert b"freehold_" not in foreign.body
        for host in ("localhost:8080", "127.0.0.1", "[::1]:9"):
            assert (await server.request("GET", "/metrics", headers={"host": host})).status == 200, host


async def test_every_door_answers_in_words_when_the_database_is_unusable(tmp_path: Path) -> None:
    """With a folder in the place of the database file no request ends in the server's own error page, and the checks name the part."""
    clock = HandClock()
    application = build(plain(tmp_path), clock=clock)
    async with mounted(application) as server:
        assert (await server.request("GET", "/readyz")).status == 200
        clock.advance(2)
        await application.stop()
        application.signing_keys.forget()
        for left in (tmp_path / "data").glob("freehold.db*"):
            left.unlink()
        (tmp_path / "data" / "freehold.db").mkdir()
        for door, status in (("/.well-known/jwks.json", 500), ("/readyz", 503), ("/health", 503), ("/livez", 200)):
            reply = await server.request("GET", door)
            assert reply.status == status, door
            assert reply.headers["content-type"] == "application/json", door
        assert "database" in (await server.request("GET", "/readyz")).json["failing"]
        said = await application.diagnose()
    assert "cannot be used" in said["database"]
    assert "cannot be used" in said["schema"]


async def test_a_poll_outlives_whatever_the_database_says(sqlite_url: str) -> None:
    """A failure nobody foresaw does not end the poll: the next change is heard of, so that revocations keep their bound (RS-09)."""
    db = connect(sqlite_url)
    failed, heard = asyncio.Event(), asyncio.Event()
    handler = logging.Handler()
    handler.emit = lambda _record: failed.set()
    logging.getLogger("freehold.kit.changes").addHandler(handler)
    changes = Changes(db, MemoryState(SystemClock()), poll_seconds=0.01)
    await changes.start()
    changes.watch(heard.set)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None) as other:
        other.execute("ALTER TABLE control RENAME TO elsewhere")
        async with asyncio.timeout(10):
            await failed.wait()
            other.execute("ALTER TABLE elsewhere RENAME TO control")
            other.execute("UPDATE control SET version = version + 1")
            await heard.wait()
    other.close()
    await changes.close()
    await db.close()
    logging.getLogger("freehold.kit.changes").removeHandler(handler)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_what_its_encoding_says_is_a_broken_answer(encoding: str) -> None:
    """An upstream that calls plain text compressed has broken off its answer; nothing else is raised (EG-11)."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: 10\r\n\r\nnot so!!!!".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as upstream:
        port = upstream.sockets[0].getsockname()[1]
        client = GuardedClient([f"127.0.0.1:{port}"])
        with pytest.raises(SendFailed, match="broken"):
            await client.send(Request(method="GET", url=f"http://127.0.0.1:{port}/"), seconds=5, cap=100)
        await client.close()


async def test_two_sources_of_one_name_stop_the_start(tmp_path: Path) -> None:
    """A call finds its source by name, so an API named like the functions is refused at the start, not at the first call."""
    functions, api = Functions("shop"), FastAPI()

    async def hello() -> str:
        """Say hello."""
        return "hello"

    functions.add(hello, read_only=True)
    api.get("/things")(hello)
    application = build(plain(tmp_path), functions=[functions], apis=[InProcessApi(name="shop", app=api)])
    with pytest.raises(Misconfigured, match="Two sources are named 'shop'"):
        async with application.running():
            pass


async def test_a_document_refreshed_while_another_is_followed_is_followed_too(tmp_path: Path) -> None:
    """What another process changes while a change is being loaded is loaded next, without a further change to remind of it."""
    place, offered = tmp_path / "openapi.json", list[list[str]]()
    place.write_text(json.dumps(document({"/first": {"get": {}}})))
    application = build(plain(tmp_path))
    async with application.opened():
        looked = asyncio.Event()

        def offer(sources: Any) -> None:
            offered.append([tool.name for source in sources for tool in source.tools])
            if len(offered) == 2:
                keep("/third")
                roster.follow()
            elif len(offered) == 3:
                looked.set()

        def keep(path: str) -> None:
            with sqlite3.connect(str(application.db.sqlite_path)) as other:
                text = json.dumps(document({path: {"get": {}}})).encode()
                other.execute("UPDATE source_releases SET document = ?, digest = ?", (text, path))
            other.close()

        loader = Loader(application.documents, application.outbound, seconds=5, cap=1000)
        named = {"api": OpenApiSpec(name="api", location=str(place))}
        roster = Roster(loader, application.documents, named=named, functions=(), apis=(), offer=offer, cap=1000)
        await roster.load()
        keep("/second")
        roster.follow()
        async with asyncio.timeout(10):
            await looked.wait()
        await roster.close()
    assert [names[0].endswith(end) for names, end in zip(offered, ("first", "second", "third"), strict=True)] == [True] * 3


async def test_an_operator_without_a_name_is_recorded_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container whose user has no name an act is done, recorded and its secret shown; it does not fail after the fact."""

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr(getpass, "getuser", nameless)
    application = build(plain(tmp_path))
    async with application.opened():
        await application.administration.create_tenant("acme")
        secret, _ = await application.administration.create_key("acme")
        lines = b"".join([part async for part in application.book.export("acme", "jsonl")]).splitlines()
    assert secret.startswith("mcp_live_")
    deeds = [json.loads(line) for line in lines]
    assert [deed["what"] for deed in deeds] == ["tenant.created", "key.created"]
    assert all(deed["subject"].startswith("cli:") and len(deed["subject"]) > 4 for deed in deeds)


@pytest.mark.parametrize(
    "words",
    [
        ["token", "mint", "--tenant", "acme", "--user", "u", "--expires", "25h"],
        ["key", "create", "--tenant", "acme", "--name", "two\nlines"],
        ["key", "create", "--tenant", "acme", "--name", "x" * 101],
    ],
)
def test_what_no_credential_can_be_is_a_misuse_of_the_command(words: list[str]) -> None:
    """A token of more than a day or an unprintable key name is exit code 2 and a sentence, not a traceback."""
    finished = CliRunner().invoke(command, words)
    assert finished.exit_code == 2
    assert isinstance(finished.exception, SystemExit)
