"""GraphQL answers become outcomes: whole data, data in part and errors alone are told apart."""

import json
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from freehold.core.call import Outcome
from freehold.domains.sources.graphql.answers import outcome
from freehold.domains.sources.openapi.answers import LARGEST_MESSAGE
from freehold.domains.sources.openapi.shaping import Shaping
from freehold.kit.http import Answer


def answered(body: bytes | object, status: int = 200, kind: str = "application/json") -> Outcome:
    """The outcome of this answer to the field `order`."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return outcome(Answer(status=status, headers={"content-type": kind}, body=data), "order")


def texts(made: Outcome) -> list[str]:
    """What its blocks say."""
    return [block["text"] for block in made.content]


@pytest.mark.parametrize("value", [{"id": "1"}, [1, 2], "x", None, False, 12345678901234567890])
def test_whole_data_is_the_fields_own_value(value: Any) -> None:
    """Neither `data` nor the field's name is wrapped around it; nothing found is null, and no error."""
    made = answered({"data": {"order": value}})
    assert made.status == "ok"
    assert msgspec.json.decode(msgspec.json.encode(made.structured)) == value
    assert json.loads(texts(made)[0]) == value


def test_data_in_part_comes_with_its_errors() -> None:
    """The agent sees the value and why some of it is missing, in text and structure."""
    errors = [{"message": "Not for you.", "path": ["order", "customer", 0], "extensions": {"code": "FORBIDDEN"}}]
    made = answered({"data": {"order": {"id": "1", "customer": None}}, "errors": errors})
    said = "Not for you. [FORBIDDEN] at order.customer.0"
    assert made.status == "ok"
    assert made.structured == {"data": {"id": "1", "customer": None}, "errors": [said]}
    assert texts(made) == ['{"id":"1","customer":null}', f"This is only a part of the answer. Missing: {said}"]


@pytest.mark.parametrize("data", [{"data": None}, {}, {"data": {"order": None}}])
def test_errors_alone_are_an_error(data: dict[str, Any]) -> None:
    """Without a value nothing is shown but what went wrong."""
    made = answered({**data, "errors": [{"message": "No\nsuch field."}, {"message": 5}, "odd"]})
    assert made.status == "error"
    assert texts(made) == ["The API answered with errors: No such field.; unnamed error; unnamed error"]
    assert made.structured is UNSET


def test_errors_are_bounded() -> None:
    """A thousand long ones are five and a count, within the bytes an API's error may have."""
    errors = [{"message": "é" * 5_000, "path": ["p" * 900] * 900, "extensions": {"code": "c" * 900}}] * 20
    (said,) = texts(answered({"errors": errors}))
    assert len(said.encode()) <= LARGEST_MESSAGE + 100
    few = texts(answered({"errors": [{"message": "no"}] * 1_000}))
    assert few == ["The API answered with errors: no; no; no; no; no; 995 more errors"]


def test_an_answer_with_a_bad_status_says_it() -> None:
    """Before GraphQL began there was HTTP; a page is named as one."""
    made = answered({"errors": [{"message": "Who are you?"}]}, 401)
    assert (made.status, "401" in texts(made)[0], "Who are you?" in texts(made)[0]) == ("error", True, True)
    page = answered(b"<h1>Bad</h1>", 502, "text/html")
    assert (page.status, "502" in texts(page)[0], "<h1>" in texts(page)[0]) == ("error", True, False)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"ok":true}', b'{"data":', b"[" * 90_000])
def test_what_is_no_graphql_is_an_error_that_may_have_had_an_effect(body: bytes) -> None:
    """The status was good, so a mutation may have happened."""
    made = answered(body)
    assert made.status == "error"
    assert "may have taken effect" in texts(made)[0]


def test_what_the_caller_gave_is_not_repeated() -> None:
    """An API that shows a variable in its error is quoted with the argument's name in its place."""
    errors = {"errors": [{"message": 'Variable "$by" got invalid value {"key":"a secret \\"text\\""}.'}]}
    answer = Answer(status=200, headers={"content-type": "application/json"}, body=json.dumps(errors).encode())
    made = outcome(answer, "order", Shaping(arguments={"by": {"key": 'a secret "text"'}}))
    assert texts(made) == ['The API answered with errors: Variable "$by" got invalid value {"key":"[by]"}.']


def test_all_of_data_is_the_answer_of_an_operation() -> None:
    """Several root fields come back together; errors are alone only where every one of them is missing."""
    body = {"data": {"a": None, "b": None}, "errors": [{"message": "no"}]}
    answers = [Answer(status=200, headers={}, body=json.dumps(each).encode()) for each in (body, body | {"data": {"a": 1, "b": None}})]
    assert [outcome(answer, "").status for answer in answers] == ["error", "ok"]


def test_only_the_fields_that_were_asked_for_are_shown() -> None:
    """In the text and in the structure, also of data in part; a field that nothing has is named."""
    orders = {"nodes": [{"id": "1", "note": "n"}], "totalCount": 1}
    wanted = Shaping(fields=("id", "gone"))
    body = {"data": {"order": orders}}
    whole, part = [
        outcome(Answer(status=200, headers={}, body=json.dumps(each).encode()), "order", wanted)
        for each in (body, {**body, "errors": [{"message": "no"}]})
    ]
    assert texts(whole) == ['{"nodes":[{"id":"1"}],"totalCount":1}', "No record has: gone."]
    assert part.structured == {"data": {"nodes": [{"id": "1"}], "totalCount": 1}, "errors": ["no"]}
    assert "note" not in str(texts(part))
