"""Every style of every place, exactly as it must arrive, and values that try to escape from theirs."""

from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.kit.http import Request, with_defaults
from tests.documents import BASE, LAW, compiled, only, parameter, request, why_skipped

COLOURS = ["blue", "black & white"]
RGB = {"R": 100, "G": 200}


def sent(place: str, value: Any, *, path: str = "/x", **more: Any) -> Any:
    """The request for one parameter `p` with this value."""
    tool = only({path: {"get": {"parameters": [parameter("p", place, {}, **more)]}}})
    return request(tool, {"p": value})


def refused(place: str, value: Any, **more: Any) -> Refusal:
    """The refusal, which must name the argument and not repeat its value."""
    with pytest.raises(Refusal) as caught:
        sent(place, value, **more)
    assert caught.value.code == "argument_not_sendable"
    assert caught.value.facts["field"] == "p"
    return caught.value


@pytest.mark.parametrize(
    ("style", "explode", "value", "segment"),
    [
        ("simple", False, "a b", "a%20b"),
        ("simple", False, 5, "5"),
        ("simple", False, True, "true"),
        ("simple", False, 1.5, "1.5"),
        ("simple", False, COLOURS, "blue,black%20%26%20white"),
        ("simple", False, RGB, "R,100,G,200"),
        ("simple", True, RGB, "R=100,G=200"),
        ("label", False, "a", ".a"),
        ("label", False, COLOURS, ".blue,black%20%26%20white"),
        ("label", True, COLOURS, ".blue.black%20%26%20white"),
        ("label", False, RGB, ".R,100,G,200"),
        ("label", True, RGB, ".R=100.G=200"),
        ("matrix", False, "a", ";p=a"),
        ("matrix", False, COLOURS, ";p=blue,black%20%26%20white"),
        ("matrix", True, COLOURS, ";p=blue;p=black%20%26%20white"),
        ("matrix", False, RGB, ";p=R,100,G,200"),
        ("matrix", True, RGB, ";R=100;G=200"),
    ],
)
def test_path_styles(style: str, explode: bool, value: Any, segment: str) -> None:  # noqa: FBT001  columns of a table
    """As the specification's table of examples has them."""
    assert sent("path", value, path="/x/{p}/y", style=style, explode=explode).url == f"{BASE}/x/{segment}/y"


@pytest.mark.parametrize(
    ("style", "explode", "value", "query"),
    [
        ("form", True, "a&b=c#d", "p=a%26b%3Dc%23d"),
        ("form", True, "", "p="),
        ("form", True, False, "p=false"),
        ("form", True, None, "p=null"),
        ("form", True, 12345678901234567890, "p=12345678901234567890"),
        ("form", True, COLOURS, "p=blue&p=black%20%26%20white"),
        ("form", False, COLOURS, "p=blue,black%20%26%20white"),
        ("form", True, RGB, "R=100&G=200"),
        ("form", False, RGB, "p=R,100,G,200"),
        ("spaceDelimited", False, COLOURS, "p=blue%20black%20%26%20white"),
        ("pipeDelimited", False, COLOURS, "p=blue%7Cblack%20%26%20white"),
        ("pipeDelimited", True, COLOURS, "p=blue&p=black%20%26%20white"),
        ("deepObject", True, RGB, "p%5BR%5D=100&p%5BG%5D=200"),
        ("deepObject", True, {"a": {"b": [1, {"c": None}]}}, "p%5Ba%5D%5Bb%5D%5B0%5D=1&p%5Ba%5D%5Bb%5D%5B1%5D%5Bc%5D=null"),
        ("form", True, {"a": [1, 2]}, "a=%5B1%2C2%5D"),
        ("form", True, "größe✓", "p=gr%C3%B6%C3%9Fe%E2%9C%93"),
    ],
)
def test_query_styles(style: str, explode: bool, value: Any, query: str) -> None:  # noqa: FBT001  same
    """Booleans and null as JSON spells them; separators inside values never act as such (OA-03)."""
    assert sent("query", value, style=style, explode=explode).url == f"{BASE}/x?{query}"


@pytest.mark.parametrize("value", [[], {}])
def test_empty_collections_send_nothing(value: Any) -> None:
    """Not even the question mark."""
    assert sent("query", value).url == f"{BASE}/x"


