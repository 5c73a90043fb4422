"""What the guarded client refuses, and how it stands upstreams that misbehave."""

import asyncio
import gzip
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from freehold.kit import http, wire
from freehold.kit.errors import Misconfigured
from freehold.kit.http import Outbound, Request, SendFailed
from tests import hostile
from tests.clocks import HandClock
from tests.hostile import Line, Script, answers, once, upstream, whole

pytestmark = pytest.mark.anyio

Client = Callable[..., AbstractAsyncContextManager[Outbound]]
OWN = pytest.mark.parametrize("client", [wire.GuardedClient], indirect=True, ids=["own"])


@pytest.fixture(params=[http.GuardedClient, wire.GuardedClient], ids=["aiohttp", "own"])
def client(request: pytest.FixtureRequest) -> Client:
    """Makes guarded clients with these exceptions, closed after use."""

    @asynccontextmanager
    async def make(*entries: str, **options: object) -> AsyncIterator[Outbound]:
        guarded = request.param(entries, **options)
        try:
            yield guarded
        finally:
            await guarded.close()

    return make


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """What the test opened, closed after it."""
    async with AsyncExitStack() as opened:
        yield opened


async def ask(
    guarded: Outbound, url: str, *, method: str = "GET", body: bytes | None = None, seconds: float = 10, cap: int = 1_000_000
) -> str:
    """The status and body, or the failure and whether the request may have arrived, as one word."""
    try:
        answer = await guarded.send(Request(method=method, url=url, body=body), seconds=seconds, cap=cap)
    except SendFailed as failed:
        return f"{failed.failure} {'delivered' if failed.delivered else 'not delivered'}"
    return f"{answer.status} {answer.body.decode('latin-1')}"


async def facing(client: Client, script: Script, *, seconds: float = 10, cap: int = 1_000_000, method: str = "GET") -> str:
    """What one request to such an upstream comes to."""
    async with upstream(script) as up, client(f"127.0.0.1:{up.port}") as guarded:
        return await ask(guarded, up.origin + "/x", seconds=seconds, cap=cap, method=method)


def names_lead_to(monkeypatch: pytest.MonkeyPatch, *turns: list[str]) -> list[str]:
    """A resolver that gives these addresses, the next list at each question and the last one ever after; returns who asked."""
    asked: list[str] = []

    def resolve(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        ips = turns[min(len(asked), len(turns)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ips]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


# Where it connects


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "0.0.0.1"])
async def test_loopback_is_refused_by_literal_and_by_name(client: Client, host: str) -> None:
    """Without an exception nothing on this machine is reached, however it is written (EG-01, EG-02, EG-13)."""
    async with upstream(answers()) as up, client() as guarded:
        assert await ask(guarded, f"http://{host}:{up.port}/") == "address_refused not delivered"
        assert up.lines == []


@pytest.mark.parametrize(
    "authority",
    [
        *("2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "①②⑦.⓪.⓪.①", "localhost.", "127.0.0.1.", "localhost%00.example"),
        *(
            "user@127.0.0.1",
            "user:pw@127.0.0.1",
            "example.com@127.0.0.1",
            "127.0.0.1\\@example.com",
            "127.0.0.1\t",
            "127.0.0.1\n",
            " 127.0.0.1",
            "",
        ),
        *("metadata.google.internal", "169.254.169.254", "[fe80::1%25lo]", "[::1"),
    ],
)
async def test_odd_authorities_are_refused_even_beside_a_wide_exception(client: Client, authority: str) -> None:
    """Forms that parsers read differently never reach a resolver or a socket (EG-03, EG-04)."""
    async with upstream(answers()) as up, client("127.0.0.0/8", "::/0", "localhost") as guarded:
        for url in (f"http://{authority}:{up.port}/", f"http://{authority}/"):
            assert await ask(guarded, url) == "address_refused not delivered"
        assert up.lines == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://h/",
        "ws://h/",
        "data:,x",
        "unix:/tmp/x",
        "//h/",
        "h/",
        "",
        "HTTP//h",
        "http:/h",
        "http:h",
        "javascript://h/",
    ],
)
async def test_other_schemes_are_refused(client: Client, url: str) -> None:
    """Only http and https leave (EG-07)."""
    async with client("127.0.0.0/8") as guarded:
        assert await ask(guarded, url) == "address_refused not delivered"


