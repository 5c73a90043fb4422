"""Bytes to a checked document: JSON, YAML without its dangers, Swagger 2.0, and refusals in words."""

import datetime as dt
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.refusals import Refusal
from freehold.domains.sources.openapi.read import read
from freehold.domains.sources.openapi.tools import compile_tools
from tests.documents import LAW, document, request

PLAIN = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": {}}


def why_refused(data: bytes, **more: Any) -> str:
    """The sentence of the refusal, which must be about the document and say what to do."""
    with pytest.raises(Refusal) as refused:
        read(data, **more)
    assert refused.value.code == "document_invalid"
    assert refused.value.mend
    return refused.value.sentence


@pytest.mark.parametrize("version", ["3.0.0", "3.0.3", "3.1.0", "3.1.1"])
def test_openapi_3_0_and_3_1_are_read(version: str) -> None:
    """Both families are taken as they stand."""
    assert read(json.dumps({**PLAIN, "openapi": version}).encode())["openapi"] == version


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b'{"swagger": "1.2", "apis": []}', "names no OpenAPI version"),
        (b'{"openapi": "3.2.0", "paths": {}}', "OpenAPI 3.2.0"),
        (b'{"openapi": "4.0.0", "paths": {}}', "OpenAPI 4.0.0"),
        (b'{"openapi": 31, "paths": {}}', "names no OpenAPI version"),
        (b'{"openapi": "3.0.0", "paths": []}', "`paths`"),
        (b"[]", "not an object"),
        (b"just text", "not an object"),
        (b"", "not an object"),
        (b"<!doctype html><html></html>", "web page"),
        (b'{"openapi": "3.0.0"', "not valid JSON"),
        (b'{"openapi": "\xff"}', "not valid JSON"),
        (b"openapi: [", "not valid YAML"),
    ],
)
def test_what_is_not_openapi_is_refused_in_words(data: bytes, part: str) -> None:
    """Each wrong thing gets its own sentence."""
    assert part in why_refused(data)


def test_a_document_larger_than_the_cap_is_refused_unread() -> None:
    """The cap counts bytes, before any parsing."""
    data = json.dumps(PLAIN).encode()
    assert read(data, cap=len(data))
    assert f"{len(data) - 1} bytes" in why_refused(data, cap=len(data) - 1)


def test_endless_nesting_is_refused() -> None:
    """Depth is bounded in both notations (OA-04)."""
    deep = 200_000
    assert "nested" in why_refused(b'{"a":' * deep + b"1" + b"}" * deep)
    assert "nested" in why_refused(b"openapi: " + b"[" * 5_000 + b"]" * 5_000)


def test_yaml_means_what_json_would() -> None:
    """Dates, yes/no and status codes stay text; numbers, booleans and null are themselves."""
    data = b"""
openapi: 3.0.3
info: {title: T, version: 1}
paths: {}
x:
  on: yes
  date: 2024-01-31
  200: 010
  numbers: [1, -2, 1.5, 1e3, 0x10, .inf, 1e999, 1_000]
  words: [true, False, null, ~, "true", 'null', no, off]
"""
    seen = read(data)
    assert seen["openapi"] == "3.0.3"
    assert seen["info"]["version"] == 1
    assert seen["x"] == {
        "on": "yes",
        "date": "2024-01-31",
        "200": "010",
        "numbers": [1, -2, 1.5, 1000.0, "0x10", ".inf", "1e999", "1_000"],
        "words": [True, False, None, None, "true", "null", "no", "off"],
    }
    assert not isinstance(seen["x"]["date"], dt.date)


def test_yaml_anchors_and_merge_keys_work() -> None:
    """Aliases repeat a value; `<<` fills in what the mapping does not say itself."""
    seen = read(b"openapi: 3.0.0\npaths: {}\nx: &a {one: 1, two: 2}\ny: {<<: *a, two: 3}\nz: [*a]\n")
    assert seen["y"] == {"one": 1, "two": 3}
    assert seen["z"] == [{"one": 1, "two": 2}]


def test_a_yaml_bomb_is_refused_before_it_grows() -> None:
    """Aliases count what they repeat, so nine lines cannot become a billion nodes (OA-04)."""
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"] + [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "aliases repeat" in why_refused("\n".join(["openapi: 3.0.0", "paths: {}", *lines]).encode())


