"""What an outcome shows of a page: its records to the letter, on one line each, and where the next one is."""

from typing import Any

import pytest
from msgspec import UNSET, Raw

from freehold.core.call import Outcome
from freehold.domains.exports.pages import read


def text(said: str) -> tuple[dict[str, Any], ...]:
    """A block of text."""
    return ({"type": "text", "text": said},)


@pytest.mark.parametrize(
    "made",
    [
        Outcome(status="ok", structured=Raw(b'{"page": 1,\n "items": [\r\n {"a":\n 1.0}, \n 12345678901234567890123 ]}')),
        Outcome(status="ok", structured=Raw(b'[{"a":1.0},12345678901234567890123]'), content=text("[3]")),
        Outcome(status="ok", structured=Raw(b'{"result":{"data":[{"a":1.0},12345678901234567890123]}}')),
        Outcome(status="ok", structured={}, content=text('{"items":\n[{"a": 1.0},12345678901234567890123]}')),
        Outcome(status="ok", structured=UNSET, content=({"type": "image"}, *text('[{"a":1.0},12345678901234567890123]'))),
    ],
)
def test_records_are_found_wherever_they_are(made: Outcome) -> None:
    """In the structure, however it is laid out and wrapped; in the text where there is no structure worth the name."""
    page = read(made)
    assert page is not None
    assert [one.replace(b" ", b"") for one in page.records] == [b'{"a":1.0}', b"12345678901234567890123"]
    assert not any(b"\n" in one or b"\r" in one for one in page.records)
    assert (page.following, page.total) == (None, None)


@pytest.mark.parametrize(
    "made",
    [
        Outcome(status="ok", structured=Raw(b'{"id":1}')),
        Outcome(status="ok", structured={"id": 1}, content=text("[1]")),
        Outcome(status="ok", content=text("no JSON")),
        Outcome(status="ok", content=text('"\ud800"')),
        Outcome(status="ok", content=text("[" * 100_000)),
        Outcome(status="ok", content=text('{"items":[1e999999]} tail')),
        Outcome(status="ok"),
    ],
)
def test_what_has_no_records_is_no_page(made: Outcome) -> None:
    """One object, words, what is no JSON or too deep: nothing breaks and nothing is made up."""
    assert read(made) is None


def test_the_next_page_is_the_hint_s() -> None:
    """Its whole arguments and the API's total."""
    meta = {"dev.freehold/page": {"shown": 1, "of": 9, "next": {"cursor": "c2"}}}
    page = read(Outcome(status="ok", structured=[1], meta=meta))
    assert page is not None
    assert (page.records, page.following, page.total) == ([b"1"], {"cursor": "c2"}, 9)
