"""Python functions of every kind, offered and called as the corridor would, for the tests about them."""

import datetime as dt
import enum
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NotRequired

import msgspec
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from freehold.core.call import Call, Outcome
from freehold.core.principal import Principal
from freehold.domains.guard.arguments import Arguments
from freehold.domains.sources.functions import Functions

PRINCIPAL = Principal(
    tenant="acme",
    subject="ann",
    client="agent",
    credential="jti:1",
    scopes=frozenset({"a", "b"}),
    plan="free",
    data_scope="eu",
    expires_at=2e9,
)


class Color(enum.Enum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    """A dataclass, nested ones included."""

    x: int
    y: float = 0.5
    names: list[str] = field(default_factory=list)


class Line(TypedDict):
    """A TypedDict."""

    sku: str
    count: NotRequired[int]


class Invoice(BaseModel):
    """A pydantic model."""

    number: int
    due: dt.date | None = None
    lines: list[Line] = []
    title: str = Field("", title="What it is for")


def offered(function: Callable[..., Any], **said: Any) -> Functions:
    """A source with this one function."""
    functions = Functions()
    functions.add(function, **said)
    return functions


async def outcome(function: Callable[..., Any], **arguments: Any) -> Outcome:
    """What a call of the function comes to, its arguments checked as the guard would."""
    functions = offered(function)
    (tool,) = functions.tools
    assert Arguments().fault(tool, arguments) is None
    call = Call(
        id="1", at=0, principal=PRINCIPAL, tool=tool, arguments=arguments, request_id="r-1", revision="2026-07-28", bytes_in=1, deadline=9
    )
    return await functions.invoke(call)


def text(made: Outcome) -> str:
    """The text of an outcome's one block."""
    (block,) = made.content
    assert block["type"] == "text"
    return block["text"]


def structured(made: Outcome) -> Any:
    """The structured content, read again."""
    assert isinstance(made.structured, msgspec.Raw)
    return json.loads(bytes(made.structured))


def taking(annotation: Any, default: Any = ...) -> tuple[Callable[..., Any], list[Any]]:
    """A function of one parameter `it` with this annotation, and the list of what it is given."""
    seen: list[Any] = []

    async def take(it: Any = default) -> None:
        seen.append(it)

    if default is ...:
        take.__defaults__ = None
    take.__annotations__ = {"it": annotation, "return": None}
    return take, seen


def giving(annotation: Any, value: Any) -> Callable[..., Any]:
    """A function that returns this value under this annotation."""

    async def give() -> Any:
        return value

    give.__annotations__ = {"return": annotation}
    return give
