"""Completion of a resource's variables and a prompt's arguments: by a function of the SaaS, or from the choices an annotation names."""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, get_type_hints

from msgspec import Struct

from freehold.core.call import Call, Outcome
from freehold.core.tool import Tool
from freehold.domains.sources.context import Caller
from freehold.domains.sources.running import Plan
from freehold.domains.sources.threads import Threads

PREFIX: Final = "complete:"


class Completions(Struct, frozen=True, kw_only=True):
    """How each argument of one resource or prompt is completed; one without a way has no suggestions."""

    plans: Mapping[str, Plan]
    choices: Mapping[str, tuple[str, ...]]

    async def run(self, call: Call, threads: Threads) -> Outcome:
        """The suggestions for what was typed so far, the best first."""
        argument = call.arguments["argument"]
        plan = self.plans.get(argument)
        if plan is not None:
            return await plan.run(call, threads)
        typed = call.arguments["value"].casefold()
        found = [each for each in self.choices.get(argument, ()) if each.casefold().startswith(typed)]
        return Outcome(status="ok", structured=found)


def completing(
    completed: Tool, functions: Mapping[str, Callable[..., Any]], choices: Mapping[str, tuple[str, ...]], arguments: Collection[str]
) -> Tool | None:
    """The tool that completes for the one that reads or makes messages, under the same scopes; None when it never could.

    Raises ValueError for a function that completes nothing there is, or takes what it cannot be given.
    """
    unknown = sorted(set(functions) - set(arguments))
    if unknown:
        raise ValueError(f"{completed.name} has no argument {unknown[0]!r} to complete. It has: {', '.join(arguments) or 'none'}.")
    plans = {key: _plan(function, f"{completed.name}, {key}") for key, function in functions.items()}
    choices = {key: each for key, each in choices.items() if key in arguments}
    if not plans and not choices:
        return None
    return Tool(
        name=PREFIX + completed.name,
        description="",
        input_schema=_schema(arguments),
        source=completed.source,
        read_only=True,
        destructive=False,
        idempotent=True,
        open_world=False,
        scopes=completed.scopes,
        operation=Completions(plans=plans, choices=choices),
    )


def _schema(arguments: Collection[str]) -> dict[str, Any]:
    properties = {
        "argument": {"type": "string", "enum": list(arguments)},
        "value": {"type": "string"},
        "given": {"type": "object", "additionalProperties": {"type": "string"}},
    }
    return {"type": "object", "properties": properties, "required": ["argument", "value"], "additionalProperties": False}


def _plan(function: Callable[..., Any], what: str) -> Plan:
    """The first parameter is what was typed, the second the other arguments given so far; a lambda will do."""
    caller = next((key for key, hint in _hints(function).items() if hint is Caller), None)
    named = [one for one in inspect.signature(function).parameters.values() if one.name != caller]
    if not 1 <= len(named) <= 2 or any(one.kind not in {one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY} for one in named):  # noqa: PLR2004  as said below
        raise ValueError(f"The completion of {what} takes (value) or (value, given), and maybe a Caller. Change its parameters.")
    names = [one.name for one in named]

    def arguments(given: dict[str, Any]) -> Mapping[str, Any]:
        return dict(zip(names, (given["value"], given.get("given", {})), strict=False))

    return Plan(
        function=function, threaded=not inspect.iscoroutinefunction(function), arguments=arguments, caller=caller, answer=_suggested
    )


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except (NameError, TypeError):
        return {}


def _suggested(values: Any) -> Outcome:
    """Raises TypeError for a string, whose letters nobody meant."""
    if isinstance(values, str):
        raise TypeError("A completion gives a list of texts.")
    return Outcome(status="ok", structured=[str(each) for each in values])
