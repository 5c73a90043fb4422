"""The endpoint's answer becomes the tool's outcome. Whole data, data in part and errors alone are told apart."""

from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from freehold.core.call import Outcome
from freehold.domains.sources.openapi.answers import LARGEST_MESSAGE
from freehold.domains.sources.openapi.answers import outcome as of_http
from freehold.domains.sources.openapi.document import mapping, sequence, text
from freehold.kit.http import Answer

ERRORS: Final = 5
"""Errors of one answer that are passed on."""
_MESSAGE: Final = 400
_STEPS: Final = 8

Errors = tuple[str, ...]


class Reply(Struct, frozen=True):
    """A GraphQL response (specification section 7), with whatever is in it."""

    data: Any = None
    errors: Any = None

    @property
    def said(self) -> Errors:
        """The first errors as a sentence each, bounded."""
        errors = sequence(self.errors)
        more = (f"{len(errors) - ERRORS} more errors",) if len(errors) > ERRORS else ()
        return (*map(_sentence, errors[:ERRORS]), *more)


def parsed(body: bytes) -> Reply | None:
    """The response, None when the bytes are none: an object with `data` or `errors`."""
    try:
        found: object = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    answer = mapping(found)
    errors = answer.get("errors")
    return Reply(answer.get("data"), errors if isinstance(errors, list) else None) if answer.keys() & {"data", "errors"} else None


def outcome(answer: Answer, field: str) -> Outcome:
    """What the answer came to for the one root field that was asked for."""
    if not 200 <= answer.status < 300:  # noqa: PLR2004  the good ones
        return of_http(answer, None)
    reply = parsed(answer.body)
    if reply is None:
        why = "but what it sent is no GraphQL. The call may have taken effect; check before repeating it."
        return _failed(f"The API answered {answer.status}, {why}")
    value = mapping(reply.data).get(field)
    if not reply.errors:
        return _good(value)
    return _failed(f"The API answered with errors: {_joined(reply.said)}") if value is None else _partial(value, reply.said)


def _good(value: Any) -> Outcome:
    body = msgspec.json.encode(value)
    return Outcome(status="ok", content=(_text(body.decode()),), structured=msgspec.Raw(body))


def _partial(value: Any, said: Errors) -> Outcome:
    """Some of it is null because of an error; the agent sees both, in the text and in the structure."""
    spoken = f"This is only a part. The API also answered with errors: {_joined(said)}"
    content = (_text(msgspec.json.encode(value).decode()), _text(spoken))
    return Outcome(status="ok", content=content, structured={"data": value, "errors": list(said)})


def _failed(said: str) -> Outcome:
    return Outcome(status="error", content=(_text(said),), structured=UNSET)


def _text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def _joined(said: Errors) -> str:
    return _clipped("; ".join(said), LARGEST_MESSAGE)


def _sentence(error: object) -> str:
    """Message, code and place of one error."""
    node = mapping(error)
    message = _clipped(" ".join((text(node.get("message")) or "unnamed error").split()), _MESSAGE)
    code = text(mapping(node.get("extensions")).get("code"))
    path = ".".join(str(step)[:64] for step in sequence(node.get("path"))[:_STEPS])
    return f"{message}{f' [{code[:64]}]' if code else ''}{f' at {path}' if path else ''}"


def _clipped(said: str, cap: int) -> str:
    encoded = said.encode("utf-8", "replace")
    return said if len(encoded) <= cap else f"{encoded[: cap - 3].decode('utf-8', 'ignore')}…"
