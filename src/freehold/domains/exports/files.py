"""Files at rest: in parts, each sealed and bound to its file and place, so that none can be moved, exchanged or left out unnoticed.

The SQL is `store.py`'s."""

import asyncio
from collections.abc import Sequence
from typing import Final

from freehold.core.principal import Principal
from freehold.domains.exports import store
from freehold.domains.exports.model import Export
from freehold.kit.crypto import Seal
from freehold.kit.db import Database

PART: Final = 256 * 1024
"""Bytes of a part."""
_PURPOSE: Final = "export"


class Files:
    """Keeps and gives. Every method may raise `kit.errors.Unavailable`."""

    def __init__(self, db: Database, seal: Seal) -> None:
        """Take the store and what seals; nothing is opened before the first use."""
        self._db = db
        self._seal = seal

    async def count(self, principal: Principal, now: float) -> int:
        """How many files this caller has."""
        async with self._db.tenant(principal.tenant) as scope:
            return await store.count(scope, principal.subject, principal.client, now)

    async def add(self, export: Export, data: bytes, *, now: float, most: int) -> bool:
        """Keep a file, committed on return; False when its owner has as many already."""
        parts = await asyncio.to_thread(self._closed, export, data)
        async with self._db.tenant(export.tenant, write=True) as scope:
            if await store.count(scope, export.subject, export.client, now) >= most:
                return False
            await store.add(scope, export, parts)
        return True

    async def read(self, principal: Principal, export_id: str, now: float) -> tuple[str, bytes] | None:
        """Format and contents of the caller's own file; None when there is none, or its time is over."""
        async with self._db.tenant(principal.tenant) as scope:
            parts = await store.find(scope, export_id, principal.subject, principal.client, now)
        if not parts:
            return None
        sealed = [content for _, content in parts]
        return parts[0][0], await asyncio.to_thread(self._opened, principal.tenant, export_id, sealed)

    async def sweep(self, now: float) -> None:
        """Forget what is over."""
        async with self._db.system(write=True) as scope:
            await store.forget(scope, now)

    def _closed(self, export: Export, data: bytes) -> list[bytes]:
        parts = [data[start : start + PART] for start in range(0, len(data), PART)] or [b""]
        return [self._seal.seal(_PURPOSE, part, _bound(export.tenant, export.id, number, len(parts))) for number, part in enumerate(parts)]

    def _opened(self, tenant: str, export_id: str, sealed: Sequence[bytes]) -> bytes:
        opened = [self._seal.open(_PURPOSE, part, _bound(tenant, export_id, number, len(sealed))) for number, part in enumerate(sealed)]
        return b"".join(opened)


def _bound(tenant: str, export_id: str, number: int, of: int) -> bytes:
    return f"{tenant}\n{export_id}\n{number}\n{of}".encode()
