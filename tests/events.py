"""Event streams as a client reads them: the messages in them, and what else was on the wire."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp


class Reached(Protocol):
    """A server and a client for it."""

    @property
    def url(self) -> str:
        """Where it is."""
        ...

    @property
    def session(self) -> aiohttp.ClientSession:
        """What to ask it with."""
        ...


def messages(body: bytes) -> list[dict[str, Any]]:
    """Every JSON-RPC message of a whole stream, one per event."""
    return [json.loads(data) for event in body.split(b"\n\n") if (data := _data(event))]


def _data(event: bytes) -> bytes:
    """The event's data; an event of more than one data line is no single JSON object."""
    lines = [line for line in event.split(b"\n") if line.startswith(b"data:")]
    assert len(lines) <= 1
    return lines[0].removeprefix(b"data:").strip() if lines else b""


class Stream:
    """An open stream."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        """Nothing has been read yet."""
        self.answer = answer

    async def next(self) -> dict[str, Any]:
        """The next message; comments are passed over. Raises EOFError at the end of the stream."""
        while True:
            event = b""
            while not event.endswith(b"\n\n"):
                line = await self.answer.content.readline()
                if not line:
                    raise EOFError
                event += line
            if data := _data(event):
                return json.loads(data)

    async def rest(self) -> list[dict[str, Any]]:
        """Everything that still comes, to the end."""
        found = []
        try:
            while True:
                found.append(await self.next())
        except EOFError:
            return found


@asynccontextmanager
async def streaming(
    server: Reached,
    token: str | None,
    body: object = None,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    seconds: float = 30,
) -> AsyncIterator[Stream]:
    """A request whose answer is read as it comes, for so many seconds at most; leaving the block closes the connection."""
    sent = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    if token is not None:
        sent["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    timeout = aiohttp.ClientTimeout(total=seconds)
    async with server.session.request(
        method, server.url + "/mcp", data=data, headers={**sent, **(headers or {})}, timeout=timeout
    ) as answer:
        yield Stream(answer)
        answer.close()
