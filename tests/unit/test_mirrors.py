"""Arguments repeated in headers: which a schema asks for, which annotations are none, and which calls are refused."""

import base64
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol import mirrors
from freehold.protocol.mirrors import Mirrored
from freehold.protocol.wire import Fault

KINDS = {"region": "string", "count": "integer", "dry": "boolean"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **{name: {"type": kind, "x-mcp-header": name.title()} for name, kind in KINDS.items()},
        "where": {"type": "object", "properties": {"zone": {"type": "string", "x-mcp-header": "X-Zone"}}},
        "plain": {"type": "string"},
    },
}
PLAN = mirrors.plan(SCHEMA)


def encoded(value: str | float) -> bytes:
    """A header value as a client must write it (Value Encoding)."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    visible = all(character == "\t" or " " <= character <= "~" for character in text)
    if visible and text == text.strip(" \t") and not (text.startswith("=?base64?") and text.endswith("?=")):
        return text.encode()
    return b"=?base64?" + base64.b64encode(text.encode()) + b"?="


def sent(**headers: bytes | Sequence[bytes]) -> dict[bytes, list[bytes]]:
    """These `Mcp-Param-*` headers, as the door gathers them."""
    raw = [(f"mcp-param-{name}".encode(), one) for name, held in headers.items() for one in ([held] if isinstance(held, bytes) else held)]
    return mirrors.gathered(raw)


def refused(arguments: dict[str, Any], **headers: bytes | Sequence[bytes]) -> str:
    """Why the call is refused; empty when it is not."""
    try:
        mirrors.check(PLAN, arguments, sent(**headers))
    except Fault as fault:
        return fault.why if fault.kind == "header_mismatch" else f"refused as {fault.kind}"
    return ""


# which arguments


def test_a_plan_names_every_annotated_property_that_properties_lead_to() -> None:
    """Annotated properties at any depth are in the plan, in order, with path, name, type and header; nothing else is, or is wrong."""
    assert mirrors.plan(SCHEMA) == (
        Mirrored(("region",), "Region", "string", b"mcp-param-region"),
        Mirrored(("count",), "Count", "integer", b"mcp-param-count"),
        Mirrored(("dry",), "Dry", "boolean", b"mcp-param-dry"),
        Mirrored(("where", "zone"), "X-Zone", "string", b"mcp-param-x-zone"),
    )
    assert mirrors.faults(SCHEMA) == []
    assert mirrors.plan({"type": "object"}) == ()


@pytest.mark.parametrize("name", ["", " ", "a b", "a:b", "a\r\nb", "a\n", "é", "a\x7f", "(a)", "a/b", 7, None, True, ["a"], {"a": 1}])
def test_a_name_that_is_no_token_is_a_fault(name: object) -> None:
    """A name HTTP cannot carry is left out of the plan, in one sentence that says where; its neighbour stays (INJ-18)."""
    schema = {"properties": {"bad": {"type": "string", "x-mcp-header": name}, "good": {"type": "string", "x-mcp-header": "Good"}}}
    assert [one.suffix for one in mirrors.plan(schema)] == ["Good"]
    (fault,) = mirrors.faults(schema)
    assert fault.startswith("x-mcp-header of #/properties/bad is not an HTTP token.")


@pytest.mark.parametrize(
    "said", [{"type": "number"}, {"type": "object"}, {"type": "array"}, {"type": "null"}, {}, {"type": ["string", "null"]}]
)
def test_a_type_no_header_carries_is_a_fault(said: dict[str, Any]) -> None:
    """Only string, integer and boolean are mirrored: not a number, not a list of types, not a property without a type (INJ-18)."""
    schema = {"properties": {"bad": {**said, "x-mcp-header": "Bad"}}}
    assert mirrors.plan(schema) == ()
    (fault,) = mirrors.faults(schema)
    assert "is on a type no header carries" in fault


ANNOTATED = {"type": "string", "x-mcp-header": "Bad"}


@pytest.mark.parametrize(
    "schema",
    [
        ANNOTATED,
        {"items": ANNOTATED},
        {"properties": {"list": {"type": "array", "items": ANNOTATED}}},
        {"properties": {"list": {"type": "array", "prefixItems": [ANNOTATED]}}},
        {"anyOf": [{"properties": {"bad": ANNOTATED}}]},
        {"oneOf": [{"properties": {"bad": ANNOTATED}}]},
        {"allOf": [{"properties": {"bad": ANNOTATED}}]},
        {"not": {"properties": {"bad": ANNOTATED}}},
        {"if": {"properties": {"bad": ANNOTATED}}},
        {"then": {"properties": {"bad": ANNOTATED}}},
        {"else": {"properties": {"bad": ANNOTATED}}},
        {"$defs": {"bad": ANNOTATED}},
        {"$defs": {"properties": {"properties": {"bad": ANNOTATED}}}},
        {"patternProperties": {"properties": ANNOTATED}},
        {"additionalProperties": ANNOTATED},
        {"propertyNames": ANNOTATED},
        {"dependentSchemas": {"bad": ANNOTATED}},
        {"properties": [ANNOTATED]} | {"contains": ANNOTATED},
        {"properties": {"where": {"items": {"properties": {"bad": ANNOTATED}}}}},
    ],
)
def test_an_annotation_that_properties_do_not_lead_to_is_a_fault(schema: dict[str, Any]) -> None:
    """Under any other keyword, and on the root, an annotation mirrors nothing and is named once (INJ-18)."""
    assert mirrors.plan(schema) == ()
    (fault,) = mirrors.faults(schema)
    assert "is not on a property that properties alone lead to" in fault


def test_a_name_counts_once_whatever_its_case() -> None:
    """Of two names that are one header the first is mirrored and the second a fault; one that is invalid anyway takes no name (INJ-18)."""
    schema = {
        "properties": {
            "off": {"type": "number", "x-mcp-header": "Zone"},
            "one": {"type": "string", "x-mcp-header": "zone"},
            "two": {"type": "object", "properties": {"three": {"type": "string", "x-mcp-header": "ZONE"}}},
        }
    }
    assert [one.path for one in mirrors.plan(schema)] == [("one",)]
    said = mirrors.faults(schema)
    assert [one.partition(" is ")[0] for one in said] == [
        "x-mcp-header of #/properties/off",
        "x-mcp-header of #/properties/two/properties/three",
    ]


def test_what_only_looks_like_an_annotation_is_none() -> None:
    """A property of that name, and the word in data, neither mirror nor are faults."""
    data = {"x-mcp-header": "Data", "type": "string"}
    schema = {
        "properties": {
            "x-mcp-header": {"type": "string"},
            "kept": {"const": data, "enum": [data], "default": data, "examples": [data]},
        }
    }
    assert mirrors.plan(schema) == ()
    assert mirrors.faults(schema) == []


def test_schemas_of_any_depth_are_read() -> None:
    """A schema nested 5,000 deep is read to its end without an error."""
    schema: dict[str, Any] = {"type": "string", "x-mcp-header": "Deep"}
    for _ in range(5_000):
        schema = {"properties": {"in": schema}}
    (one,) = mirrors.plan(schema)
    assert len(one.path) == 5_000


# which calls


@given(st.text(), st.integers(-(2**53) + 1, 2**53 - 1), st.booleans(), st.text())
def test_what_a_client_encodes_is_accepted(region: str, count: int, dry: bool, zone: str) -> None:  # noqa: FBT001  hypothesis fills it in
    """Whatever the arguments are, their headers written as the specification says are accepted, with blanks around them too."""
    arguments = {"region": region, "count": count, "dry": dry, "where": {"zone": zone}}
    headers = {"region": encoded(region), "count": encoded(count), "dry": encoded(dry), "x-zone": encoded(zone)}
    mirrors.check(PLAN, arguments, sent(**headers))
    mirrors.check(PLAN, arguments, sent(**{name: b" \t" + value + b"\t " for name, value in headers.items()}))


@given(st.text(), st.text())
def test_another_value_is_refused(region: str, other: str) -> None:
    """A header that stands for any other text than the argument is refused, and the refusal repeats neither."""
    why = refused({"region": region}, region=encoded(other))
    assert why == ("" if region == other else "Mcp-Param-Region must repeat its argument")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"=?base64?SGVsbG8sIOS4lueVjA==?=", "Hello, 世界"),
        (b"=?base64?IHBhZGRlZCA=?=", " padded "),
        (b"=?base64?bGluZTEKbGluZTI=?=", "line1\nline2"),
        (b"=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?="),
        (b"=?base64??=", ""),
        (b"", ""),
        (b"=?BASE64?eA==?=", "=?BASE64?eA==?="),
    ],
)
def test_the_specifications_vectors_are_accepted(header: bytes, value: str) -> None:
    """Every example of the specification repeats its argument; it does not repeat another, nor what it looks like undecoded."""
    assert refused({"region": value}, region=header) == ""
    assert refused({"region": value + "x"}, region=header)
    assert value == header.decode() or refused({"region": header.decode()}, region=header)


@pytest.mark.parametrize(
    "header",
    [
        b"=?base64?SGVsbG8?=",
        b"=?base64?SGVsbG8===?=",
        b"=?base64?SGVs bG8=?=",
        b"=?base64?SGVs!G8=?=",
        b"=?base64?SGVsbG9=?=",
        b"=?base64?gA==?=",
        b"=?base64?-_-_?=",
        b"Hello\x00",
        b"Hello\x1f",
        b"Hello\x7f",
        b"Hell\xc3\xb3",
        "世界".encode(),
        b"Hello\r\nX: y",
    ],
)
def test_a_header_with_invalid_characters_is_refused(header: bytes) -> None:
    """Base64 not canonical or not UTF-8, control characters and bytes beyond ASCII are refused, also where nothing should be sent."""
    assert refused({"region": "Hello"}, region=header)
    assert refused({}, region=header)
    assert refused({"region": header.decode("latin-1")}, region=header)


@pytest.mark.parametrize(
    ("value", "header", "fits"),
    [
        (42, b"42", True),
        (42, b"42.0", True),
        (42, b"42.00", True),
        (42.0, b"42", True),
        (-7, b"-7", True),
        (0, b"-0", True),
        (2**53 - 1, b"9007199254740991", True),
        (42, b"=?base64?NDI=?=", True),
        (2**53, b"9007199254740992", False),
        (-(2**53), b"-9007199254740992", False),
        (42, b"42.5", False),
        (42, b"43", False),
        (42, b"4.2e1", False),
        (42, b"0x2a", False),
        (42, b"+42", False),
        (42, b"4 2", False),
        (42, b"4_2", False),
        (42, b"42.", False),
        (42, b"", False),
        (42, b"9" * 5_000, False),
        (42, encoded("٤٢"), False),
        (1, b"true", False),
    ],
)
def test_integers_are_compared_by_their_value(value: float, header: bytes, fits: bool) -> None:  # noqa: FBT001  pytest passes it by name
    """An integer may be written with zeros behind the point; beyond 2^53-1 readers would differ, and nothing but digits is a number."""
    assert (refused({"count": value}, count=header) == "") is fits


@pytest.mark.parametrize(("value", "header", "fits"), [(True, b"true", True), (False, b"false", True)])
@pytest.mark.parametrize("other", [b"True", b"FALSE", b"1", b"0", b"yes", b""])
def test_booleans_are_written_one_way(value: bool, header: bytes, fits: bool, other: bytes) -> None:  # noqa: FBT001  pytest passes them by name
    """Only `true` and `false` in lower case are booleans, and each is only itself."""
    assert (refused({"dry": value}, dry=header) == "") is fits
    assert refused({"dry": not value}, dry=header)
    assert refused({"dry": value}, dry=other)


def test_a_missing_header_is_refused() -> None:
    """An argument that is there, also an empty text, zero or false, needs its header; another's header does not do."""
    for name, value in {"region": "", "count": 0, "dry": False}.items():
        assert refused({name: value}) == f"Mcp-Param-{name.title()} is missing"
    assert refused({"where": {"zone": "a"}}) == "Mcp-Param-X-Zone is missing"
    assert refused({"region": "a", "count": 1}, region=b"a") == "Mcp-Param-Count is missing"


