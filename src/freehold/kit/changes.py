"""Tells every replica that control-plane rows have changed: by broadcast, at once, and by a version poll, surely (law 3).

Says that something changed, never what; who keeps copies of rows forgets them and reads again."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sqlalchemy import select

from freehold.kit.db import Database, Scope, control
from freehold.kit.errors import Unavailable
from freehold.kit.state import State

_TOPIC: Final = "freehold.changes"
_ROW: Final = "control"
_VERSION: Final = select(control.c.version).where(control.c.name == _ROW)

_log = logging.getLogger(__name__)


class Changes:
    """One process's ear and voice. A writer bumps inside its transaction and announces after the commit.

    Whoever watches hears of every committed bump: at once when the broadcast arrives, else within `poll_seconds`
    of the database being reachable. Hearing of nothing new is possible and harmless.
    """

    def __init__(self, db: Database, state: State, *, poll_seconds: float = 2.0) -> None:
        """Take the stores; nothing is opened before `start`."""
        self._db = db
        self._state = state
        self._poll_seconds = poll_seconds
        self._watchers: list[Callable[[], None]] = []
        self._seen: int | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._polling: asyncio.Task[None] | None = None

    async def bump(self, scope: Scope) -> None:
        """Count one change, in the writer's own transaction; as its last statement, for other writers wait until its commit."""
        await scope.touch(_ROW)

    async def announce(self) -> None:
        """Tell every process, this one too. After the commit. A lost broadcast is not an error: the poll finds the change."""
        self._tell()
        with suppress(Unavailable):
            await self._state.publish(_TOPIC, "")

    def watch(self, heard: Callable[[], None]) -> None:
        """Call `heard` on the event loop whenever control-plane rows may have changed. It must not raise."""
        if heard not in self._watchers:
            self._watchers.append(heard)

    async def start(self) -> None:
        """Begin to listen and to poll; the first look tells the watchers too, for they may have read before it."""
        self._unsubscribe = self._state.subscribe(_TOPIC, lambda _message: self._tell())
        await self.poll()
        self._polling = asyncio.create_task(self._poll_for_ever(), name="changes")

    async def close(self) -> None:
        """Stop listening and polling. The stores are not ours to close."""
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        polling, self._polling = self._polling, None
        if unsubscribe is not None:
            unsubscribe()
        if polling is not None:
            polling.cancel()
            with suppress(asyncio.CancelledError):
                await polling

    async def poll(self) -> None:
        """Look once, and tell the watchers when the version is not the one last seen."""
        async with self._db.system() as scope:
            row = await scope.one(_VERSION)
        version = 0 if row is None else int(row.version)
        if version != self._seen:
            self._seen = version
            self._tell()

    async def _poll_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                await self.poll()
            except Exception as error:  # noqa: BLE001  the task's door: a poll that ends would leave revoked credentials valid
                _log.warning("changes_unpolled", extra={"code": "changes_unpolled", "error": type(error).__name__})

    def _tell(self) -> None:
        for heard in self._watchers:
            heard()
