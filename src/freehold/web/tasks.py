"""The tasks extension on the wire (io.modelcontextprotocol/tasks): tasks/get, tasks/update, tasks/cancel, and a tool call that
becomes a task. What a task is and whose is `domains/tasks`'s."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Raw

from freehold.core.call import Outcome
from freehold.core.channel import Ask, Channel
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.tasks.model import Finished, Task, Work
from freehold.domains.tasks.tasks import Tasks
from freehold.protocol import revisions, wire
from freehold.protocol.capabilities import TASKS, Capabilities
from freehold.protocol.methods import Results
from freehold.web.channels import ModernChannel, checked, undeclared
from freehold.web.problems import LOOKS
from freehold.web.turn import Turn

Encode = Callable[[Outcome], bytes]
Run = Callable[[Channel, Encode], Awaitable[bytes]]
"""One call through the corridor with that way back, encoded by that; what `Calls.run` does."""

_INTERNAL: Final = -32603


class TaskMethods:
    """The methods of one server, for clients that declare the extension on the request itself."""

    def __init__(self, tasks: Tasks, results: Results, *, admit: Callable[[Principal], Awaitable[None]]) -> None:
        """`results` knows how this server names itself; `admit` holds a caller to the rate of his plan."""
        self._tasks = tasks
        self._admit = admit
        self._meta = {revisions.SERVER_INFO_KEY: results.server}
        self._nothing = results.nothing(modern=True)

    @property
    def methods(self) -> dict[str, Callable[[Turn, Principal, dict[str, Any]], Awaitable[bytes]]]:
        """By name; 2026-07-28 only."""
        return {"tasks/get": self.get, "tasks/update": self.update, "tasks/cancel": self.cancel}

    async def get(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        """tasks/get: the task, with its result, its error or its open questions."""
        task_id = _named(turn, params)
        await self._admit(principal)
        task = await self._tasks.get(principal, task_id)
        return wire.encode({"resultType": "complete", **detailed(task), "_meta": self._meta})

    async def update(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        """tasks/update: answers to open questions, some or all; checked for shape, whatever was not asked is ignored."""
        task_id = _named(turn, params)
        answers: object = params.get("inputResponses")
        if not wire.is_object(answers):
            raise wire.Fault("invalid_params", "params.inputResponses must be an object")
        await self._admit(principal)
        task = await self._tasks.get(principal, task_id)
        given = {ask.key: checked(ask, answers[ask.key]) for ask in task.asks if ask.key in answers}
        if given:
            await self._tasks.answer(principal, task_id, given)
        return self._nothing

    async def cancel(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        """tasks/cancel: no more of it is wanted; nothing happens to one that has ended."""
        task_id = _named(turn, params)
        await self._admit(principal)
        await self._tasks.cancel(principal, task_id)
        return self._nothing

    async def begin(
        self, turn: Turn, principal: Principal, what: str, call_id: str, *, onward: ModernChannel, run: Run, encode: Encode
    ) -> bytes:
        """A CreateTaskResult; `run` then goes on in the background. `onward` is the request's own way back: notices take it,
        and answers that came with the request are taken from it.

        The caller has checked that the client declares the extension, that the tool is there and that the scopes suffice.
        """
        work = _work(run, encode, onward, turn.capabilities)
        return self.created(await self._tasks.begin(principal, what, call_id, work))

    async def told(self, principal: Principal, task: str, meta: dict[str, Any]) -> bytes | None:
        """The `notifications/tasks` message of a task as it is now, or None when it is not this principal's to hear of."""
        try:
            found = await self._tasks.get(principal, task)
        except Refusal:
            return None
        said = {"_meta": meta} if meta else {}
        return wire.encode({"jsonrpc": "2.0", "method": "notifications/tasks", "params": {**detailed(found), **said}})

    def created(self, task: Task) -> bytes:
        """CreateTaskResult: the task without what it came to, whatever its status."""
        return wire.encode({"resultType": "task", **_plain(task), "_meta": self._meta})


def needed() -> Refusal:
    """What a client that does not declare the extension is refused with where nothing else will do."""
    return undeclared({"extensions": {TASKS: {}}})


def detailed(task: Task) -> dict[str, Any]:
    """DetailedTask, as tasks/get carries it and notifications/tasks has it for params."""
    return _plain(task) | _more(task)


def _plain(task: Task) -> dict[str, Any]:
    said = {"statusMessage": task.message} if task.message else {}
    return {
        "taskId": task.id,
        "status": task.status,
        **said,
        "createdAt": _moment(task.created_at),
        "lastUpdatedAt": _moment(task.updated_at),
        "ttlMs": task.ttl_ms,
        "pollIntervalMs": task.poll_ms,
    }


def _more(task: Task) -> dict[str, Any]:
    """The one member that goes with the status."""
    if task.asks:
        return {"inputRequests": {ask.key: {"method": ask.method, "params": ask.params} for ask in task.asks}}
    if task.finished is not None and task.finished.result is not None:
        return {"result": Raw(task.finished.result)}
    if task.status != "failed":
        return {}
    error = None if task.finished is None else task.finished.error
    return {"error": {"code": _INTERNAL, "message": task.message} if error is None else Raw(error)}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _named(turn: Turn, params: dict[str, Any]) -> str:
    """The task's id, from a client that may ask for it."""
    if not turn.capabilities.tasks:
        raise needed()
    task_id: object = params.get("taskId")
    if type(task_id) is not str:
        raise wire.Fault("invalid_params", "params.taskId must be a string")
    return task_id


def _work(run: Run, encode: Encode, onward: ModernChannel, declared: Capabilities) -> Work:
    """The call as a task's work. A tool that could not is a result; only what is no tool result at all is an error (SEP-2663)."""

    async def work(channel: Channel) -> Finished:
        broken: list[Refusal] = []

        def noted(outcome: Outcome) -> bytes:
            if outcome.status == "failed" and outcome.refusal is not None:
                broken.append(outcome.refusal)
            return encode(outcome)

        try:
            result = await run(_Way(channel, onward, declared), noted)
        except Refusal as refusal:
            return _refused(refusal)
        return _refused(broken[0]) if broken else Finished(result=result)

    return work


def _refused(refusal: Refusal) -> Finished:
    code = LOOKS[refusal.code].code or _INTERNAL
    error = {"code": code, "message": str(refusal), "data": {"code": refusal.code, **(refusal.data or {})}}
    return Finished(error=wire.encode(error), message=str(refusal))


class _Way:
    """A task's channel for one client: asks only what the client declared it can be asked and has not answered already."""

    parks = True

    def __init__(self, channel: Channel, onward: ModernChannel, declared: Capabilities) -> None:
        self._channel = channel
        self._given = onward.answers
        self._use = onward.use
        self._declared = declared
        self.progress = channel.progress
        self.log = channel.log
        self.waited = channel.waited
        self.notice = onward.notice

    def can(self, ask: Ask) -> bool:
        """Whether the client declared it when the task began."""
        return self._declared.lacks(ask.method, ask.params) is None

    async def ask(self, asks: Sequence[Ask]) -> Mapping[str, Any]:
        """Answers gathered before the task began, and the client's to what is left."""
        left = [ask for ask in asks if ask.key not in self._given]
        for ask in left:
            required = self._declared.lacks(ask.method, ask.params)
            if required is not None:
                raise undeclared(required)
        given = {ask.key: checked(ask, self._given[ask.key]) for ask in asks if ask not in left}
        if given:
            await self._use()
        return {**given, **await self._channel.ask(left)} if left else given
