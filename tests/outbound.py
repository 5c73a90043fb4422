"""What the suites of the guarded client share: both of them, and one request told as one word."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from freehold.kit import http, wire
from freehold.kit.http import Outbound, Request, SendFailed
from tests.hostile import Script, upstream

Client = Callable[..., AbstractAsyncContextManager[Outbound]]
GUARDED = {"aiohttp": http.GuardedClient, "own": wire.GuardedClient}
OWN = pytest.mark.parametrize("client", ["own"], indirect=True)


def making(kind: str) -> Client:
    """Makes guarded clients of this kind with the exceptions given, closed after use."""

    @asynccontextmanager
    async def make(*entries: str, **options: object) -> AsyncIterator[Outbound]:
        guarded = GUARDED[kind](entries, **options)  # pyright: ignore[reportArgumentType]  whatever the constructor takes
        try:
            yield guarded
        finally:
            await guarded.close()

    return make


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
