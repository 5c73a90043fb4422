"""JSON at the border: strict reading of what a caller sent, fast writing of what we answer.

Only bodies from callers need `strict`; an upstream's own answers are decoded by whoever asked for them."""

from functools import partial
from math import isfinite
from typing import Any, Final

import jiter
import msgspec

_MOST_LEVELS: Final = 64
_TOO_DEEP: Final = "nested deeper than 64 levels"
_TOO_LARGE: Final = "a number is too large"
_parse = partial(jiter.from_json, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
_write = msgspec.json.Encoder().encode

# What the parser says begins with its own words, so a caller's text inside a message cannot choose the reason.
_REASONS: Final = (
    ("Detected duplicate key", "an object has the same key twice"),
    ("recursion limit exceeded", _TOO_DEEP),
    ("number out of range", _TOO_LARGE),
    ("invalid unicode code point", "the text is not UTF-8"),
    ("lone leading surrogate", "a lone surrogate is not text"),
    ("unexpected end of hex escape", "a lone surrogate is not text"),
    ("EOF while parsing", "it ends too early"),
    ("trailing characters", "something follows the value"),
)


class NotStrict(ValueError):
    """The bytes are not the JSON we take. `why` is short and repeats nothing of the body."""

    def __init__(self, why: str) -> None:
        """Carry the reason only."""
        super().__init__(why)
        self.why = why


def strict(data: bytes) -> Any:
    """Read RFC 8259 JSON in UTF-8 and nothing looser (RFC 7493 says why); raises `NotStrict`.

    Refused besides what is malformed: a key that occurs twice in one object, NaN and infinities also by overflow (`1e400`),
    a byte order mark, lone surrogates, integers beyond 4,300 digits, nesting beyond 64 levels.
    """
    try:
        value = _parse(data)
    except ValueError as refused:
        raise NotStrict(_why(str(refused))) from None
    kind = value.__class__
    if kind is dict or kind is list:
        _examine(value, 1)
    elif kind is float and not isfinite(value):
        raise NotStrict(_TOO_LARGE)
    return value


def _examine(container: Any, level: int) -> None:
    """Refuse depth and infinities in an object or array. The parser stops at 201 levels, which bounds the recursion."""
    if level > _MOST_LEVELS:
        raise NotStrict(_TOO_DEEP)
    for value in container.values() if container.__class__ is dict else container:
        kind = value.__class__
        if kind is str:
            continue
        if kind is dict or kind is list:
            _examine(value, level + 1)
        elif kind is float and not isfinite(value):
            raise NotStrict(_TOO_LARGE)


def _why(said: str) -> str:
    for begins, reason in _REASONS:
        if said.startswith(begins):
            return reason
    return "it is malformed"


def encode(value: object) -> bytes:
    """Write compact UTF-8 JSON. NaN and infinities become null, a lone surrogate U+FFFD, U+2028 and U+2029 are escaped.

    Takes what msgspec takes: builtins, Structs, `msgspec.Raw` (passed through as it is, once it is valid JSON).
    """
    try:
        written = _write(value)
    except UnicodeEncodeError:
        written = _write(_mended(msgspec.to_builtins(value, builtin_types=(msgspec.Raw,))))
    if written.isascii():
        return written
    # In JSON these three bytes stand only inside a string, where the escape means the same.
    return written.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")


def _mended(value: Any) -> Any:
    """The same value with text that UTF-8 can carry."""
    kind = value.__class__
    if kind is str:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if kind is dict:
        return {_mended(key): _mended(held) for key, held in value.items()}
    return [_mended(held) for held in value] if kind in (list, tuple) else value
