"""The endpoint's answer becomes the tool's outcome. Whole data, data in part and errors alone are told apart."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from freehold.core.call import Outcome
from freehold.domains.sources.openapi.answers import LARGEST_MESSAGE, PAGES
from freehold.domains.sources.openapi.answers import outcome as of_http
from freehold.domains.sources.openapi.document import mapping, sequence, text
from freehold.domains.sources.openapi.payloads import bare
from freehold.domains.sources.openapi.shaping import PLAIN, Shaping
from freehold.kit.http import Answer

ERRORS: Final = 5
"""Errors of one answer that are passed on."""
_MESSAGE: Final = 400
_MAYBE: Final = "The call may have taken effect; check before repeating it."
_STEPS: Final = 8
_TELLING: Final = 8
"""Characters from which on a text of the arguments is not repeated."""
_LOOKED_AT: Final = 64

Errors = tuple[str, ...]


class Reply(Struct, frozen=True):
    """A GraphQL response (specification section 7), with whatever is in it."""

    data: Any = None
    errors: Any = None

    def said(self, arguments: Mapping[str, Any] = MappingProxyType({})) -> Errors:
        """The first errors as a sentence each, bounded, with the names of long arguments where the API repeats their values."""
        errors = sequence(self.errors)
        given = sorted(_texts(arguments), key=lambda one: -len(one[1]))[:_LOOKED_AT]
        more = (f"{len(errors) - ERRORS} more errors",) if len(errors) > ERRORS else ()
        return (*(_sentence(error, given) for error in errors[:ERRORS]), *more)


def parsed(body: bytes) -> Reply | None:
    """The response, None when the bytes are none: an object with `data` or `errors`."""
    try:
        found: object = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    answer = mapping(found)
    errors = answer.get("errors")
    return Reply(answer.get("data"), errors if isinstance(errors, list) else None) if answer.keys() & {"data", "errors"} else None


def outcome(answer: Answer, field: str, shaping: Shaping = PLAIN) -> Outcome:
    """What the answer came to for the one root field that was asked for, or with an empty `field` for all of `data`.

    APIs repeat the caller's arguments in their errors, and what is long of them is not passed on.
    """
    good = 200 <= answer.status < 300  # noqa: PLR2004  the good ones
    reply = parsed(answer.body)
    said = reply.said(shaping.arguments) if reply is not None else ()
    if not good:
        body = msgspec.json.encode({"message": _joined(said)}) if said else answer.body
        return of_http(replace(answer, body=body), None, shaping)
    if reply is None:
        return _other(answer)
    value = mapping(reply.data).get(field) if field else reply.data
    if not said:
        return _good(value, shaping)
    return _failed(f"The API answered with errors: {_joined(said)}") if _nothing(value, field) else _partial(value, said, shaping)


def _other(answer: Answer) -> Outcome:
    """A good status with something else; a page is named as one."""
    what = "a web page" if bare(answer.headers.get("content-type", "")) in PAGES else "no GraphQL"
    return _failed(f"The API answered {answer.status}, but what it sent is {what}. {_MAYBE}")


def _nothing(value: Any, field: str) -> bool:
    """Whether there is no data: nothing at all, or of several root fields nothing in any."""
    return value is None or (not field and not any(one is not None for one in mapping(value).values()))


def _good(value: Any, shaping: Shaping) -> Outcome:
    _, body, meta, lines = shaping.shaped(value, msgspec.json.encode(value), {})
    return Outcome(status="ok", content=tuple(map(_text, (body.decode(), *lines))), structured=msgspec.Raw(body), meta=meta)


def _partial(value: Any, said: Errors, shaping: Shaping) -> Outcome:
    """Some of it is null because of an error; the agent sees both, in the text and in the structure."""
    spoken = f"This is only a part of the answer. Missing: {_joined(said)}"
    kept, body, meta, lines = shaping.shaped(value, msgspec.json.encode(value), {})
    content = tuple(map(_text, (body.decode(), spoken, *lines)))
    return Outcome(status="ok", content=content, structured={"data": kept, "errors": list(said)}, meta=meta)


def _failed(said: str) -> Outcome:
    return Outcome(status="error", content=(_text(said),), structured=UNSET)


def _text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def _joined(said: Errors) -> str:
    return _clipped("; ".join(said), LARGEST_MESSAGE)


def _sentence(error: object, given: list[tuple[str, str]]) -> str:
    """Message, code and place of one error."""
    node = mapping(error)
    said = text(node.get("message"))[: _MESSAGE * _LOOKED_AT]
    for name, value in given:
        said = said.replace(value, f"[{name}]")
    message = _clipped(" ".join(said.split()) or "unnamed error", _MESSAGE)
    code = text(mapping(node.get("extensions")).get("code"))
    path = ".".join(str(step)[:64] for step in sequence(node.get("path"))[:_STEPS])
    return f"{message}{f' [{code[:64]}]' if code else ''}{f' at {path}' if path else ''}"


def _texts(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Texts among the arguments, with the argument each belongs to; as they are, and as JSON writes them."""
    waiting: list[tuple[str, Any]] = list(arguments.items())
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, str) and len(value) >= _TELLING:
            yield name, value
            written = msgspec.json.encode(value).decode()[1:-1]
            if written != value:
                yield name, written
        waiting += [(name, one) for one in (*mapping(value).values(), *sequence(value))]


def _clipped(said: str, cap: int) -> str:
    encoded = said.encode("utf-8", "replace")
    return said if len(encoded) <= cap else f"{encoded[: cap - 3].decode('utf-8', 'ignore')}…"
