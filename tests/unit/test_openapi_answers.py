"""HTTP answers become outcomes: a good one always reaches the agent, a bad one says why, and nothing crashes."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from freehold.core.call import Outcome
from freehold.domains.sources.openapi.answers import LARGEST_MESSAGE, outcome
from freehold.kit.http import Answer
from tests.documents import LAW


def answered(body: bytes, kind: str = "application/json", status: int = 200, **headers: str) -> Outcome:
    """The outcome of this answer, for a tool without output schema."""
    given = {"content-type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return outcome(Answer(status=status, headers=given if kind else {}, body=body), None)


def said(made: Outcome) -> str:
    """The text of the only block."""
    (block,) = made.content
    assert block["type"] == "text"
    return block["text"]


@pytest.mark.parametrize("body", [b'{"a": 1.50, "b": 12345678901234567890}', b"[1, 2]", b'"x"', b"null", b"1e2", b"{}"])
def test_json_keeps_its_own_bytes(body: bytes) -> None:
    """Numbers are not rewritten on the way, and the text block says the same."""
    made = answered(body)
    assert made.status == "ok"
    assert msgspec.json.encode(made.structured) == body
    assert said(made) == body.decode()


def test_json_on_many_lines_becomes_one_line() -> None:
    """An event stream could not carry it otherwise."""
    made = answered(b'{\r\n  "a": "x\\ny",\n\n  "b": [1,\n 2]\n}\n')
    assert msgspec.json.encode(made.structured) == b'{"a":"x\\ny","b":[1,2]}'
    assert "\n" not in said(made)


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "application/hal+json", "application/problem+json", "text/json", "APPLICATION/JSON", ""]
)
def test_json_is_known_by_its_media_type_or_its_first_byte(kind: str) -> None:
    """Parameters and case do not matter."""
    assert msgspec.json.encode(answered(b'{"a":1}', kind).structured) == b'{"a":1}'


def test_a_key_said_twice_is_said_once() -> None:
    """Readers must not differ about which one counts (OA-09)."""
    made = answered(b'{"a":1,"a":2}')
    assert made.status == "ok"
    assert msgspec.json.encode(made.structured) == b'{"a":2}'
    assert said(made) == '{"a":2}'


@pytest.mark.parametrize("body", [b'{"a": NaN}', b'{"a":', b"<html>", b"\xff\xfe", b'{"a":1} tail', b'"\\ud800"', b"[" * 100_000])
def test_json_that_is_none_reaches_the_agent_all_the_same(body: bytes) -> None:
    """The call has taken effect, and no error is repeated: what came is shown as text, of which nothing is claimed (OA-09)."""
    made = answered(body)
    assert made.status == "ok"
    assert made.structured is UNSET
    assert "has taken effect" in made.content[0]["text"]
    assert made.content[1]["text"] == body.decode("utf-8", "replace")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 205])
def test_an_empty_answer_is_a_short_text(status: int) -> None:
    """With what the status means."""
    made = answered(b"", "", status)
    assert made.status == "ok"
    assert str(status) in said(made)
    assert made.structured is UNSET


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain", b"hi", "hi"),
        ("text/csv; charset=utf-8", "ü,1".encode(), "ü,1"),
        ("text/plain; charset=ISO-8859-1", b"\xfc", "ü"),
        ("text/plain; charset=idna", b"xn--", "xn--"),
        ("text/plain; charset=nonsense", b"a\xff", "a\ufffd"),
        ("application/xml", b"<a/>", "<a/>"),
        ("application/atom+xml", b"<a/>", "<a/>"),
        ("application/x-ndjson", b'{"a":1}\n{"a":2}\n', '{"a":1}\n{"a":2}\n'),
        ("text/html", b"<p>hi</p>", "<p>hi</p>"),
        ("", b"hi", "hi"),
    ],
)
def test_text_is_text(kind: str, body: bytes, text: str) -> None:
    """In its charset when it is a known one, and never by a decoder that could be made to hang."""
    made = answered(body, kind)
    assert made.status == "ok"
    assert said(made) == text


@pytest.mark.parametrize(
    ("kind", "block"),
    [
        ("image/png", {"type": "image", "mimeType": "image/png"}),
        ("audio/mpeg", {"type": "audio", "mimeType": "audio/mpeg"}),
    ],
)
def test_pictures_and_sound_are_blocks_of_their_kind(kind: str, block: dict[str, Any]) -> None:
    """Base64 of the very bytes."""
    (made,) = answered(b"\x00\xff", kind).content
    assert made == {**block, "data": base64.b64encode(b"\x00\xff").decode()}


@pytest.mark.parametrize(
    ("kind", "named"),
    [("application/pdf", "application/pdf"), ("application/octet-stream", "application/octet-stream"), ("", "application/octet-stream")],
)
def test_other_bytes_are_an_embedded_resource(kind: str, named: str) -> None:
    """With nothing lost."""
    (block,) = answered(b"\x00\xff", kind).content
    assert block["type"] == "resource"
    assert block["resource"]["mimeType"] == named
    assert base64.b64decode(block["resource"]["blob"]) == b"\x00\xff"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"message": "Task not found"}, "Task not found"),
        ({"error": {"code": 7, "message": "No such plan"}}, '{"code":7,"message":"No such plan"}'),
        ({"error": "invalid", "error_description": "The name is taken"}, "The name is taken: invalid"),
        ({"detail": [{"loc": ["body", "name"], "msg": "field required"}]}, '[{"loc":["body","name"],"msg":"field required"}]'),
        ({"title": "Conflict", "detail": "Version 3 expected"}, "Version 3 expected: Conflict"),
        ({"Message": "Upper"}, "Upper"),
        ({"message": "Validation Failed", "errors": [{"field": "title"}]}, 'Validation Failed: [{"field":"title"}]'),
        ({"code": 12}, '{"code":12}'),
        (["a", "b"], '["a","b"]'),
        ("plain", "plain"),
    ],
)
def test_an_error_carries_the_apis_own_message(body: Any, message: str) -> None:
    """From whatever field it uses, with the status before it."""
    made = answered(json.dumps(body).encode(), status=404)
    assert made.status == "error"
    assert said(made).removesuffix(".") == f"The API answered 404 Not Found: {message}"
    assert made.structured is UNSET


def test_an_error_page_is_not_shown() -> None:
    """Only that there was one."""
    made = answered(b"<html><script>x</script></html>", "text/html", 502)
    assert said(made) == "The API answered 502 Bad Gateway with a web page instead of an error message."


def test_an_error_in_text_or_nothing_or_bytes_is_short() -> None:
    """Text is shown, bytes are not."""
    assert said(answered(b"no\n  such\tthing", "text/plain", 400)) == "The API answered 400 Bad Request: no such thing."
    assert said(answered(b"", "", 401)) == "The API answered 401 Unauthorized."
    assert said(answered(b"\x00\x01", "image/png", 500)) == "The API answered 500 Internal Server Error."
    assert said(answered(b"x", "text/plain", 599)) == "The API answered 599: x."
    assert said(answered(b"{broken", "application/json", 500)).startswith("The API answered 500 Internal Server Error: {broken")


def test_an_endless_message_is_cut() -> None:
    """At a character, with a mark."""
    made = said(answered(json.dumps({"message": "ü" * 5000}).encode(), status=400))
    assert len(made.encode()) <= LARGEST_MESSAGE + 60
    assert "ü…" in made


@pytest.mark.parametrize(("wait", "shown"), [("30", True), ("Wed, 21 Oct 2026 07:28:00 GMT", False), ("9" * 50, False), ("-1", False)])
def test_retry_after_is_passed_on_when_it_is_seconds(wait: str, shown: bool) -> None:  # noqa: FBT001  columns of a table
    """So that an agent knows when to come back."""
    assert (f"Wait {wait} seconds" in said(answered(b"{}", status=429, retry_after=wait))) is shown


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_a_redirect_is_an_error(status: int) -> None:
    """Its target is neither followed nor shown (EG-06)."""
    made = answered(b"", "", status, location="http://169.254.169.254/")
    assert made.status == "error"
    assert "not followed" in said(made)
    assert "169.254" not in said(made)


def is_object(value: Any) -> bool:
    """Stands in for a tool's output schema of type object with an integer `id`."""
    return isinstance(value, dict) and isinstance(value.get("id", 0), int)


