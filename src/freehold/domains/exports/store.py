"""Exports as rows. Forgetting what is over is the system's; all other statements are one tenant's."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, select

from freehold.domains.exports.model import Export
from freehold.domains.exports.tables import exports
from freehold.kit.db import Scope


async def add(scope: Scope, export: Export, parts: Sequence[bytes]) -> None:
    """Keep a file's sealed parts."""
    row: dict[str, Any] = {
        "export_id": export.id,
        "tenant_id": export.tenant,
        "subject": export.subject,
        "client": export.client,
        "format": export.format,
        "expires_at": export.expires_at,
    }
    await scope.run(insert(exports), [{**row, "part": number, "content": content} for number, content in enumerate(parts)])


async def count(scope: Scope, subject: str, client: str, now: float) -> int:
    """How many files this caller has."""
    row = await scope.one(select(func.count()).select_from(exports).where(_owned(subject, client, now), exports.c.part == 0))
    return 0 if row is None else int(row[0])


async def find(scope: Scope, export_id: str, subject: str, client: str, now: float) -> list[tuple[str, bytes]]:
    """Format and content of each part of the caller's file, in order; nothing when there is none, or its time is over."""
    named = and_(exports.c.export_id == export_id, _owned(subject, client, now))
    rows: Sequence[Any] = await scope.all(select(exports.c.format, exports.c.content).where(named).order_by(exports.c.part))
    return [(row.format, bytes(row.content)) for row in rows]


async def forget(scope: Scope, now: float) -> int:
    """Delete those whose time is over; gives how many rows."""
    return await scope.run(delete(exports).where(exports.c.expires_at <= now))


def _owned(subject: str, client: str, now: float) -> ColumnElement[bool]:
    return and_(exports.c.subject == subject, exports.c.client == client, exports.c.expires_at > now)
