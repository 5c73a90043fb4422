"""The guarded client while an answer is still coming: part by part, within bounds, and closed by whoever leaves."""

import asyncio

import pytest

from freehold.kit.http import Flowing, Request, SendFailed
from freehold.kit.outbound import GuardedClient
from tests.hostile import Line, upstream

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _read(flowing: Flowing) -> list[bytes]:
    return [part async for part in flowing.parts]


async def _failure(client: GuardedClient, url: str, *, seconds: float = 5, cap: int = 1_000) -> str:
    with pytest.raises(SendFailed) as failed:
        async with client.stream(Request(method="POST", url=url), seconds=seconds, cap=cap) as flowing:
            await _read(flowing)
    return failed.value.failure


async def test_parts_are_given_as_they_come() -> None:
    """The first part is here before the server has sent the last, and the end is the end."""
    more = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.write(HEAD + _chunk(b"one"))
        await more.wait()
        await line.write(_chunk(b"two") + b"0\r\n\r\n")

    async with upstream(script) as up:
        client = GuardedClient([f"127.0.0.1:{up.port}"])
        async with client.stream(Request(method="POST", url=up.origin + "/x", body=b"{}"), seconds=5, cap=100) as flowing:
            assert flowing.status == 200
            assert flowing.headers["content-type"] == "text/event-stream"
            assert await anext(flowing.parts) == b"one"
            more.set()
            assert await _read(flowing) == [b"two"]
        await client.close()


async def test_leaving_early_closes_the_connection() -> None:
    """A reader who goes is seen to go by the server, at once."""
    gone = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.write(HEAD + _chunk(b"one"))
        await line.until_eof()
        gone.set()

    async with upstream(script) as up:
        client = GuardedClient([f"127.0.0.1:{up.port}"])
        async with client.stream(Request(method="POST", url=up.origin + "/x"), seconds=5, cap=100) as flowing:
            await anext(flowing.parts)
        await asyncio.wait_for(gone.wait(), 5)
        await client.close()


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (_chunk(b"x" * 600) + _chunk(b"x" * 600), "too_large"),
        (_chunk(b"one"), "timeout"),
        (b"zz\r\n", "broken"),
    ],
)
async def test_an_answer_that_goes_wrong_on_its_way(body: bytes, failure: str) -> None:
    """Beyond its cap, silent for too long or garbled, it ends with what was wrong, after its head was good."""

    async def script(line: Line) -> None:
        await line.request()
        await line.write(HEAD + body)
        await line.until_eof()

    async with upstream(script) as up:
        client = GuardedClient([f"127.0.0.1:{up.port}"])
        assert await _failure(client, up.origin + "/x", seconds=0.5) == failure
        await client.close()


async def test_a_stream_that_breaks_off_is_broken() -> None:
    """A connection closed in the middle of a body whose end was to be told is no end."""

    async def script(line: Line) -> None:
        await line.request()
        await line.write(HEAD + _chunk(b"one"))
        line.close()

    async with upstream(script) as up:
        client = GuardedClient([f"127.0.0.1:{up.port}"])
        assert await _failure(client, up.origin + "/x") == "broken"
        await client.close()


async def test_a_stream_is_judged_by_address_too() -> None:
    """What is not allowed is not reached, streaming or not."""
    client = GuardedClient()
    assert await _failure(client, "http://127.0.0.1:9/x") == "address_refused"
    await client.close()
