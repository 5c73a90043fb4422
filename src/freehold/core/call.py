"""One tool call on its way down the corridor, and what comes back up."""

from collections.abc import Awaitable
from typing import Any, Literal, Protocol

from msgspec import UNSET, Struct, UnsetType

from freehold.core.channel import SILENT, Ask, Channel
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool, View

Method = Literal["tools/call", "resources/read", "prompts/get", "completion/complete"]


class Call(Struct, frozen=True, kw_only=True, eq=False):
    """A call of one tool by one principal. Steps that change it pass on a copy (`msgspec.structs.replace`).

    Reading a resource, getting a prompt and completing an argument are calls too, of the tool that does it.
    """

    id: str
    """Time-sortable, unique; also the id of its ledger entry."""
    at: float
    """Unix seconds at which the door took it."""
    principal: Principal
    tool: Tool
    arguments: dict[str, Any]
    request_id: str
    revision: str
    bytes_in: int
    deadline: float
    """On the monotonic clock, in seconds; no work for this call after it."""
    credential: tuple[tuple[str, str], ...] = ()
    """Headers the vault step adds for the upstream, never shown to anyone."""
    traceparent: str = ""
    method: Method = "tools/call"
    asked: str = ""
    """What the caller named: the tool, the resource's URI as it was sent, or the prompt."""
    channel: Channel = SILENT
    own_code: bool = False
    """Made by the SaaS's own code, whose functions answer questions; no customer's client is at the other end."""
    view: View | None = None
    """Which part of the answer is wanted; None for all of it."""

    def __repr__(self) -> str:
        """Which call; arguments and credential stay out of logs and error reports."""
        return f"Call({self.id!r}, tool={self.tool.name!r})"


Status = Literal["ok", "error", "refused", "cancelled", "failed", "asked"]


class Outcome(Struct, frozen=True, kw_only=True, eq=False):
    """What a call came to.

    ok: the tool answered. error: the tool (or its API) answered that it could not.
    refused: Freehold stopped it, `refusal` says why. cancelled: the client went away.
    failed: our own fault. asked: it needs answers of the client and will be called again with them.
    Only `ok` and `error` ran to the end upstream.
    """

    status: Status
    content: tuple[dict[str, Any], ...] = ()
    """In wire form: a tool's content blocks, a resource's contents (`text` or `blob`), a prompt's messages."""
    structured: Any | UnsetType = UNSET
    """Any JSON value or `msgspec.Raw`; UNSET when there is none."""
    meta: dict[str, Any] | None = None
    """Members of the result's `_meta`, under names of ours."""
    refusal: Refusal | None = None
    asks: tuple[Ask, ...] = ()
    """With `asked`: what is still to be answered."""
    description: str = ""
    """Of a prompt's messages."""
    notice: str = ""
    """Words of ours about the answer: shown last, and never marked as data."""
    units: int = 0
    """Units charged; settled by the limits step."""


class Next(Protocol):
    """The rest of the corridor."""

    def __call__(self, call: Call, /) -> Awaitable[Outcome]:
        """Run what lies further in."""
        ...


class Step(Protocol):
    """One step of the corridor. It may change the call or the outcome, or raise `Refusal`."""

    async def __call__(self, call: Call, *, nxt: Next) -> Outcome:
        """Do this step's part, calling `nxt` at most once."""
        ...
