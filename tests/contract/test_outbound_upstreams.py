"""How the guarded client keeps its connections, and how it stands upstreams that misbehave."""

import asyncio
import gzip
import tracemalloc
import zlib

import pytest

from freehold.kit.http import SendFailed, as_answer
from tests import hostile
from tests.clocks import HandClock
from tests.hostile import Line, Script, answers, once, upstream, whole
from tests.outbound import ask, client, facing

pytestmark = pytest.mark.anyio


# What goes out


async def test_the_bytes_on_the_wire_are_the_callers() -> None:
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


async def test_requests_to_one_host_share_a_connection() -> None:
    """Keep-alive works; ten calls in turn are one connection."""
    async with upstream(answers()) as up, client(f"127.0.0.1:{up.port}") as guarded:
        for _ in range(10):
            assert await ask(guarded, up.origin + "/", method="POST", body=b"x") == "200 {}"
        assert len(up.lines) == 1


async def test_connections_to_one_host_are_limited() -> None:
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


async def test_a_turn_given_to_someone_who_left_is_not_lost() -> None:
    """A waiting call that is cancelled just after it was given its turn passes it on."""
    loop = asyncio.get_running_loop()
    async with upstream(answers()) as up, client(f"127.0.0.1:{up.port}", connections_per_host=1) as guarded:
        first, second = (asyncio.ensure_future(ask(guarded, up.origin + "/")) for _ in range(2))

        def cancel_before_it_runs() -> None:
            second.cancel() if first.done() else loop.call_soon(cancel_before_it_runs)

        cancel_before_it_runs()
        assert await first == "200 {}"
        with pytest.raises(asyncio.CancelledError):
            await second
        assert await ask(guarded, up.origin + "/", seconds=5) == "200 {}"
        assert len(up.requests) == 2


async def test_waiting_for_a_turn_is_bounded_and_delivers_nothing() -> None:
    """Time that runs out before a connection is free leaves the request certainly unsent."""
    async with upstream(hostile.hangs) as up, client(f"127.0.0.1:{up.port}", connections_per_host=1) as guarded:
        first = asyncio.ensure_future(ask(guarded, up.origin + "/", seconds=60))
        await up.until_asked()
        assert await ask(guarded, up.origin + "/second", seconds=0.1) == "timeout not delivered"
        first.cancel()
        assert len(up.requests) == 1


async def test_a_cancelled_send_closes_its_connection() -> None:
    """The upstream sees the end of the connection at once, and the next call gets another (TR-28)."""
    async with upstream(hostile.hangs) as up, client(f"127.0.0.1:{up.port}") as guarded:
        sending = asyncio.ensure_future(ask(guarded, up.origin + "/", seconds=60))
        await up.until_asked()
        assert not up.lines[0].ended.is_set()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.wait_for(up.lines[0].ended.wait(), 10)


async def test_closing_ends_every_connection() -> None:
    """After close no connection is left open."""
    async with upstream(answers()) as up, client(f"127.0.0.1:{up.port}") as guarded:
        await asyncio.gather(*(ask(guarded, up.origin + "/") for _ in range(5)))
        await guarded.close()
        for line in up.lines:
            await asyncio.wait_for(line.ended.wait(), 10)


async def test_closing_fails_a_call_under_way() -> None:
    """Whoever still waits when the client closes is told, and does not wait for ever."""
    async with upstream(hostile.hangs) as up, client(f"127.0.0.1:{up.port}") as guarded:
        sending = asyncio.ensure_future(ask(guarded, up.origin + "/", seconds=60))
        await up.until_asked()
        await guarded.close()
        assert await asyncio.wait_for(sending, 10) == "broken delivered"


async def test_a_connection_the_server_has_closed_carries_no_post() -> None:
    """An idle connection whose end has arrived is replaced before anything is sent on it, so the POST succeeds."""
    async with upstream(once(hostile.OK)) as up, client(f"127.0.0.1:{up.port}") as guarded:
        for number in range(1, 4):
            assert await ask(guarded, up.origin + f"/{number}", method="POST", body=b"x") == "200 {}"
            await up.lines[-1].ended.wait()
        assert [request.split(b" ")[1] for request in up.requests] == [b"/1", b"/2", b"/3"]


async def test_what_comes_between_two_requests_answers_neither() -> None:
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


