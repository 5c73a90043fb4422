"""The way back to the client while a call runs: progress, log lines, notices, and questions only the client can answer.

How they travel is the door's affair; a tool sees this port alone, so one function works for clients of every revision."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Protocol

from msgspec import Struct

Level = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
LEVELS: Final[tuple[Level, ...]] = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""Severities of a log message, mildest first (server/utilities/logging)."""

Kind = Literal["tools", "prompts", "resources", "resource"]
"""What a notice says has changed: one of the three lists, or one resource."""

AskMethod = Literal["elicitation/create", "sampling/createMessage", "roots/list"]


class Ask(Struct, frozen=True, kw_only=True):
    """One question to the client."""

    key: str
    """Names the answer; unique within the call, the same whenever the call is run again."""
    method: AskMethod
    params: dict[str, Any]


class InputRequired(BaseException):
    """The call cannot go on without answers, and the client gives them by calling again (2026-07-28, multi round-trip requests).

    Not an `Exception`: a tool that catches every fault of its own must not catch this.
    """

    def __init__(self, asks: Sequence[Ask]) -> None:
        """`asks` are those still without an answer."""
        super().__init__()
        self.asks = tuple(asks)


class Unanswered(Exception):
    """The client took the question but gave no usable answer: it went away, waited too long or refused."""


class Channel(Protocol):
    """One call's way back."""

    @property
    def parks(self) -> bool:
        """Whether `ask` may wait for the client, minutes perhaps."""
        ...

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Tell how far the call is. Goes nowhere when the client did not ask for progress, or `done` did not grow."""
        ...

    async def log(self, level: Level, data: Any, logger: str | None) -> None:
        """Tell something about the call. Goes nowhere when the client did not ask for messages of that level."""
        ...

    def can(self, ask: Ask) -> bool:
        """Whether the client declared that it can be asked this."""
        ...

    async def ask(self, asks: Sequence[Ask]) -> Mapping[str, Any]:
        """The client's answers by key, checked for shape.

        Raises `InputRequired` when they come with another call, `Unanswered` when they do not come, and
        `Refusal("missing_capability")` when the client cannot be asked.
        """
        ...

    def waited(self) -> float:
        """Seconds spent waiting for the client's answers so far, on the monotonic clock; they do not count against the deadline."""
        ...

    async def notice(self, kind: Kind, uri: str | None = None) -> None:
        """Tell the caller's tenant's open streams, on every replica, that something has changed."""
        ...


class _Silent:
    """For a call that nobody waits for."""

    parks = False

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Goes nowhere."""

    async def log(self, level: Level, data: Any, logger: str | None) -> None:
        """Goes nowhere."""

    def can(self, ask: Ask) -> bool:
        """Nobody is there."""
        return False

    async def ask(self, asks: Sequence[Ask]) -> Mapping[str, Any]:
        """Nobody is there."""
        raise Unanswered

    def waited(self) -> float:
        """Never."""
        return 0.0

    async def notice(self, kind: Kind, uri: str | None = None) -> None:
        """Goes nowhere."""


SILENT: Final[Channel] = _Silent()
