"""Acts on things that last too long, for almost nothing per thing: two dictionary operations instead of a timer each."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

TICK: Final = 0.05
"""Seconds between looks, and so how late an act may be."""


class Lasting(Protocol):
    """Something under way."""

    def late(self) -> None:
        """It has lasted too long; called once, on the event loop."""
        ...


class Overdue:
    """What is under way and when it will have lasted too long. Looks only while something is under way."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """`monotonic` is the clock the times are on."""
        self._monotonic = monotonic
        self._due: dict[Lasting, float] = {}
        self._looking = False

    def begin(self, thing: Lasting, due: float) -> None:
        """Call `thing.late()` within a tick after `due`, unless it ends before."""
        self._due[thing] = due
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(TICK, self._look)

    def end(self, thing: Lasting) -> None:
        """It is over."""
        self._due.pop(thing, None)

    def _look(self) -> None:
        now = self._monotonic()
        for thing, due in list(self._due.items()):
            if due <= now:
                del self._due[thing]
                thing.late()
        self._looking = bool(self._due)
        if self._looking:
            asyncio.get_running_loop().call_later(TICK, self._look)
