"""Questions a function may put to the client while it runs, and how its answers read.

What the specification asks of each question is held to here, so that a slip shows in the function and not at the client."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Protocol, cast

import msgspec
from msgspec import Struct

from freehold.core.channel import Ask
from freehold.core.content import Message

_SIMPLE: Final = frozenset({"string", "number", "integer", "boolean"})


class Question(Protocol):
    """One thing only the client can answer."""

    def ask(self, key: str) -> Ask:
        """The question as it travels."""
        ...

    def read(self, result: Any) -> Any:
        """The answer, from the client's result, whose shape the channel has checked."""
        ...


class Answer(Struct, frozen=True):
    """What the user did with a question."""

    action: Literal["accept", "decline", "cancel"]
    content: dict[str, Any] = {}
    """The fields of the form as the user filled them in; empty unless accepted."""

    @property
    def accepted(self) -> bool:
        """Whether there is something to go on with."""
        return self.action == "accept"


class Elicit(Struct, frozen=True):
    """A form for the user (client/elicitation, form mode). Never for secrets: `ElicitUrl` is.

    Raises ValueError when `schema` is more than one object of plain fields.
    """

    message: str
    schema: dict[str, Any]

    def __post_init__(self) -> None:
        """Clients draw a form of it, and can draw nothing nested."""
        properties: object = self.schema.get("properties")
        fields = cast("dict[str, Any]", properties).values() if isinstance(properties, dict) else ()
        if self.schema.get("type") != "object" or not isinstance(properties, dict) or not all(map(_is_plain, fields)):
            raise ValueError(
                "The schema of a form must be an object whose properties are strings, numbers, integers, booleans or arrays of choices."
            )

    def ask(self, key: str) -> Ask:
        """The question as it travels."""
        return Ask(key=key, method="elicitation/create", params={"message": self.message, "requestedSchema": self.schema})

    def read(self, result: Any) -> Answer:
        """What the user did; the channel saw to it that a form that was sent fits the schema."""
        return _answer(result)


class ElicitUrl(Struct, frozen=True):
    """An address for the user to open (client/elicitation, URL mode). Accepting it says that it was opened, not that it was finished.

    Put nothing secret and nothing already signed in into the address, and make sure that whoever opens it is the caller.
    """

    message: str
    url: str

    def __post_init__(self) -> None:
        """A web address."""
        if not self.url.startswith(("https://", "http://")):
            raise ValueError("The address of a question must begin with https://.")

    def ask(self, key: str) -> Ask:
        """The question as it travels."""
        return Ask(key=key, method="elicitation/create", params={"mode": "url", "message": self.message, "url": self.url})

    def read(self, result: Any) -> Answer:
        """What the user did."""
        return _answer(result)


class Sample(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Messages for the client's model to go on from (client/sampling; deprecated by the specification, still answered)."""

    messages: Sequence[Message | dict[str, Any]]
    max_tokens: int
    system_prompt: str | None = None
    temperature: float | None = None
    stop_sequences: list[str] | None = None
    model_preferences: dict[str, Any] | None = None
    include_context: str | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None

    def ask(self, key: str) -> Ask:
        """The question as it travels."""
        params = cast("dict[str, Any]", msgspec.to_builtins(self))
        params["messages"] = [one.shown() if isinstance(one, Message) else one for one in self.messages]
        return Ask(key=key, method="sampling/createMessage", params=params)

    def read(self, result: Any) -> dict[str, Any]:
        """The result as it came: `role`, `content`, `model`, `stopReason`."""
        return result


class Roots(Struct, frozen=True):
    """Which folders the client works in (client/roots; deprecated by the specification, still answered)."""

    def ask(self, key: str) -> Ask:
        """The question as it travels."""
        return Ask(key=key, method="roots/list", params={})

    def read(self, result: Any) -> list[dict[str, Any]]:
        """Each with `uri` and maybe `name`."""
        return result["roots"]


def _answer(result: Mapping[str, Any]) -> Answer:
    action = result["action"]
    return Answer(action, result.get("content") or {}) if action == "accept" else Answer(action)


def _is_plain(field: object) -> bool:
    if not isinstance(field, dict):
        return False
    said = cast("dict[str, Any]", field)
    items: object = said.get("items")
    choices = isinstance(items, dict) and bool({"enum", "anyOf"} & items.keys())
    return said.get("type") in _SIMPLE or (said.get("type") == "array" and choices)
