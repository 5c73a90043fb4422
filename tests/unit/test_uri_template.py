"""URI templates read backwards: every value that went in comes out, nothing else matches, and no URI is dear to read."""

import sys
from types import FrameType
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freehold.kit.uri_template import UriTemplate

RESERVED = ":/?#[]@!$&'()*+,;="

names = st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,3}", fullmatch=True), min_size=1, max_size=4, unique=True)
values = st.text(min_size=1, max_size=8) | st.text("/-.%2F=a", min_size=1, max_size=8)
between = st.text("a2F-./:=", min_size=1, max_size=4)


def expand(template: UriTemplate, given_: dict[str, str]) -> str:
    """RFC 6570, 3.2.2 and 3.2.3; a percent sign is always escaped."""
    uri = template.text
    for name, value in given_.items():
        uri = uri.replace(f"{{{name}}}", quote(value, safe="")).replace(f"{{+{name}}}", quote(value, safe=RESERVED))
    return uri


@st.composite
def filled(draw: st.DrawFn, literals: st.SearchStrategy[str]) -> tuple[UriTemplate, dict[str, str]]:
    """A template with these literals between its variables, one of which may span segments, and values for it."""
    named = draw(names)
    spanning = draw(st.none() | st.sampled_from(named))
    pieces = [f"{{+{name}}}" if name == spanning else f"{{{name}}}" for name in named]
    joined = "".join(piece + draw(literals) for piece in pieces[:-1]) + pieces[-1]
    text = draw(st.sampled_from(["x:", "doc://", "doc://a/"])) + joined + draw(st.sampled_from(["", "/", ".json", "/a2"]))
    return UriTemplate(text), {name: draw(values) for name in named}


@given(filled(between.filter(lambda literal: "/" in literal)))
def test_values_come_back_as_they_went_in(case: tuple[UriTemplate, dict[str, str]]) -> None:
    """Where a slash stands between variables, what a URI was made of is what is read from it, whatever the values are."""
    template, given_ = case
    assert template.match(expand(template, given_)) == given_


@given(filled(between))
def test_every_uri_of_a_template_matches_it(case: tuple[UriTemplate, dict[str, str]]) -> None:
    """Also where values could be cut in several ways the URI matches, and what is read makes the same URI, up to what is escaped."""
    template, given_ = case
    uri = expand(template, given_)
    read = template.match(uri)
    assert read is not None
    assert all(read.values())
    assert unquote_to_bytes(expand(template, read)) == unquote_to_bytes(uri)


@given(filled(between), st.lists(st.text("a2F-./:=%?#é", max_size=5), min_size=4, max_size=4))
@example((UriTemplate("x:{a}"), {}), ["%", "", "", ""])
@example((UriTemplate("x:{a}"), {}), ["a/b", "", "", ""])
def test_what_matches_is_of_the_template(case: tuple[UriTemplate, dict[str, str]], raw: list[str]) -> None:
    """Whatever stands in a variable's place unescaped, a URI that matches is one that the values read from it make."""
    template, _ = case
    uri = template.text
    for name, text in zip(template.variables, raw, strict=False):
        uri = uri.replace(f"{{{name}}}", text).replace(f"{{+{name}}}", text)
    read = template.match(uri)
    if read is not None:
        assert set(read) == set(template.variables)
        assert unquote_to_bytes(expand(template, read)) == unquote_to_bytes(uri)
        assert template.match(expand(template, read)) == read


