"""What a function gave becomes the call's outcome, in wire form: a tool's content, a resource's contents, a prompt's messages.

Each takes what `signatures.py` read of the return annotation, and then the value."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
from msgspec import UNSET

from freehold.core.call import Outcome
from freehold.core.content import CONTENT, Content, Embedded, Message, Text
from freehold.kit.json import encode

Dump = Callable[[Any], Any]
"""Turns a returned value into JSON values, or raises when it is not what was promised."""


def of_tool(dump: Dump | None, may_be_content: bool, value: Any) -> Outcome:  # noqa: FBT001  bound once, with the annotation
    """Content as it is; text as text; any other value as JSON, an object also as structured content."""
    if may_be_content and _is_content(value):
        return Outcome(status="ok", content=tuple(_block(one) for one in _each(value)))
    if dump is not None:
        value = dump(value)
    if value is None:
        return Outcome(status="ok", content=({"type": "text", "text": "Done."},))
    if isinstance(value, str):
        return Outcome(status="ok", content=({"type": "text", "text": value},))
    text = encode(value)
    structured = msgspec.Raw(text) if isinstance(value, dict) else UNSET
    return Outcome(status="ok", content=({"type": "text", "text": text.decode()},), structured=structured)


def of_resource(dump: Dump | None, mime_type: str | None, value: Any) -> Outcome:
    """Text, bytes, or any other value as JSON; `mime_type` is what the resource says of itself. None: there is no such thing."""
    if value is None:
        return failed("There is nothing at this address.")
    if isinstance(value, Embedded):
        return Outcome(status="ok", content=(value.contents(),))
    if isinstance(value, list | tuple) and (held := _all_embedded(cast("Sequence[object]", value))):
        return Outcome(status="ok", content=tuple(one.contents() for one in held))
    if isinstance(value, str):
        return Outcome(status="ok", content=({"text": value},))
    if isinstance(value, bytes | bytearray):
        return _kept({"blob": b64encode(value).decode()}, mime_type, "application/octet-stream")
    text = encode(cast("object", value) if dump is None else dump(value)).decode()
    return _kept({"text": text}, mime_type, "application/json")


def of_prompt(description: str, value: Any) -> Outcome:
    """The messages; what is no message is the user's. Raises TypeError for what cannot be one."""
    messages = tuple(_message(one).shown() for one in _each(value))
    return Outcome(status="ok", content=messages, description=description)


def failed(text: str) -> Outcome:
    """The function says that it could not, and why."""
    return Outcome(status="error", content=({"type": "text", "text": text},))


def _kept(contents: dict[str, Any], said: str | None, otherwise: str) -> Outcome:
    """The door fills in what the resource says of itself."""
    return Outcome(status="ok", content=(contents if said is not None else {**contents, "mimeType": otherwise},))


def _each(value: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list | tuple) else (value,)


def _is_content(value: Any) -> bool:
    """Content, or a list of it and text that is not text alone."""
    if not isinstance(value, list | tuple):
        return isinstance(value, CONTENT)
    found = False
    for one in cast("Sequence[object]", value):
        if isinstance(one, CONTENT):
            found = True
        elif not isinstance(one, str):
            return False
    return found


def _block(one: Content | str) -> dict[str, Any]:
    return (Text(one) if isinstance(one, str) else one).block()


def _all_embedded(values: Sequence[object]) -> list[Embedded]:
    """They, or nothing when one of them is something else."""
    held = [one for one in values if isinstance(one, Embedded)]
    return held if len(held) == len(values) else []


def _message(one: object) -> Message:
    if isinstance(one, Message):
        return one
    if isinstance(one, (str, *CONTENT)):
        return Message("user", one)
    raise TypeError("A prompt gives text, messages or content, alone or in a list.")
