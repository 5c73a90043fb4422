"""What a process does by the clock while it serves: each chore in a loop of its own, which outlives every failure of it.

Part of the roof; what a chore does is the part's that it is of."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct

from freehold.domains.oauth.expiring import Expiring
from freehold.domains.oauth.keys import SigningKeys
from freehold.domains.oauth.last_used import LastUsed

HOUR: Final = 3_600.0
MINUTE: Final = 60.0
_log = logging.getLogger("freehold")


class Chore(Struct, frozen=True):
    """Something to be done at the start and then again and again."""

    name: str
    work: Callable[[], Awaitable[object]]
    seconds: float
    """Between the end of one time and the next."""


class Tending:
    """Does its chores between `start` and `close`."""

    def __init__(self, chores: Sequence[Chore]) -> None:
        """Nothing is done yet."""
        self._chores = tuple(chores)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(_again_and_again(chore), name=chore.name) for chore in self._chores]

    async def close(self) -> None:
        """End; each may hold a connection, which has been given back on return."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def of_keys(signing: SigningKeys, used: LastUsed, expiring: Expiring) -> tuple[Chore, ...]:
    """What there is to do about keys of either kind."""
    return Chore("keys", signing.renew_due, HOUR), Chore("last_used", used.write, MINUTE), Chore("expiring", expiring.warn, HOUR)


async def _again_and_again(chore: Chore) -> None:
    while True:
        try:
            await chore.work()
        except Exception as fault:  # noqa: BLE001  door: of a task for ever; what cannot be done now can be the next time
            _log.warning("%s not tended", chore.name, extra={"code": f"{chore.name}_not_tended", "error": type(fault).__name__})
        await asyncio.sleep(chore.seconds)
