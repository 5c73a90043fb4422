"""What an upstream answered becomes an outcome: content whole, URIs under our names, its `_meta` left behind. A wrong shape is broken."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from freehold.core.call import Outcome
from freehold.core.refusals import Refusal
from freehold.domains.sources.upstream import naming
from freehold.domains.sources.upstream.exchange import Wrong
from freehold.domains.sources.upstream.offered import Remote
from freehold.domains.sources.upstream.words import shown
from freehold.protocol.wire import is_object

_LONGEST: Final = 300
"""Characters of an error's message that are shown."""
_MOST_VALUES: Final = 100


class _Called(Struct):
    content: list[dict[str, Any]] = []
    structuredContent: Raw | UnsetType = UNSET  # noqa: N815  the wire's own name
    isError: bool = False  # noqa: N815  the wire's own name


class _Contents(Struct):
    contents: list[dict[str, Any]]


class _Messages(Struct):
    messages: list[dict[str, Any]]
    description: str = ""


class _Values(Struct):
    values: list[str]


class _Completed(Struct):
    completion: _Values


def outcome(raw: Raw, remote: Remote, source: str) -> Outcome:
    """The outcome of a result of the method that `remote` stands for. Raises `Refusal("upstream_broken")`."""
    try:
        return _SHAPES[remote.kind](raw, remote, source)
    except (msgspec.MsgspecError, RecursionError, KeyError, TypeError):
        raise Refusal("upstream_broken") from None


def failed(wrong: Wrong) -> Outcome:
    """A JSON-RPC error as the answer it is, in the upstream's words, bounded."""
    said = shown(wrong.failure.message, _LONGEST) or "no reason was given"
    return Outcome(status="error", content=({"type": "text", "text": f"The server answered with error {wrong.failure.code}: {said}"},))


def _called(raw: Raw, remote: Remote, source: str) -> Outcome:
    found = msgspec.json.decode(raw, type=_Called)
    content = tuple(block(one, source) for one in found.content)
    if found.isError:
        return Outcome(status="error", content=content, structured=found.structuredContent)
    if remote.promised is not None:
        structured: object = None if found.structuredContent is UNSET else msgspec.json.decode(found.structuredContent)
        if not remote.promised.is_valid(structured):
            raise Refusal("upstream_broken")
    return Outcome(status="ok", content=content, structured=found.structuredContent)


def _read(raw: Raw, _remote: Remote, source: str) -> Outcome:
    found = msgspec.json.decode(raw, type=_Contents).contents
    return Outcome(status="ok", content=tuple(_contents(one, source) for one in found))


def _got(raw: Raw, _remote: Remote, source: str) -> Outcome:
    found = msgspec.json.decode(raw, type=_Messages)
    return Outcome(status="ok", content=tuple(_message(one, source) for one in found.messages), description=shown(found.description))


def _completed(raw: Raw, _remote: Remote, _source: str) -> Outcome:
    values = msgspec.json.decode(raw, type=_Completed).completion.values
    return Outcome(status="ok", structured=[shown(one) for one in values[:_MOST_VALUES]])


_SHAPES: Final[dict[str, Callable[[Raw, Remote, str], Outcome]]] = {
    "tool": _called,
    "resource": _read,
    "prompt": _got,
    "completion": _completed,
}


def block(given: dict[str, Any], source: str) -> dict[str, Any]:
    """One content block, checked for what its kind must have."""
    one = {key: value for key, value in given.items() if key != "_meta"}
    match one.get("type"):
        case "text":
            _texts(one, "text")
        case "image" | "audio":
            _texts(one, "data", "mimeType")
        case "resource":
            one["resource"] = _contents(one["resource"], source)
        case "resource_link":
            _texts(one, "uri", "name")
            one["uri"] = naming.uri(source, one["uri"])
        case _:
            raise Refusal("upstream_broken")
    return one


def _contents(given: dict[str, Any], source: str) -> dict[str, Any]:
    if not is_object(given):
        raise Refusal("upstream_broken")
    _texts(given, "uri", "blob" if "blob" in given else "text")
    return {**{key: value for key, value in given.items() if key != "_meta"}, "uri": naming.uri(source, given["uri"])}


def _message(given: dict[str, Any], source: str) -> dict[str, Any]:
    content: object = given.get("content")
    if given.get("role") not in {"user", "assistant"} or not is_object(content):
        raise Refusal("upstream_broken")
    return {"role": given["role"], "content": block(content, source)}


def _texts(one: dict[str, Any], *members: str) -> None:
    if not all(isinstance(one.get(member), str) for member in members):
        raise Refusal("upstream_broken")