def test_reserved_characters_stay_only_where_the_document_allows_them() -> None:
    """And those that would change the query around them never do."""
    assert sent("query", "a/b:c,d&e#f+g", allowReserved=True).url == f"{BASE}/x?p=a/b:c,d%26e%23f%2Bg"
    assert sent("query", "a/b").url == f"{BASE}/x?p=a%2Fb"


@pytest.mark.parametrize("place", ["query", "cookie", "header", "path"])
def test_json_content_parameters_are_json(place: str) -> None:
    """A parameter described by `content` is one JSON value."""
    described = {"name": "p", "in": place, "required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    made = request(only({"/x/{p}" if place == "path" else "/x": {"get": {"parameters": [described]}}}), {"p": {"a": [1, True]}})
    seen = made.url + str(made.headers)
    assert ('{"a":[1,true]}' if place == "header" else "%7B%22a%22%3A%5B1%2Ctrue%5D%7D") in seen


@pytest.mark.parametrize(
    ("value", "explode", "header"),
    [
        ("a, b", False, "a, b"),
        (7, False, "7"),
        (True, False, "true"),
        (["a", 1], False, "a,1"),
        (RGB, False, "R,100,G,200"),
        (RGB, True, "R=100,G=200"),
    ],
)
def test_headers(value: Any, explode: bool, header: str) -> None:  # noqa: FBT001  same
    """Style simple; also numbers and booleans are text."""
    assert ("p", header) in sent("header", value, explode=explode).headers


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "\x1b[31m", ["a", "b\r\nc"], {"k": "\n"}, "\ud800"])
def test_a_header_cannot_start_another(value: Any) -> None:
    """Control characters are refused, not stripped (OA-03)."""
    assert "header" in refused("header", value).sentence


def test_cookies_share_one_header_and_cannot_end_each_other() -> None:
    """Form style, percent-encoded (OA-03)."""
    tool = only({"/x": {"get": {"parameters": [parameter("a", "cookie"), parameter("b", "cookie", {"type": "array"}, explode=False)]}}})
    assert ("cookie", "a=1%3B%20admin%3Dtrue; b=x,y") in request(tool, {"a": "1; admin=true", "b": ["x", "y"]}).headers
    assert "cookie" not in dict(request(tool).headers)


HOSTILE = [
    "../admin",
    "..%2fadmin",
    "%2e%2e/admin",
    "..;/admin",
    "..\\admin",
    "\\admin",
    "a/b",
    "?x=1",
    "#x",
    "//evil.example",
    "@evil.example",
    "https://evil.example/",
    "a\x00b",
    "a\r\nb",
    "a b",
    "é/ü",
    "%",
    "%2F",
    "...",
    ". .",
    "\u2025",
    "\uff0e\uff0e",
    "\uff0f",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_path_argument_stays_one_segment(value: str) -> None:
    """Whatever it holds, it arrives whole between the same two slashes (OA-01)."""
    url = sent("path", value, path="/x/{p}/y").url
    parts = urlsplit(url)
    before, segment, after = parts.path.split("/")[1:]
    assert url.startswith(f"{BASE}/x/")
    assert (parts.netloc, before, after, parts.query, parts.fragment) == ("api.example.com", "x", "y", "", "")
    assert unquote(segment) == value
    assert segment.isascii()
    assert not set(segment) & set("/\\?#;@ ")


@pytest.mark.parametrize("value", [".", "..", "", None, [], {}])
def test_a_path_argument_that_would_vanish_is_refused(value: Any) -> None:
    """Dots and nothing would make it another path (OA-01)."""
    refused("path", value, path="/x/{p}/y")


def test_dots_pieced_together_are_refused_too() -> None:
    """Two arguments in one segment, or a style's own dot, cannot make `..` (OA-01)."""
    tool = only({"/x/{p}{q}/y": {"get": {}}})
    with pytest.raises(Refusal, match=r"\. or \.\."):
        request(tool, {"p": ".", "q": "."})
    refused("path", ".", path="/x/{p}", style="label")
    assert request(tool, {"p": ".", "q": "a"}).url == f"{BASE}/x/.a/y"


@LAW
@given(st.text(min_size=1))
def test_no_text_leaves_its_segment(value: str) -> None:
    """The law behind the list above (OA-01)."""
    try:
        url = sent("path", value, path="/x/{p}").url
    except Refusal:
        assert value in {".", ".."}
        return
    assert url.startswith(f"{BASE}/x/")
    assert url.count("/") == BASE.count("/") + 2
    assert url.isascii()
    assert url.isprintable()
    assert not set(url[len(BASE) :]) & set("?#\\ ")


@LAW
@given(
    st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=8) | st.integers() | st.booleans() | st.none(), max_size=4),
    st.sampled_from(["form", "deepObject"]),
    st.booleans(),
)
def test_no_value_adds_a_query_parameter(value: dict[str, Any], style: str, explode: bool) -> None:  # noqa: FBT001  drawn by hypothesis
    """Each pair of an object is one pair of the query, whatever its text (OA-03)."""
    query = urlsplit(sent("query", value, style=style, explode=explode).url).query
    pairs = [pair for pair in query.split("&") if pair]
    expected = len(value) if explode or style == "deepObject" else min(len(value), 1)
    assert len(pairs) == expected
    assert all(pair.count("=") == 1 for pair in pairs)
    assert "#" not in query


