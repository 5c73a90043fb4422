"""MCP over standard input and output: newline-delimited messages of one client, whoever started the process (basic/transports/stdio)."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import suppress

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.web.answers import refusal_answer
from freehold.web.conversation import Conversation, Table

Write = Callable[[bytes], Awaitable[None]]


class StdioDoor:
    """One conversation, in the name of one principal."""

    def __init__(self, table: Table, principal: Principal, write: Write, *, body_cap: int) -> None:
        """`write` takes one whole line."""
        self._conversation = Conversation(table, self._say, {})
        self._principal = principal
        self._write = write
        self._body_cap = body_cap

    async def hear(self, lines: AsyncIterable[bytes | None]) -> None:
        """Take lines to their end; None stands for one that was longer than the cap."""
        async for line in lines:
            if line is None:
                await self._say(refusal_answer(Refusal("body_too_large", limit=self._body_cap), None, modern=True)[1])
            elif line.strip():
                await self._conversation.hear(self._principal, line)
        self._conversation.deafen()

    async def finish(self, seconds: float) -> None:
        """Answer what is open, if that takes no longer; then cancel the rest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._conversation.finish()
        await self._conversation.end()

    async def _say(self, message: bytes) -> None:
        """A line end inside JSON is white space, so it may become a blank."""
        await self._write(message.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n")