@pytest.mark.parametrize("tail", ["/a b", "/a\r\nX: y", "/a\tb", "/ä", "/a#b", "/a\\b", "/\x7f", "/\0"])
async def test_a_url_that_is_not_encoded_is_refused(client: Client, tail: str) -> None:
    """What could end the request line or be read as something else is not sent (OA-01)."""
    async with upstream(answers()) as up, client(f"127.0.0.1:{up.port}") as guarded:
        assert await ask(guarded, up.origin + tail) == "address_refused not delivered"
        assert up.requests == []


@pytest.mark.parametrize("port", ["", "0", "65536", "80a", "\uff18\uff10", "-1", "1 ", "+80"])
async def test_odd_ports_are_refused(client: Client, port: str) -> None:
    """A port is one to five ASCII digits and exists."""
    async with client("127.0.0.0/8", "localhost") as guarded:
        assert await ask(guarded, f"http://localhost:{port}/") == "address_refused not delivered"


async def test_a_port_of_another_service_is_refused(client: Client) -> None:
    """Not even a host that may be private is spoken to on the port of a database (EG-08)."""
    async with client("127.0.0.1", "127.0.0.0/8") as guarded:
        for port in (22, 25, 5432, 6379):
            assert await ask(guarded, f"http://127.0.0.1:{port}/") == "address_refused not delivered"


async def test_an_exception_opens_exactly_what_it_says(client: Client) -> None:
    """`host:port` opens that port under that spelling; the same place by another name stays closed."""
    async with upstream(answers()) as up, upstream(answers()) as other, client(f"127.0.0.1:{up.port}") as guarded:
        assert await ask(guarded, up.origin + "/") == "200 {}"
        assert await ask(guarded, f"http://localhost:{up.port}/") == "address_refused not delivered"
        assert await ask(guarded, other.origin + "/") == "address_refused not delivered"
        assert (len(up.lines), len(other.lines)) == (1, 0)