@pytest.mark.parametrize(
    ("text", "uri", "read"),
    [
        ("invoice://{id}", "invoice://7", {"id": "7"}),
        ("invoice://{id}", "invoice://a%2Fb", {"id": "a/b"}),
        ("invoice://{id}", "invoice://%e2%82%ac", {"id": "€"}),
        ("invoice://{id}", "invoice://€", {"id": "€"}),
        ("invoice://{id}", "invoice://a%252Fb", {"id": "a%2Fb"}),
        ("invoice://{id}", "invoice://a+b", {"id": "a+b"}),
        ("invoice://{id}", "invoice://", None),
        ("invoice://{id}", "invoice://a/b", None),
        ("invoice://{id}", "invoice://a?b", None),
        ("invoice://{id}", "invoice://a#b", None),
        ("invoice://{id}", "Invoice://a", None),
        ("invoice://{id}", "xinvoice://a", None),
        ("invoice://{id}", "invoice://%", None),
        ("invoice://{id}", "invoice://%2", None),
        ("invoice://{id}", "invoice://%zz", None),
        ("invoice://{id}", "invoice://%c3", None),
        ("invoice://{id}", "invoice://%c0%af", None),
        ("invoice://{id}", "invoice://%ed%a0%80", None),
        ("invoice://{id}", "invoice://\ud800", None),
        ("invoice://{id}/pdf", "invoice://7/pdf", {"id": "7"}),
        ("invoice://{id}/pdf", "invoice://7/pdf/", None),
        ("invoice://{id}/pdf", "invoice:///pdf", None),
        ("doc:{name}.{kind}", "doc:a.tar.gz", {"name": "a", "kind": "tar.gz"}),
        ("doc:{name}.{kind}", "doc:a/b.c", None),
        ("doc:{name}.{kind}", "doc:a.b/c", None),
        ("doc:{name}.json", "doc:a.json.json", {"name": "a.json"}),
        ("doc:{a}2{b}", "doc:%2F2x", {"a": "/", "b": "x"}),
        ("doc:a%2fb/{c}", "doc:a%2Fb/c", {"c": "c"}),
        ("doc:a%2fb/{c}", "doc:a/b/c", None),
        ("file:///{+path}", "file:///a/b?c#d", {"path": "a/b?c#d"}),
        ("file:///{+path}", "file:///", None),
        ("file:///{+path}/{name}.{kind}", "file:///a/b/c.d.e", {"path": "a/b", "name": "c.d", "kind": "e"}),
        ("file:///{+path}/{name}", "file:///a", None),
        ("file:///{disk}/{+path}", "file:///c/a/b", {"disk": "c", "path": "a/b"}),
        ("file:///{disk}/{+path}", "file:///c/", None),
    ],
)
def test_what_a_uri_says(text: str, uri: str, read: dict[str, str] | None) -> None:
    """One segment or several, never empty, escapes strictly UTF-8, an escaped slash is data, literals are compared byte for byte."""
    assert UriTemplate(text).match(uri) == read


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{id}", "scheme"),
        ("/a/{id}", "scheme"),
        ("", "scheme"),
        ("a:{x}{y}", "side by side"),
        ("a:{x}{+y}", "side by side"),
        ("a:{x", "brace"),
        ("a:x}", "brace"),
        ("a:{{x}}", "brace"),
        ("a: {x}", "Percent-encode"),
        ("a:é{x}", "Percent-encode"),
        ("a:%2{x}", "Percent-encode"),
        ("a:{}", "neither"),
        ("a:{?q}", "neither"),
        ("a:{/q}", "neither"),
        ("a:{x,y}", "neither"),
        ("a:{x*}", "neither"),
        ("a:{x:3}", "neither"),
        ("a:{x}/{x}", "twice"),
        ("a:{x}/{+x}", "twice"),
        ("a:{+x}/{+y}", "two of the form"),
    ],
)
def test_a_template_nobody_could_read_back_is_refused(text: str, why: str) -> None:
    """A template without scheme, with other operators, or whose values could not be told apart says so when it is made."""
    with pytest.raises(ValueError, match=why):
        UriTemplate(text)


def test_a_template_tells_its_variables_and_how_much_it_says() -> None:
    """Variables come in order without their operators; more literals rank first, then fewer variables of any length."""
    texts = ["a://bb/{x}", "a://b/{x}/{y}", "a://b/{x}", "a://b/{+x}", "a:{+x}"]
    assert UriTemplate("a://b/{+x}/{y.z}").variables == ("x", "y.z")
    assert [one.text for one in sorted(map(UriTemplate, reversed(texts)), key=lambda one: one.rank)] == [texts[1], *texts[:1], *texts[2:]]


def calls(template: UriTemplate, uri: str) -> int:
    """How many functions are called to match; none of them looks through the URI more than once."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    template.match(uri)
    sys.setprofile(before)
    return counted


@pytest.mark.parametrize("text", ["a:{a}-{b}-{c}-{d}-{e}-{f}", "a:{a}--{+b}--{c}--{d}x", "a:{+b}-{c}-{d}-{e}/z"])
@pytest.mark.parametrize("hostile", ["-" * 8_000, "--x" * 2_600, "-/" * 4_000, "-" * 7_990 + "/y", "%2D" * 2_600, "%ff-" * 2_000])
def test_no_uri_is_dear_to_read(text: str, hostile: str) -> None:
    """What would send a backtracking matcher round for hours takes a fixed number of looks at the URI, and a few per escape (TR-29)."""
    assert calls(UriTemplate(text), f"a:{hostile}") < 120 + 8 * hostile.count("%")
