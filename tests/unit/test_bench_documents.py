"""The judge of `python -m bench.documents`: a faithful request passes, and every way to be unfaithful is seen and named."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from mcp.types import BlobResourceContents, CallToolResult, EmbeddedResource, ImageContent, TextContent

from bench.documents.arguments import Generator
from bench.documents.facts import Facts
from bench.documents.faithful import check
from bench.documents.many import Found, Measured, Workshop, found, sampled
from bench.documents.operations import load, operations
from bench.documents.recorder import Recorded
from bench.documents.replies import Reply, check_answer
from bench.documents.totals import COLUMNS, compared, remarks, row, summary
from bench.documents.written import Unfaithful
from freehold.domains.sources.openapi.read import read
from freehold.domains.sources.openapi.tools import compile_tools
from tests.documents import document, parameter

TAGS = {"type": "array", "items": {"type": "string"}}
PUT = {
    "parameters": [
        parameter("id", "path"),
        parameter("tags", "query", TAGS, required=True),
        parameter("near", "query", TAGS, explode=False),
        parameter("filter", "query", {"type": "object"}, style="deepObject"),
        parameter("X-Trace", "header", required=True),
        parameter("theme", "cookie"),
    ],
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object", "properties": {"note": {}}}}}},
}
RAW = document({"/things/{id}": {"put": PUT}})
GIVEN = {"id": "a/b", "tags": ["x", "y"], "near": ["1,2", "3"], "filter": {"k": True}, "X-Trace": "t", "theme": "d;k", "note": None}
GOOD = Recorded(
    "PUT",
    "/moved/things/a%2Fb?tags=x&tags=y&near=1%2C2,3&filter%5Bk%5D=true",
    (("host", "h"), ("x-trace", "t"), ("cookie", "theme=d%3Bk"), ("content-type", "application/json"), ("content-length", "13")),
    b'{"note":null}',
)


def fault(recorded: Recorded, given: dict[str, Any] = GIVEN, raw: dict[str, Any] = RAW) -> str:
    """What the judge calls it, empty for a faithful request."""
    (described,) = operations(raw, "/moved")
    (tool,) = compile_tools(read(json.dumps(raw).encode()), source="api").tools
    try:
        check(described, tool.input_schema["properties"], given, recorded)
    except Unfaithful as unfaithful:
        return unfaithful.fault
    return ""


def targeted(old: str, new: str) -> Recorded:
    """The good request with another target."""
    assert old in GOOD.target
    return replace(GOOD, target=GOOD.target.replace(old, new))


def headed(**changed: str | None) -> Recorded:
    """The good request with headers changed, added, or left out (None)."""
    names = {name.replace("_", "-"): value for name, value in changed.items()}
    kept = [(name, value) for name, value in GOOD.headers if name not in names]
    return replace(GOOD, headers=(*kept, *((name, value) for name, value in names.items() if value is not None)))


def test_a_faithful_request_passes() -> None:
    """Encoding what need not be encoded changes nothing."""
    assert fault(GOOD) == ""
    assert fault(targeted("tags=x", "%74ags=%78")) == ""


@pytest.mark.parametrize(
    ("recorded", "named"),
    [
        (replace(GOOD, method="POST"), "method"),
        (targeted("a%2Fb", "a/b"), "path"),
        (targeted("a%2Fb", "a%252Fb"), "path"),
        (targeted("a%2Fb", ""), "path"),
        (targeted("/moved", ""), "path"),
        (targeted("tags=x&tags=y&", ""), "query_wrong"),
        (targeted("tags=x&tags=y", "tags=x,y"), "query_wrong"),
        (targeted("near=1%2C2,3", "near=1,2,3"), "query_wrong"),
        (targeted("true", "True"), "query_wrong"),
        (targeted("filter%5Bk%5D", "filter.k"), "query_wrong"),
        (targeted("?", "?key=secret&"), "query_extra"),
        (targeted("tags=x", "tags= x"), "query_wrong"),
        (headed(x_trace="u"), "header_wrong"),
        (headed(x_trace=None), "header_wrong"),
        (headed(mcp_method="tools/call"), "header_extra"),
        (headed(cookie="theme=d;k"), "cookie_wrong"),
        (headed(cookie="theme=d%3Bk; session=1"), "cookie_wrong"),
        (headed(content_type="text/plain"), "content_type"),
        (headed(content_type="application/*"), "content_type"),
        (headed(content_type=None), "content_type"),
        (replace(headed(content_type=None), body=b""), "body_missing"),
        (replace(GOOD, body=b"{}"), "body_wrong"),
        (replace(GOOD, body=b'{"note":null,"more":1}'), "body_wrong"),
        (replace(GOOD, body=b"note"), "body_wrong"),
    ],
)
def test_every_way_to_be_unfaithful_is_seen(recorded: Recorded, named: str) -> None:
    """Each under the name it is counted by."""
    assert fault(recorded) == named


def test_what_the_document_requires_must_be_there() -> None:
    """Also when it was not given, which a tool's schema should have refused; a parameter no argument stands for is a fault of the tool."""
    assert fault(targeted("tags=x&tags=y&", ""), {name: value for name, value in GIVEN.items() if name != "tags"}) == "query_missing"
    assert fault(headed(x_trace=None), {name: value for name, value in GIVEN.items() if name != "X-Trace"}) == "header_missing"
    override = parameter("X-HTTP-Method-Override", "header")
    (described,) = operations(document({"/a": {"post": {"parameters": [{**override, "required": True}]}}}), "/moved")
    with pytest.raises(Unfaithful, match="not_offered"):
        check(described, {}, {}, Recorded("POST", "/moved/a", (), b""))


