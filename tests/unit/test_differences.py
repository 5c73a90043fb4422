"""What is different between two releases, what of it breaks calls, and the adapters that keep calls going."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.core.tool import Tool
from freehold.domains.sources.adapted import adapter
from freehold.domains.sources.differences import differences, pairs
from freehold.domains.sources.narrowing import narrowings
from tests.documents import LAW, compiled, parameter

# what a schema still accepts

NAMES = ("a", "b")
SCALARS: st.SearchStrategy[Any] = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "x", "xy", "red"]))
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=2)), max_leaves=6
)
KINDS = ("string", "integer", "number", "boolean", "null", "array", "object")


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Of every keyword that is looked into, around schemas like `inner`."""
    properties = st.dictionaries(st.sampled_from(NAMES), inner, max_size=2)
    return st.one_of(
        st.fixed_dictionaries({"type": st.sampled_from(KINDS) | st.lists(st.sampled_from(KINDS), min_size=1, unique=True)}),
        st.fixed_dictionaries({"enum": st.lists(SCALARS, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"const": SCALARS}),
        st.fixed_dictionaries(
            {"type": st.sampled_from(["integer", "number"])},
            optional={"minimum": st.integers(-2, 2), "exclusiveMaximum": st.integers(-2, 3), "multipleOf": st.integers(1, 3)},
        ),
        st.fixed_dictionaries(
            {"type": st.just("string")},
            optional={"minLength": st.integers(0, 2), "maxLength": st.integers(0, 3), "pattern": st.sampled_from(["^x", "y$"])},
        ),
        st.fixed_dictionaries({"type": st.just("array")}, optional={"items": inner, "maxItems": st.integers(0, 3)}),
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": properties},
            optional={"required": st.lists(st.sampled_from(NAMES), unique=True), "additionalProperties": st.booleans() | inner},
        ),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": st.fixed_dictionaries({"type": st.sampled_from(KINDS)})}),
        st.fixed_dictionaries({"oneOf": st.lists(inner, min_size=1, max_size=2)}),
        st.just({"$ref": "#/$defs/D"}),
        st.just({}),
    )


SCHEMAS = st.recursive(st.fixed_dictionaries({"type": st.sampled_from(KINDS)}), schemas, max_leaves=6)
WHOLE = st.builds(lambda schema, definition: {**schema, "$defs": {"D": definition}}, SCHEMAS, SCHEMAS)


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """Whether the value is valid."""
    return jsonschema_rs.validator_for(schema, offline=True).is_valid(value)


def declared(schema: Any, value: Any, definitions: dict[str, Any]) -> bool:
    """Whether every member of every object is one the schema speaks of, wherever it is plain to see."""
    if isinstance(schema, dict) and "$ref" in schema:
        schema = definitions["D"]
        if isinstance(schema, dict) and "$ref" in schema:
            return True
    if not isinstance(value, dict | list):
        return True
    if not isinstance(schema, dict) or schema.keys() & {"anyOf", "oneOf", "not"}:
        return not _members(value)
    if isinstance(value, list):
        return all(declared(schema.get("items", {}), each, definitions) for each in value)
    known = schema.get("properties", {})
    return all(name in known and declared(known[name], each, definitions) for name, each in value.items())


def _members(value: Any) -> bool:
    return bool(value) if isinstance(value, dict) else any(_members(each) for each in value) if isinstance(value, list) else False


@settings(LAW, max_examples=1_000)
@given(old=WHOLE, new=WHOLE, value=VALUES)
def test_where_no_narrowing_is_told_every_declared_value_is_still_accepted(old: dict[str, Any], new: dict[str, Any], value: Any) -> None:
    """A change that is called compatible never refuses what was accepted."""
    try:
        refused = accepts(old, value) and not accepts(new, value)
    except ValueError:  # a definition that refers to itself alone
        return
    if refused and declared(old, value, old["$defs"]):
        assert narrowings(old, new)


@LAW
@given(schema=WHOLE)
def test_a_schema_is_no_narrower_than_itself(schema: dict[str, Any]) -> None:
    """What did not change is not told."""
    assert narrowings(schema, {**schema}) == []


WIDER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "integer"}, {"type": "number"}),
    ({"type": "string"}, {"type": ["string", "null"]}),
    ({"type": "string", "maxLength": 3}, {"type": "string", "maxLength": 4}),
    ({"enum": ["a"]}, {"enum": ["a", "b"]}),
    ({"enum": ["a", "b"]}, {"type": "string"}),
    ({"type": "object", "properties": {"a": {"type": "integer"}}}, {"type": "object", "properties": {"a": {"type": "number"}, "b": {}}}),
    ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
    ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, {"type": ["integer", "string", "boolean"]}),
    ({"type": "array", "items": {"type": "integer"}}, {"type": "array"}),
    ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}}, {"type": "string", "description": "Now in place."}),
    ({"type": "integer", "exclusiveMinimum": 3}, {"type": "integer", "minimum": 3}),
]


