"""Bodies in every encoding, byte for byte, and values that try to break out of theirs."""

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.refusals import Refusal
from tests.documents import LAW, request, takes

FILE = {"type": "string", "format": "binary"}


def sent(tool: Any, arguments: dict[str, Any]) -> tuple[str, bytes]:
    """Content-Type and body."""
    made = request(tool, arguments, boundary="BOUNDARY")
    assert made.body is not None
    return dict(made.headers)["content-type"], made.body


def parts(content_type: str, body: bytes) -> list[tuple[Any, bytes]]:
    """Headers and content of each part, read by an independent parser."""
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    assert message.is_multipart()
    return [(part, part.get_payload(decode=True)) for part in message.iter_parts()]


@pytest.mark.parametrize(
    ("written", "arrives"),
    [
        ("application/json", "application/json"),
        ("application/json; charset=utf-8", "application/json; charset=utf-8"),
        ("application/merge-patch+json", "application/merge-patch+json"),
        ("application/vnd.api+json", "application/vnd.api+json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("", "application/json"),
    ],
)
def test_json_bodies_in_every_name(written: str, arrives: str) -> None:
    """A wildcard is never sent as such."""
    tool = takes({"type": "object", "properties": {"a": {"type": "array"}}}, media_type=written)
    assert sent(tool, {"a": [1, None, {"b": "ü"}]}) == (arrives, '{"a":[1,null,{"b":"ü"}]}'.encode())


@pytest.mark.parametrize("written", ["application/json;\r\n charset=utf-8", "application/jsön", "application/json; charset=\r\nX-Evil: 1"])
def test_a_media_type_stays_in_its_line(written: str) -> None:
    """What a document calls a media type and is none is not sent as one, neither for the body nor for a part (OA-03)."""
    assert sent(takes({"type": "object"}, media_type=written), {"body": {}})[0] == "application/json"
    schema = {"type": "object", "properties": {"a": {"type": "object"}}}
    form = takes(schema, media_type="multipart/form-data", media={"encoding": {"a": {"contentType": written}}})
    ((part, _),) = parts(*sent(form, {"a": {}}))
    assert {name.lower(): str(value) for name, value in part.items()} == {
        "content-disposition": 'form-data; name="a"',
        "content-type": "application/json",
    }


def test_a_json_patch_is_one_argument() -> None:
    """Its body is a list."""
    tool = takes({"type": "array", "items": {"type": "object"}}, media_type="application/json-patch+json")
    assert sent(tool, {"body": [{"op": "remove", "path": "/a"}]}) == ("application/json-patch+json", b'[{"op":"remove","path":"/a"}]')


def test_json_is_preferred_when_several_are_offered() -> None:
    """Then forms, then text, then bytes."""
    schema = {"schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
    content = {
        "application/octet-stream": {},
        "multipart/form-data": schema,
        "application/x-www-form-urlencoded": schema,
        "application/json": schema,
    }
    operation = {"requestBody": {"content": content}}
    for kind in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data", "application/octet-stream"):
        body = takes({}, operation=operation)
        assert kind in dict(request(body, {"a": "x", "body": "aGk="}).headers)["content-type"]
        del content[kind]
        content["application/zip"] = {}


@pytest.mark.parametrize(
    ("encoding", "value", "body"),
    [
        ({}, "a b&c=ü", b"f=a%20b%26c%3D%C3%BC"),
        ({}, True, b"f=true"),
        ({}, None, b"f=null"),
        ({}, [1, "x"], b"f=1&f=x"),
        ({}, {"k": [1]}, b"f=%7B%22k%22%3A%5B1%5D%7D"),
        ({"style": "deepObject", "explode": True}, {"k": {"l": 1}}, b"f%5Bk%5D%5Bl%5D=1"),
        ({"style": "form", "explode": False}, [1, 2], b"f=1,2"),
        ({"explode": False}, [1, 2], b"f=1,2"),
        ({"style": "form"}, {"k": 1}, b"k=1"),
        ({"style": "pipeDelimited"}, [1, 2], b"f=1%7C2"),
    ],
)
def test_url_encoded_forms(encoding: dict[str, Any], value: Any, body: bytes) -> None:
    """Arrays repeat their field, objects are JSON, unless the document's encoding says otherwise."""
    tool = takes(
        {"type": "object", "properties": {"f": {}}}, media_type="application/x-www-form-urlencoded", media={"encoding": {"f": encoding}}
    )
    assert sent(tool, {"f": value}) == ("application/x-www-form-urlencoded", body)


def test_a_form_that_cannot_be_flattened_takes_an_object() -> None:
    """And nothing else."""
    tool = takes({"type": "object"}, media_type="application/x-www-form-urlencoded")
    assert sent(tool, {"body": {"a": 1, "b": "x"}})[1] == b"a=1&b=x"
    with pytest.raises(Refusal, match="object"):
        sent(tool, {"body": ["a"]})


def upload(**properties: Any) -> Any:
    """A multipart tool with these fields."""
    return takes({"type": "object", "properties": properties}, media_type="multipart/form-data")


def test_multipart_parts_arrive_as_an_independent_parser_reads_them() -> None:
    """Text, numbers, objects, repeated items and files."""
    tool = upload(
        note={"type": "string"},
        count={"type": "integer"},
        meta={"type": "object"},
        tags={"type": "array", "items": {"type": "string"}},
        file=FILE,
    )
    kind, body = sent(tool, {"note": "ü", "count": 2, "meta": {"a": 1}, "tags": ["x", "y"], "file": "AAEC/w==", "file_filename": "r.bin"})
    assert kind == "multipart/form-data; boundary=BOUNDARY"
    seen = [
        (part.get_param("name", header="content-disposition"), part.get_filename(), part.get("content-type"), data)
        for part, data in parts(kind, body)
    ]
    assert seen == [
        ("note", None, None, "ü".encode()),
        ("count", None, None, b"2"),
        ("meta", None, "application/json", b'{"a":1}'),
        ("tags", None, None, b"x"),
        ("tags", None, None, b"y"),
        ("file", "r.bin", "application/octet-stream", b"\x00\x01\x02\xff"),
    ]
    assert body.endswith(b"--BOUNDARY--\r\n")


def test_files_are_described_as_base64_and_may_be_many() -> None:
    """An agent is told how to give them; a file without a name bears its field's."""
    tool = upload(docs={"type": "array", "items": FILE}, one={**FILE, "description": "The logo."})
    fields = tool.input_schema["properties"]
    assert fields["one"] == {"type": "string", "contentEncoding": "base64", "description": "The logo (as base64)."}
    assert fields["docs"]["items"]["contentEncoding"] == "base64"
    kind, body = sent(tool, {"docs": ["aGk=", "aG8="]})
    assert [(part.get_filename(), data) for part, data in parts(kind, body)] == [("docs", b"hi"), ("docs", b"ho")]


def test_the_documents_part_types_are_used() -> None:
    """`encoding.contentType` decides, unless it is a wildcard or would break the header."""
    media = {
        "encoding": {
            "a": {"contentType": "image/png, image/gif"},
            "b": {"contentType": "image/*"},
            "c": {"contentType": "text/x\r\nX-Evil: 1"},
        }
    }
    tool = takes(
        {"type": "object", "properties": {"a": FILE, "b": FILE, "c": {"type": "string"}}}, media_type="multipart/form-data", media=media
    )
    kind, body = sent(tool, {"a": "aGk=", "b": "aGk=", "c": "x"})
    assert [part.get("content-type") for part, _ in parts(kind, body)] == ["image/png", "application/octet-stream", None]
    assert b"X-Evil" not in body


def test_a_filename_without_its_file_is_refused() -> None:
    """Nothing an agent gives is dropped in silence; a field that is required anyway needs no second word."""
    tool = upload(file=FILE, note={"type": "string"})
    fits = jsonschema_rs.Draft202012Validator(tool.input_schema, offline=True).is_valid
    assert fits({"file": "aGk=", "file_filename": "a.txt"})
    assert not fits({"note": "n", "file_filename": "a.txt"})
    assert "dependentRequired" not in takes({"type": "object", "properties": {"file": {"type": "string"}}}).input_schema


@pytest.mark.parametrize("name", ['a"; filename="evil', "a\r\nX-Evil: 1", 'a"\r\n\r\ninjected', "ü.txt", "../../etc/passwd"])
def test_a_filename_stays_between_its_quotes(name: str) -> None:
    """Quotes and line breaks in it are encoded (OA-06)."""
    kind, body = sent(upload(file=FILE), {"file": "aGk=", "file_filename": name})
    ((part, data),) = parts(kind, body)
    assert data == b"hi"
    assert part["X-Evil"] is None
    assert body.count(b"filename=") == 1 or "filename=" in name
    head = body.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert len(head) == 3
    assert head[1].count(b'"') == 4


def test_the_boundary_is_the_sources_and_not_the_arguments() -> None:
    """A value that looks like a boundary is only text (OA-06)."""
    kind, body = sent(upload(a={"type": "string"}, b={"type": "string"}), {"a": "x\r\n--OTHER\r\n", "b": "y"})
    assert [data for _, data in parts(kind, body)] == [b"x\r\n--OTHER\r\n", b"y"]


@pytest.mark.parametrize("kind", ["application/octet-stream", "image/png", "application/pdf"])
def test_binary_bodies_are_base64_arguments(kind: str) -> None:
    """The bytes themselves are sent."""
    tool = takes(FILE, media_type=kind)
    assert tool.input_schema["properties"]["body"]["contentEncoding"] == "base64"
    assert sent(tool, {"body": "AAEC/w=="}) == (kind, b"\x00\x01\x02\xff")
    assert sent(tool, {"body": "AAEC_w"}) == (kind, b"\x00\x01\x02\xff")


@pytest.mark.parametrize("value", ["not base64!", "a", 5, None, "AAEC\x00"])
def test_what_is_not_base64_is_refused(value: Any) -> None:
    """Naming the argument, not repeating the value."""
    with pytest.raises(Refusal) as refused:
        sent(takes(FILE, media_type="application/octet-stream"), {"body": value})
    assert (refused.value.code, refused.value.facts["field"]) == ("argument_not_sendable", "body")
    assert "not base64!" not in str(refused.value)


@pytest.mark.parametrize("kind", ["text/plain", "text/markdown", "application/x-ndjson", "application/graphql"])
def test_text_bodies_are_utf_8(kind: str) -> None:
    """And say so."""
    assert sent(takes({"type": "string"}, media_type=kind), {"body": "ü\n"}) == (f"{kind}; charset=utf-8", "ü\n".encode())


def test_xml_given_as_text_is_passed_on() -> None:
    """The agent wrote it, and what it wrote is sent."""
    assert sent(takes({"type": "string"}, media_type="application/xml"), {"body": "<a/>"})[1] == b"<a/>"


@pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data", "application/octet-stream", "text/plain"]
)
def test_an_optional_body_that_is_not_given_is_not_sent(kind: str) -> None:
    """Nor is its Content-Type."""
    made = request(takes({"type": "object", "properties": {"a": {"type": "string"}}}, media_type=kind, required=False))
    assert made.body is None
    assert "content-type" not in dict(made.headers)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


@LAW
@given(st.dictionaries(st.sampled_from(["a", "b", "$c", "d e"]), VALUES))
def test_json_arrives_as_it_was_given(fields: dict[str, Any]) -> None:
    """Every field under its own name, null and emptiness included."""
    tool = takes({"type": "object", "properties": {"a": {}, "b": {}, "$c": {}, "d e": {}}})
    renamed = {"a": "a", "b": "b", "$c": "c", "d e": "d_e"}
    arguments = {renamed[name]: value for name, value in fields.items()}
    assert jsonschema_rs.validator_for(tool.input_schema, offline=True).is_valid(arguments)
    assert json.loads(sent(tool, arguments)[1]) == fields


@LAW
@given(st.text(), st.text())
def test_multipart_text_arrives_as_it_was_given(one: str, two: str) -> None:
    """Whatever the text, there are two parts (OA-06)."""
    made = request(upload(a={"type": "string"}, b={"type": "string"}), {"a": one, "b": two}, boundary="5c0f4e9d1b7a")
    assert made.body is not None
    pieces = made.body.split(b"--5c0f4e9d1b7a")
    assert [piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for piece in pieces[1:3]] == [one.encode(), two.encode()]
    assert len(pieces) == 4


def test_a_range_of_pictures_is_sent_as_the_type_the_caller_names() -> None:
    """Never as the range, nor as a type outside of it."""
    tool = takes({"type": "string", "format": "binary"}, media_type="image/*")
    assert tool.input_schema["required"] == ["body", "content_type"]
    sent = request(tool, {"body": "aGk=", "content_type": "image/webp"})
    assert (dict(sent.headers)["content-type"], sent.body) == ("image/webp", b"hi")
    valid = jsonschema_rs.validator_for(tool.input_schema, offline=True).is_valid
    for wrong in ("image/*", "text/html", "image/png\r\nx: y", "image/"):
        assert not valid({"body": "aGk=", "content_type": wrong})
        with pytest.raises(Refusal):
            request(tool, {"body": "aGk=", "content_type": wrong})
    optional = takes({}, media_type="video/*", required=False)
    assert optional.input_schema["dependentRequired"] == {"body": ["content_type"], "content_type": ["body"]}
    assert request(optional).body is None or request(optional).body == b""
