"""An API's error in one shape an agent's program can act on: what happened, whether to try again and when, what to change."""

from typing import Any, Final, Literal, cast

import jiter

from freehold.core.call import Outcome
from freehold.kit.http import Answer

ERROR_KEY: Final = "dev.freehold/error"
"""Member of an error result's `_meta`: `status`, `retry`, and where the API says so `code`, `retry_after` and `change`."""

_CODES: Final = ("code", "error_code", "errorcode", "error", "type", "reason")
_LISTS: Final = ("errors", "details", "invalid_params", "invalid-params", "violations", "issues", "fields")
_FIELDS: Final = ("field", "param", "parameter", "pointer", "path", "property", "attribute", "name", "loc", "source")
_MOST: Final = 10
_LONGEST: Final = 120
_LATER: Final = frozenset({408, 425, 429, 502, 503, 504})
_AFTER_CHANGE: Final = frozenset({400, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 416, 422, 428})
_LONGEST_WAIT: Final = 8

Retry = Literal["later", "after_change", "never", "check_first"]


def problem(answer: Answer, *, said: str, repeatable: bool) -> Outcome:
    """`said` is the sentence. `check_first`: the call may have taken effect, so look before it is repeated."""
    shown: dict[str, Any] = {"status": answer.status, "retry": _retry(answer.status, repeatable=repeatable)}
    wait = answer.headers.get("retry-after", "")
    if wait.isascii() and wait.isdigit() and len(wait) < _LONGEST_WAIT:
        shown["retry_after"] = int(wait)
    body = _object(answer)
    if code := _code(body):
        shown["code"] = code
    if change := _change(body):
        shown["change"] = change
    return Outcome(status="error", content=({"type": "text", "text": said},), meta={ERROR_KEY: shown})


def _retry(status: int, *, repeatable: bool) -> Retry:
    if status in _AFTER_CHANGE:
        return "after_change"
    if status == 429:  # noqa: PLR2004  too many requests: not begun
        return "later"
    if status in _LATER or status >= 500:  # noqa: PLR2004  the server's own faults
        return "later" if repeatable else "check_first"
    return "never"


def _object(answer: Answer) -> dict[str, Any]:
    if answer.body[:1] != b"{":
        return {}
    try:
        value: object = jiter.from_json(answer.body, allow_inf_nan=False)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _code(body: dict[str, Any]) -> str:
    inner = body.get("error")
    for node in (cast("dict[str, Any]", inner), body) if isinstance(inner, dict) else (body,):
        for name in _CODES:
            value = node.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= _LONGEST and " " not in str(value):
                return str(value)
    return ""


def _change(body: dict[str, Any]) -> list[str]:
    """Names of fields the API found fault with, as it names them."""
    inner = body.get("error")
    nodes = [body, cast("dict[str, Any]", inner)] if isinstance(inner, dict) else [body]
    named = [name for node in nodes for key in _LISTS for name in _fields(node.get(key))]
    alone = [name for node in nodes for key in ("field", "param") for name in _text(node.get(key))]
    return list(dict.fromkeys([*named, *alone]))[:_MOST]


def _fields(listed: object) -> list[str]:
    """Of `[{"field": "a"}]`, and of `{"a": ["why"]}`."""
    if isinstance(listed, dict):
        return [name for name in cast("dict[str, Any]", listed) if len(name) <= _LONGEST]
    if not isinstance(listed, list):
        return []
    objects = [cast("dict[str, Any]", each) for each in cast("list[object]", listed) if isinstance(each, dict)]
    return [
        next((text for key in _FIELDS for text in _text(each.get(key))), "") for each in objects if any(each.get(key) for key in _FIELDS)
    ]


def _text(value: object) -> list[str]:
    if isinstance(value, dict):  # JSON:API: {"source": {"pointer": "/data/attributes/title"}}
        inner = cast("dict[str, Any]", value)
        return _text(inner.get("pointer") or inner.get("parameter"))
    if isinstance(value, list):
        return [".".join(str(each) for each in cast("list[object]", value))[:_LONGEST]] if value else []
    return [value] if isinstance(value, str) and 0 < len(value) <= _LONGEST else []
