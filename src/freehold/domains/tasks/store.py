"""Tasks as rows. `system` statements are those of the processes that run tasks, whoever's they are; all others are one tenant's."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select, update

from freehold.domains.tasks.model import RUNNING, Changed
from freehold.domains.tasks.tables import tasks
from freehold.kit.db import Scope


class Kept(Struct, frozen=True, kw_only=True):
    """A task as it lies in the database; its fields are the table's columns in order."""

    task_id: str
    tenant_id: str
    subject: str
    what: str
    call_id: str
    status: str
    created_at: float
    updated_at: float
    expires_at: float
    ttl_ms: int
    poll_ms: int
    runner: str
    beat_at: float
    asks: bytes | None
    answers: bytes | None
    finished: bytes | None


_CHANGING: Final = ("status", "updated_at", "asks", "answers", "finished")
_RUNS: Final = tasks.c.status.in_(RUNNING)


async def add(scope: Scope, kept: Kept) -> None:
    """Keep a new one."""
    await scope.run(insert(tasks).values(msgspec.structs.asdict(kept)))


async def find(scope: Scope, subject: str, task_id: str, now: float) -> Kept | None:
    """The subject's task of that id, unless its time is over."""
    row = await scope.one(select(tasks).where(_named(subject, task_id, now)))
    return None if row is None else _kept(row)


async def hold(scope: Scope, subject: str, task_id: str, now: float) -> Kept | None:
    """As `find`, and nobody else changes it before this transaction ends: an update that changes nothing locks the row."""
    await scope.run(update(tasks).where(_named(subject, task_id, now)).values(status=tasks.c.status))
    return await find(scope, subject, task_id, now)


async def change(scope: Scope, kept: Kept) -> None:
    """Write what may change of it."""
    values = {name: getattr(kept, name) for name in _CHANGING}
    await scope.run(update(tasks).where(tasks.c.task_id == kept.task_id).values(values))


async def count(scope: Scope, subject: str, *, now: float, beat_since: float) -> tuple[int, int]:
    """How many of the subject's tasks run on a living process, and how many there are."""
    kept = and_(tasks.c.subject == subject, tasks.c.expires_at > now)
    return await _count(scope, and_(kept, _RUNS, tasks.c.beat_at >= beat_since)), await _count(scope, kept)


async def beat(scope: Scope, runner: str, now: float) -> list[Kept]:
    """Say for every running task of that process that it lives, and give them."""
    mine = and_(tasks.c.runner == runner, _RUNS)
    await scope.run(update(tasks).where(mine).values(beat_at=now))
    return [_kept(row) for row in await scope.all(select(tasks).where(mine))]


async def lose(scope: Scope, now: float, *, beat_since: float) -> list[Changed]:
    """End as failed what runs on no living process."""
    return await _fail(scope, tasks.c.beat_at < beat_since, now)


async def abandon(scope: Scope, runner: str, now: float) -> list[Changed]:
    """End as failed whatever still runs on that process."""
    return await _fail(scope, tasks.c.runner == runner, now)


async def forget(scope: Scope, now: float) -> int:
    """Delete those whose time is over; gives how many."""
    return await scope.run(delete(tasks).where(tasks.c.expires_at <= now))


async def _fail(scope: Scope, which: ColumnElement[bool], now: float) -> list[Changed]:
    values: dict[str, Any] = {"status": "failed", "updated_at": now, "asks": None, "answers": None}
    statement = update(tasks).where(_RUNS, which).values(values)
    rows = await scope.all(statement.returning(tasks.c.tenant_id, tasks.c.subject, tasks.c.task_id))
    return [Changed(*row) for row in rows]


async def _count(scope: Scope, which: ColumnElement[bool]) -> int:
    row = await scope.one(select(func.count()).select_from(tasks).where(which))
    return 0 if row is None else int(row[0])


def _named(subject: str, task_id: str, now: float) -> ColumnElement[bool]:
    return and_(tasks.c.task_id == task_id, tasks.c.subject == subject, tasks.c.expires_at > now)


def _kept(row: Row[Any] | Sequence[Any]) -> Kept:
    return Kept(**dict(zip(Kept.__struct_fields__, row, strict=True)))