@pytest.mark.parametrize("arguments", [{}, {"region": None}, {"where": None}, {"where": {}}, {"where": {"zone": None}}, {"where": "zone"}])
def test_a_header_without_its_argument_is_refused(arguments: dict[str, Any]) -> None:
    """Absent and null arguments need no header and may not have one: nobody in front is to see a value the call does not have."""
    assert refused(arguments) == ""
    assert refused(arguments, region=b"eu") == "Mcp-Param-Region has no argument to repeat"
    assert refused(arguments, **{"x-zone": b""}) == "Mcp-Param-X-Zone has no argument to repeat"
    assert refused(arguments, region=b"null")


def test_a_header_given_twice_is_refused() -> None:
    """Two copies are refused though both are right, whatever the case of their names: two readers could see different ones."""
    assert refused({"region": "eu"}, region=[b"eu", b"eu"]) == "Mcp-Param-Region is given twice"
    assert refused({}, region=[b"eu", b"us"]) == "Mcp-Param-Region is given twice"
    both = mirrors.gathered([(b"Mcp-Param-Region", b"eu"), (b"mcp-param-REGION", b"eu")])
    assert both == {b"mcp-param-region": [b"eu", b"eu"]}


def test_headers_nobody_asked_for_are_ignored() -> None:
    """An `Mcp-Param-*` header that no schema names changes nothing, not even twice or malformed; other headers are not gathered."""
    assert refused({"region": "eu"}, region=b"eu", other=[b"\x00", b"=?base64?!?="]) == ""
    mirrors.check((), {"region": "eu"}, sent(region=b"us"))
    assert mirrors.gathered([(b"mcp-param", b"a"), (b"mcp-name", b"b"), (b"x-mcp-param-c", b"c")]) == {}


def test_a_value_no_header_can_carry_needs_none() -> None:
    """Objects and lists in place of a mirrored value are left to the schema, which refuses them; with a header the call is refused here."""
    for value in ({"a": 1}, ["eu"], []):
        assert refused({"region": value}) == ""
        assert refused({"region": value}, region=str(value).encode())
    assert refused({"region": 5}, region=b"5") == ""
    assert refused({"region": 5}, region=b"5.0")
    assert refused({"count": "5"}, count=b"5") == ""
    assert refused({"count": 1.5}, count=b"1.5")
