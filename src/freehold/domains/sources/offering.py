"""What the SaaS's code says of a function, checked before it is offered: its name, its scopes and how it is run."""

import inspect
import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from freehold.core.call import Outcome
from freehold.core.tool import Tool
from freehold.domains.sources.context import Caller, Context
from freehold.domains.sources.running import Plan

if TYPE_CHECKING:
    from freehold.domains.sources.signatures import Signature

INJECTED: Final = (Caller, Context)
"""Types whose parameters are no arguments."""
READ: Final = frozenset({"mcp:read"})
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")


class Said(Struct, frozen=True, kw_only=True):
    """What a resource and a prompt both say of themselves."""

    source: str
    name: str
    title: str | None
    description: str
    scopes: frozenset[str]


def said(
    function: Callable[..., Any], source: str, name: str, title: str | None, description: str | None, scopes: Collection[str] | None
) -> Said:
    """Checked, and with what the function says where nothing was given."""
    words = described(function, description)
    return Said(source=source, name=name, title=title, description=words, scopes=scoped(scopes, name, READ))


def reader(one: Said, prefix: str, schema: dict[str, Any], operation: Any) -> Tool:
    """A tool that changes nothing, under a name no tool of the catalog can have."""
    return Tool(
        name=prefix + one.name,
        title=one.title,
        description=one.description,
        input_schema=schema,
        source=one.source,
        read_only=True,
        destructive=False,
        idempotent=True,
        open_world=False,
        scopes=one.scopes,
        operation=operation,
    )


def named(function: Callable[..., Any], name: str | None, kind: str, taken: Collection[str]) -> str:
    """The name it is offered under. Raises ValueError for one that cannot be, or that is taken."""
    chosen = name or getattr(function, "__name__", "")
    if not _NAME.fullmatch(chosen):
        raise ValueError(f"{chosen!r} cannot be a {kind} name: use 1 to 64 of A-Z a-z 0-9 _ and -, or pass name=...")
    if chosen in taken:
        raise ValueError(f"There is already a {kind} named {chosen!r}; pass name=... to one of them.")
    return chosen


def scoped(scopes: Collection[str] | None, name: str, otherwise: frozenset[str]) -> frozenset[str]:
    """The scopes as a set; a string would be a set of letters, and a scope with a space could never be granted."""
    if scopes is None:
        return otherwise
    if isinstance(scopes, str) or not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise ValueError(f"The scopes of {name} must be a tuple of names without spaces, quotes or backslashes.")
    return frozenset(scopes)


def described(function: Callable[..., Any], description: str | None) -> str:
    """The given description, else the docstring, without its indentation."""
    return inspect.cleandoc(description or function.__doc__ or "")


def planned(function: Callable[..., Any], signature: "Signature", name: str, answer: Callable[[Any], Outcome]) -> Plan:
    """How it is run. Raises ValueError for a plain function that asks for a `Context`, whose methods it could not await."""
    plain = not inspect.iscoroutinefunction(function)
    context = signature.injected.get(Context)
    if plain and context is not None:
        raise ValueError(f"{name} takes a Context and must be an `async def` to use it.")
    return Plan(
        function=function,
        threaded=plain,
        arguments=signature.arguments,
        caller=signature.injected.get(Caller),
        context=context,
        answer=answer,
    )
