"""The tasks this process runs: their work, the signs of life in their rows, and what their clients say meanwhile.

A client's word may reach any replica: it is heard of by broadcast, and found in the row at the next beat where that was lost."""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from freehold.core.channel import Ask, Unanswered
from freehold.core.refusals import Refusal
from freehold.domains.tasks import model
from freehold.domains.tasks.channel import TaskChannel
from freehold.domains.tasks.model import Changed, Finished, Task, Work
from freehold.domains.tasks.news import News
from freehold.domains.tasks.questions import Questions
from freehold.domains.tasks.records import Records
from freehold.kit.clock import Clock
from freehold.kit.crypto import Unsealable
from freehold.kit.errors import Unavailable

_UNWINDING: Final = 5.0
"""Seconds that cancelled work has to be recorded at the end."""

_log = logging.getLogger("freehold.tasks")


class _Run:
    """One task's work in this process."""

    __slots__ = ("finished", "job", "questions", "stopped", "task")

    def __init__(self, task: Task, questions: Questions) -> None:
        """Its row is not committed yet, so `job` is None."""
        self.task = task
        self.questions = questions
        self.job: asyncio.Task[None] | None = None
        self.finished: Finished | None = None
        self.stopped = False

    def stop(self) -> None:
        """Cancel the work, once: a second time would cut off what is recorded of the first."""
        if self.job is not None and self.finished is None and not self.stopped:
            self.stopped = True
            self.job.cancel()


class Runs:
    """Work in the background, one asyncio task each."""

    def __init__(self, records: Records, news: News, *, clock: Clock, runner: str) -> None:
        """`runner` names this process in the rows."""
        self._records = records
        self._news = news
        self._clock = clock
        self._runner = runner
        self._runs: dict[str, _Run] = {}
        self._looks: set[asyncio.Task[None]] = set()
        news.watch(self._hear)

    async def begin(self, task: Task, work: Work, *, most: int) -> bool:
        """Commit the row, then begin the work; False when `most` of the owner's tasks run already."""
        run = self._runs[task.id] = _Run(task, Questions(self._clock.monotonic))
        kept = False
        try:
            kept = await self._records.add(task, most=most)
        finally:
            if not kept:
                del self._runs[task.id]
        if kept:
            run.job = asyncio.get_running_loop().create_task(self._work(run, work), name="task")
        return kept

    async def beat(self) -> None:
        """Say that every task here lives, and see what their clients have said and nobody passed on."""
        known = [run for run in self._runs.values() if run.job is not None]
        if not known:
            return
        found = await self._records.beat(self._runner, self._clock.now())
        for run in known:
            self._compare(run, found.get(run.task.id))
            if run.finished is not None and run.job is not None and run.job.done():
                await self._settle(run)
        for task in found.values():
            if task.id not in self._runs:  # its row was committed, but whoever began it never heard so
                await self._end(task.changed, _broken(task))

    async def close(self, seconds: float) -> None:
        """Give work that waits for nobody `seconds` to end, then cancel all of it; its rows say that this server stopped."""
        runs = [run for run in self._runs.values() if run.job is not None]
        await _wait([run for run in runs if not run.questions.waiting], seconds)
        for run in runs:
            run.stop()
        await _wait(runs, _UNWINDING)
        if runs:
            await self._abandon()
        self._runs.clear()
        await asyncio.gather(*self._looks, return_exceptions=True)  # each may hold a connection, which must be given back first

    async def _work(self, run: _Run, work: Work) -> None:
        try:
            run.finished = await work(TaskChannel(run.questions, partial(self._post, run)))
        except (Exception, asyncio.CancelledError) as fault:  # noqa: BLE001  door: whatever work raises ends its task
            if run.stopped:
                self._runs.pop(run.task.id, None)
                return
            _log.error("task failed", extra={"code": "task_failed", "error": type(fault).__name__})
            run.finished = _broken(run.task)
        await self._settle(run)

    async def _settle(self, run: _Run) -> None:
        """Write the end. Where that fails now, the next beat tries again."""
        if run.finished is None:
            return
        try:
            await self._end(run.task.changed, run.finished)
        except Exception as fault:  # noqa: BLE001  door: of a task nobody awaits; its row must not stay as it is
            _log.warning("task not settled", extra={"code": "task_not_settled", "error": type(fault).__name__})
        else:
            self._runs.pop(run.task.id, None)

    async def _end(self, of: Changed, outcome: Finished) -> None:
        now = self._clock.now()
        _, changed = await self._records.change(of, now, lambda task: model.finished(task, outcome, now))
        if changed:
            await self._news.tell(of)

    async def _abandon(self) -> None:
        try:
            for changed in await self._records.abandon(self._runner, self._clock.now()):
                await self._news.tell(changed)
        except Unavailable:  # another replica will find that nobody runs them
            _log.warning("tasks not abandoned", extra={"code": "tasks_not_abandoned"})

    async def _post(self, run: _Run, asks: Sequence[Ask]) -> None:
        now = self._clock.now()
        try:
            _, changed = await self._records.change(run.task.changed, now, lambda task: model.asked(task, asks, now))
        except Unavailable:
            raise Unanswered from None
        if not changed:
            raise Unanswered
        await self._news.tell(run.task.changed)

    def _hear(self, changed: Changed) -> None:
        run = self._runs.get(changed.task_id)
        if run is not None and run.job is not None:
            look = asyncio.get_running_loop().create_task(self._look(run), name="task look")
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)

    async def _look(self, run: _Run) -> None:
        of = run.task
        try:
            self._compare(run, await self._records.find(of.tenant, of.subject, of.id, self._clock.now()))
        except (Unavailable, Unsealable):  # the next beat looks again
            _log.warning("task not looked at", extra={"code": "task_not_looked_at"})

    def _compare(self, run: _Run, task: Task | None) -> None:
        if task is None or not task.running or task.expires_at <= self._clock.now():
            run.stop()
        else:
            run.questions.heard(task.answers)


async def _wait(runs: Sequence[_Run], seconds: float) -> None:
    jobs = [run.job for run in runs if run.job is not None]
    if jobs:
        await asyncio.wait(jobs, timeout=seconds)


def _broken(task: Task) -> Finished:
    return Finished(message=str(Refusal("internal", request_id=task.call_id)))
