"""Source: typed Python functions. The schema comes from the annotations; the caller's identity is injected, never an argument."""

import asyncio
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_type_hints

import msgspec
from msgspec import UNSET, Struct

from freehold.core.call import Call, Outcome
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool

_LONGEST: Final = 64
_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class Caller(Struct, frozen=True):
    """Who is calling, for a function that asks with a parameter annotated `Caller`."""

    tenant: str
    user: str
    client: str
    scopes: frozenset[str]
    data_scope: str
    request_id: str


class ToolError(Exception):
    """Raised by a tool to tell the agent, in words, why it could not; anything else raised stays hidden."""


class _Plan(Struct, frozen=True):
    """How to run one function."""

    run: Callable[..., Any]
    arguments: Callable[[dict[str, Any]], Mapping[str, Any]] | None
    """Turns JSON values into the annotated types; None when they are the same."""
    caller: str | None
    """Name of the parameter that takes the `Caller`."""
    result: Callable[[Any], Any] | None
    """Turns the return value into JSON values; None when it is `str` or nothing declared."""


class Functions:
    """A source of functions registered by the SaaS's own code before the start."""

    def __init__(self, name: str = "python") -> None:
        """Starts without tools."""
        self.name = name
        self._tools: dict[str, Tool] = {}

    @property
    def tools(self) -> Sequence[Tool]:
        """In order of registration."""
        return tuple(self._tools.values())

    def add(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        title: str | None = None,
        read_only: bool = False,
        destructive: bool = False,
        idempotent: bool = False,
        scopes: frozenset[str] | None = None,
    ) -> Tool:
        """Offer a function as a tool. Raises ValueError when its name or annotations cannot make one."""
        chosen = name or function.__name__
        if not 0 < len(chosen) <= _LONGEST or not set(chosen) <= _NAME:
            raise ValueError(f"{chosen!r} cannot be a tool name: use 1 to 64 of A-Z a-z 0-9 _ and -.")
        if chosen in self._tools:
            raise ValueError(f"There is already a tool named {chosen!r}; pass name=... to one of them.")
        schema, output, plan = compiled(function)
        wanted = scopes if scopes is not None else frozenset({"mcp:read" if read_only else "mcp:admin" if destructive else "mcp:write"})
        tool = Tool(
            name=chosen,
            title=title,
            description=inspect.cleandoc(description or function.__doc__ or ""),
            input_schema=schema,
            output_schema=output,
            source=self.name,
            read_only=read_only,
            destructive=destructive,
            idempotent=idempotent or read_only,
            open_world=False,
            scopes=wanted,
            operation=plan,
        )
        self._tools[chosen] = tool
        return tool

    async def invoke(self, call: Call) -> Outcome:
        """Run the function; its own `ToolError` is the tool's answer."""
        plan: _Plan = call.tool.operation
        arguments: Mapping[str, Any] = call.arguments
        if plan.arguments is not None:
            arguments = plan.arguments(call.arguments)
        if plan.caller is not None:
            arguments = {**arguments, plan.caller: caller_of(call.principal, call.request_id)}
        try:
            value = await plan.run(**arguments)
        except ToolError as refused:
            return Outcome(status="error", content=({"type": "text", "text": str(refused)},))
        return _outcome(value if plan.result is None else plan.result(value))

    async def check(self) -> None:
        """Nothing outside this process is needed."""

    async def close(self) -> None:
        """Nothing is held."""


def caller_of(principal: Principal, request_id: str) -> Caller:
    """What a function may know of its caller."""
    return Caller(principal.tenant, principal.subject, principal.client, principal.scopes, principal.data_scope, request_id)


def _outcome(value: object) -> Outcome:
    if value is None:
        return Outcome(status="ok", content=({"type": "text", "text": "Done."},))
    if isinstance(value, str):
        return Outcome(status="ok", content=({"type": "text", "text": value},))
    text = msgspec.json.encode(value)
    structured = msgspec.Raw(text) if isinstance(value, dict) else UNSET
    return Outcome(status="ok", content=({"type": "text", "text": text.decode()},), structured=structured)


def compiled(function: Callable[..., Any]) -> tuple[dict[str, Any], dict[str, Any] | None, _Plan]:
    """Input schema, output schema and plan of a function, from its annotations."""
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters
    caller = next((name for name in parameters if hints.get(name) is Caller), None)
    asked = {name: one for name, one in parameters.items() if name != caller}
    for name, one in asked.items():
        if name not in hints or one.kind in {one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY}:
            raise ValueError(f"Parameter {name!r} of {function.__name__} needs a type annotation and must be a plain named one.")
    schema, convert = _arguments(function.__name__, asked, hints)
    output, result = _returned(hints.get("return", Any))
    run = function if inspect.iscoroutinefunction(function) else _off_the_loop(function)
    return schema, output, _Plan(run, convert, caller, result)


def _off_the_loop(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def run(**arguments: object) -> object:
        return await asyncio.to_thread(function, **arguments)

    return run


_PLAIN: Final = (str, int, float, bool)


def _arguments(
    name: str, asked: Mapping[str, inspect.Parameter], hints: Mapping[str, Any]
) -> tuple[dict[str, Any], Callable[[dict[str, Any]], Mapping[str, Any]] | None]:
    from pydantic import ConfigDict, ValidationError, create_model

    fields: dict[str, Any] = {key: (hints[key], ... if one.default is one.empty else one.default) for key, one in asked.items()}
    model = create_model(name, __config__=ConfigDict(extra="forbid", strict=False), **fields)
    schema = _tidied(model.model_json_schema())
    if all(hints[key] in _PLAIN for key in asked):
        return schema, None

    def convert(arguments: dict[str, Any]) -> Mapping[str, Any]:
        try:
            made = model.model_validate(arguments)
        except ValidationError as fault:
            where = ".".join(str(part) for part in fault.errors(include_input=False, include_url=False)[0]["loc"])
            raise Refusal("invalid_arguments", why=f"{where} is not valid") from None
        return {key: getattr(made, key) for key in made.model_fields_set}

    return schema, convert


def _tidied(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the titles pydantic derives from names: they cost tokens and say nothing."""
    schema.pop("title", None)
    for one in schema.get("properties", {}).values():
        one.pop("title", None)
    schema.setdefault("properties", {})
    return schema


def _returned(annotation: Any) -> tuple[dict[str, Any] | None, Callable[[Any], Any] | None]:
    if annotation in {str, None, type(None)}:
        return None, None
    from pydantic import TypeAdapter

    adapter = TypeAdapter(annotation)
    dump = functools.partial(adapter.dump_python, mode="json")
    if annotation is Any:
        return None, dump
    schema = _tidied(adapter.json_schema(mode="serialization"))
    return (schema if schema.get("type") == "object" else None), dump
