"""A tool as agents see it, and what its source needs to run it."""

from typing import Any, Literal

from msgspec import Struct


class Tool(Struct, frozen=True, kw_only=True, eq=False):
    """One callable thing of one source. Immutable: a changed tool is a new value.

    Compared by identity, so that plans compiled for a tool (validator, encoded bytes) can be kept beside it.
    """

    name: str
    """1 to 64 characters of `[A-Za-z0-9_-]`, unique in the catalog."""
    description: str
    input_schema: dict[str, Any]
    """JSON Schema 2020-12 of type object; never a remote `$ref`."""
    source: str
    title: str | None = None
    output_schema: dict[str, Any] | None = None
    read_only: bool = False
    destructive: bool = True
    idempotent: bool = False
    open_world: bool = True
    cost: int = 1
    """Units of the plan's quota that one call takes."""
    scopes: frozenset[str]
    """Every scope a caller needs for this tool."""
    audience: str | None = None
    """Origin (`https://api.example.com`) the service token is made out to; None: no token is needed."""
    task: Literal["never", "optional", "required"] = "never"
    """Whether a call may become a task (extension io.modelcontextprotocol/tasks), or must."""
    asks_first: bool = False
    """Its first questions come before the task: the call ends with them, and becomes a task when it comes again with the answers."""
    operation: Any = None
    """What the source compiled to run it; opaque to everyone else."""
