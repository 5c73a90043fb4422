"""The bench's data: rows, promises and requests belong together."""

import json
from dataclasses import replace

import pytest

from bench.requests import LEGACY, Target, echo_calls, listen, lists
from bench.rows import PROMISES, Promise, rows

ROWS = rows("http://127.0.0.1:1", quick=True)
TARGET = Target(port=1, token="t", listeners=("one", "two"))


def head_and_body(request: bytes) -> tuple[list[str], dict[str, object]]:
    """Header names in lower case, and the message."""
    head, _, body = request.partition(b"\r\n\r\n")
    return [line.partition(":")[0].lower() for line in head.decode().splitlines()[1:]], json.loads(body)


def test_cases_have_names_of_their_own() -> None:
    """No two cases of a row share a name, or one would be kept under the other's."""
    for row in ROWS:
        names = [case.name for case in row.cases]
        assert len(names) == len(set(names)), row.title


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.sentence)
def test_a_promise_is_about_cases_that_are_measured(promise: Promise) -> None:
    """Both sides of every promise are cases of its row, asked the same way unless the promise is about just that, and it has a bound."""
    names = {case.name for case in ROWS[promise.row].cases}
    assert {promise.above, promise.below} <= names
    assert promise.above != promise.below
    assert (promise.least is None) != (promise.most is None)


def test_legacy_requests_are_what_legacy_clients_send() -> None:
    """In a 2025-11-25 session the id goes with each request, and neither modern headers nor modern metadata do."""
    target = replace(TARGET, version=LEGACY, session="s")
    for exchange in (*echo_calls(target, "echo_0000")[:3], *lists(target, 1)[:3]):
        names, message = head_and_body(exchange.request)
        assert {"mcp-session-id", "mcp-protocol-version", "authorization"} <= set(names)
        assert not {"mcp-method", "mcp-name"} & set(names)
        assert "_meta" not in str(message)


def test_modern_requests_carry_no_session() -> None:
    """A 2026-07-28 request repeats its method and name in headers, carries its metadata, and knows no session."""
    names, message = head_and_body(echo_calls(TARGET, "echo_0000")[0].request)
    assert {"mcp-method", "mcp-name"} <= set(names)
    assert "mcp-session-id" not in names
    assert "io.modelcontextprotocol/protocolVersion" in str(message)


def test_listeners_take_turns_with_the_tokens_there_are() -> None:
    """Streams are spread over the callers; each has an id of its own."""
    streams = [listen(TARGET, number).request for number in range(4)]
    assert [b"Bearer one" in request for request in streams] == [True, False, True, False]
    assert [b"Bearer two" in request for request in streams] == [False, True, False, True]
    assert len({str(head_and_body(request)[1]["id"]) for request in streams}) == len(streams)
