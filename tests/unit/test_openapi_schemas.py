"""Schemas: OpenAPI 3.0 and 3.1 in, JSON Schema 2020-12 out; shared, cyclic, within a budget, and never refused by a validator."""

from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.domains.sources.openapi.document import Document
from freehold.domains.sources.openapi.schemas import Schemas
from freehold.domains.sources.openapi.tools import BUDGET, compile_tools
from tests.documents import LAW, compiled, document, only, parameter, takes, why_skipped


def translated(schema: object, *, openapi: str = "3.0.3", **components: Any) -> Any:
    """The schema in JSON Schema 2020-12."""
    return Schemas(Document(document({}, openapi=openapi, components={"schemas": components}))).translate(schema, {})


def accepts(schema: Any, value: object) -> bool:
    """Whether a 2020-12 validator takes the value."""
    return jsonschema_rs.validator_for(schema, offline=True).is_valid(value)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 1}),
        ({"type": "integer", "maximum": 9, "exclusiveMaximum": False}, {"type": "integer", "maximum": 9}),
        ({"type": "number", "exclusiveMinimum": 0}, {"type": "number", "exclusiveMinimum": 0}),
        ({"type": "string", "example": "x"}, {"type": "string", "examples": ["x"]}),
        ({"type": "string", "example": "x", "default": "y"}, {"type": "string", "default": "y"}),
        ({"type": "integer", "format": "int64"}, {"type": "integer"}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "array", "items": [{"type": "string"}]}, {"type": "array", "prefixItems": [{"type": "string"}]}),
        ({"type": "array", "items": False}, {"type": "array", "items": False}),
        ({"type": ["string", "null"], "const": "x"}, {"type": ["string", "null"], "const": "x"}),
        ({"type": "object", "discriminator": {"propertyName": "k"}, "xml": {"name": "n"}, "x-y": 1}, {"type": "object"}),
        ({"allOf": [{"type": "string"}], "description": "d"}, {"type": "string", "description": "d"}),
        ({"type": "string", "enum": [True, 1, "a"]}, {"type": "string", "enum": ["true", "1", "a"]}),
        ({"type": "object", "additionalProperties": {}}, {"type": "object", "additionalProperties": True}),
    ],
)
def test_words_of_3_0_become_words_of_2020_12(given: dict[str, Any], meant: dict[str, Any]) -> None:
    """Each difference between the dialects, one by one; words of OpenAPI alone are dropped."""
    assert translated(given) == meant


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"type": "file"}, {"type": "string"}),
        ({"type": "Integer"}, {"type": "integer"}),
        ({"type": "whatever"}, {}),
        ({"type": 7}, {}),
        ({"required": []}, {}),
        ({"type": "object", "required": True}, {"type": "object"}),
        ({"minimum": "3", "maxLength": -1, "multipleOf": 0}, {}),
        ({"enum": []}, {}),
        ({"pattern": r"\Z("}, {}),
        ({"properties": None, "items": 3, "oneOf": {}, "allOf": []}, {"properties": {}}),
        ({"default": {"long": "x" * 200}}, {}),
        ({"$schema": "x", "$id": "http://x", "$anchor": "a", "$defs": {}}, {}),
        ("nonsense", {}),
        (None, {}),
    ],
)
def test_a_slip_of_the_author_costs_one_word(given: object, meant: dict[str, Any]) -> None:
    """What cannot be right is dropped and what remains compiles."""
    assert translated(given) == meant
    assert accepts(translated(given), "x") in (True, False)


def test_nullable_references_accept_null() -> None:
    """Also where the type stands elsewhere."""
    tool = takes(
        {"type": "object", "properties": {"to": {"allOf": [{"$ref": "#/components/schemas/To"}], "nullable": True}}},
        components={"schemas": {"To": {"type": "string"}}},
    )
    assert accepts(tool.input_schema, {"to": None})
    assert accepts(tool.input_schema, {"to": "x"})
    assert not accepts(tool.input_schema, {"to": 1})


def test_siblings_of_a_reference_count_in_3_1_only() -> None:
    """3.0 ignores them, but a description is worth keeping."""
    node = {"$ref": "#/components/schemas/S", "description": "d", "minLength": 2}
    assert translated(node, S={"type": "string"}) == {"$ref": "#/$defs/S", "description": "d"}
    assert translated(node, openapi="3.1.0", S={"type": "string"}) == {"$ref": "#/$defs/S", "description": "d", "minLength": 2}


