"""When API keys were last used: noted in memory on the way, written down now and then. Nothing waits for it, and a crash loses a minute."""

from contextlib import suppress
from typing import Final

from freehold.domains.oauth import store
from freehold.kit.clock import Clock
from freehold.kit.db import Database
from freehold.kit.errors import Unavailable

APART: Final = 60.0
"""Seconds between two writes for one key, over all replicas."""


class LastUsed:
    """The notes of one process; as many as there are keys in use within a minute."""

    def __init__(self, db: Database, *, clock: Clock) -> None:
        """Nothing is noted yet."""
        self._db = db
        self._now = clock.now
        self._noted: dict[str, float] = {}

    def note(self, key_id: str) -> None:
        """The key was used now."""
        self._noted[key_id] = self._now()

    async def write(self) -> None:
        """Write down what was noted since the last time. Raises `Unavailable`; then it is written the next time."""
        noted = self._noted
        if not noted:
            return
        self._noted = {}
        try:
            await store.keys_used(self._db, noted, apart=APART)
        except BaseException:
            self._noted = noted | self._noted
            raise

    async def close(self) -> None:
        """Write down the rest, if that can be done."""
        with suppress(Unavailable):
            await self.write()