def test_forms_and_files_are_read_back() -> None:
    """Fields of a urlencoded body by their style, parts of a multipart one by name, files as the bytes they were before base64."""
    schema = {"type": "object", "properties": {"a": TAGS, "f": {"type": "string", "format": "binary"}}}
    form = document({"/a": {"post": {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}}}})
    urlencoded = Recorded("POST", "/moved/a", (("content-type", "application/x-www-form-urlencoded"),), b"a=x&a=y%26")
    assert fault(urlencoded, {"a": ["x", "y&"]}, form) == ""
    assert fault(urlencoded, {"a": ["x", "y"]}, form) == "body_wrong"
    assert fault(urlencoded, {}, form) == "body_extra"
    parts = document({"/a": {"post": {"requestBody": {"content": {"multipart/form-data": {"schema": schema}}}}}})
    body = b'--B\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\n\x00\x01\r\n--B--\r\n'
    multipart = Recorded("POST", "/moved/a", (("content-type", "multipart/form-data; boundary=B"),), body)
    assert fault(multipart, {"f": "AAE=", "f_filename": "n"}, parts) == ""
    assert fault(multipart, {"f": "AAI="}, parts) == "body_wrong"


def test_swagger_is_read_as_swagger() -> None:
    """Collection formats and the body's media types come from its own words."""
    csv = {"name": "ids", "in": "query", "type": "array", "items": {"type": "string"}}
    raw = {"swagger": "2.0", "host": "api.example.com", "paths": {"/a": {"get": {"parameters": [csv]}}}}
    assert fault(Recorded("GET", "/moved/a?ids=x,y", (), b""), {"ids": ["x", "y"]}, raw) == ""
    assert fault(Recorded("GET", "/moved/a?ids=x&ids=y", (), b""), {"ids": ["x", "y"]}, raw) == "query_wrong"


@pytest.mark.parametrize("number", range(20))
def test_generated_arguments_are_valid(number: int) -> None:
    """And the same seed makes the same ones, so that a fault can be looked at again."""
    schema = {
        "type": "object",
        "required": ["kind", "size", "tree", "code"],
        "properties": {
            "kind": {"enum": ["a", "b"]},
            "size": {"type": "integer", "minimum": 3, "maximum": 4},
            "sid": {"type": "string", "pattern": "^AC[0-9a-f]{32}$"},
            "code": {"type": "string", "pattern": "^[A-Z]{3}_(x|y){2}:[0-9]{12}$"},
            "when": {"type": ["string", "null"], "format": "date"},
            "tree": {"$ref": "#/$defs/Tree"},
        },
        "additionalProperties": {"type": "boolean"},
        "$defs": {"Tree": {"type": "object", "properties": {"more": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}},
    }
    made = Generator(schema, str(number)).arguments()
    assert made is not None
    assert jsonschema_rs.Draft202012Validator(schema, offline=True).is_valid(made)
    assert json.dumps(made) == json.dumps(Generator(schema, str(number)).arguments())


def test_an_empty_object_in_a_form_may_be_nothing_or_its_json() -> None:
    """No style says how a form writes one; anything else under its name is a fault."""
    schema = {"type": "object", "properties": {"meta": {"type": "object"}, "a": {"type": "string"}}}
    form = document({"/a": {"post": {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}}}})
    sent = Recorded("POST", "/moved/a", (("content-type", "application/x-www-form-urlencoded"),), b"a=b")
    given = {"meta": {}, "a": "b"}
    assert fault(sent, given, form) == ""
    assert fault(replace(sent, body=b"meta=%7B%7D&a=b"), given, form) == ""
    assert fault(replace(sent, body=b"meta=x&a=b"), given, form) == "body_extra"