async def test_a_named_exception_may_be_private(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's own API is reached by its name wherever the name leads; another name leading there is refused (EG-05)."""
    names_lead_to(monkeypatch, ["127.0.0.1"])
    async with upstream(answers()) as up, client("API.internal") as guarded:
        assert await ask(guarded, f"http://api.internal:{up.port}/") == "200 {}"
        assert await ask(guarded, f"http://Api.Internal:{up.port}/") == "200 {}"
        assert await ask(guarded, f"http://evil.example:{up.port}/") == "address_refused not delivered"
        assert all(b"evil" not in request for request in up.requests)


async def test_no_name_may_lead_to_metadata(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a named exception reaches a cloud's credentials (EG-04, EG-05)."""
    names_lead_to(monkeypatch, ["169.254.169.254"])
    async with client("api.internal", "0.0.0.0/0") as guarded:
        assert await ask(guarded, "http://api.internal/") == "address_refused not delivered"


async def test_a_rebinding_name_reaches_only_what_was_checked(
    client: Client, monkeypatch: pytest.MonkeyPatch, stack: AsyncExitStack
) -> None:
    """A name that changes its address between two questions never gets a connection to the denied one (EG-05)."""
    good = await stack.enter_async_context(upstream(once(whole(b"{}", b"Connection: close")), host="127.0.0.2"))
    bad = await stack.enter_async_context(upstream(answers(), port=good.port))
    for first, then in ((["127.0.0.2"], ["127.0.0.1"]), (["127.0.0.1"], ["127.0.0.2"])):
        names_lead_to(monkeypatch, first, then)
        guarded = await stack.enter_async_context(client("127.0.0.2/32"))
        outcomes = [await ask(guarded, f"http://rebinding.example:{good.port}/", method="POST") for _ in range(3)]
        assert set(outcomes) <= {"200 {}", "address_refused not delivered"}
    assert good.lines
    assert bad.lines == []


@pytest.mark.parametrize("ips", [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]])
async def test_one_denied_address_among_good_ones_is_never_connected(
    client: Client, monkeypatch: pytest.MonkeyPatch, stack: AsyncExitStack, ips: list[str]
) -> None:
    """A mixed answer of the resolver gives no way in (EG-05)."""
    good = await stack.enter_async_context(upstream(answers(), host="127.0.0.2"))
    bad = await stack.enter_async_context(upstream(answers(), port=good.port))
    names_lead_to(monkeypatch, ips)
    guarded = await stack.enter_async_context(client("127.0.0.2/32"))
    assert await ask(guarded, f"http://mixed.example:{good.port}/") in ("200 {}", "address_refused not delivered")
    assert bad.lines == []


async def test_the_environment_sends_nothing_elsewhere(client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Proxies and .netrc of the environment are ignored (EG-09)."""
    async with (
        upstream(answers()) as proxy,
        upstream(answers()) as up,
        client(f"127.0.0.1:{up.port}", f"127.0.0.1:{proxy.port}") as guarded,
    ):
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        assert await ask(guarded, up.origin + "/x") == "200 {}"
        assert proxy.lines == []
        assert b"authorization" not in up.requests[0].lower()


async def test_a_name_without_an_address_is_unreachable(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS that fails is not a refusal, and nothing was delivered."""

    def nowhere(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "nobody")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    async with client() as guarded:
        assert await ask(guarded, "http://nowhere.example/") == "unreachable not delivered"


async def test_a_closed_port_is_unreachable(client: Client) -> None:
    """Nothing was delivered where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with client("127.0.0.1") as guarded:
        assert await ask(guarded, f"http://127.0.0.1:{port}/") == "unreachable not delivered"


async def test_an_unreadable_exception_stops_the_start(client: Client) -> None:
    """A mistyped `outbound_allow` is refused when the client is built."""
    with pytest.raises(Misconfigured, match=r"http://api\.internal"):
        async with client("http://api.internal"):
            pass


# What goes out


@OWN
async def test_the_bytes_on_the_wire_are_the_callers(client: Client) -> None:
    """The request line holds the URL as given, also an empty query, and each header once (OA-01)."""
    async with upstream(answers()) as up, client(f"127.0.0.1:{up.port}") as guarded:
        targets = ["/a/../%2e%2e%2Fb;c?d=%2f+e", "//evil/", "/?", "/x??", "/%zz"]
        for target in targets:
            await ask(guarded, up.origin + target)
        await ask(guarded, up.origin + "?q")
        lines = [request.split(b"\r\n")[0].decode() for request in up.requests]
        assert lines == [f"GET {target} HTTP/1.1" for target in [*targets, "/?q"]]
        names = [line.split(b":")[0].lower() for line in up.requests[0].split(b"\r\n")[1:-2]]
        assert sorted(names) == [b"accept", b"accept-encoding", b"host", b"user-agent"]


async def test_requests_to_one_host_share_a_connection(client: Client) -> None:
    """Keep-alive works; ten calls in turn are one connection."""
    async with upstream(answers()) as up, client(f"127.0.0.1:{up.port}") as guarded:
        for _ in range(10):
            assert await ask(guarded, up.origin + "/", method="POST", body=b"x") == "200 {}"
        assert len(up.lines) == 1


async def test_connections_to_one_host_are_limited(client: Client) -> None:
    """Beyond `connections_per_host` a call waits for its turn, and gets it."""
    held = asyncio.Event()

    async def script(line: Line) -> None:
        while await line.request():
            await held.wait()
            await line.write(hostile.OK)

    async with upstream(script) as up, client(f"127.0.0.1:{up.port}", connections_per_host=3) as guarded:
        calls = [asyncio.ensure_future(ask(guarded, up.origin + "/")) for _ in range(12)]
        await up.until_asked(3)
        calls.pop().cancel()
        held.set()
        assert await asyncio.gather(*calls) == ["200 {}"] * 11
        assert len(up.lines) == 3


@OWN
async def test_waiting_for_a_turn_is_bounded_and_delivers_nothing(client: Client) -> None:
    """Time that runs out before a connection is free leaves the request certainly unsent."""
    async with upstream(hostile.hangs) as up, client(f"127.0.0.1:{up.port}", connections_per_host=1) as guarded:
        first = asyncio.ensure_future(ask(guarded, up.origin + "/", seconds=60))
        await up.until_asked()
        assert await ask(guarded, up.origin + "/second", seconds=0.1) == "timeout not delivered"
        first.cancel()
        assert len(up.requests) == 1


async def test_a_cancelled_send_closes_its_connection(client: Client) -> None:
    """The upstream sees the end of the connection at once, and the next call gets another (TR-28)."""
    async with upstream(hostile.hangs) as up, client(f"127.0.0.1:{up.port}") as guarded:
        sending = asyncio.ensure_future(ask(guarded, up.origin + "/", seconds=60))
        await up.until_asked()
        assert not up.lines[0].ended.is_set()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.wait_for(up.lines[0].ended.wait(), 10)


async def test_closing_ends_every_connection(client: Client) -> None:
    """After close no connection is left open."""
    async with upstream(answers()) as up, client(f"127.0.0.1:{up.port}") as guarded:
        await asyncio.gather(*(ask(guarded, up.origin + "/") for _ in range(5)))
        await guarded.close()
        for line in up.lines:
            await asyncio.wait_for(line.ended.wait(), 10)


async def test_closing_fails_a_call_under_way(client: Client) -> None:
    """Whoever still waits when the client closes is told, and does not wait for ever."""
    async with upstream(hostile.hangs) as up, client(f"127.0.0.1:{up.port}") as guarded:
        sending = asyncio.ensure_future(ask(guarded, up.origin + "/", seconds=60))
        await up.until_asked()
        await guarded.close()
        assert await asyncio.wait_for(sending, 10) == "broken delivered"


@OWN
async def test_a_connection_the_server_has_closed_carries_no_post(client: Client) -> None:
    """An idle connection whose end has arrived is replaced before anything is sent on it, so the POST succeeds."""
    async with upstream(once(hostile.OK)) as up, client(f"127.0.0.1:{up.port}") as guarded:
        for number in range(1, 4):
            assert await ask(guarded, up.origin + f"/{number}", method="POST", body=b"x") == "200 {}"
            await up.lines[-1].ended.wait()
        assert [request.split(b" ")[1] for request in up.requests] == [b"/1", b"/2", b"/3"]


@OWN
async def test_what_comes_between_two_requests_answers_neither(client: Client) -> None:
    """An answer sent while nobody asks is dropped with its connection (EG-12)."""
    forged = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.write(hostile.OK)
        await line.write(whole(b"forged"))
        forged.set()
        await line.until_eof()

    async with upstream(script) as up, client(f"127.0.0.1:{up.port}") as guarded:
        for _ in range(3):
            assert await ask(guarded, up.origin + "/") == "200 {}"
            await forged.wait()
            forged.clear()
        assert len(up.lines) == 3


@OWN
async def test_a_connection_idle_for_too_long_is_not_used_again(client: Client) -> None:
    """After `keepalive_seconds` by the clock the next request gets a new connection."""
    clock = HandClock()
    async with upstream(answers()) as up, client(f"127.0.0.1:{up.port}", clock=clock, keepalive_seconds=15) as guarded:
        for pause, connections in ((0, 1), (14.9, 1), (15, 2), (1, 2)):
            clock.advance(pause)
            assert await ask(guarded, up.origin + "/") == "200 {}"
            assert len(up.lines) == connections
        assert up.lines[0].ended.is_set() or await asyncio.wait_for(up.lines[0].ended.wait(), 10)


@OWN
async def test_idle_connections_are_closed_by_themselves(client: Client) -> None:
    """Nobody needs to ask again for an idle connection to end."""
    async with upstream(answers()) as up, client(f"127.0.0.1:{up.port}", keepalive_seconds=0.05) as guarded:
        assert await ask(guarded, up.origin + "/") == "200 {}"
        await asyncio.wait_for(up.lines[0].ended.wait(), 10)


# What comes back


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (hostile.resets, "broken delivered"),
        (hostile.HALF_A_BODY, "broken delivered"),
        (hostile.HALF_A_CHUNK, "broken delivered"),
        (hostile.HALF_A_HEAD, "broken delivered"),
        (hostile.NO_HTTP, "broken delivered"),
        (hostile.NEGATIVE_LENGTH, "broken delivered"),
        (hostile.TWO_LENGTHS, "broken delivered"),
        (hostile.HEADER_BOMB, "broken delivered"),
        (hostile.MANY_HEADERS, "broken delivered"),
        (hostile.SWITCHES, "broken delivered"),
        (hostile.endless_trailers, "broken delivered"),
        (hostile.endless_chunks, "too_large delivered"),
        (hostile.TEN_MEGABYTES, "too_large delivered"),
        (hostile.TEN_MEGABYTES_CHUNKED, "too_large delivered"),
        (hostile.GZIP_BOMB, "too_large delivered"),
        (once(b""), "broken delivered"),
        (answers(whole(b"x", b"Content-Encoding: br")), "broken delivered"),
        (answers(whole(b"x", b"Content-Encoding: gzip")), "broken delivered"),
        (answers(whole(gzip.compress(b"whole")[:-4], b"Content-Encoding: gzip")), "broken delivered"),
        (answers(whole(b"x", b"Content-Encoding: gzip, gzip")), "broken delivered"),
        (hostile.HTML, "502 <h1>502 Bad Gateway</h1>"),
        (hostile.redirect("http://127.0.0.1:1/"), "302 "),
        (hostile.redirect("//evil@127.0.0.1/\\x"), "302 "),
        (answers(whole(gzip.compress(b"plain"), b"Content-Encoding: GZip")), "200 plain"),
        (answers(whole(zlib.compress(b"plain"), b"Content-Encoding: deflate")), "200 plain"),
        (answers(whole(zlib.compress(b"plain", wbits=-15), b"Content-Encoding: deflate")), "200 plain"),
        (answers(whole(b"plain", b"Content-Encoding: identity")), "200 plain"),
        (once(b"HTTP/1.1 200 OK\r\n\r\nuntil the end"), "200 until the end"),
        (once(b"HTTP/1.0 200 OK\r\n\r\nuntil the end"), "200 until the end"),
        (answers(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + hostile.OK), "200 {}"),
        (answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-T: y\r\n\r\n"), "200 abcde"),
        (answers(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"), "304 "),
    ],
)
async def test_an_upstream_can_do_nothing_worse_than_fail(client: Client, script: Script, outcome: str) -> None:
    """Each way an upstream goes wrong ends in the failure that names it, and what merely looks odd is an answer (EG-06, EG-11)."""
    assert await facing(client, script) == outcome


@pytest.mark.parametrize("script", [hostile.hangs, hostile.hangs_in_body, hostile.slow_drip])
async def test_time_is_counted_over_the_whole_exchange(client: Client, script: Script) -> None:
    """An upstream that trickles gets no more time than one that is silent, and its connection is closed (EG-11)."""
    async with upstream(script) as up, client(f"127.0.0.1:{up.port}") as guarded:
        assert await ask(guarded, up.origin + "/", seconds=0.2) == "timeout delivered"
        await asyncio.wait_for(up.lines[0].ended.wait(), 10)


async def test_a_flood_of_interim_answers_ends(client: Client) -> None:
    """1xx answers without end do not hold a call beyond its time (EG-11)."""
    assert await facing(client, hostile.flood_of_interim_answers, seconds=0.3) in ("broken delivered", "timeout delivered")


async def test_an_announced_size_beyond_the_cap_is_refused_before_it_comes(client: Client) -> None:
    """Content-Length alone is enough to refuse, except where no body follows (EG-11)."""
    announcing = b"HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n"
    assert await facing(client, answers(announcing)) == "too_large delivered"
    assert await facing(client, answers(announcing), method="HEAD") == "200 "


@OWN
@pytest.mark.parametrize(
    "bad",
    [hostile.SAYS_TOO_LITTLE, answers(hostile.OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"), answers(hostile.OK + b"x")],
)
async def test_bytes_after_an_answer_never_answer_another_request(client: Client, bad: Script) -> None:
    """What an upstream says too much is dropped with its connection: the next caller gets its own answer (EG-12)."""
    async with upstream(bad) as up, client(f"127.0.0.1:{up.port}") as guarded:
        for _ in range(5):
            assert await ask(guarded, up.origin + "/", method="POST") == "200 {}"
        assert len(up.lines) == 5


@OWN
async def test_a_failed_exchange_leaves_no_connection_behind(client: Client) -> None:
    """After too much, too late or half an answer the connection is not used again."""

    async def script(line: Line) -> None:
        await line.request()
        await line.write(whole(b"x" * 200) if len(up.lines) == 1 else hostile.OK)
        await line.until_eof()

    async with upstream(script) as up, client(f"127.0.0.1:{up.port}") as guarded:
        assert await ask(guarded, up.origin + "/", cap=100) == "too_large delivered"
        assert await ask(guarded, up.origin + "/", cap=100) == "200 {}"
        await asyncio.wait_for(up.lines[0].ended.wait(), 10)


async def dies_on_reuse(line: Line) -> None:
    """Answer the first request of each connection and break off at the second."""
    await line.request()
    await line.write(hostile.OK)
    await line.request()


async def test_a_post_is_never_sent_twice(client: Client) -> None:
    """A kept connection that dies under a POST is a failure, not a second POST."""
    async with upstream(dies_on_reuse) as up, client(f"127.0.0.1:{up.port}") as guarded:
        assert await ask(guarded, up.origin + "/1", method="POST", body=b"1") == "200 {}"
        assert await ask(guarded, up.origin + "/2", method="POST", body=b"2") == "broken delivered"
        assert await ask(guarded, up.origin + "/3", method="PATCH", body=b"3") == "200 {}"
        assert [request.split(b" ")[1] for request in up.requests] == [b"/1", b"/2", b"/3"]


@OWN
async def test_a_get_on_a_dead_connection_is_sent_again_once(client: Client) -> None:
    """What may be repeated is, on a new connection; a new connection that dies is the end of it."""
    async with upstream(dies_on_reuse) as up, client(f"127.0.0.1:{up.port}") as guarded:
        assert [await ask(guarded, up.origin + "/") for _ in range(4)] == ["200 {}"] * 4
    async with upstream(once(b"")) as up, client(f"127.0.0.1:{up.port}") as guarded:
        assert await ask(guarded, up.origin + "/") == "broken delivered"
        assert len(up.requests) == 1


# TLS


@pytest.fixture(scope="module")
def authority() -> hostile.Authority:
    """A certificate authority of our own."""
    return hostile.Authority()


async def test_tls_is_verified_by_name(client: Client, authority: hostile.Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of a trusted authority for that very name is taken, for the name and for a literal."""
    names_lead_to(monkeypatch, ["127.0.0.1"])
    tls = authority.serving("api.internal", "127.0.0.1")
    async with upstream(answers(), tls=tls) as up, client("api.internal", "127.0.0.1", tls=authority.trusting()) as guarded:
        assert await ask(guarded, f"https://api.internal:{up.port}/") == "200 {}"
        assert await ask(guarded, up.origin + "/") == "200 {}"


@pytest.mark.parametrize("case", ["unknown authority", "another name", "expired", "TLS 1.1"])
async def test_bad_tls_is_unreachable(client: Client, authority: hostile.Authority, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """Nothing is sent to a server that cannot show who it is, though the address itself is right (EG-10)."""
    names_lead_to(monkeypatch, ["127.0.0.1"])
    name = "other.internal" if case == "another name" else "api.internal"
    tls = authority.serving(name, expired=case == "expired")
    if case == "TLS 1.1":
        tls = authority.serving(name, newest=ssl.TLSVersion.TLSv1_1)
    trusting = None if case == "unknown authority" else authority.trusting()
    async with upstream(answers(), tls=tls) as up, client("api.internal", tls=trusting) as guarded:
        assert await ask(guarded, f"https://api.internal:{up.port}/") == "unreachable not delivered"
        assert up.requests == []
