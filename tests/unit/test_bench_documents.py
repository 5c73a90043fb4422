"""The judge of `python -m bench.documents`: a faithful request passes, and every way to be unfaithful is seen and named."""

import json
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest

from bench.documents.arguments import Generator
from bench.documents.faithful import check
from bench.documents.operations import operations
from bench.documents.recorder import Recorded
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
        "required": ["kind", "size", "tree"],
        "properties": {
            "kind": {"enum": ["a", "b"]},
            "size": {"type": "integer", "minimum": 3, "maximum": 4},
            "sid": {"type": "string", "pattern": "^AC[0-9a-f]{32}$"},
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
