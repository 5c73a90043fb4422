"""The reading side of the book: verify it, hand a tenant its own entries, count what was charged."""

from collections.abc import AsyncIterator
from typing import Final

from freehold.domains.ledger.export import Format, export
from freehold.domains.ledger.store import calls_by_tool, units_of
from freehold.domains.ledger.verify import Verification, verify
from freehold.kit.db import Database
from freehold.kit.ids import Ids

_SLACK: Final = 3600.0
"""Seconds an id may have been made before the time its entry bears."""


class Book:
    """Reads what `Ledger` wrote. Every method may raise `Unavailable`."""

    def __init__(self, db: Database) -> None:
        """No I/O."""
        self._db = db

    async def verify(self) -> Verification:
        """Recompute the whole book. For operators: it reads every tenant's entries."""
        return await verify(self._db)

    def export(self, tenant: str, form: Format) -> AsyncIterator[bytes]:
        """The tenant's own entries as JSON lines or CSV, in chunks."""
        return export(self._db, tenant, form)

    async def units_since(self, tenant: str, at: float) -> int:
        """Units the tenant was charged from `at` (Unix seconds) on."""
        async with self._db.tenant(tenant) as scope:
            row = await scope.one(units_of(_first_id(at - _SLACK), int(at * 1_000_000)))
        return int(row[0]) if row is not None else 0

    async def calls_since(self, at: float) -> dict[str, int]:
        """Calls of all tenants from `at` (Unix seconds) on, by the tool's name, whatever they came to. For operators."""
        async with self._db.system() as scope:
            rows = await scope.all(calls_by_tool(_first_id(at - _SLACK), int(at * 1_000_000)))
        return {row.what: int(row.calls) for row in rows}


class _Stopped:
    """A clock that shows one time."""

    def __init__(self, at: float) -> None:
        self._at = max(at, 0.0)

    def now(self) -> float:
        return self._at

    def monotonic(self) -> float:
        return self._at


def _first_id(at: float) -> str:
    """The smallest id that can have been made at `at`."""
    return Ids(_Stopped(at), randomness=bytes).new()
