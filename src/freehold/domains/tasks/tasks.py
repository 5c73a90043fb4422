"""The use cases of the tasks extension: begin, get, answer, cancel; and the life of what stands behind them.

Every use is authorised: another's task, one whose time is over and one that never was are refused alike."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

from freehold.core.deed import Deed
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.tasks import model
from freehold.domains.tasks.model import Changed, Task, Terms, Work
from freehold.domains.tasks.news import News
from freehold.domains.tasks.records import KEPT, LOST_AFTER, Records
from freehold.domains.tasks.runs import Runs
from freehold.kit.clock import Clock
from freehold.kit.crypto import Seal
from freehold.kit.db import Database
from freehold.kit.errors import Unavailable
from freehold.kit.state import State

BEAT_EVERY: Final = 5.0
"""Seconds between signs of life; also how late a client's word is heard when its broadcast is lost."""
SWEEP_EVERY: Final = 60.0
GRACE: Final = 5.0
"""Seconds that running work has to end at a stop."""

_ID_BYTES: Final = 20
_ID: Final = re.compile(r"[0-9a-f]{40}", re.ASCII)
_AGAIN: Final = 1.0

_log = logging.getLogger("freehold.tasks")


class Tasks:
    """One per process. Every use may raise `Refusal("tasks_unavailable")`."""

    def __init__(
        self,
        db: Database,
        state: State,
        seal: Seal,
        *,
        record: Callable[[Deed], Awaitable[None]],
        clock: Clock,
        randomness: Callable[[int], bytes],
        runner: str,
        terms: Terms,
    ) -> None:
        """`runner` names this process and no other, ever; `record` puts a deed into the ledger."""
        self._records = Records(db, seal)
        self._news = News(state, seal, runner)
        self._runs = Runs(self._records, self._news, clock=clock, runner=runner)
        self._record = record
        self._clock = clock
        self._randomness = randomness
        self._runner = runner
        self._terms = terms
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._tending: asyncio.Task[None] | None = None
        self._closed = False

    async def begin(self, principal: Principal, what: str, call_id: str, work: Work) -> Task:
        """A new task, durable before its work begins in the background.

        Raises `Refusal("too_many_tasks")`, and `Refusal("draining")` once closed. The cap is exact in one process; replicas
        asked at the same instant may each let one through.
        """
        if self._closed:
            raise Refusal("draining", retry_after=_AGAIN)
        task = self._new(principal, what, call_id)
        turn = self._turns.setdefault((principal.tenant, principal.subject), asyncio.Lock())
        async with turn:
            with _reached():
                begun = await self._runs.begin(task, work, most=self._terms.per_principal)
        if not begun:
            most = self._terms.per_principal
            raise Refusal("too_many_tasks", limit=most, kept=most * KEPT, retry_after=self._terms.poll_ms / 1000)
        return task

    async def get(self, principal: Principal, task_id: str) -> Task:
        """The principal's task as it is now; failed when the process that ran it is dead. Raises `Refusal("unknown_task")`."""
        now = self._clock.now()
        _check(task_id)
        with _reached():
            task = await self._records.find(principal.tenant, principal.subject, task_id, now)
            if task is not None and task.running and task.beat_at < now - LOST_AFTER:
                become = partial(model.lost, at=now, beat_since=now - LOST_AFTER)
                task, lost = await self._records.change(task.changed, now, become)
                if lost and task is not None:
                    await self._lost(task.changed)
        return _known(task)

    async def answer(self, principal: Principal, task_id: str, answers: Mapping[str, Any]) -> None:
        """Give answers by key, all or some; keys not asked for or answered before are ignored. Raises `Refusal("unknown_task")`.

        The caller checks their shape.
        """
        await self._change(principal, task_id, partial(model.answered, answers=answers, at=self._clock.now()))

    async def cancel(self, principal: Principal, task_id: str) -> None:
        """End it, wherever it runs; an ended task stays as it is. Raises `Refusal("unknown_task")`."""
        if (await self.get(principal, task_id)).running:  # what changes nothing must not keep others from writing
            await self._change(principal, task_id, partial(model.cancelled, at=self._clock.now()))

    def watch(self, heard: Callable[[Changed], None]) -> None:
        """Call `heard` on the event loop when a task of any replica has changed; may be lost. It must not raise."""
        self._news.watch(heard)

    async def start(self) -> None:
        """Begin to hear, to beat and to sweep."""
        self._closed = False
        self._news.start()
        self._tending = asyncio.get_running_loop().create_task(self._tend(), name="tasks")

    async def close(self, seconds: float = GRACE) -> None:
        """Take no new tasks, give running ones `seconds`, then end them as failed. The stores are not ours to close."""
        self._closed = True
        try:
            await self._runs.close(seconds)
        finally:
            self._news.close()
            tending, self._tending = self._tending, None
            if tending is not None:
                tending.cancel()
                await asyncio.gather(tending, return_exceptions=True)

    async def beat(self) -> None:
        """What happens every `BEAT_EVERY` seconds."""
        await self._runs.beat()

    async def sweep(self) -> None:
        """What happens every `SWEEP_EVERY` seconds: forget what is over, end what nobody runs any more."""
        for changed in await self._records.sweep(self._clock.now()):
            await self._lost(changed)

    async def _lost(self, task: Changed) -> None:
        """The call it ran was never recorded, for its process died first; so its loss is, by whoever finds it."""
        await self._news.tell(task)
        try:
            await self._record(Deed(tenant=task.tenant, act="task.lost", on=task.task_id, actor=task.subject, at=self._clock.now()))
        except Refusal:
            _log.error("task loss not recorded", extra={"code": "task_loss_not_recorded", "tenant": task.tenant})

    async def _tend(self) -> None:
        sweep_at = self._clock.monotonic() + SWEEP_EVERY
        while True:
            await asyncio.sleep(BEAT_EVERY)
            try:
                await self.beat()
                if self._clock.monotonic() >= sweep_at:
                    sweep_at = self._clock.monotonic() + SWEEP_EVERY
                    await self.sweep()
            except Exception as fault:  # noqa: BLE001  door: of a task for ever; without its beats every task here would be given up
                _log.warning("tasks not tended", extra={"code": "tasks_not_tended", "error": type(fault).__name__})

    async def _change(self, principal: Principal, task_id: str, become: Callable[[Task], Task]) -> Task:
        _check(task_id)
        of = Changed(principal.tenant, principal.subject, task_id)
        with _reached():
            task, changed = await self._records.change(of, self._clock.now(), become)
        if changed:
            await self._news.tell(of)
        return _known(task)

    def _new(self, principal: Principal, what: str, call_id: str) -> Task:
        now = self._clock.now()
        return Task(
            id=self._randomness(_ID_BYTES).hex(),
            tenant=principal.tenant,
            subject=principal.subject,
            what=what,
            call_id=call_id,
            status="working",
            created_at=now,
            updated_at=now,
            ttl_ms=self._terms.ttl_ms,
            poll_ms=self._terms.poll_ms,
            runner=self._runner,
            beat_at=now,
        )


@contextmanager
def _reached() -> Generator[None]:
    try:
        yield
    except Unavailable:
        raise Refusal("tasks_unavailable", retry_after=_AGAIN) from None


def _check(task_id: str) -> None:
    """What cannot be an id of ours is not asked for."""
    if _ID.fullmatch(task_id) is None:
        raise Refusal("unknown_task")


def _known(task: Task | None) -> Task:
    if task is None:
        raise Refusal("unknown_task")
    return task