def test_a_cycle_stays_a_reference() -> None:
    """A component that contains itself is described once and checked at every depth (OA-04)."""
    node = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}}},
    }
    schema = takes(node, components={"schemas": {"Node": node}}).input_schema
    assert list(schema["$defs"]) == ["Node"]
    assert accepts(schema, {"name": "a", "children": [{"name": "b", "children": []}]})
    assert not accepts(schema, {"name": "a", "children": [{"children": []}]})


@pytest.mark.parametrize("way", ["$ref", "allOf", "oneOf"])
def test_references_that_only_chase_each_other_do_no_harm(way: str) -> None:
    """A circle without content compiles and ends (OA-04)."""
    pair = {
        name: {"$ref": f"#/components/schemas/{other}"} if way == "$ref" else {way: [{"$ref": f"#/components/schemas/{other}"}]}
        for name, other in (("A", "B"), ("B", "A"))
    }
    tool = takes({"type": "object", "properties": {"x": {"$ref": "#/components/schemas/A"}}}, components={"schemas": pair})
    accepts(tool.input_schema, {"x": 1})


def test_components_are_translated_once_and_shared() -> None:
    """Two tools of one document hold the very same component, and only those that reach it hold it at all."""
    paths = {
        "/a": {
            "post": {
                "requestBody": {
                    "content": {"application/json": {"schema": {"type": "object", "properties": {"s": {"$ref": "#/components/schemas/S"}}}}}
                }
            }
        },
        "/b": {
            "post": {
                "requestBody": {
                    "content": {"application/json": {"schema": {"type": "object", "properties": {"t": {"$ref": "#/components/schemas/S"}}}}}
                }
            }
        },
        "/c": {"get": {}},
    }
    a, b, c = compiled(paths, components={"schemas": {"S": {"type": "string"}, "Unused": {"type": "string"}}}).tools
    assert a.input_schema["$defs"]["S"] is b.input_schema["$defs"]["S"]
    assert list(a.input_schema["$defs"]) == ["S"]
    assert "$defs" not in c.input_schema


def test_references_to_odd_places_get_names_of_their_own() -> None:
    """Pointers into paths and names with slashes or spaces resolve, and two of one ending stay apart."""
    schemas = {"a/b c": {"type": "string"}, "Outer": {"type": "object", "properties": {"X": {"type": "integer"}}}, "X": {"type": "string"}}
    body = {
        "type": "object",
        "properties": {
            "p": {"$ref": "#/components/schemas/a~1b%20c"},
            "q": {"$ref": "#/components/schemas/Outer/properties/X"},
            "r": {"$ref": "#/components/schemas/X"},
        },
    }
    schema = takes(body, components={"schemas": schemas}).input_schema
    assert len(schema["$defs"]) == 3
    assert accepts(schema, {"p": "x", "q": 1, "r": "x"})
    assert not accepts(schema, {"p": 1})
    assert not accepts(schema, {"q": "x"})


def test_a_dangling_reference_accepts_anything() -> None:
    """It costs neither the tool nor the document."""
    schema = takes({"type": "object", "properties": {"x": {"$ref": "#/components/schemas/Nowhere"}}}).input_schema
    assert accepts(schema, {"x": [1]})
    assert "$defs" not in schema


@pytest.mark.parametrize(
    "target", ["https://evil.example/schema.json", "http://127.0.0.1/x", "file:///etc/passwd", "other.yaml#/A", "//host/x", "../up.json"]
)
def test_a_remote_reference_skips_its_operation_only(target: str) -> None:
    """It is never fetched, and the reason names it (OA-04)."""
    body = {"content": {"application/json": {"schema": {"type": "object", "properties": {"x": {"$ref": target}}}}}}
    assert target in why_skipped({"/a": {"post": {"requestBody": body}}})
    made = compiled({"/a": {"post": {"requestBody": body}}, "/b": {"get": {}}})
    assert [tool.name for tool in made.tools] == ["get_b"]
    assert not [tool for tool in made.tools if target in msgspec.json.encode(tool.input_schema).decode()]


def test_fields_that_only_answers_carry_are_not_asked_for() -> None:
    """`readOnly` fields are neither offered nor required."""
    body = {
        "type": "object",
        "required": ["id", "name"],
        "properties": {"id": {"type": "string", "readOnly": True}, "name": {"type": "string"}},
    }
    schema = takes(body).input_schema
    assert list(schema["properties"]) == ["name"]
    assert schema["required"] == ["name"]


def wide(levels: int, breadth: int) -> dict[str, Any]:
    """Components that fan out: each level refers to every component of the next."""
    made: dict[str, Any] = {}
    for level in range(levels):
        for at in range(breadth):
            fields = (
                {f"field_{n}": {"$ref": f"#/components/schemas/L{level + 1}N{n}"} for n in range(breadth)}
                if level + 1 < levels
                else {"v": {"type": "string", "description": "d" * 150}}
            )
            made[f"L{level}N{at}"] = {"type": "object", "description": "x" * 150, "properties": fields}
    return made


