"""What the suites of the guarded client share: making one, and one request told as one word."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from freehold.kit.http import Outbound, Request, SendFailed
from freehold.kit.outbound import GuardedClient
from tests.hostile import Script, upstream


@asynccontextmanager
async def client(*entries: str, **options: object) -> AsyncIterator[Outbound]:
    """A guarded client with these exceptions, closed after use."""
    guarded = GuardedClient(entries, **options)  # pyright: ignore[reportArgumentType]  whatever the constructor takes
    try:
        yield guarded
    finally:
        await guarded.close()


async def ask(
    guarded: Outbound, url: str, *, method: str = "GET", body: bytes | None = None, seconds: float = 10, cap: int = 1_000_000
) -> str:
    """The status and body, or the failure and whether the request may have arrived, as one word."""
    try:
        answer = await guarded.send(Request(method=method, url=url, body=body), seconds=seconds, cap=cap)
    except SendFailed as failed:
        return f"{failed.failure} {'delivered' if failed.delivered else 'not delivered'}"
    return f"{answer.status} {answer.body.decode('latin-1')}"


async def facing(script: Script, *, seconds: float = 10, cap: int = 1_000_000, method: str = "GET") -> str:
    """What one request to such an upstream comes to."""
    async with upstream(script) as up, client(f"127.0.0.1:{up.port}") as guarded:
        return await ask(guarded, up.origin + "/x", seconds=seconds, cap=cap, method=method)
