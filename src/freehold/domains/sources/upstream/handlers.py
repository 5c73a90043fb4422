"""The way back to a client that is the SaaS's own code: what a server asks or tells is given to functions it brought."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from freehold.core.channel import Ask, Kind, Level, Unanswered

Answerer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""From a question's params to its result, both in wire form."""


class Handlers(Struct, frozen=True, kw_only=True, eq=False):
    """A `Channel`. What has no function cannot be asked, and is told to nobody."""

    elicitation: Answerer | None = None
    sampling: Answerer | None = None
    roots: Answerer | None = None
    on_log: Callable[[Level, Any, str | None], Awaitable[None]] | None = None
    on_progress: Callable[[float, float | None, str | None], Awaitable[None]] | None = None

    @property
    def parks(self) -> bool:
        """It answers while the call waits."""
        return True

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        """To the function for it."""
        if self.on_progress is not None:
            await self.on_progress(done, total, message)

    async def log(self, level: Level, data: Any, logger: str | None) -> None:
        """To the function for it."""
        if self.on_log is not None:
            await self.on_log(level, data, logger)

    def can(self, ask: Ask) -> bool:
        """Whether there is a function for it."""
        return ask.params.get("mode", "form") == "form" and self._of(ask) is not None

    async def ask(self, asks: Sequence[Ask]) -> Mapping[str, Any]:
        """One after the other."""
        return {one.key: await self._one(one) for one in asks}

    def waited(self) -> float:
        """It is our own time."""
        return 0.0

    async def notice(self, kind: Kind, uri: str | None = None) -> None:
        """Nobody listens."""

    def _of(self, ask: Ask) -> Answerer | None:
        return {"elicitation/create": self.elicitation, "sampling/createMessage": self.sampling, "roots/list": self.roots}[ask.method]

    async def _one(self, ask: Ask) -> dict[str, Any]:
        answer = self._of(ask)
        if answer is None:
            raise Unanswered
        return await answer(ask.params)
