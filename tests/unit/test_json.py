"""Strict reading and safe writing of JSON."""

import json
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freehold.kit.json import NotStrict, encode, strict

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
PIECES = st.lists(
    st.sampled_from(["{", "}", "[", "]", ",", ":", '"a"', '"b"', '"\\u0061"', '"\\ud83d"', '"\\ud83d\\ude00"'])
    | st.sampled_from(["0", "-0", "1", "-1", "01", "1.5", "1e5", "1e400", "1E-400", "NaN", "Infinity", "null", "true"])
    | st.text(max_size=3),
    max_size=12,
).map("".join)


def nested(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    """A value `levels` deep."""
    return (opening * levels + closing * levels).encode()


def why_not(data: bytes) -> str:
    """The reason for which `strict` refuses."""
    with pytest.raises(NotStrict) as refused:
        strict(data)
    return refused.value.why


@given(VALUES)
def test_what_json_writes_strict_reads(value: Any) -> None:
    """Every finite value the standard library writes comes back as it was."""
    assert strict(json.dumps(value).encode()) == value


@given(PIECES.map(str.encode) | st.binary(max_size=40))
@example(b"\xef\xbb\xbf{}")
@example(b"-0")
@example(b"1" * 4300)
@example(b"1" * 4301)
@example(b"1.7976931348623159e308")
def test_strict_takes_nothing_the_standard_library_reads_otherwise(data: bytes) -> None:
    """Whatever strict accepts, json.loads accepts too and agrees with (TR-06)."""
    try:
        value = strict(data)
    except NotStrict:
        return
    assert repr(json.loads(data)) == repr(value)


@given(st.text(max_size=20), VALUES, st.integers(0, 30))
def test_a_key_twice_is_refused_at_any_depth(key: str, value: Any, depth: int) -> None:
    """An object with the same key twice is refused wherever it stands, and the reason does not repeat the key (TR-01)."""
    spelled, held = json.dumps(key), json.dumps(value)
    body = '[{"x":' * depth + f"{{{spelled}:{held},{spelled}:{held}}}" + "}]" * depth
    assert why_not(body.encode()) == "an object has the same key twice"


def test_a_key_twice_in_two_spellings_is_refused() -> None:
    """Escapes do not make two keys of one (TR-01)."""
    assert why_not(b'{"name":1,"n\\u0061me":2}') == "an object has the same key twice"


def test_the_same_key_in_two_objects_is_taken() -> None:
    """Only one object's own keys count."""
    assert strict(b'[{"a":1},{"a":{"a":2}}]') == [{"a": 1}, {"a": {"a": 2}}]


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1.7976931348623159e308", "9" * 400 + ".0", "1" * 5000]
)
@pytest.mark.parametrize("around", ["%s", "[%s]", '{"a":{"b":[0,%s]}}'])
def test_what_is_no_finite_number_is_refused(number: str, around: str) -> None:
    """NaN, infinities, overflow and numbers of endless length never come in, at any place (TR-02, TR-03)."""
    assert number not in why_not((around % number).encode())


def test_large_whole_numbers_keep_every_digit() -> None:
    """2^53 + 1 and 400 digits are read exactly (TR-03)."""
    assert strict(b"[9007199254740993]") == [2**53 + 1]
    assert strict(b"9" * 400) == 10**400 - 1


def test_sixty_four_levels_are_taken_and_one_more_is_not() -> None:
    """The limit is exact for arrays and objects (TR-04)."""
    strict(nested(64))
    strict(b'{"a":' * 64 + b"1" + b"}" * 64)
    for too_deep in (nested(65), b'{"a":' * 65 + b"1" + b"}" * 65, nested(200), nested(2_000), nested(100_000), b"[" * 1_000_000):
        assert why_not(too_deep) == "nested deeper than 64 levels"


def test_many_brackets_side_by_side_are_not_depth() -> None:
    """A thousand short lists are one list deep, and brackets in text are text (TR-04)."""
    assert len(strict(b"[" + b",".join([b"[]"] * 1000) + b"]")) == 1000
    assert strict(json.dumps("[" * 500).encode()) == "[" * 500


@pytest.mark.parametrize(
    "data",
    [
        *(b"\xef\xbb\xbf{}", '{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-16-le"), '{"a":1}'.encode("utf-32")),
        *(b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'{"\xff":1}'),
        *(b'"\\ud800"', b'"\\udc00"', b'"\\ud800x"', b'"\\ud800\\u0041"', b'{"\\ud800":1}', b'"\\ude00\\ud83d"'),
        *(b"", b" ", b"\0", b'"\0"', b'"\x1f"', b"{}\0", b"{} {}", b"[1,]", b"{'a':1}", b"// x\n1", b"01", b"+1", b".5", b"1.", b"0x1"),
        *(b"\x0b1", b"\xc2\xa01", b"tru", b"None", b'"\\x41"', b'{"a"}', b"{1:2}", b'"abc', b"[", b"}"),
    ],
)
def test_what_is_not_json_in_utf8_is_refused(data: bytes) -> None:
    """No byte order mark, no other encoding, no lone surrogate, no half a value (TR-05, TR-06)."""
    assert why_not(data)


def test_a_reason_repeats_nothing_of_the_body() -> None:
    """A secret in a malformed body is in none of the refusal's texts (TR-30)."""
    for body in (b'{"sk_live_1":1,"sk_live_1":2}', b'["sk_live_1" sk_live_1]', b'{"sk_live_1":nope}', b"sk_live_1"):
        with pytest.raises(NotStrict) as refused:
            strict(body)
        assert "sk_live_1" not in f"{refused.value!r} {refused.value.why}"
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__


def test_names_that_mean_something_to_python_are_just_keys() -> None:
    """__class__, __proto__ and constructor come in as data (TR-31)."""
    assert strict(b'{"__class__":1,"__proto__":{"x":2},"constructor":3}') == {"__class__": 1, "__proto__": {"x": 2}, "constructor": 3}


@given(VALUES)
def test_what_encode_writes_everyone_reads(value: Any) -> None:
    """Written JSON is strict JSON again and means the same."""
    assert json.loads(encode(value)) == value


@given(st.text(st.characters(codec=None)) | st.text(alphabet="\ud800\udc00a\u2028"))
def test_encode_never_fails_on_text(text: str) -> None:
    """Lone surrogates become U+FFFD in values and keys, pairs become their character; the result is UTF-8 (TR-05)."""
    written = encode({text: [text]})
    assert not any("\ud800" <= letter <= "\udfff" for letter in written.decode())
    assert strict(written) == json.loads(written)


def test_line_separators_leave_escaped() -> None:
    """U+2028 and U+2029 never stand raw in an answer, other text beside them stays as it is (SSE-06)."""
    written = encode({"a\u2028": "\u2013\u2029é"})
    assert written == '{"a\\u2028":"\u2013\\u2029é"}'.encode()
    assert json.loads(written) == {"a\u2028": "\u2013\u2029é"}


def test_infinities_leave_as_null_and_raw_as_it_is() -> None:
    """What JSON has no word for becomes null; JSON that is already written is passed through, also beside a surrogate."""
    assert encode([float("nan"), float("-inf"), sys.float_info.max]) == b"[null,null,1.7976931348623157e308]"
    assert encode({"raw": msgspec.Raw(b'{"b": 1}'), "s": "\ud800"}) == '{"raw":{"b": 1},"s":"\ufffd"}'.encode()