def test_xml_holds_every_value_and_no_other() -> None:
    """As an element's text or an attribute; one lost, one added, and what is no XML are faults."""
    schema = {"type": "object", "properties": {"a": TAGS, "n": {"type": "integer"}}}
    raw = document({"/a": {"post": {"requestBody": {"content": {"application/xml": {"schema": schema}}}}}})
    (described,) = operations(raw, "/moved")

    def seen(body: bytes) -> str:
        try:
            check(described, {"a": TAGS, "n": {}}, {"a": ["x", "y&"], "n": 1}, replace(sent, body=body))
        except Unfaithful as unfaithful:
            return unfaithful.fault
        return ""

    sent = Recorded("POST", "/moved/a", (("content-type", "application/xml"),), b"")
    assert seen(b'<r n="1"><a>x</a><a>y&amp;</a></r>') == ""
    assert seen(b'<r n="1"><a>x</a></r>') == "body_wrong"
    assert seen(b'<r n="1" m="2"><a>x</a><a>y&amp;</a></r>') == "body_wrong"
    assert seen(b"<r>") == "body_wrong"


def test_a_query_in_the_path_template_holds_its_value_as_given() -> None:
    """Text that looks encoded is not decoded twice, and the fixed part must be there."""
    raw = document({"/find?kind=note&by={by}": {"get": {"parameters": [parameter("by", "query", required=True)]}}})
    assert fault(Recorded("GET", "/moved/find?kind=note&by=%252F", (), b""), {"by": "%2F"}, raw) == ""
    assert fault(Recorded("GET", "/moved/find?kind=note&by=%2F", (), b""), {"by": "%2F"}, raw) == "query_missing"
    assert fault(Recorded("GET", "/moved/find?by=%252F", (), b""), {"by": "%2F"}, raw) == "query_missing"


def test_yaml_is_read_as_its_newer_version(tmp_path: Path) -> None:
    """A key called `on` and a date stay text; only true and false are booleans."""
    file = tmp_path / "api.yaml"
    file.write_text("on: 2024-05-06\nno: false\nsize: 2\nsaid: true story\n")
    assert load(file) == {"on": "2024-05-06", "no": False, "size": 2, "said": "true story"}


def judged(reply: Reply, *blocks: Any, promised: dict[str, Any] | None = None, head: bool = False, **more: Any) -> str:
    """What the judge calls an answer of these blocks, empty for a whole one."""
    try:
        check_answer(reply, CallToolResult(content=list(blocks), **more), promised, head=head)
    except Unfaithful as unfaithful:
        return unfaithful.fault
    return ""


def said(text: str) -> TextContent:
    """A block of text."""
    return TextContent(type="text", text=text)


def test_an_answer_that_came_back_whole_passes() -> None:
    """A value in the text and as structured content, text between marks, bytes attached; HEAD and no content owe nothing."""
    data = base64.b64encode(b"\x00\xff").decode()
    blob = BlobResourceContents(uri="answer:body", mime_type="application/octet-stream", blob=data)
    assert judged(Reply(b'{"a":1}'), said('{"a":1}'), structured_content={"a": 1}) == ""
    assert judged(Reply(b"[1]"), said("[1]"), structured_content={"result": [1]}) == ""
    assert judged(Reply(b"a\nb", "text/plain"), said("before\na\nb\nafter")) == ""
    assert judged(Reply(b"\x00\xff", "image/png"), ImageContent(type="image", data=data, mime_type="image/png")) == ""
    assert judged(Reply(b"\x00\xff", "application/zip"), EmbeddedResource(type="resource", resource=blob)) == ""
    assert judged(Reply(b"", "", "204 No Content"), said("Done.")) == ""
    assert judged(Reply(b'{"a":1}'), said("Done."), head=True) == ""


def test_an_answer_that_was_lost_or_changed_is_seen() -> None:
    """An error in place of a 2xx, a value that is another, text that is cut, an attachment that is missing."""
    assert judged(Reply(b'{"a":1}'), said('{"a":1}'), is_error=True) == "answer_lost"
    assert judged(Reply(b"", "", "204 No Content"), said("no"), is_error=True, head=True) == "answer_lost"
    assert judged(Reply(b'{"a":1}'), said('{"a":1}'), structured_content={"a": 2}) == "answer_changed"
    assert judged(Reply(b'{"a":1}'), said("{}"), structured_content={"a": 1}) == "answer_changed"
    assert judged(Reply(b"a\nb", "text/plain"), said("a")) == "answer_changed"
    assert judged(Reply(b"\x00\xff", "image/png"), said("a picture")) == "answer_changed"


