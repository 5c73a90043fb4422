"""The API's HTTP answer becomes the tool's outcome. A good answer always reaches the agent, whatever its form; a bad one says why."""

import base64
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, cast

import jiter
import msgspec
from msgspec import UNSET, UnsetType

from freehold.core.call import Outcome
from freehold.domains.sources.openapi.document import Json
from freehold.domains.sources.openapi.payloads import bare, is_json
from freehold.domains.sources.openapi.problems import problem
from freehold.domains.sources.openapi.shaping import PLAIN, Shaping
from freehold.kit.http import Answer

PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
"""Media types of web pages."""
LARGEST_MESSAGE: Final = 2048
"""Bytes of an API's error that are passed on."""
_DECODERS: Final = (
    "utf-8 utf8 us-ascii ascii iso-8859-1 latin-1 latin1 iso-8859-15 windows-1250 windows-1251 windows-1252 utf-16 utf-16le "
    "utf-16be shift_jis euc-jp euc-kr gbk gb2312 gb18030 big5 koi8-r"
)
_CHARSETS: Final = frozenset(_DECODERS.split())
"""Decoders an answer may ask for; some of Python's others take time that grows with the square of the input."""
_TEXT_KINDS: Final = (
    "application/xml application/yaml application/x-yaml application/javascript application/x-ndjson application/jsonl "
    "application/csv application/sql application/graphql application/x-www-form-urlencoded application/rtf application/jwt "
    "application/toml image/svg+xml"
)
_TEXTUAL: Final = frozenset(_TEXT_KINDS.split())
_SAID: Final = (
    "message",
    "error_description",
    "error_message",
    "error",
    "detail",
    "details",
    "title",
    "description",
    "reason",
    "msg",
    "errors",
    "fault",
)
_DEEPEST: Final = 4
_SECONDS: Final = re.compile(r"[0-9]{1,7}")

Conforms = Callable[[Any], bool]
Contents = tuple[dict[str, Any], ...]


def outcome(answer: Answer, conforms: Conforms | None, shaping: Shaping = PLAIN) -> Outcome:
    """What the answer came to; `conforms` looks at a value with the tool's output schema, None when it has none."""
    if 300 <= answer.status < 400:  # noqa: PLR2004  the redirects
        return _failed(f"{_spoken(answer.status)}: it points to another address, and redirects are not followed.")
    if not 200 <= answer.status < 300:  # noqa: PLR2004  the good ones
        return problem(answer, said=_error_text(answer), repeatable=shaping.repeatable)
    kind = bare(answer.headers.get("content-type", ""))
    if not answer.body:
        return _good(({"type": "text", "text": f"Done: {_spoken(answer.status).lower()}, without content."},), UNSET, conforms)
    if is_json(kind) or (not kind and answer.body[:1] in b"{["):
        return _json(answer, conforms, shaping)
    return _good(_blocks(answer, kind), UNSET, conforms)


def contents(answer: Answer) -> Outcome:
    """What a resource holds: the answer's text or bytes under its own media type."""
    made = outcome(answer, None)
    if made.status != "ok":
        return made
    kind = bare(answer.headers.get("content-type", ""))
    (block,) = made.content
    held = {"text": block["text"] if answer.body else ""} if block["type"] == "text" else {"blob": _data(block)}
    return Outcome(status="ok", content=({**held, "mimeType": kind} if kind else held,))


def _data(block: dict[str, Any]) -> str:
    return block["data"] if "data" in block else block["resource"]["blob"]


def _json(answer: Answer, conforms: Conforms | None, shaping: Shaping) -> Outcome:
    try:
        value = jiter.from_json(answer.body, allow_inf_nan=False, catch_duplicate_keys=True)
        body = answer.body
    except ValueError:
        try:
            value = msgspec.json.decode(answer.body)
            body = msgspec.json.encode(value)
        except (ValueError, RecursionError):
            said = f"{_spoken(answer.status)}, so the call has taken effect, but what it sent is not the JSON it says it is:"
            return _good(({"type": "text", "text": said}, {"type": "text", "text": _text(answer)}), UNSET, conforms)
    if b"\n" in body or b"\r" in body:
        body = msgspec.json.format(body, indent=-1)
    value, body, meta, lines = shaping.shaped(value, body, answer.headers)
    content = ({"type": "text", "text": body.decode()}, *({"type": "text", "text": line} for line in lines))
    if conforms is None or conforms(value):
        return Outcome(status="ok", content=content, structured=msgspec.Raw(body), meta=meta)
    wrapped: Any = msgspec.Raw(b'{"result":' + body + b"}") if conforms({"result": value}) else {}
    return Outcome(status="ok", content=content, structured=wrapped, meta=meta)


