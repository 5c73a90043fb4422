"""Acts on things that last too long, for almost nothing per thing: two dictionary operations instead of a timer each."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

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
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop it is used on, a new one once that is closed. Asking asyncio for it costs a system call before Python 3.12."""
        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.get_running_loop()
            self._due, self._looking = {}, False
        return self._loop

    def task(self) -> "asyncio.Task[Any] | None":
        """The task that is running."""
        return asyncio.current_task(self.loop)

    def begin(self, thing: Lasting, due: float) -> None:
        """Call `thing.late()` within a tick after `due`, unless it ends before."""
        loop = self.loop
        self._due[thing] = due
        if not self._looking:
            self._looking = True
            loop.call_later(TICK, self._look)

    def end(self, thing: Lasting) -> None:
        """It is over."""
        self._due.pop(thing, None)

    def _look(self) -> None:
        """Before anyone is told, the next look is arranged: what one of them raises must not keep the others waiting."""
        now = self._monotonic()
        late = [thing for thing, due in self._due.items() if due <= now]
        self._looking = bool(self._due)
        if self._looking:
            self.loop.call_later(TICK, self._look)
        for thing in late:
            if thing in self._due:
                del self._due[thing]
                thing.late()
