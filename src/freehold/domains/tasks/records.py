"""Tasks at rest: each use is one transaction, and what a customer's agent says or gets lies there sealed.

Bound to tenant and task, so that a sealed value moved to another row does not open. The SQL is `store.py`'s."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from freehold.core.channel import Ask
from freehold.domains.tasks import store
from freehold.domains.tasks.model import Changed, Finished, Task
from freehold.domains.tasks.store import Kept
from freehold.kit.crypto import Seal, Unsealable
from freehold.kit.db import Database
from freehold.kit.json import encode

LOST_AFTER: Final = 30.0
"""Seconds without a sign of life after which a process counts as dead."""
KEPT: Final = 50
"""Tasks one owner may have in all, for each that may run: rows are made before any limit looks at the call."""

_PURPOSE: Final = "task"
_SAME: Final = ("subject", "what", "call_id", "status", "created_at", "updated_at", "ttl_ms", "poll_ms", "runner", "beat_at")
"""Fields a task and its row share."""
_asks: Final = msgspec.json.Decoder(tuple[Ask, ...]).decode
_answers: Final = msgspec.json.Decoder(dict[str, Any]).decode
_finished: Final = msgspec.msgpack.Decoder(Finished).decode


class Records:
    """Reads and writes tasks. Every method may raise `kit.errors.Unavailable`."""

    def __init__(self, db: Database, seal: Seal) -> None:
        """Take the store and what seals; nothing is opened before the first use."""
        self._db = db
        self._seal = seal

    async def add(self, task: Task, *, most: int) -> bool:
        """Keep a new task, committed on return; False when as many of its owner's run already, or `KEPT` times as many are kept."""
        async with self._db.tenant(task.tenant, write=True) as scope:
            beat_since = task.created_at - LOST_AFTER
            running, kept = await store.count(scope, task.subject, now=task.created_at, beat_since=beat_since)
            if running >= most or kept >= most * KEPT:
                return False
            await store.add(scope, self._closed(task))
        return True

    async def find(self, tenant: str, subject: str, task_id: str, now: float) -> Task | None:
        """The owner's task of that id, unless its time is over."""
        async with self._db.tenant(tenant) as scope:
            kept = await store.find(scope, subject, task_id, now)
        return None if kept is None else self._opened(kept)

    async def change(self, of: Changed, now: float, become: Callable[[Task], Task]) -> tuple[Task | None, bool]:
        """The task as `become` makes it, and whether that is a change; nobody else changes it meanwhile."""
        async with self._db.tenant(of.tenant, write=True) as scope:
            kept = await store.hold(scope, of.subject, of.task_id, now)
            if kept is None:
                return None, False
            before = self._opened(kept)
            after = become(before)
            if after is not before:
                await store.change(scope, self._closed(after))
        return after, after is not before

    async def beat(self, runner: str, now: float) -> dict[str, Task]:
        """Every running task of that process, by id, each now known to live; without those that do not open."""
        async with self._db.system(write=True) as scope:
            kept = await store.beat(scope, runner, now)
        return {task.id: task for task in map(self._readable, kept) if task is not None}

    async def abandon(self, runner: str, now: float) -> list[Changed]:
        """End as failed whatever still runs on that process."""
        async with self._db.system(write=True) as scope:
            return await store.abandon(scope, runner, now)

    async def sweep(self, now: float) -> list[Changed]:
        """Forget tasks whose time is over; end as failed those whose process is dead, and give these."""
        async with self._db.system(write=True) as scope:
            await store.forget(scope, now)
            return await store.lose(scope, now, beat_since=now - LOST_AFTER)

    def _closed(self, task: Task) -> Kept:
        close = partial(self._close, _bound(task.tenant, task.id))
        same = {name: getattr(task, name) for name in _SAME}
        return Kept(
            task_id=task.id,
            tenant_id=task.tenant,
            expires_at=task.expires_at,
            asks=close(encode(task.asks)) if task.asks else None,
            answers=close(encode(task.answers)) if task.answers else None,
            finished=None if task.finished is None else close(msgspec.msgpack.encode(task.finished)),
            **same,
        )

    def _opened(self, kept: Kept) -> Task:
        bound_to = _bound(kept.tenant_id, kept.task_id)
        asks, answers, ended = (self._open(bound_to, sealed) for sealed in (kept.asks, kept.answers, kept.finished))
        same = {name: getattr(kept, name) for name in _SAME}
        return Task(
            id=kept.task_id,
            tenant=kept.tenant_id,
            asks=() if asks is None else _asks(asks),
            answers={} if answers is None else _answers(answers),
            finished=None if ended is None else _finished(ended),
            **same,
        )

    def _close(self, bound_to: bytes, plain: bytes) -> bytes:
        return self._seal.seal(_PURPOSE, plain, bound_to)

    def _open(self, bound_to: bytes, sealed: bytes | None) -> bytes | None:
        return None if sealed is None else self._seal.open(_PURPOSE, sealed, bound_to)

    def _readable(self, kept: Kept) -> Task | None:
        try:
            return self._opened(kept)
        except Unsealable:
            return None


def _bound(tenant: str, task_id: str) -> bytes:
    return f"{tenant}\n{task_id}".encode()
