"""A tool as agents see it, and what its source needs to run it."""

from typing import Any, Final, Literal, Protocol

from msgspec import Struct

from freehold.core.principal import Principal

BYTES_PER_TOKEN: Final = 4
"""The rule behind every figure in tokens: a token is taken to be four bytes of a list."""


READ_MORE: Final = "read_more"
"""The name of the tool that gives the rest of a cut answer; no other tool has it in any catalog."""


class View(Struct, frozen=True, kw_only=True):
    """Which part of an answer is wanted, beside the tool's own arguments."""

    fields: tuple[str, ...] = ()
    """Dotted paths of the fields to keep of each record; empty keeps all."""
    whole: bool = False
    """Neither cut nor marked: our own code reads it, no agent."""


class Paging(Struct, frozen=True, kw_only=True):
    """How a tool's answers come in pages: which of its arguments asks for another page, and where an answer says what comes next."""

    arguments: dict[str, str] = {}
    """Argument by the name the API knows it under, to read a link to the next page with."""
    cursor: str | None = None
    """Argument that takes what an answer names as the next cursor."""
    after: str | None = None
    """Argument that takes the id of the last record."""
    page: str | None = None
    """Argument that counts pages."""
    first_page: int = 1
    offset: str | None = None
    """Argument that counts records."""
    size: str | None = None
    """Argument that says how many records a page has."""
    default_size: int | None = None
    within: tuple[str, ...] = ()
    """Members of the answer down to the list whose pages are turned; empty: the answer is looked through."""
    backwards: str | None = None
    """Argument that asks for pages from the end, whose next one cannot be told."""


class Meant(Struct, frozen=True, kw_only=True):
    """What a call of a standing-in tool means: this call instead."""

    name: str
    """Looked up in the caller's own catalog, as if the caller had named it."""
    arguments: dict[str, Any]
    view: View | None = None


class StandsIn(Protocol):
    """Turns the arguments of a tool that stands in for others into the call that is meant."""

    def __call__(self, principal: Principal, arguments: dict[str, Any], /) -> Meant:
        """Pure and quick. Raises `Refusal("invalid_arguments")` for arguments that mean nothing."""
        ...


class Brief(Struct, frozen=True, kw_only=True):
    """What tools/list says of a tool in place of its whole definition, where the list has a budget."""

    description: str
    input_schema: dict[str, Any]
    """Accepts whatever the tool's own schema accepts, which alone decides a call."""


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
    plans: frozenset[str] = frozenset()
    """Plans whose tenants have it; for others it does not exist. Empty: all."""
    roles: frozenset[str] = frozenset()
    """A caller has it with one of these; for others it does not exist. Empty: with any or none."""
    trusted: bool = True
    """False where its definition is somebody else's word, which a person has to approve before agents read it."""
    quarantined: bool = False
    """Its definition is another than the approved one: it is known, not listed, and every call of it is refused."""
    audience: str | None = None
    """Origin (`https://api.example.com`) the service token is made out to; None: no token is needed."""
    task: Literal["never", "optional", "required"] = "never"
    """Whether a call may become a task (extension io.modelcontextprotocol/tasks), or must."""
    asks_first: bool = False
    """Its first questions come before the task: the call ends with them, and becomes a task when it comes again with the answers."""
    listed: bool = True
    """Whether tools/list shows it; one that is not listed can be found and called all the same."""
    owed: bool = False
    """Whoever has any tool has this one too: neither `allowed_tools` nor an edit takes it away."""
    place: str = ""
    """What it is in its source's document (`GET /orders/{id}`), whatever it is called; empty where there is no document."""
    version_of: str | None = None
    """The tool it is a later version of (`create_order` of `create_order_v2`): what is edited about that one holds for it too."""
    tags: tuple[str, ...] = ()
    """Areas of the API it belongs to, as its source names them."""
    brief: Brief | None = None
    """Shown by tools/list instead of the definition; None: the list says all of it."""
    paging: Paging | None = None
    """None: its answers come whole, as far as anyone knows."""
    whole: bool = False
    """Its answers are bounded by its source, and given as they are."""
    stands_in: StandsIn | None = None
    """For a tool that runs nothing itself: what a call of it means. The meant tool's scopes, limits, schema and ledger entry apply."""
    operation: Any = None
    """What the source compiled to run it; opaque to everyone else."""
