"""The way back to the client from a task's work: questions wait in the task's row until the client answers them with tasks/update."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from freehold.core.channel import Ask, Kind, Level
from freehold.domains.tasks.questions import Questions


class TaskChannel:
    """One task's. Progress and log messages do not exist for tasks (SEP-2663); notices are for whoever begins the task to pass on."""

    parks = True

    def __init__(self, questions: Questions, post: Callable[[Sequence[Ask]], Awaitable[None]]) -> None:
        """`post` puts questions into the row, or raises `Unanswered` when nobody will ever see them there."""
        self._questions = questions
        self._post = post

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Goes nowhere."""

    async def log(self, level: Level, data: Any, logger: str | None) -> None:
        """Goes nowhere."""

    async def ask(self, asks: Sequence[Ask]) -> Mapping[str, Any]:
        """Wait until the last of them is answered, however long; the task is cancelled when its time is over."""
        fresh = self._questions.begin(asks)
        try:
            await self._post(fresh)
            given = await self._questions.answers(fresh)
        finally:
            self._questions.end(fresh)
        return {ask.key: answer for ask, answer in zip(asks, given, strict=True)}

    def can(self, ask: Ask) -> bool:
        """Whoever begins the task knows better: the client declared what it can do with that request."""
        return True

    def waited(self) -> float:
        """The time in which at least one question was open."""
        return self._questions.waited()

    async def notice(self, kind: Kind, uri: str | None = None) -> None:
        """Goes nowhere."""
