"""Says in the log which API keys are about to end, so that nobody learns it from a broken integration."""

import logging
from typing import Final

from freehold.domains.oauth import store
from freehold.kit.clock import Clock
from freehold.kit.db import Database
from freehold.kit.errors import Unavailable
from freehold.kit.state import State

DAY: Final = 86_400.0
AHEAD: Final = 7 * DAY
"""Seconds before its end from which a key is named, once a day."""
_log: Final = logging.getLogger(__name__)


class Expiring:
    """Names each key once a day, whichever replica looks first."""

    def __init__(self, db: Database, state: State, *, clock: Clock) -> None:
        """Take the parts."""
        self._db = db
        self._state = state
        self._clock = clock

    async def warn(self) -> None:
        """Look once. Raises `Unavailable`."""
        now = self._clock.now()
        for key in await store.keys_expiring(self._db, now, now + AHEAD):
            days = int(((key.expires_at or now) - now) // DAY)
            if not await self._told(f"key-ends:{key.key_id}:{days}"):
                facts = {"code": "key_ends_soon", "tenant": key.tenant_id, "key": key.key_id, "days": days}
                _log.warning("key ends soon", extra=facts)

    async def _told(self, name: str) -> bool:
        try:
            return await self._state.seen(name, 2 * DAY)
        except Unavailable:  # twice is better than never
            return False
