"""What every `Outbound` promises: the guarded client over a real server, and the call in process."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from freehold.kit.http import Outbound, Request, SendFailed
from freehold.kit.inprocess import InProcess
from freehold.kit.outbound import GuardedClient

pytestmark = pytest.mark.anyio


class Mirror:
    """An ASGI app that answers with what it saw, or goes wrong in the way its path names."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self.started = 0
        self.stopped = 0
        self.hanging = asyncio.Event()
        self.left = asyncio.Event()
        self.after = asyncio.Event()
        self.let_go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One conversation."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        case = scope["path"].rpartition("/")[2]
        await getattr(self, f"_{case}", self._mirror)(scope, receive, send, body)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self.started += 1
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.stopped += 1
        await send({"type": "lifespan.shutdown.complete"})

    async def _mirror(self, scope: Any, receive: Any, send: Any, body: bytes) -> None:
        seen = {
            "method": scope["method"],
            "raw_path": scope["raw_path"].decode(),
            "path": scope["path"],
            "query": scope["query_string"].decode(),
            "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
            "body": body.decode("latin-1"),
        }
        headers = [(b"Content-Type", b"application/json"), (b"X-Twice", b"one"), (b"x-twice", b"two"), (b"Set-Cookie", b"sid=1")]
        await send({"type": "http.response.start", "status": 207, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(seen).encode()})

    async def _nothing(self, scope: Any, receive: Any, send: Any, body: bytes) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def _away(self, scope: Any, receive: Any, send: Any, body: bytes) -> None:
        await send({"type": "http.response.start", "status": 302, "headers": [(b"location", b"/nothing"), (b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async def _parts(self, scope: Any, receive: Any, send: Any, body: bytes) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"x" * 100, "more_body": True})
        await send({"type": "http.response.body"})

    async def _half(self, scope: Any, receive: Any, send: Any, body: bytes) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("broken on purpose")

    async def _hang(self, scope: Any, receive: Any, send: Any, body: bytes) -> None:
        self.hanging.set()
        try:
            assert (await receive())["type"] == "http.disconnect"
        finally:
            self.left.set()


class Stage:
    """A real server whose app is changed from test to test."""

    app: Mirror
    origin = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand over to the app of this test."""
        await self.app(scope, receive, send)


class Announced(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        """Not yet."""
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.up.set()


@pytest.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    """The server, on a free loopback port."""
    playing = Stage()
    server = Announced(uvicorn.Config(playing, port=0, log_config=None, lifespan="off"))
    serving = asyncio.ensure_future(server.serve())
    await server.up.wait()
    playing.origin = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield playing
    server.should_exit = True
    await serving


@pytest.fixture
def app() -> Mirror:
    """A fresh upstream."""
    return Mirror()


@pytest.fixture(params=["sockets", "in process"])
async def way(request: pytest.FixtureRequest, app: Mirror, stage: Stage) -> AsyncIterator[tuple[Outbound, str]]:
    """An `Outbound` and the origin its upstream answers for."""
    stage.app = app
    client: Outbound = GuardedClient([stage.origin.removeprefix("http://")])
    origin = stage.origin
    if request.param == "in process":
        client, origin = InProcess(app, host="app.test"), "http://app.test"
    yield client, origin
    await client.close()


async def failing(client: Outbound, request: Request, *, seconds: float = 10, cap: int = 1_000_000) -> SendFailed:
    """The failure a send ends in."""
    with pytest.raises(SendFailed) as failed:
        await client.send(request, seconds=seconds, cap=cap)
    return failed.value


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/",
            "/a/b",
            "/a%2Fb",
            "/a/../b",
            "/..%2f..%2fadmin",
            "/%2e%2e/x",
            "/a/./b",
            "//evil.example/x",
            "/a//b",
            "/a;v=1/b",
            "/@evil",
            "/a:80",
        ),
        *(
            "/x?q=a%20b+c&q=%26&empty=&flag",
            "/x?a=/b/../c",
            "/x?u=http://evil.example/",
            "/%7Euser/~user",
            "/x?%zz=%",
            "/%F0%9F%98%80",
            "/x??y",
        ),
        *("/x?", "?q=1", ""),
    ],
)
async def test_the_url_arrives_byte_for_byte(way: tuple[Outbound, str], target: str) -> None:
    """No client normalises, decodes or requotes what the caller encoded; only an empty path becomes `/` (OA-01)."""
    client, origin = way
    answer = await client.send(Request(method="GET", url=origin + target), seconds=10, cap=100_000)
    path, _, query = target.partition("?")
    seen = json.loads(answer.body)
    assert (seen["raw_path"], seen["query"]) == (path or "/", query)


async def test_a_request_arrives_whole(way: tuple[Outbound, str]) -> None:
    """Method, headers in their order, and body reach the app; the client adds its few and no others."""
    client, origin = way
    body = bytes(range(256)) * 400
    sent = (("Authorization", "Bearer t"), ("X-Many", "a"), ("X-Many", "b"), ("Content-Type", "application/octet-stream"))
    answer = await client.send(Request(method="PATCH", url=origin + "/x", headers=sent, body=body), seconds=10, cap=1_000_000)
    seen = json.loads(answer.body)
    assert seen["method"] == "PATCH"
    assert seen["body"].encode("latin-1") == body
    assert [pair for pair in seen["headers"] if pair[0] == "x-many"] == [["x-many", "a"], ["x-many", "b"]]
    names = {name for name, _ in seen["headers"]}
    assert names == {"host", "authorization", "x-many", "content-type", "content-length", "user-agent", "accept", "accept-encoding"}
    values = dict(seen["headers"])
    assert values["host"] == origin.removeprefix("http://")
    assert values["content-length"] == str(len(body))
    assert values["user-agent"].startswith("freehold/")
    assert values["accept-encoding"] == "identity"


async def test_a_body_without_a_type_gets_none(way: tuple[Outbound, str]) -> None:
    """The client does not guess a media type, and an absent body is not announced with one."""
    client, origin = way
    for body in (b"x", b"", None):
        answer = await client.send(Request(method="POST", url=origin + "/x", body=body), seconds=10, cap=100_000)
        seen = json.loads(answer.body)
        assert seen["body"] == (body or b"").decode()
        assert "content-type" not in dict(seen["headers"])
        assert "transfer-encoding" not in dict(seen["headers"])


async def test_an_answer_comes_back_whole(way: tuple[Outbound, str]) -> None:
    """Status and body as given, names in lower case, repeated headers joined."""
    client, origin = way
    answer = await client.send(Request(method="GET", url=origin + "/x"), seconds=10, cap=100_000)
    assert answer.status == 207
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-twice"] == "one, two"


async def test_no_cookie_is_kept(way: tuple[Outbound, str]) -> None:
    """What one answer sets, no later request carries (EG-12)."""
    client, origin = way
    for _ in range(2):
        answer = await client.send(Request(method="GET", url=origin + "/x"), seconds=10, cap=100_000)
        assert answer.headers["set-cookie"] == "sid=1"
        assert "cookie" not in dict(json.loads(answer.body)["headers"])


async def test_an_answer_without_a_body_is_an_answer(way: tuple[Outbound, str]) -> None:
    """204, and whatever answers HEAD, have an empty body."""
    client, origin = way
    assert (await client.send(Request(method="GET", url=origin + "/nothing"), seconds=10, cap=0)).status == 204
    answer = await client.send(Request(method="HEAD", url=origin + "/x"), seconds=10, cap=0)
    assert (answer.status, answer.body) == (207, b"")
    assert (await client.send(Request(method="GET", url=origin + "/nothing"), seconds=10, cap=0)).body == b""


async def test_a_redirect_is_an_answer(way: tuple[Outbound, str]) -> None:
    """Nobody is followed anywhere (EG-06)."""
    client, origin = way
    answer = await client.send(Request(method="GET", url=origin + "/away"), seconds=10, cap=100)
    assert (answer.status, answer.headers["location"], answer.body) == (302, "/nothing", b"")


async def test_the_cap_counts_to_the_byte(way: tuple[Outbound, str]) -> None:
    """A body as large as the cap is taken, one byte more is not, however many parts it comes in (EG-11)."""
    client, origin = way
    request = Request(method="GET", url=origin + "/parts")
    assert len((await client.send(request, seconds=10, cap=10_000)).body) == 10_000
    failed = await failing(client, request, cap=9_999)
    assert (failed.failure, failed.delivered) == ("too_large", True)


async def test_a_body_broken_off_is_broken(way: tuple[Outbound, str]) -> None:
    """Half an answer is never taken for one, and the failure carries nothing of the peer."""
    client, origin = way
    failed = await failing(client, Request(method="GET", url=origin + "/half"))
    assert (failed.failure, failed.delivered, failed.args) == ("broken", True, ("broken",))
    assert failed.__cause__ is None
    assert failed.__suppress_context__ or failed.__context__ is None


async def test_time_runs_out(way: tuple[Outbound, str], app: Mirror) -> None:
    """After `seconds` the send fails and the app learns that nobody waits."""
    client, origin = way
    failed = await failing(client, Request(method="GET", url=origin + "/hang"), seconds=0.1)
    assert (failed.failure, failed.delivered) == ("timeout", True)
    await asyncio.wait_for(app.left.wait(), 10)


async def test_cancelling_reaches_the_app(way: tuple[Outbound, str], app: Mirror) -> None:
    """When the caller goes away the app is told at once."""
    client, origin = way
    sending = asyncio.ensure_future(client.send(Request(method="POST", url=origin + "/hang", body=b"x"), seconds=60, cap=100))
    await asyncio.wait_for(app.hanging.wait(), 10)
    assert not app.left.is_set()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.wait_for(app.left.wait(), 10)


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection", "Upgrade", "TE", "Expect"])
async def test_headers_of_the_connection_cannot_be_set(way: tuple[Outbound, str], name: str) -> None:
    """A caller cannot reframe or redirect the request by a header (OA-03)."""
    client, origin = way
    with pytest.raises(ValueError, match="belongs to the connection"):
        await client.send(Request(method="GET", url=origin + "/x", headers=((name, "1"),)), seconds=10, cap=100_000)


@pytest.mark.parametrize(
    "pair",
    [
        ("X-A", "a\r\nX-B: b"),
        ("X-A", "a\nb"),
        ("X-A", "a\rb"),
        ("X-A", "a\0b"),
        ("X-A\r\nX-B", "b"),
        ("X A", "b"),
        ("X-A:", "b"),
        ("", "b"),
    ],
)
async def test_a_header_stays_one_line(way: tuple[Outbound, str], app: Mirror, pair: tuple[str, str]) -> None:
    """Line breaks and NUL in a name or value are refused before anything is sent (OA-03)."""
    client, origin = way
    with pytest.raises(ValueError, match="header") as refused:
        await client.send(Request(method="POST", url=origin + "/hang", headers=(pair,)), seconds=10, cap=100_000)
    assert "X-B" not in str(refused.value)
    assert not app.hanging.is_set()


@pytest.mark.parametrize("method", ["GET /evil HTTP/1.1\r\nX:", "G T", "", "GÉT"])
async def test_a_method_is_one_token(way: tuple[Outbound, str], method: str) -> None:
    """A method cannot carry a second request."""
    client, origin = way
    with pytest.raises(ValueError, match="method"):
        await client.send(Request(method=method, url=origin + "/x"), seconds=10, cap=100_000)


async def test_many_at_once_get_their_own_answers(way: tuple[Outbound, str]) -> None:
    """Of two hundred concurrent requests each gets the answer to its own."""
    client, origin = way

    async def ask(number: int) -> bool:
        request = Request(method="POST", url=f"{origin}/x?n={number}", body=str(number).encode())
        seen = json.loads((await client.send(request, seconds=30, cap=100_000)).body)
        return (seen["query"], seen["body"]) == (f"n={number}", str(number))

    assert all(await asyncio.gather(*(ask(number) for number in range(200))))


async def test_closing_twice_or_unused_is_nothing(app: Mirror) -> None:
    """A client that sent nothing opened nothing; close may be called again."""
    for client in (GuardedClient(), InProcess(app)):
        await client.close()
        await client.close()
    assert (app.started, app.stopped) == (0, 0)