def test_a_yaml_alias_inside_its_own_anchor_is_refused() -> None:
    """A value that contains itself would never end (OA-04)."""
    assert "alias" in why_refused(b"openapi: 3.0.0\npaths: {}\nx: &a [*a]\n")


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['id']", "!!python/name:os.system", "!include secrets.yml", "!!binary aGk="]
)
def test_yaml_tags_are_refused(tag: str) -> None:
    """No tag constructs anything (OA-04)."""
    assert "tag" in why_refused(f"openapi: 3.0.0\npaths: {{}}\nx: {tag}\n".encode())


def test_byte_order_marks_are_understood() -> None:
    """Documents saved by Windows editors are read."""
    text = json.dumps(PLAIN)
    assert read(b"\xef\xbb\xbf" + text.encode()) == PLAIN
    assert read(text.encode("utf-16")) == PLAIN


@LAW
@given(st.binary(max_size=200) | st.text(alphabet="openapi: 3.0\n{}[]&*!-\"'<,x", max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing but a refusal comes out of bytes that are no document."""
    with suppress(Refusal):
        assert isinstance(read(data), dict)


SWAGGER = {
    "swagger": "2.0",
    "host": "old.example.com",
    "basePath": "/v1",
    "schemes": ["http", "https"],
    "consumes": ["application/json"],
    "produces": ["application/json"],
    "parameters": {"limit": {"name": "limit", "in": "query", "type": "integer", "maximum": 50}},
    "definitions": {
        "Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "mate": {"$ref": "#/definitions/Pet"}}}
    },
    "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    "paths": {
        "/pets": {
            "parameters": [{"$ref": "#/parameters/limit"}],
            "get": {
                "operationId": "listPets",
                "parameters": [
                    {"name": "tags", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "pipes"},
                    {"name": "ids", "in": "query", "type": "array", "items": {"type": "integer"}, "collectionFormat": "multi"},
                    {"name": "X-Key", "in": "header", "type": "string", "required": True},
                ],
            },
            "post": {
                "operationId": "addPet",
                "parameters": [{"name": "pet", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Pet"}}],
            },
        },
        "/upload": {
            "post": {
                "operationId": "upload",
                "consumes": ["multipart/form-data"],
                "parameters": [
                    {"name": "file", "in": "formData", "type": "file", "required": True},
                    {"name": "note", "in": "formData", "type": "string"},
                ],
            }
        },
    },
}


def test_swagger_2_is_converted() -> None:
    """Host, base path, parameters, collection formats, bodies, form data and definitions all arrive."""
    made = compile_tools(read(json.dumps(SWAGGER).encode()), source="old")
    assert made.base_url == "https://old.example.com/v1"
    assert not made.skipped
    listing, adding, upload = made.tools
    assert set(listing.input_schema["properties"]) == {"limit", "tags", "ids"}
    assert (
        request(listing, {"limit": 5, "tags": ["a", "b"], "ids": [1, 2]}).url
        == "https://old.example.com/v1/pets?limit=5&tags=a%7Cb&ids=1&ids=2"
    )
    assert adding.input_schema["required"] == ["name"]
    assert request(adding, {"name": "Rex"}).body == b'{"name":"Rex"}'
    sent = request(upload, {"file": "aGk=", "note": "n"}).body
    assert sent is not None
    assert b"\r\n\r\nhi\r\n" in sent
    assert b'name="note"\r\n\r\nn\r\n' in sent


def test_a_swagger_operation_that_refers_elsewhere_is_skipped_alone() -> None:
    """A remote reference costs its own operation, not the document."""
    paths = {"/a": {"get": {"parameters": [{"$ref": "other.json#/x"}]}}, "/b": {"get": {"operationId": "getB"}}}
    made = compile_tools(read(json.dumps({**SWAGGER, "paths": paths}).encode()), source="old")
    assert [tool.name for tool in made.tools] == ["get_b"]
    assert "never fetched" in made.skipped[0].why


def test_yaml_and_json_of_one_document_compile_alike() -> None:
    """The notation does not show in the tools."""
    made = document({"/things/{id}": {"get": {"operationId": "getThing", "responses": {"200": {"description": "ok"}}}}})
    lines = [
        "openapi: 3.0.3",
        "info: {title: T, version: '1'}",
        "servers: [{url: 'https://api.example.com'}]",
        "paths:",
        "  /things/{id}:",
        "    get:",
        "      operationId: getThing",
        "      responses:",
        "        200: {description: ok}",
    ]
    assert read("\n".join(lines).encode()) == made
