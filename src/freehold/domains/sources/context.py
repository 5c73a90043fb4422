"""What a function may ask to be handed beside its arguments: who is calling, and the way back to the client.

How questions and progress travel is the channel's affair: one function works for clients of every revision."""

from typing import Any

from msgspec import Struct

from freehold.core.channel import LEVELS, Channel, Level
from freehold.core.content import Message
from freehold.domains.sources.questions import Answer, Elicit, ElicitUrl, Question, Roots, Sample


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


class Context:
    """The call a function runs in, for an `async def` that asks with a parameter annotated `Context`.

    Ask before you act. To a client of 2026-07-28 a question ends the call, and the function runs again from the top when the
    client calls with the answer; to an older client it waits. So every run must ask the same questions in the same order, and
    do nothing that must not be done twice before the last of them is answered.

    A question raises `Unanswered` when the client gives no usable answer, and refuses the call when the client cannot be asked.
    """

    __slots__ = ("_channel", "_keys", "_unnamed", "caller")

    def __init__(self, caller: Caller, channel: Channel) -> None:
        """For one run of one function."""
        self.caller = caller
        self._channel = channel
        self._keys: set[str] = set()
        self._unnamed = 0

    # telling

    async def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Tell how far the call is, for a client that asked to know. `done` must grow; `total` is in the same unit."""
        await self._channel.progress(done, total, message)

    async def log(self, level: Level, data: Any, logger: str | None = None) -> None:
        """Tell the client any JSON value, if it asked for messages of this level. Raises ValueError for a level there is not."""
        if level not in LEVELS:
            raise ValueError(f"{level!r} is not a level. Use one of: {', '.join(LEVELS)}.")
        await self._channel.log(level, data, logger)

    async def debug(self, data: Any, logger: str | None = None) -> None:
        """`log` at level debug."""
        await self._channel.log("debug", data, logger)

    async def info(self, data: Any, logger: str | None = None) -> None:
        """`log` at level info."""
        await self._channel.log("info", data, logger)

    async def warning(self, data: Any, logger: str | None = None) -> None:
        """`log` at level warning."""
        await self._channel.log("warning", data, logger)

    async def error(self, data: Any, logger: str | None = None) -> None:
        """`log` at level error. The call goes on; `ToolError` ends it."""
        await self._channel.log("error", data, logger)

    # asking

    def can(self, question: Question) -> bool:
        """Whether the client can be asked this, for a tool that knows another way."""
        return self._channel.can(question.ask(""))

    async def elicit(self, message: str, schema: dict[str, Any], *, key: str = "") -> Answer:
        """Show the user a form: `schema` is an object of plain fields. What was accepted fits it. Never for secrets."""
        return await self._one(key, Elicit(message, schema))

    async def elicit_url(self, message: str, url: str, *, key: str = "") -> Answer:
        """Have the user open an address, for what must not pass through the client: passwords, payments, consent."""
        return await self._one(key, ElicitUrl(message, url))

    async def sample(self, messages: list[Message | dict[str, Any]], *, max_tokens: int, key: str = "", **params: Any) -> dict[str, Any]:
        """Have the client's model write the next message; `params` are `Sample`'s other fields. Gives the client's whole result."""
        return await self._one(key, Sample(messages, max_tokens, **params))

    async def roots(self, *, key: str = "") -> list[dict[str, Any]]:
        """The folders the client works in, each with `uri` and maybe `name`."""
        return await self._one(key, Roots())

    async def ask(self, **asks: Question) -> dict[str, Any]:
        """Several questions in one round; the keywords are their keys and the answers'."""
        for key in asks:
            self._take(key)
        answers = await self._channel.ask([question.ask(key) for key, question in asks.items()])
        return {key: question.read(answers[key]) for key, question in asks.items()}

    async def _one(self, key: str, question: Question) -> Any:
        if not key:
            self._unnamed += 1
            key = str(self._unnamed)
        return (await self.ask(**{key: question}))[key]

    def _take(self, key: str) -> None:
        """A second question of the same key would be given the first one's answer."""
        if key in self._keys:
            raise ValueError(f"Two questions of one call have the key {key!r}. Give each its own.")
        self._keys.add(key)

    # what has changed

    async def tools_changed(self) -> None:
        """Tell the caller's tenant's clients to list tools again."""
        await self._channel.notice("tools")

    async def prompts_changed(self) -> None:
        """Tell the caller's tenant's clients to list prompts again."""
        await self._channel.notice("prompts")

    async def resources_changed(self) -> None:
        """Tell the caller's tenant's clients to list resources again."""
        await self._channel.notice("resources")

    async def resource_updated(self, uri: str) -> None:
        """Tell the caller's tenant's clients that follow this resource to read it again."""
        await self._channel.notice("resource", uri)
