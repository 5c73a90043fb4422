"""What a task is, and every way it changes. Pure: a change gives a new task, or the same one when there is nothing to change."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.channel import Ask, Channel

Status = Literal["working", "input_required", "completed", "cancelled", "failed"]
RUNNING: Final = ("working", "input_required")

_CANCELLED: Final = "It was cancelled at the client's request."
_LOST: Final = "The server that ran it stopped before it was done. It may have taken effect; check before repeating it."


class Terms(Struct, frozen=True, kw_only=True):
    """What every task of one server is held to."""

    ttl_ms: int
    """Milliseconds after its creation for which it can be got."""
    per_principal: int
    """How many one principal may have running at a time."""
    poll_ms: int = 1_000
    """How often clients are told to ask."""


class Finished(Struct, frozen=True, kw_only=True):
    """What the work came to: a result, or an error when the call could not be served. Both are JSON, in wire form."""

    result: bytes | None = None
    error: bytes | None = None
    message: str = ""
    """For a person; shown as the task's status message."""


Work = Callable[[Channel], Awaitable[Finished]]
"""What a task runs. It is cancelled when the task is; what it raises ends the task as failed."""


class Changed(Struct, frozen=True, array_like=True):
    """Says that a task changed, not how."""

    tenant: str
    subject: str
    task_id: str


class Task(Struct, frozen=True, kw_only=True):
    """One call that runs on while its client polls. Times are Unix seconds."""

    id: str
    """At least 128 random bits; yet every request is authorised."""
    tenant: str
    subject: str
    """With the tenant, whose it is."""
    what: str
    """Name of the tool."""
    call_id: str
    """Also the id of the ledger entry."""
    status: Status
    created_at: float
    updated_at: float
    ttl_ms: int
    """Milliseconds after its creation for which it can be got."""
    poll_ms: int
    """How often the client may ask."""
    runner: str
    """The process that runs it."""
    beat_at: float
    """When that process last said that it lives."""
    asks: tuple[Ask, ...] = ()
    """Questions without an answer; with `input_required` at least one."""
    answers: Mapping[str, Any] = {}
    """By key, all given so far; gone once it has ended."""
    finished: Finished | None = None

    @property
    def running(self) -> bool:
        """Whether it may still change."""
        return self.status in RUNNING

    @property
    def expires_at(self) -> float:
        """When it is forgotten, whatever its status."""
        return self.created_at + self.ttl_ms / 1000

    @property
    def message(self) -> str:
        """Why it is in its status, for a person; empty when there is nothing to say."""
        if self.finished is not None:
            return self.finished.message
        return {"cancelled": _CANCELLED, "failed": _LOST}.get(self.status, "")

    @property
    def changed(self) -> Changed:
        """The news of it."""
        return Changed(self.tenant, self.subject, self.id)


def asked(task: Task, asks: Sequence[Ask], at: float) -> Task:
    """Waiting for the client, with these questions more."""
    return replace(task, status="input_required", asks=(*task.asks, *asks), updated_at=at) if task.running else task


def answered(task: Task, answers: Mapping[str, Any], at: float) -> Task:
    """With the answers it waits for; others are ignored. Working again when no question is left."""
    given = {ask.key: answers[ask.key] for ask in task.asks if ask.key in answers}
    if not given or not task.running:
        return task
    left = tuple(ask for ask in task.asks if ask.key not in given)
    status: Status = "input_required" if left else "working"
    return replace(task, status=status, asks=left, answers={**task.answers, **given}, updated_at=at)


def cancelled(task: Task, at: float) -> Task:
    """Ended because its client wants no more of it."""
    return _ended(task, "cancelled", at)


def lost(task: Task, at: float, *, beat_since: float) -> Task:
    """Failed, when the process that runs it has not said since then that it lives."""
    return task if task.beat_at >= beat_since else _ended(task, "failed", at)


def finished(task: Task, outcome: Finished, at: float) -> Task:
    """Ended with what its work came to."""
    ended = _ended(task, "failed" if outcome.result is None else "completed", at)
    return ended if ended is task else replace(ended, finished=outcome)


def _ended(task: Task, status: Status, at: float) -> Task:
    """The first end counts."""
    return replace(task, status=status, asks=(), answers={}, updated_at=at) if task.running else task
