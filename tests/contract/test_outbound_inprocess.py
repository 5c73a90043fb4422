"""What is particular to calling an application in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import BackgroundTasks, FastAPI
from fastapi import Request as Received
from fastapi.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from freehold.kit.http import Request, SendFailed
from freehold.kit.inprocess import InProcess

pytestmark = pytest.mark.anyio


def get(target: str, origin: str = "http://in-process") -> Request:
    """A GET of a path."""
    return Request(method="GET", url=origin + target)


async def failure(client: InProcess, request: Request, seconds: float = 10) -> tuple[str, bool]:
    """How a send fails, and whether the request may have arrived."""
    with pytest.raises(SendFailed) as failed:
        await client.send(request, seconds=seconds, cap=1000)
    return failed.value.failure, failed.value.delivered


async def test_a_fastapi_application_answers() -> None:
    """Routing, decoded path parameters, query, state of the lifespan, and the caller's body work as behind a server."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[dict[str, str]]:
        yield {"database": "open"}

    app = FastAPI(lifespan=life)

    @app.post("/items/{name:path}")
    async def item(name: str, q: str, received: Received) -> dict[str, str]:
        body = await received.body()
        return {"name": name, "q": q, "state": received.state.database, "host": received.url.netloc, "body": body.decode()}

    client = InProcess(app, scheme="https", host="api.example.com")
    request = Request(method="POST", url="https://api.example.com/items/a%2Fb%20c?q=%26+", body="é".encode())
    answer = await client.send(request, seconds=10, cap=1000)
    await client.close()
    assert answer.status == 200
    assert answer.body.decode() == '{"name":"a/b c","q":"& ","state":"open","host":"api.example.com","body":"é"}'


@pytest.mark.parametrize(
    "origin",
    ["http://other", "https://in-process", "http://in-process:80", "http://in-process.evil", "http://in-process@evil", "file://", ""],
)
async def test_another_origin_is_refused(origin: str) -> None:
    """It stands for one origin; the app never sees a request for another."""
    seen: list[str] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope["type"])

    client = InProcess(app)
    assert await failure(client, get("/x", origin)) == ("address_refused", False)
    await client.close()
    assert seen == []


async def test_an_exception_of_the_app_is_a_broken_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Raised before the answer it is a failure that says nothing of it; nothing of its text is logged."""

    async def app(_: Scope, __: Receive, ___: Send) -> None:
        raise RuntimeError("secret")

    client = InProcess(app, lifespan=False)
    assert await failure(client, get("/")) == ("broken", True)
    await client.close()
    assert "secret" not in caplog.text


async def test_an_app_that_returns_without_an_answer_is_broken() -> None:
    """Silence is no answer."""

    async def app(_: Scope, __: Receive, ___: Send) -> None:
        return

    client = InProcess(app)
    assert await failure(client, get("/")) == ("broken", True)
    await client.close()


async def test_what_follows_the_answer_keeps_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    """Background work runs on after the answer; when it fails the class is logged and the text is not."""
    go, gone = asyncio.Event(), asyncio.Event()
    app = FastAPI()

    @app.get("/", response_class=PlainTextResponse)
    async def answer(background: BackgroundTasks) -> str:
        async def later() -> None:
            await go.wait()
            gone.set()
            raise RuntimeError("secret")

        background.add_task(later)
        return "done"

    client = InProcess(app)
    assert (await client.send(get("/"), seconds=10, cap=1000)).body == b"done"
    assert not gone.is_set()
    go.set()
    await gone.wait()
    await client.close()
    assert caplog.records[-1].error_class == "RuntimeError"  # type: ignore[attr-defined]  set by `extra`
    assert "secret" not in caplog.text


async def test_the_lifespan_begins_once_and_ends_with_close() -> None:
    """However many requests come first together, the app starts once; close stops it, after its requests."""
    happened: list[str] = []

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        happened.append("start")
        await asyncio.sleep(0)
        yield
        happened.append("stop")

    app = FastAPI(lifespan=life)
    app.add_api_route("/", lambda: happened.append("request"))
    client = InProcess(app)
    assert happened == []
    await asyncio.gather(*(client.send(get("/"), seconds=10, cap=1000) for _ in range(5)))
    await client.close()
    await client.close()
    assert happened == ["start", *["request"] * 5, "stop"]


async def test_an_app_that_cannot_start_is_unreachable() -> None:
    """`startup.failed` means that nothing was delivered, now and at the next call."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        raise RuntimeError("no database")
        yield

    client = InProcess(FastAPI(lifespan=life))
    assert await failure(client, get("/")) == ("unreachable", False)
    assert await failure(client, get("/")) == ("unreachable", False)
    await client.close()


async def test_an_app_that_takes_too_long_to_start_was_not_asked() -> None:
    """Time that runs out during the start delivers nothing, and the start goes on for the next caller."""
    ready = asyncio.Event()

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await ready.wait()
        yield

    app = FastAPI(lifespan=life)
    app.add_api_route("/", lambda: "up")
    client = InProcess(app)
    assert await failure(client, get("/"), seconds=0.05) == ("timeout", False)
    ready.set()
    assert (await client.send(get("/"), seconds=10, cap=1000)).body == b'"up"'
    await client.close()


@pytest.mark.parametrize("raises", [True, False])
async def test_an_app_without_a_lifespan_is_used_as_it_is(*, raises: bool) -> None:
    """An app that knows no lifespan, and says so as ASGI allows, answers requests all the same."""

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        if scope["type"] != "http":
            assert not raises
            return
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"plain"})
        await send({"type": "http.response.body", "body": b"too much"})

    client = InProcess(app)
    assert (await client.send(get("?q"), seconds=10, cap=1000)).body == b"plain"
    await client.close()


async def test_somebody_elses_lifespan_is_left_alone() -> None:
    """With `lifespan=False` the app hears of requests only."""
    kinds: list[str] = []

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        kinds.append(scope["type"])
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    client = InProcess(app, lifespan=False)
    await client.send(get("/"), seconds=10, cap=1000)
    await client.close()
    assert kinds == ["http"]


async def test_an_app_that_does_not_listen_is_stopped() -> None:
    """When the time is over the app is cancelled, also when it never asks whether anybody waits."""
    ended = asyncio.Event()

    async def app(_: Scope, __: Receive, ___: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    client = InProcess(app, lifespan=False)
    assert await failure(client, get("/"), seconds=0.05) == ("timeout", True)
    await asyncio.wait_for(ended.wait(), 10)
    await client.close()


async def test_closing_stops_what_still_runs() -> None:
    """A request under way when the client closes ends as broken, and its app is cancelled."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def app(_: Scope, __: Receive, ___: Send) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    client = InProcess(app, lifespan=False)
    sending = asyncio.ensure_future(failure(client, get("/"), seconds=60))
    await begun.wait()
    await client.close()
    assert await sending == ("broken", True)
    assert ended.is_set()
