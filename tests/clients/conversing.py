"""A client written in Python, driven from outside as conformance/clients/conversation.mjs drives the others, line by line.

Imports nothing of ours: the programs that use it run in environments of their own."""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

PATIENCE = 15


class Heard:
    """What the server sent of its own accord, in order."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._messages: list[tuple[str, Any]] = []
        self._more = asyncio.Event()

    def take(self, method: str, params: Any) -> None:
        """Keep one."""
        self._messages.append((method, plain(params) or {}))
        self._more.set()

    async def until(self, method: str, count: int) -> list[Any]:
        """All of a method once there are so many."""
        async with asyncio.timeout(PATIENCE):
            while len(found := [params for name, params in self._messages if name == method]) < count:
                self._more.clear()
                await self._more.wait()
        return found


Open = Callable[[dict[str, Any], Heard], AbstractAsyncContextManager[Any]]
"""Connects a client; gives an object with a method for each deed, `connected` for what the client learned first."""


class Conversation:
    """The deeds of one program: `connect` opens a client, whose deeds then follow, until `close`."""

    def __init__(self, open_: Open) -> None:
        """Nothing is connected."""
        self._open = open_
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._heard = Heard()

    async def does(self, deed: str, wanted: dict[str, Any]) -> Any:
        """What comes of one line."""
        if deed == "heard":
            return await self._heard.until(**wanted)
        if deed == "close":
            return await self._stack.aclose()
        if deed != "connect":
            return plain(await getattr(self._client, deed)(**wanted))
        self._heard = Heard()
        self._client = await self._stack.enter_async_context(self._open(wanted, self._heard))
        return plain(await self._client.connected())


async def converse(open_: Open) -> None:
    """Answer lines until there are no more."""
    conversation = Conversation(open_)
    lines = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        wanted = json.loads(line)
        number, deed = wanted.pop("id"), wanted.pop("deed")
        try:
            said: dict[str, Any] = {"value": await conversation.does(deed, wanted)}
        except Exception as fault:  # noqa: BLE001  whatever the client raises is what the test wants to see
            said = {"error": described(fault)}
        sys.stdout.write(json.dumps({"id": number, **said}) + "\n")
        sys.stdout.flush()
    await conversation.does("close", {})


def plain(value: Any) -> Any:
    """A model of the client's as JSON."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.model_dump(mode="json", by_alias=True, exclude_none=True) if hasattr(value, "model_dump") else value


def described(fault: BaseException) -> dict[str, Any]:
    """The innermost fault of a group, in its own words."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    error = getattr(fault, "error", None)
    code, data = getattr(error, "code", None), getattr(error, "data", None)
    return {"code": code, "data": data, "message": str(fault), "kind": type(fault).__name__}