@pytest.mark.parametrize(
    ("path", "arguments", "url"),
    [
        ("/x?kind=a", {}, "/x?kind=a"),
        ("/x?kind={kind}&v=1", {"kind": "a&b"}, "/x?kind=a%26b&v=1"),
        ("/x?kind=a", {"q": "1"}, "/x?kind=a&q=1"),
        ("/#Action=Do", {}, "/"),
        ("/a b/ü", {}, "/a%20b/%C3%BC"),
        ("x/y", {}, "/x/y"),
        ("/a//b/", {}, "/a//b/"),
        ("/{+p*}", {"p": "v"}, "/v"),
        ("/files/{name}.{ext}", {"name": "a/b", "ext": "md"}, "/files/a%2Fb.md"),
    ],
)
def test_odd_path_templates_are_understood(path: str, arguments: dict[str, Any], url: str) -> None:
    """Queries and fragments written into them, spaces, empty segments, RFC 6570 operators, several names in one segment."""
    tool = only({path: {"get": {"parameters": [parameter("q", "query")]}}})
    assert request(tool, arguments).url == BASE + url


def test_a_query_parameter_written_into_the_template_is_sent_once() -> None:
    """Not again behind it."""
    tool = only({"/x?kind={kind}": {"get": {"parameters": [parameter("kind", "query")]}}})
    assert request(tool, {"kind": "a b"}).url == f"{BASE}/x?kind=a%20b"


def test_credentials_go_along_and_win_over_arguments() -> None:
    """The vault's headers are added, and no argument can stand in for one of them."""
    tool = only({"/x": {"get": {"parameters": [parameter("X-Tenant", "header"), parameter("X-Other", "header")]}}})
    headers = request(
        tool, {"X-Tenant": "globex", "X-Other": "o"}, credential=(("Authorization", "Bearer t"), ("x-tenant", "acme"))
    ).headers
    assert ("Authorization", "Bearer t") in headers
    assert [value for name, value in headers if name.lower() == "x-tenant"] == ["acme"]
    assert ("x-other", "o") in headers


def test_path_parameters_the_document_forgot_stand_in_the_order_of_the_path() -> None:
    """Every replica must list the same bytes, so nothing may depend on how this process hashes text."""
    names = ["zulu", "alpha", "mike", "kilo", "tango", "bravo", "hotel", "echo"]
    path = "".join(f"/{{{name}}}" for name in names)
    assert list(only({f"{path}?last={{oscar}}": {"get": {}}}).input_schema["properties"]) == [*names, "oscar"]


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Http-Method", "x-method-override"])
def test_an_operation_that_must_override_its_method_is_skipped(name: str) -> None:
    """Left out, the API would do something else than asked; sent, the tool would do something else than its kind says (OA-07)."""
    constant = parameter(name, "header", {"type": "string", "enum": ["GET"]}, required=True)
    assert why_skipped({"/search": {"post": {"parameters": [constant]}}}) == f"it needs {name}, which changes what its method means"


@pytest.mark.parametrize("said", ["00-" + "a" * 49 + "\r\n1", "é" * 55, "0" * 55, "00-" + "A" * 32 + "-" + "b" * 16 + "-01", ""])
def test_a_trace_context_that_is_none_is_left_out(said: str) -> None:
    """It comes from the caller's message and must neither break its header nor the call (OA-03, W3C Trace Context 4.2)."""
    operation = only({"/a": {"get": {}}}).operation
    assert "traceparent" not in dict(operation.request({}, (), said, "").headers)
    good = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert dict(operation.request({}, (), good, "").headers)["traceparent"] == good


ANYTHING = st.text(st.characters(exclude_categories=()), min_size=1, max_size=12)
"""Also half characters, which strict JSON refuses before they get here."""


