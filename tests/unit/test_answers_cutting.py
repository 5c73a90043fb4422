"""The pure cutter of large answers: every part fits and is what it says, and together they are the whole."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from freehold.domains.answers.cutting import Cut, cut, listed

ROOM = 200
TEXTS = st.text(max_size=80)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)


def fitting(made: Cut, *, first: int, room: int) -> None:
    """No part is larger than its room."""
    sizes = [len(part.text.encode()) for part in made.parts]
    assert sizes[0] <= first
    assert all(size <= room for size in sizes[1:])


def records_of(made: Cut, path: tuple[str, ...]) -> list[Any]:
    """The records of all parts; of those that were cut, the parts are put together."""
    found: list[Any] = []
    pieces = ""
    for part in made.parts:
        if not part.json:
            pieces += part.text
            if part.shown:
                found.append(json.loads(pieces))
                pieces = ""
            continue
        value = json.loads(part.text)
        for name in path:
            value = value[name]
        assert len(value) == part.shown
        found += value
    assert pieces == ""
    return found


@given(
    records=st.lists(VALUES, min_size=1, max_size=60),
    path=st.sampled_from([(), ("data",), ("result", "items")]),
    first=st.integers(100, ROOM),
)
def test_the_records_of_all_parts_are_the_answers(records: list[Any], path: tuple[str, ...], first: int) -> None:
    """For records of any shape and size, at the top or within objects: every part fits, and no record is lost, doubled or changed."""
    value: Any = records
    for name in reversed(path):
        value = {name: value}
    text = msgspec.json.encode(value)
    made = cut(text, first=first, room=ROOM)
    fitting(made, first=first, room=ROOM)
    if made.unit == "records":
        assert made.of == len(records)
        assert sum(part.shown for part in made.parts) == made.of
        assert records_of(made, path) == records
    else:
        assert made.alone
        assert "".join(part.text for part in made.parts).encode() == text


@given(text=st.text(min_size=1, max_size=2_000), first=st.integers(8, 64), room=st.integers(8, 64))
def test_text_is_cut_without_losing_or_splitting_a_character(text: str, first: int, room: int) -> None:
    """Of any text every part fits and is text of its own, and the parts one after another are the text."""
    made = cut(text.encode(), first=first, room=room)
    fitting(made, first=first, room=room)
    if made.unit == "bytes":
        assert "".join(part.text for part in made.parts) == text
        assert sum(part.shown for part in made.parts) == made.of == len(text.encode())


@given(text=st.text("é€😀", min_size=1, max_size=50), room=st.integers(1, 3))
def test_a_room_too_small_for_a_character_still_comes_to_an_end(text: str, room: int) -> None:
    """Where not even one character fits, the parts are single characters, none of them split."""
    made = cut(text.encode(), first=room, room=room)
    assert "".join(part.text for part in made.parts) == text
    assert all(part.text for part in made.parts)


def test_text_is_cut_after_a_line_else_after_a_sentence_else_after_a_word() -> None:
    """The last line's end in the second half of the room is where a part ends; without one a sentence's, then a word's."""
    lines = "".join(f"line {number} is here. and goes on\n" for number in range(20)).encode()
    assert all(part.text.endswith("\n") for part in cut(lines, first=100, room=100).parts)
    sentences = b"This is one of many. " * 30
    assert all(part.text.endswith(". ") for part in cut(sentences, first=100, room=100).parts)
    words = b"words and no end to them " * 30
    assert all(part.text.endswith(" ") for part in cut(words, first=100, room=100).parts)
    assert [len(part.text) for part in cut(b"x" * 250, first=100, room=100).parts] == [100, 100, 50]


def test_what_stands_beside_the_records_comes_with_the_first_part_alone() -> None:
    """The first part has the whole object around its records, the others have the records at the same place and nothing else."""
    value = {"total": 40, "result": {"more": False, "items": [{"id": number} for number in range(40)]}, "tags": ["a", "b"]}
    made = cut(json.dumps(value).encode(), first=ROOM, room=ROOM)
    first, *others = [json.loads(part.text) for part in made.parts]
    assert (first["total"], first["tags"], first["result"]["more"]) == (40, ["a", "b"], False)
    assert others
    assert all(each.keys() == {"result"} and each["result"].keys() == {"items"} for each in others)


def test_records_keep_their_very_bytes() -> None:
    """Numbers no double can hold, trailing zeros and escapes are passed on as they were written."""
    records = ['{"n": 123456789012345678901234567890}', '{"price": 1.10}', '{"s": "\\u00e9\\/"}', "1E2"] * 20
    made = cut(f"[{', '.join(records)}]".encode(), first=ROOM, room=ROOM)
    found = [listed(part.text.encode()) for part in made.parts]
    assert [bytes(record).decode() for each in found if each is not None for record in each.records] == records


def test_a_record_too_large_among_others_is_shown_as_text_and_counts_once() -> None:
    """The records around it stay JSON; its own parts put together are the record."""
    records = [{"id": 0}, {"id": 1, "text": "wörd " * 200}, {"id": 2}]
    made = cut(json.dumps(records, ensure_ascii=False).encode(), first=ROOM, room=ROOM)
    assert [part.json for part in made.parts] == [True, *[False] * (len(made.parts) - 2), True]
    assert sum(part.shown for part in made.parts) == made.of == 3
    assert records_of(made, ()) == records


def test_a_first_record_too_large_or_too_much_beside_the_records_is_cut_as_text() -> None:
    """Only the former is said to be one record alone."""
    alone = cut(json.dumps([{"text": "x" * 1_000}]).encode(), first=ROOM, room=ROOM)
    assert (alone.unit, alone.alone, any(part.json for part in alone.parts)) == ("bytes", True, False)
    beside = cut(json.dumps({"note": "x" * 1_000, "data": [1] * 400}).encode(), first=ROOM, room=ROOM)
    assert (beside.unit, beside.alone, any(part.json for part in beside.parts)) == ("bytes", False, False)


def test_the_largest_list_holds_the_records() -> None:
    """Of several lists it is the one with the most bytes, not deeper than within four objects; what is no JSON has none."""
    value = {"errors": [1, 2, 3], "issue": {"labels": ["a"], "comments": [{"text": "x" * 50}] * 9}}
    found = listed(json.dumps(value).encode())
    assert found is not None
    assert (found.path, len(found.records)) == (("issue", "comments"), 9)
    assert listed(b'{"a":{"b":{"c":{"d":[1]}}}}') is not None
    assert listed(b'{"a":{"b":{"c":{"d":{"e":[1]}}}}}') is None
    assert [listed(text) for text in (b"[1, 2", b"{'a': [1]}", b"[1] and more", b"plain", b"{}", b"7", b"")] == [None] * 7
    assert listed(b"[" * 100_000 + b"]" * 100_000) is None