async def test_a_connection_idle_for_too_long_is_not_used_again() -> None:
    """After `keepalive_seconds` by the clock the next request gets a new connection."""
    clock = HandClock()
    async with upstream(answers()) as up, client(f"127.0.0.1:{up.port}", clock=clock, keepalive_seconds=15) as guarded:
        for pause, connections in ((0, 1), (14.9, 1), (15, 2), (1, 2)):
            clock.advance(pause)
            assert await ask(guarded, up.origin + "/") == "200 {}"
            assert len(up.lines) == connections
        assert up.lines[0].ended.is_set() or await asyncio.wait_for(up.lines[0].ended.wait(), 10)


async def test_idle_connections_are_closed_by_themselves() -> None:
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
async def test_an_upstream_can_do_nothing_worse_than_fail(script: Script, outcome: str) -> None:
    """Each way an upstream goes wrong ends in the failure that names it, and what merely looks odd is an answer (EG-06, EG-11)."""
    assert await facing(script) == outcome


def test_a_bomb_is_never_unpacked() -> None:
    """Decoding stops at the cap; the fifty megabytes are never in memory (EG-11)."""
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    with pytest.raises(SendFailed, match="too_large"):
        as_answer(200, [(b"Content-Encoding", b"gzip")], bomb, 100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("script", [hostile.hangs, hostile.hangs_in_body, hostile.slow_drip])
async def test_time_is_counted_over_the_whole_exchange(script: Script) -> None:
    """An upstream that trickles gets no more time than one that is silent, and its connection is closed (EG-11)."""
    async with upstream(script) as up, client(f"127.0.0.1:{up.port}") as guarded:
        assert await ask(guarded, up.origin + "/", seconds=0.2) == "timeout delivered"
        await asyncio.wait_for(up.lines[0].ended.wait(), 10)


async def test_a_flood_of_interim_answers_ends() -> None:
    """1xx answers without end do not hold a call beyond its time (EG-11)."""
    assert await facing(hostile.flood_of_interim_answers, seconds=0.3) in ("broken delivered", "timeout delivered")


async def test_an_announced_size_beyond_the_cap_is_refused_before_it_comes() -> None:
    """Content-Length alone is enough to refuse, except where no body follows (EG-11)."""
    announcing = b"HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n"
    assert await facing(answers(announcing)) == "too_large delivered"
    assert await facing(answers(announcing), method="HEAD") == "200 "


@pytest.mark.parametrize(
    "bad",
    [hostile.SAYS_TOO_LITTLE, answers(hostile.OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"), answers(hostile.OK + b"x")],
)
async def test_bytes_after_an_answer_never_answer_another_request(bad: Script) -> None:
    """What an upstream says too much is dropped with its connection: the next caller gets its own answer (EG-12)."""
    async with upstream(bad) as up, client(f"127.0.0.1:{up.port}") as guarded:
        for _ in range(5):
            assert await ask(guarded, up.origin + "/", method="POST") == "200 {}"
        assert len(up.lines) == 5


async def test_a_failed_exchange_leaves_no_connection_behind() -> None:
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


async def test_a_post_is_never_sent_twice() -> None:
    """A kept connection that dies under a POST is a failure, not a second POST."""
    async with upstream(dies_on_reuse) as up, client(f"127.0.0.1:{up.port}") as guarded:
        assert await ask(guarded, up.origin + "/1", method="POST", body=b"1") == "200 {}"
        assert await ask(guarded, up.origin + "/2", method="POST", body=b"2") == "broken delivered"
        assert await ask(guarded, up.origin + "/3", method="PATCH", body=b"3") == "200 {}"
        assert [request.split(b" ")[1] for request in up.requests] == [b"/1", b"/2", b"/3"]


async def test_a_get_on_a_dead_connection_is_sent_again_once() -> None:
    """What may be repeated is, on a new connection; a new connection that dies is the end of it."""
    async with upstream(dies_on_reuse) as up, client(f"127.0.0.1:{up.port}") as guarded:
        assert [await ask(guarded, up.origin + "/") for _ in range(4)] == ["200 {}"] * 4
    async with upstream(once(b"")) as up, client(f"127.0.0.1:{up.port}") as guarded:
        assert await ask(guarded, up.origin + "/") == "broken delivered"
        assert len(up.requests) == 1
