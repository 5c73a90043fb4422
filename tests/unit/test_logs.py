"""What a log line holds, and above all what it does not."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from freehold.adapters.state_redis import open_redis
from freehold.kit.errors import Misconfigured
from freehold.kit.logs import configure

CANARY = "hunter2-canary"
HOSTILE = 'a\r\nb\x1b[31m\u2028\u2029\x7f\x85\x00","level":"forged"\ud800'


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where the lines go; the root logger is as before afterwards."""
    root, stream = logging.getLogger(), io.StringIO()
    before, level = root.handlers[:], root.level
    root.handlers = []
    configure("debug", stream)
    yield stream
    root.handlers = before
    root.setLevel(level)


def only(stream: io.StringIO) -> dict[str, str]:
    """The one line there is."""
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    return json.loads(text)


def test_a_line_says_what_happened_by_code(lines: io.StringIO) -> None:
    """Time, level, logger, code, request id and tenant are there, and nothing else."""
    logging.getLogger("freehold.calls").error("call failed", extra={"code": "tool_failed", "request_id": "r1", "tenant": "acme"})
    line = only(lines)
    assert line.pop("time").endswith("Z")
    assert line == {"level": "error", "logger": "freehold.calls", "code": "tool_failed", "request_id": "r1", "tenant": "acme"}


def test_our_own_message_is_a_code_when_it_has_the_form_of_one(lines: io.StringIO) -> None:
    """`plan_unknown` is taken for the code, without extras."""
    logging.getLogger("freehold.limits").warning("plan_unknown")
    assert only(lines)["code"] == "plan_unknown"


@pytest.mark.parametrize("name", ["freehold.calls", "uvicorn.error", "asyncio", "freeholder"])
def test_messages_and_arguments_are_never_written(lines: io.StringIO, name: str) -> None:
    """Neither the text nor its arguments nor unknown extras nor the stack reach the stream, also at debug level (LOG-02)."""
    logging.getLogger(name).debug("could not serve hunter2-canary: %s", CANARY, extra={"arguments": CANARY}, stack_info=True)
    assert set(only(lines)) == {"time", "level", "logger"}
    assert CANARY not in lines.getvalue()


@pytest.mark.parametrize("name", ["library", "freeholder", "root"])
def test_another_loggers_message_is_never_a_code(lines: io.StringIO, name: str) -> None:
    """A library that logs a single word of somebody's does not get it through, whatever its name begins with."""
    logging.getLogger(name).error("canaryword")
    assert "canaryword" not in lines.getvalue()


def test_an_exception_is_its_class_only(lines: io.StringIO) -> None:
    """Neither its words nor those of its cause are written (LOG-03)."""
    try:
        int(CANARY)
    except ValueError as error:
        error.__cause__ = KeyError(CANARY)
        logging.getLogger("freehold.web").exception(CANARY)
    assert only(lines)["class"] == "ValueError"
    assert CANARY not in lines.getvalue()
    assert "at" not in only(lines)


def test_an_exception_names_the_innermost_place_of_ours(lines: io.StringIO) -> None:
    """Module, function and line inside the package, though the exception came up in a library."""
    try:
        open_redis(f"redis://{CANARY}:port")
    except Misconfigured:
        logging.getLogger("freehold.web").exception("internal")
    line = only(lines)
    module, function, number = line["at"].split(":")
    assert (module, function) == ("freehold.adapters.state_redis", "open_redis")
    assert int(number) > 1
    assert line["class"] == "Misconfigured"
    assert CANARY not in lines.getvalue()


def test_a_group_of_one_is_named_by_what_it_holds(lines: io.StringIO) -> None:
    """A task group's wrapping, however deep, does not hide the class; a group of several stays a group."""
    log = logging.getLogger("freehold.web")
    for group in (
        ExceptionGroup(CANARY, [ExceptionGroup(CANARY, [LookupError(CANARY)])]),
        ExceptionGroup(CANARY, [LookupError(CANARY), KeyError(CANARY)]),
    ):
        log.error("internal", exc_info=group)
    assert [json.loads(line)["class"] for line in lines.getvalue().splitlines()] == ["LookupError", "ExceptionGroup"]
    assert CANARY not in lines.getvalue()


def test_a_class_named_by_the_caller_is_written(lines: io.StringIO) -> None:
    """Where only the name of the class is at hand it comes as an extra."""
    logging.getLogger("freehold.calls").error("call failed", extra={"code": "tool_failed", "error": "KeyError"})
    assert only(lines)["class"] == "KeyError"


@pytest.mark.parametrize("field", ["code", "request_id", "tenant", "error"])
def test_no_field_can_break_the_line(lines: io.StringIO, field: str) -> None:
    """Line breaks, escape sequences, quotes and lone surrogates in any field leave one line of printable ASCII (LOG-01)."""
    logging.getLogger("freehold.web").error("internal", extra={field: HOSTILE})
    text = lines.getvalue()
    assert all(" " <= letter <= "~" for letter in text.removesuffix("\n"))
    assert only(lines)["level"] == "error"
    assert only(lines)["class" if field == "error" else field] == HOSTILE


def test_a_loggers_name_cannot_break_the_line(lines: io.StringIO) -> None:
    """Not even a name made of what a client sent."""
    logging.getLogger(HOSTILE).error("internal")
    assert only(lines)["logger"] == HOSTILE


def test_a_field_is_cut_to_a_bounded_length(lines: io.StringIO) -> None:
    """A megabyte sent as a request id does not become a megabyte of log."""
    logging.getLogger("freehold.web").error("internal", extra={"request_id": "r" * 1_000_000})
    assert len(lines.getvalue()) < 400


def test_a_field_that_is_no_text_shows_only_its_kind(lines: io.StringIO) -> None:
    """An object whose text would say too much is named by its class."""
    logging.getLogger("freehold.web").error("internal", extra={"tenant": {"token": CANARY}})
    assert only(lines)["tenant"] == "dict"
    assert CANARY not in lines.getvalue()


def test_a_broken_stream_is_not_complained_about(lines: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    """When the stream is gone nothing is printed elsewhere: the library's complaint would show message and arguments."""
    lines.close()
    logging.getLogger("freehold.web").error("%s", CANARY)
    assert capsys.readouterr() == ("", "")


def test_the_level_is_kept(lines: io.StringIO) -> None:
    """What lies below it is not written."""
    configure("WARNING", lines)
    logging.getLogger("freehold.web").info("started")
    assert lines.getvalue() == ""


def test_a_level_that_is_none_is_refused() -> None:
    """With the ones there are."""
    with pytest.raises(Misconfigured, match="debug, info, warning, error, critical"):
        configure("loud", io.StringIO())
