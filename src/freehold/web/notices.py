"""Notices that something changed, from whichever replica noticed to the open streams of every replica.

A lost notice costs what a closed stream costs: the client sees the change when it lists again."""

import logging
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from freehold.core.channel import Kind
from freehold.kit.errors import Unavailable
from freehold.web.bus import Bus

_log = logging.getLogger("freehold.web")
_TOPIC: Final = "freehold.notices"


class Notice(Struct, frozen=True, array_like=True):
    """One change. Without a tenant it is for all of them."""

    tenant: str | None
    kind: Kind
    uri: str = ""
    """Of the resource, for kind `resource`."""


class Notices:
    """The voice and the ear."""

    def __init__(self, bus: Bus) -> None:
        """Nothing is heard before `open`."""
        self._bus = bus
        self._heard: list[Callable[[Notice], None]] = []
        self._stop: Callable[[], None] | None = None

    def listen(self, heard: Callable[[Notice], None]) -> None:
        """Call `heard` on the event loop for every notice of any replica."""
        self._heard.append(heard)

    async def tell(self, notice: Notice) -> None:
        """Tell every replica; where they cannot be reached, this one."""
        try:
            await self._bus.publish(_TOPIC, notice)
        except Unavailable:
            _log.warning("notice not spread", extra={"code": "notice_not_spread"})
            self._tell(notice)

    def open(self) -> None:
        """Begin to hear."""
        self._stop = self._bus.subscribe(_TOPIC, Notice, self._tell)

    def close(self) -> None:
        """Hear no more."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()

    def _tell(self, notice: Notice) -> None:
        for heard in self._heard:
            heard(notice)