def test_a_broken_promise_of_the_api_leaves_the_text_only() -> None:
    """Structured content is empty exactly where the answer does not fit the tool's output schema."""
    promised = {"type": "object", "properties": {"a": {"type": "string"}, "result": {"type": "string"}}}
    assert judged(Reply(b'{"a":1}'), said('{"a":1}'), promised=promised, structured_content={}) == ""
    assert judged(Reply(b'{"a":1}'), said('{"a":1}'), promised=promised, structured_content={"a": 1}) == "answer_changed"
    assert judged(Reply(b'{"a":"b"}'), said('{"a":"b"}'), promised=promised, structured_content={}) == "answer_changed"


def test_folders_are_searched_and_a_seed_chooses() -> None:
    """Documents keep their place below the folder as name; the same seed chooses the same ones, never more than there are."""
    own = found([Path("bench/documents/own")])
    assert [each.name for each in own] == ["hard", "later", "swagger"]
    assert found([Path("bench/documents/own/hard.yaml")])[0].name == "hard"
    assert sampled(own, None, 1) == sampled(own, 9, 1) == {"hard", "later", "swagger"}
    assert len({frozenset(sampled(own, 1, seed)) for seed in range(20)}) > 1
    assert sampled(own, 2, 7) == sampled(own, 2, 7)


def test_a_document_that_ends_the_process_costs_itself_only(tmp_path: Path) -> None:
    """It counts as a crash, and the next one is measured by a new process."""
    good = tmp_path / "good.json"
    good.write_text(json.dumps(document({"/a": {"get": {}}, "/b": {"trace": {}}})))
    workshop = Workshop(1, fresh=False)
    gone = workshop.measure(Found("gone", tmp_path / "gone.json"), 0).ours
    facts = workshop.measure(Found("good", good), 0).ours
    workshop.close()
    assert gone.crash
    assert not gone.refused
    assert (facts.crash, facts.operations, facts.tools, facts.sampled) == ("", 2, 1, 0)
    assert workshop.peak_mib > 1


def test_the_sums_name_every_reason_with_an_example() -> None:
    """Reasons that differ in what is the document's own are one; nothing is counted that was not called."""
    skips = [("it refers to 'a.json'", "GET /a"), ("it refers to 'b.json'", "GET /b")]
    one = Facts("one", operations=4, tools=2, skipped=skips, sampled=2, calls=2, faithful=1, faults=[("path", "get_a was wrong")])
    two = Facts("two", crash="it ended")
    text = summary([one, two, Facts("three", refused="it is 'odd'.")], seconds=2.0, peak_mib=100.0)
    assert "refused 1, crashed 1" in text
    assert "2 (50.00%)" in text
    assert "1 of 2 (50.00%); documents with a fault 1" in text
    assert "skipped because it refers to …: 2, such as one GET /a" in text
    assert "fault path: 1, such as one: get_a was wrong" in text
    assert "b.json" not in text
    assert row(one).count(" | ") == len(COLUMNS) - 1
    assert [*remarks(one), *remarks(two)] == ["one: get_a was wrong", "two: it ended"]


def test_a_comparison_counts_what_both_were_asked() -> None:
    """Requests and whole calls apart, our own figures for the documents the peer imports alone, and each reason once."""
    ours = Facts("one", asked=["GET /a", "GET /b"], sampled=2, calls=2, requests=2, faithful=2)
    theirs = Facts("one", asked=["GET /a", "GET /b"], sampled=2, calls=2, requests=1, faithful=0, faults=[("path", "a"), ("answer", "b")])
    odd = Facts("odd", asked=["GET /c"], sampled=1, calls=1, requests=0)
    text = compared("peer", [Measured(ours, theirs), Measured(odd, Facts("odd", asked=["GET /c"], refused="no")), Measured(Facts("three"))])
    assert "documents 2, of them refused 1, not finished 0" in text
    assert "peer: asked for 3, tools 2, called 2, requests faithful 1 (50.00%), answers too 0 (0.00%)" in text
    assert "ours in the documents it imports: asked for 2, tools 2, called 2, requests faithful 2 (100.00%)" in text
    assert "peer refused: no: 1, such as odd" in text
    assert text.count("peer fault") == 2


def test_the_same_name_in_two_places_is_told_by_its_mark() -> None:
    """An argument marked with its place is that parameter, and the plain one the body's; without a mark the parameter has its name."""
    body = {"content": {"application/json": {"schema": {"type": "object", "properties": {"id": {}}}}}}
    (described,) = operations(document({"/a/{id}": {"put": {"parameters": [parameter("id", "path")], "requestBody": body}}}), "/moved")
    sent = Recorded("PUT", "/moved/a/x", (("content-type", "application/json"),), b'{"id":"y"}')
    check(described, {"id__path": {}, "id": {}}, {"id__path": "x", "id": "y"}, sent)
    with pytest.raises(Unfaithful, match="path"):
        check(described, {"id": {}, "idBody": {}}, {"id": "y", "idBody": "x"}, sent)
