"""Source: typed Python functions. The schema comes from the annotations; the caller's identity is injected, never an argument."""

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from freehold.core.call import Call, Outcome
from freehold.core.principal import Principal
from freehold.core.tool import Tool
from freehold.domains.sources.threads import Threads
from freehold.kit.json import encode

if TYPE_CHECKING:
    from freehold.domains.sources.signatures import Signature

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")
_SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


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

    function: Callable[..., Any]
    threaded: bool
    """Whether it is a plain function, which would block the event loop."""
    signature: "Signature"


class Functions:
    """A source of functions registered by the SaaS's own code before the start."""

    def __init__(self, name: str = "python") -> None:
        """Starts without tools. `name` is what an operator could have written: 1 to 32 of a-z 0-9 and -."""
        if not _SOURCE.fullmatch(name):
            raise ValueError(f"{name!r} cannot be a source's name: use 1 to 32 of a-z 0-9 and -, beginning with a letter or digit.")
        self.name = name
        self._tools: dict[str, Tool] = {}
        self._threads = Threads()

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
        scopes: Collection[str] | None = None,
    ) -> Tool:
        """Offer a function as a tool. Raises ValueError when its name, annotations, hints or scopes cannot make one."""
        chosen = name or getattr(function, "__name__", "")
        if not _NAME.fullmatch(chosen):
            raise ValueError(f"{chosen!r} cannot be a tool name: use 1 to 64 of A-Z a-z 0-9 _ and -, or pass name=...")
        if chosen in self._tools:
            raise ValueError(f"There is already a tool named {chosen!r}; pass name=... to one of them.")
        from freehold.domains.sources.signatures import read

        signature = read(function, name=chosen, injected=Caller)
        if read_only and destructive:
            raise ValueError(f"{chosen} cannot be read_only and destructive at once. Keep the one that is true.")
        default = "mcp:read" if read_only else "mcp:admin" if destructive else "mcp:write"
        tool = Tool(
            name=chosen,
            title=title,
            description=inspect.cleandoc(description or function.__doc__ or ""),
            input_schema=signature.input_schema,
            output_schema=signature.output_schema,
            source=self.name,
            read_only=read_only,
            destructive=destructive,
            idempotent=idempotent or read_only,
            open_world=False,
            scopes=_checked(scopes, chosen) if scopes is not None else frozenset({default}),
            operation=_Plan(function, not inspect.iscoroutinefunction(function), signature),
        )
        self._tools[chosen] = tool
        return tool

    async def invoke(self, call: Call) -> Outcome:
        """Run the function; its own `ToolError` is the tool's answer."""
        plan: _Plan = call.tool.operation
        signature = plan.signature
        arguments: Mapping[str, Any] = call.arguments
        try:
            if signature.arguments is not None:
                arguments = signature.arguments(call.arguments)
            if signature.injected is not None:
                arguments = {**arguments, signature.injected: caller_of(call.principal, call.request_id)}
            value = await self._value(plan, call.principal.tenant, arguments)
        except ToolError as refused:
            return Outcome(status="error", content=({"type": "text", "text": str(refused)},))
        return _outcome(value if signature.result is None else signature.result(value))

    async def _value(self, plan: _Plan, tenant: str, arguments: Mapping[str, Any]) -> Any:
        """A plain function may return something that must be awaited here."""
        if not plan.threaded:
            return await plan.function(**arguments)
        value = await self._threads.run(tenant, plan.function, arguments)
        return await value if inspect.isawaitable(value) else value

    def named(self, name: str) -> "Functions":
        """The same tools under another source's name."""
        renamed = Functions(name)
        renamed._tools = {key: replace(tool, source=name) for key, tool in self._tools.items()}
        return renamed

    async def check(self) -> None:
        """Nothing outside this process is needed."""

    async def close(self) -> None:
        """Let go of the threads."""
        self._threads.close()


def caller_of(principal: Principal, request_id: str) -> Caller:
    """What a function may know of its caller."""
    return Caller(principal.tenant, principal.subject, principal.client, principal.scopes, principal.data_scope, request_id)


def _checked(scopes: Collection[str], name: str) -> frozenset[str]:
    """The scopes as a set; a string would be a set of letters, and a scope with a space could never be granted."""
    if isinstance(scopes, str) or not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise ValueError(f"The scopes of {name} must be a tuple of names without spaces, quotes or backslashes.")
    return frozenset(scopes)


def _outcome(value: object) -> Outcome:
    if value is None:
        return Outcome(status="ok", content=({"type": "text", "text": "Done."},))
    if isinstance(value, str):
        return Outcome(status="ok", content=({"type": "text", "text": value},))
    text = encode(value)
    structured = msgspec.Raw(text) if isinstance(value, dict) else UNSET
    return Outcome(status="ok", content=({"type": "text", "text": text.decode()},), structured=structured)
