"""The questions one running task has open in this process: who waits for which key, and how long altogether."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from freehold.core.channel import Ask


class Questions:
    """Keys are unique for the life of a task, also when a tool asks with the same key again. For one event loop."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Nothing has been asked."""
        self._monotonic = monotonic
        self._used: set[str] = set()
        self._open: dict[str, asyncio.Future[Any]] = {}
        self._since = 0.0
        self._waited = 0.0

    @property
    def waiting(self) -> bool:
        """Whether a question is open."""
        return bool(self._open)

    def waited(self) -> float:
        """Seconds in which at least one question was open."""
        return self._waited + (self._monotonic() - self._since if self._open else 0.0)

    def begin(self, asks: Sequence[Ask]) -> tuple[Ask, ...]:
        """The same questions under keys never used before, now open; `end` must be called with these."""
        fresh = tuple(replace(ask, key=self._fresh(ask.key)) for ask in asks)
        if not self._open:
            self._since = self._monotonic()
        loop = asyncio.get_running_loop()
        self._open.update({ask.key: loop.create_future() for ask in fresh})
        return fresh

    async def answers(self, asks: Sequence[Ask]) -> list[Any]:
        """An answer for each, once the last is there."""
        return [await self._open[ask.key] for ask in asks]

    def end(self, asks: Iterable[Ask]) -> None:
        """Nobody waits for these any longer."""
        waited = self.waited()
        for ask in asks:
            self._open.pop(ask.key).cancel()
        self._waited, self._since = waited, self._monotonic()

    def heard(self, answers: Mapping[str, Any]) -> None:
        """Give each waiting question its answer; one that has its answer keeps it."""
        for key, answer in self._open.items():
            if key in answers and not answer.done():
                answer.set_result(answers[key])

    def _fresh(self, key: str) -> str:
        number, name = 1, key
        while name in self._used:
            number += 1
            name = f"{key}-{number}"
        self._used.add(name)
        return name
