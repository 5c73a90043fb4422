"""A client that keeps what a call tells it and answers what it is asked, for the tests of functions that speak with it."""

from collections.abc import Mapping, Sequence
from typing import Any

from freehold.core.call import Call, Outcome
from freehold.core.channel import Ask, InputRequired, Kind, Level, Unanswered
from freehold.core.tool import Tool
from freehold.domains.guard.arguments import Arguments
from freehold.domains.sources.functions import Functions
from tests.functions import PRINCIPAL


class Client:
    """Answers from `answers` by key. What is not there: a modern client is asked for it, one that `waits` never answers."""

    parks = False

    def __init__(self, answers: Mapping[str, Any] | None = None, *, waits: bool = False) -> None:
        """Nothing heard yet."""
        self.answers = dict(answers or {})
        self.waits = waits
        self.heard: list[tuple[Any, ...]] = []
        self.rounds: list[list[Ask]] = []

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Keep it."""
        self.heard.append(("progress", done, total, message))

    async def log(self, level: Level, data: Any, logger: str | None) -> None:
        """Keep it."""
        self.heard.append(("log", level, data, logger))

    def can(self, ask: Ask) -> bool:
        """Anything."""
        return True

    async def ask(self, asks: Sequence[Ask]) -> Mapping[str, Any]:
        """The answers, or what the client's revision does without them."""
        self.rounds.append(list(asks))
        missing = [one for one in asks if one.key not in self.answers]
        if missing and self.waits:
            raise Unanswered
        if missing:
            raise InputRequired(missing)
        return {one.key: self.answers[one.key] for one in asks}

    def waited(self) -> float:
        """It answers at once."""
        return 0.0

    async def notice(self, kind: Kind, uri: str | None = None) -> None:
        """Keep it."""
        self.heard.append(("notice", kind, uri))


async def run(functions: Functions, tool: Tool, client: Client | None = None, **arguments: Any) -> Outcome:
    """What a call of one of the source's tools comes to, its arguments checked as the guard would."""
    assert Arguments().fault(tool, arguments) is None
    call = Call(
        id="1",
        at=0,
        principal=PRINCIPAL,
        tool=tool,
        arguments=arguments,
        request_id="r-1",
        revision="2026-07-28",
        bytes_in=1,
        deadline=9,
        channel=client or Client(),
    )
    return await functions.invoke(call)