@LAW
@given(ANYTHING, ANYTHING)
def test_what_is_composed_can_be_sent(text: str, other: str) -> None:
    """Whatever the arguments and the caller's trace context hold, the client accepts the request, or a `Refusal` names the argument."""
    parameters = [parameter("id", "path"), parameter("q", "query", {}), parameter("X-Own", "header", {}), parameter("c", "cookie", {})]
    tool = only({"/x/{id}": {"post": {"parameters": parameters, "requestBody": {"content": {"text/plain": {}}}}}})
    given_ = {"id": text, "q": {other: text}, "X-Own": [other], "c": {text: other}, "body": other}
    for arguments in (given_, {**given_, "X-Own": "plain"}):
        made = composed(tool, arguments, text)
        if isinstance(made, Refusal):
            assert made.facts["field"] in arguments
        else:
            with_defaults(made)
            assert made.url.isascii()
            assert made.url.isprintable()


def composed(tool: Tool, arguments: dict[str, Any], traceparent: str) -> Request | Refusal:
    """The request, or why there is none."""
    try:
        return tool.operation.request(arguments, (), traceparent, "")
    except Refusal as refusal:
        return refusal


NULLS: list[tuple[str, Any]] = [
    ("nullable", {"type": "string", "nullable": True}),
    ("a choice", {"type": "string", "enum": ["a", None], "nullable": True}),
    ("a reference", {"$ref": "#/components/schemas/Perhaps"}),
    ("a branch", {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
    ("a list of types", {"type": ["integer", "null"]}),
    ("nothing said", {}),
    ("all of one", {"allOf": [{"$ref": "#/components/schemas/Perhaps"}, {"minimum": 1}]}),
]


@pytest.mark.parametrize("schema", [schema for _, schema in NULLS], ids=[name for name, _ in NULLS])
def test_a_part_of_a_path_is_never_null(schema: dict[str, Any]) -> None:
    """However the document says that it may be; a query still may."""
    more: Any = {"components": {"schemas": {"Perhaps": {"type": "integer", "nullable": True}}}}
    tool = only({"/a/{p}": {"get": {"parameters": [parameter("p", "path", schema), parameter("q", "query", schema)]}}}, **more)
    valid = jsonschema_rs.validator_for(tool.input_schema, offline=True).is_valid
    assert not valid({"p": None})
    assert valid({"p": "a"}) or valid({"p": 2})
    assert valid({"p": "a", "q": None}) or valid({"p": 2, "q": None})


def test_an_empty_choice_is_not_offered_for_a_part_of_a_path() -> None:
    """A path has no empty part, also where the document lists one; a query may have it."""
    schema = {"type": "string", "enum": ["", "full"]}
    tool = only({"/a/{p}": {"get": {"parameters": [parameter("p", "path", schema), parameter("q", "query", schema)]}}})
    assert [tool.input_schema["properties"][name]["enum"] for name in "pq"] == [["full"], ["", "full"]]


def test_a_query_that_the_template_fixes_is_sent_once() -> None:
    """The declared parameter of that name is no argument; others are."""
    fixed, other = parameter("view", "query", required=True), parameter("limit", "query")
    tool = only({"/a?view=files": {"get": {"parameters": [fixed, other]}}})
    assert list(tool.input_schema["properties"]) == ["limit"]
    assert request(tool, {"limit": "2"}).url.endswith("/a?view=files&limit=2")


def test_parameters_that_are_alike_are_one_and_others_are_not() -> None:
    """Written out in every operation, one that says the same is the same value; one that differs is another, in its place, too."""
    same, other = parameter("id", "path"), parameter("id", "path", {"type": "integer"})
    paths = {"/a/{id}": {"get": {"parameters": [same]}}, "/b/{id}": {"get": {"parameters": [dict(same)]}}}
    others = {"/c/{id}": {"get": {"parameters": [other]}}, "/d": {"get": {"parameters": [parameter("id", "query")]}}}
    tools = compiled({**paths, **others}).tools
    first, second, third, fourth = [tool.input_schema["properties"]["id"] for tool in tools]
    assert first is second
    assert (first["type"], third["type"]) == ("string", "integer")
    assert fourth is not first
    requests = [request(tool, {"id": "7"}) for tool in tools]
    assert [one.url.removeprefix(BASE) for one in requests] == ["/a/7", "/b/7", "/c/7", "/d?id=7"]