@pytest.mark.parametrize(("old", "new"), WIDER)
def test_what_takes_more_is_compatible_and_the_way_back_is_not(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Widening is not told as breaking, however it is written; the same change backwards is, unless both say the same."""
    assert narrowings(old, new) == []
    if "description" not in new:
        assert narrowings(new, old) or old.get("type") == ["string", "integer"]


# tools


def tools(**operations: dict[str, Any]) -> tuple[Tool, ...]:
    """Tools by operation id; `method` and `path` are the operation's place."""
    paths: dict[str, Any] = {}
    for name, said in operations.items():
        given = {"operationId": name, "summary": "Said.", "responses": {"200": {"description": "ok"}}, **said}
        paths.setdefault(given.pop("path", f"/{name}"), {})[given.pop("method", "get")] = given
    return compiled(paths).tools


def told(before: tuple[Tool, ...], after: tuple[Tool, ...]) -> set[tuple[str, str, bool]]:
    """Kind, tool and whether it breaks."""
    return {(one.kind, one.tool, one.breaking) for one in differences(before, after)}


def test_every_kind_of_difference_is_told_with_whether_it_breaks() -> None:
    """Added, removed, renamed, moved, required, gone, narrowed, effect, scopes, host and wording, each by its name."""
    text, number = {"type": "string"}, {"type": "integer"}
    before = tools(
        getA={"parameters": [parameter("q", "query"), parameter("gone", "query"), parameter("size", "query", {**number, "maximum": 100})]},
        getB={},
        getC={"path": "/c"},
        getD={"path": "/d/one"},
        getE={},
    )
    after = tools(
        getA={
            "summary": "Other words.",
            "parameters": [
                parameter("q", "query", text, required=True),
                parameter("size", "query", {**number, "maximum": 50}),
                parameter("new", "query"),
            ],
        },
        showC={"path": "/c"},
        getD={"path": "/d/two"},
        getE={"method": "post"},
        getF={},
    )
    assert told(before, after) == {
        ("required", "get_a", True),
        ("gone", "get_a", True),
        ("narrowed", "get_a", True),
        ("argument", "get_a", False),
        ("described", "get_a", False),
        ("renamed", "show_c", True),
        ("moved", "get_d", False),
        ("effect", "get_e", True),
        ("security", "get_e", False),
        ("moved", "get_e", False),
        ("added", "get_f", False),
        ("removed", "get_b", True),
    }
    elsewhere = tuple(replace(tool, audience="https://other.example.com") for tool in before)
    assert {kind for kind, _, _ in told(before, elsewhere)} == {"host"}
    assert told(before, before) == set()


def test_pairs_go_by_name_and_then_by_place() -> None:
    """A tool that kept its name is itself wherever it moved; one that lost it is found at its place, once."""
    before, after = tools(getA={"path": "/a"}, getB={"path": "/b"}), tools(getA={"path": "/b"}, getC={"path": "/a"})
    found = [(old.name if old else None, new.name if new else None) for old, new in pairs(before, after)]
    assert ("get_a", "get_a") in found
    assert (None, "get_c") in found
    assert ("get_b", None) in found


# adapters


def one(**said: Any) -> Tool:
    """A tool with these parameters."""
    (tool,) = tools(getA=said)
    return tool


def test_arguments_written_otherwise_and_new_ones_with_one_value_are_adapted() -> None:
    """`order_id` becomes `orderId`, a required argument with a default or one value is filled in, what is given otherwise stays."""
    old = one(parameters=[parameter("order_id", "query"), parameter("q", "query")])
    fixed = parameter("version", "query", {"type": "string", "enum": ["2"]}, required=True)
    usual = parameter("unit", "query", {"type": "string", "default": "kg"}, required=True)
    new = one(parameters=[parameter("orderId", "query"), parameter("q", "query"), fixed, usual])
    made = adapter(old, new)
    assert made is not None
    later = made.arguments({"order_id": "7", "q": "x"})
    assert later == {"orderId": "7", "q": "x", "version": "2", "unit": "kg"}
    assert made.before(later) == {"order_id": "7", "q": "x"}
    assert accepts(new.input_schema, later)


UNCERTAIN: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]] = {
    "required without a value": ([], [parameter("day", "query", required=True)], {}),
    "gone": ([parameter("filter", "query")], [], {}),
    "narrowed": ([parameter("n", "query", {"type": "integer"})], [parameter("n", "query", {"type": "integer", "maximum": 5})], {}),
    "a read that writes": ([], [], {"method": "post"}),
    "two of one spelling": (
        [parameter("a_b", "query"), parameter("a-b", "query")],
        [parameter("aB", "query"), parameter("q", "query")],
        {},
    ),
    "made required that was optional": (
        [parameter("n", "query")],
        [parameter("n", "query", {"type": "string", "default": "x"}, required=True)],
        {},
    ),
    "the cursor of its pages": ([parameter("page_token", "query")], [parameter("pageToken", "query")], {}),
}


@pytest.mark.parametrize("case", UNCERTAIN)
def test_what_is_not_certain_is_not_adapted(case: str) -> None:
    """No adapter is made where it would have to guess, drop something or do another thing."""
    old, new, more = UNCERTAIN[case]
    assert adapter(one(parameters=old), one(parameters=new, **more)) is None
