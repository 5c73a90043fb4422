"""Runs one of the SaaS's functions for a call: arguments made, caller and context handed over, questions and `ToolError` understood."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from freehold.core.call import Call, Outcome
from freehold.core.channel import Ask, InputRequired, Unanswered
from freehold.domains.sources.context import Caller, Context, ToolError
from freehold.domains.sources.returned import failed
from freehold.domains.sources.threads import Threads

UNANSWERED = "The client gave no usable answer to what was asked, so this was not done. Call again and answer."


class Plan(Struct, frozen=True, kw_only=True):
    """How to run one function."""

    function: Callable[..., Any]
    threaded: bool
    """Whether it is a plain function, which would block the event loop."""
    arguments: Callable[[dict[str, Any]], Mapping[str, Any]] | None
    """Turns JSON values into what the function takes, or raises `Refusal`; None when they are the same."""
    caller: str | None = None
    """The parameter that is given the `Caller`."""
    context: str | None = None
    """The parameter that is given the `Context`."""
    answer: Callable[[Any], Outcome]
    """Makes the outcome of what it gives."""

    async def run(self, call: Call, threads: Threads) -> Outcome:
        """Run it; its own `ToolError` is the tool's answer, and a question the client answers with another call ends it."""
        try:
            arguments = call.arguments if self.arguments is None else self.arguments(call.arguments)
            value = await self._value(call, arguments, threads)
        except ToolError as refused:
            return failed(str(refused))
        except Unanswered:
            return failed(UNANSWERED)
        except InputRequired as required:
            return Outcome(status="asked", asks=required.asks)
        except BaseExceptionGroup as several:
            return Outcome(status="asked", asks=_asked(several))
        return self.answer(value)

    async def _value(self, call: Call, arguments: Mapping[str, Any], threads: Threads) -> Any:
        """A plain function may return something that must be awaited here."""
        if self.caller is not None or self.context is not None:
            arguments = self._handed(call, arguments)
        if not self.threaded:
            return await self.function(**arguments)
        value = await threads.run(call.principal.tenant, self.function, arguments)
        return await value if inspect.isawaitable(value) else value

    def _handed(self, call: Call, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        caller = caller_of(call)
        handed: dict[str, Any] = {**arguments}
        if self.caller is not None:
            handed[self.caller] = caller
        if self.context is not None:
            handed[self.context] = Context(caller, call.channel)
        return handed


def caller_of(call: Call) -> Caller:
    """What a function may know of its caller."""
    principal = call.principal
    return Caller(principal.tenant, principal.subject, principal.client, principal.scopes, principal.data_scope, call.request_id)


def _asked(several: BaseExceptionGroup[Any]) -> tuple[Ask, ...]:
    """What tasks of one group asked; raises the group again when something else went wrong in it."""
    required, other = several.split(InputRequired)
    if required is None or other is not None:
        raise several
    return tuple({ask.key: ask for one in _leaves(required) for ask in one.asks}.values())


def _leaves(required: BaseExceptionGroup[InputRequired]) -> Iterator[InputRequired]:
    for one in required.exceptions:
        if isinstance(one, InputRequired):
            yield one
        else:
            yield from _leaves(one)