def _good(content: Contents, structured: Any | UnsetType, conforms: Conforms | None) -> Outcome:
    """An answer without JSON; a tool with an output schema still owes an object, and nothing in it is required."""
    return Outcome(status="ok", content=content, structured=structured if conforms is None else {})


def _failed(text: str) -> Outcome:
    return Outcome(status="error", content=({"type": "text", "text": text},))


def _blocks(answer: Answer, kind: str) -> Contents:
    if kind.startswith("text/") or kind in _TEXTUAL or kind.endswith(("+xml", "+yaml")):
        return ({"type": "text", "text": _text(answer)},)
    if not kind and (text := _utf8(answer.body)) is not None:
        return ({"type": "text", "text": text},)
    data = base64.b64encode(answer.body).decode()
    if kind.startswith(("image/", "audio/")):
        return ({"type": kind.partition("/")[0], "data": data, "mimeType": kind},)
    resource = {"uri": "answer:body", "mimeType": kind or "application/octet-stream", "blob": data}
    return ({"type": "resource", "resource": resource},)


def _utf8(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _text(answer: Answer) -> str:
    _, _, parameters = answer.headers.get("content-type", "").lower().partition("charset=")
    named = parameters.partition(";")[0].strip(" \"'")
    return answer.body.decode(named if named in _CHARSETS else "utf-8", "replace")


def _spoken(status: int) -> str:
    try:
        return f"The API answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"The API answered {status}"


def _error_text(answer: Answer) -> str:
    kind = bare(answer.headers.get("content-type", ""))
    wait = answer.headers.get("retry-after", "")
    again = f" Wait {wait} seconds before calling again." if _SECONDS.fullmatch(wait) else ""
    if kind in PAGES:
        return f"{_spoken(answer.status)} with a web page instead of an error message.{again}"
    said = _message(answer) if is_json(kind) or answer.body[:1] == b"{" else ""
    said = _clipped((said or _prefix(answer)).strip())
    return f"{_spoken(answer.status)}{f': {said}' if said else ''}{'' if said.endswith(('.', '!', '?')) else '.'}{again}"


def _message(answer: Answer) -> str:
    try:
        value = jiter.from_json(answer.body, allow_inf_nan=False)
    except ValueError:
        return ""
    return ": ".join(dict.fromkeys(_messages(value, 0)))


def _messages(value: object, depth: int) -> list[str]:
    """What the API says in its own words, outermost first; what has no words of its own is shown as JSON."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, dict) and depth < _DEEPEST:
        node = cast("Json", value)
        lower = {key.lower(): each for key, each in reversed(node.items())}
        said = [message for key in _SAID if key in lower for message in _messages(lower[key], depth + 1)]
        if said and (depth == 0 or len(node) == 1):
            return said
        return [msgspec.json.encode(node).decode()] if node else []
    if isinstance(value, list):
        return [msgspec.json.encode(cast("object", value)).decode()] if value else []
    return []


def _prefix(answer: Answer) -> str:
    text = _utf8(answer.body[: LARGEST_MESSAGE * 2]) if answer.body else ""
    return _clipped(" ".join((text if text is not None else _text(answer)).split())) if _is_text(answer) else ""


def _is_text(answer: Answer) -> bool:
    return b"\x00" not in answer.body[:LARGEST_MESSAGE]


def _clipped(text: str) -> str:
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= LARGEST_MESSAGE else f"{encoded[: LARGEST_MESSAGE - 3].decode('utf-8', 'ignore')}…"
