"""JSON lines on the standard library's logging: what happened by class and code, never by text.

A message, its arguments and an exception's words may hold a customer's data or an attacker's line breaks,
so none of them is ever written."""

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, TextIO, cast

from freehold.kit.errors import Misconfigured

_OURS: Final = "freehold"
_CODE: Final = re.compile(r"[a-z][a-z0-9_.]{0,63}", re.ASCII)
_LONGEST: Final = 128
_EXTRAS: Final = ("code", "request_id", "tenant")


class JsonLines(logging.Formatter):
    """One record, one line of ASCII: time, level, logger, class, at, code, request_id, tenant, as far as known.

    `code`, `request_id`, `tenant` and `error` (a class name) come from `extra`. A message is taken as the code only when
    it is one of our own loggers' and has the form of a code. `at` is the innermost frame of ours: module:function:line.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
        line = {"time": time, "level": record.levelname.lower(), "logger": record.name}
        line |= _exception(record)
        if _is_ours(record.name) and isinstance(record.msg, str) and _CODE.fullmatch(record.msg):
            line["code"] = record.msg
        line |= {name: _word(record.__dict__[name]) for name in _EXTRAS if record.__dict__.get(name) is not None}
        shown = {name: value[:_LONGEST] for name, value in line.items()}
        return json.dumps(shown, ensure_ascii=True, separators=(",", ":"))


class _Lines(logging.StreamHandler[TextIO]):
    """A stream handler that stays silent when the stream fails: the library's own complaint would print the message."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the library's name
        return


def configure(level: str, stream: TextIO) -> None:
    """Make JSON lines on `stream` the only log of this process. Raises `Misconfigured` for a level that is none."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise Misconfigured("log_level is not a level; use one of debug, info, warning, error, critical.")
    handler = _Lines(stream)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=number, handlers=[handler], force=True)


def _exception(record: logging.LogRecord) -> dict[str, str]:
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        named = record.__dict__.get("error")
        return {} if named is None else {"class": _word(named)}
    error = _sole(error)
    place = _innermost(error.__traceback__)
    return {"class": type(error).__name__} | ({"at": place} if place else {})


def _sole(error: BaseException) -> BaseException:
    """What a group of one holds: task groups wrap whatever goes wrong."""
    held = _held(error)
    return _sole(held[0]) if len(held) == 1 else error


def _held(error: BaseException) -> list[BaseException]:
    return list(cast("BaseExceptionGroup[BaseException]", error).exceptions) if isinstance(error, BaseExceptionGroup) else []


def _innermost(trace: TracebackType | None) -> str:
    """Where in our own code the exception came through last."""
    place = ""
    for frame, line in traceback.walk_tb(trace):
        module = frame.f_globals.get("__name__", "")
        if _is_ours(module):
            place = f"{module}:{frame.f_code.co_name}:{line}"
    return place


def _is_ours(name: str) -> bool:
    return name == _OURS or name.startswith(f"{_OURS}.")


def _word(value: object) -> str:
    """A string as it is; of anything else only what it is, for its text may say too much."""
    return value if isinstance(value, str) else type(value).__name__
