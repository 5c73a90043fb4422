"""What a serving process does beside serving, each chore at its own interval: keys renewed, last uses written down, endings announced.

Part of the roof: knows no room, only what `app.py` passes in. Nothing here may hold up or break a call."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from freehold.kit.errors import Unavailable

Chore = Callable[[], Awaitable[object]]
_log: Final = logging.getLogger("freehold")


class Keeping:
    """Runs the chores from `start` to `close`."""

    def __init__(self, chores: Mapping[str, tuple[float, Chore]], *, last: Chore) -> None:
        """Chores by name with the seconds between two runs; `last` is done once more when it ends."""
        self._chores = chores
        self._last = last
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; the first run of each is now."""
        loop = asyncio.get_running_loop()
        self._running = [loop.create_task(self._keep(name, *chore), name=name) for name, chore in self._chores.items()]

    async def close(self) -> None:
        """End. What a chore holds has been given back when this returns."""
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if running:
            with suppress(Unavailable):
                await self._last()

    async def _keep(self, name: str, seconds: float, chore: Chore) -> None:
        while True:
            try:
                await chore()
            except Exception as fault:  # noqa: BLE001  door: what cannot be done now can be done the next time
                _log.warning("chore not done", extra={"code": "chore_not_done", "chore": name, "error": type(fault).__name__})
            await asyncio.sleep(seconds)