@pytest.mark.parametrize(
    ("body", "kind", "structured"),
    [
        (b'{"id":1}', "application/json", b'{"id":1}'),
        (b'[{"id":1}]', "application/json", b'{"result":[{"id":1}]}'),
        (b'{"id":"x"}', "application/json", b'{"result":{"id":"x"}}'),
        (b"", "application/json", b"{}"),
        (b"text", "text/plain", b"{}"),
    ],
)
def test_a_reply_that_is_not_as_declared_still_arrives(body: bytes, kind: str, structured: bytes) -> None:
    """Structured content always fits the output schema, and the text always has all of it."""
    made = outcome(Answer(status=200, headers={"content-type": kind}, body=body), is_object)
    assert made.status == "ok"
    assert msgspec.json.encode(made.structured) == structured
    assert is_object(json.loads(msgspec.json.encode(made.structured)))
    if body:
        assert said(made) == body.decode()


@LAW
@given(
    st.binary(max_size=300),
    st.sampled_from(
        ["application/json", "text/plain; charset=utf-16", "text/html", "image/png", "", "a/b", "application/problem+json", "; ;"]
    ),
    st.integers(200, 599),
)
def test_any_answer_becomes_an_outcome(body: bytes, kind: str, status: int) -> None:
    """Whatever an API sends, it can be written to the agent."""
    made = answered(body, kind, status)
    assert made.status in {"ok", "error"}
    assert made.content
    msgspec.json.encode(made.content)
    if made.structured is not UNSET:
        json.loads(msgspec.json.encode(made.structured))