def test_a_large_closure_is_cut_to_the_budget_and_says_so() -> None:
    """What is near stays whole, what is far keeps its type, and values that fit the API's schema still pass."""
    tool = takes({"$ref": "#/components/schemas/L0N0"}, components={"schemas": wide(6, 16)})
    assert len(msgspec.json.encode(tool.input_schema)) <= BUDGET
    assert "left out" in tool.description
    assert accepts(tool.input_schema, {"field_0": {"field_1": {"field_2": {"field_3": {"v": "x"}}}}})
    assert tool.input_schema["$defs"]["L1N0"]["properties"]
    left_out = [each for each in tool.input_schema["$defs"].values() if "properties" not in each]
    assert left_out
    assert all(each["type"] == "object" and each["description"].startswith("JSON with ") for each in left_out)


def test_a_large_inline_schema_is_cut_to_the_budget_too() -> None:
    """Documents without references are no way around it."""

    def deep(levels: int) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {f"p{n}": deep(levels - 1) if levels else {"type": "string", "description": "word " * 40} for n in range(6)},
        }

    tool = takes(deep(4))
    assert len(msgspec.json.encode(tool.input_schema)) <= BUDGET
    assert "left out" in tool.description
    assert set(tool.input_schema["properties"]) == {f"p{n}" for n in range(6)}


def test_one_component_larger_than_the_budget_is_left_out_alone() -> None:
    """What stands beside it is described as ever."""
    schemas = {
        "Huge": {"type": "object", "properties": {f"p{n}": {"type": "string", "description": "word " * 30} for n in range(900)}},
        "Small": {"type": "object", "properties": {"v": {"type": "string"}}},
    }
    body = {"type": "object", "properties": {name: {"$ref": f"#/components/schemas/{name}"} for name in schemas}}
    tool = takes(body, components={"schemas": schemas})
    huge = tool.input_schema["$defs"].pop("Huge")
    assert huge.keys() == {"type", "description"}
    assert huge["description"].startswith("JSON with p0, p1, p2")
    assert tool.input_schema["$defs"] == {"Small": {"type": "object", "properties": {"v": {"type": "string"}}}}
    assert len(msgspec.json.encode(tool.input_schema)) <= BUDGET
    assert "left out" in tool.description


def test_a_small_schema_is_whole() -> None:
    """Nothing is cut that fits."""
    assert "left out" not in takes({"type": "object", "properties": {"a": {"type": "string"}}}).description


WRITTEN = (
    "type properties required items enum format pattern minimum exclusiveMinimum nullable allOf oneOf anyOf not additionalProperties $ref "
    "description default example readOnly maxLength minItems prefixItems const"
)
WORDS = st.sampled_from(WRITTEN.split())
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["string", "object", "array", "#/components/schemas/A", "#/components/schemas/B", "#/nowhere", "x", "(", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@settings(LAW, max_examples=300)
@given(JUNK, JUNK, JUNK)
def test_any_schema_becomes_one_a_validator_takes(body: Any, first: Any, second: Any) -> None:
    """Whatever stands in a document, the tool compiles or the operation is skipped; nothing crashes (OA-04)."""
    paths = {
        "/a/{id}": {
            "post": {"parameters": [parameter("q", "query", body)], "requestBody": {"content": {"application/json": {"schema": body}}}}
        }
    }
    made = compile_tools(document(paths, components={"schemas": {"A": first, "B": second}}), source="api")
    for tool in made.tools:
        jsonschema_rs.validator_for(tool.input_schema, offline=True)
    assert not [skip.why for skip in made.skipped if "malformed" in skip.why]


def test_a_parameter_shared_by_reference_is_translated_once() -> None:
    """Its schema is the same object in every tool."""
    shared = {"parameters": {"Limit": parameter("limit", "query", {"type": "integer"}, description="How many.")}}
    a, b = compiled(
        {path: {"get": {"parameters": [{"$ref": "#/components/parameters/Limit"}]}} for path in ("/a", "/b")}, components=shared
    ).tools
    assert a.input_schema["properties"]["limit"] is b.input_schema["properties"]["limit"]
    assert a.input_schema["properties"]["limit"] == {"type": "integer", "description": "How many."}


def test_the_schema_of_a_tool_without_input_is_an_empty_object() -> None:
    """It takes nothing and refuses what it does not know."""
    schema = only({"/a": {"get": {}}}).input_schema
    assert schema == {"type": "object", "properties": {}, "additionalProperties": False}
