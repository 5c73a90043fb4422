"""A GraphQL schema becomes tools: what they are called, what they take, and the one query each of them sends."""

import json
from typing import Any

import pytest
from graphql import build_schema, introspection_from_schema, parse, validate

from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.catalog.listing import encoded
from freehold.domains.sources.graphql.preview import preview
from freehold.domains.sources.graphql.read import read
from freehold.domains.sources.graphql.selection import LEAVES, MOST
from freehold.domains.sources.graphql.tools import compile_schema
from freehold.domains.sources.openapi.tools import Compiled
from tests.graphql_api import SDL, fields_of

ENDPOINT = "https://api.example.com/graphql/"


def compiled(sdl: str) -> Compiled:
    """The source this SDL becomes; every query it sends is valid for the schema."""
    made = compile_schema(read(sdl.encode()), source="shop", endpoint=ENDPOINT)
    schema = build_schema(sdl)
    for tool in made.tools:
        assert not validate(schema, parse(tool.operation.query)), tool.operation.query
        assert len(encoded(tool)) < 24 * 1024
    return made


def tools(sdl: str = SDL) -> dict[str, Tool]:
    """Its tools by name."""
    return {tool.name: tool for tool in compiled(sdl).tools}


def properties(tool: Tool) -> dict[str, Any]:
    """What it takes."""
    return tool.input_schema["properties"]


def test_every_root_field_is_a_tool_or_a_skip_with_its_reason() -> None:
    """Queries come first, in the schema's order; names are snake case and unique; a subscription is named and left out."""
    made = compiled(SDL)
    names = [tool.name for tool in made.tools]
    assert names[:8] == ["order", "orders", "search", "find", "order_count", "broken", "part", "nothing"]
    assert names[8:10] == ["create_order", "order_delete"]
    assert names[10].startswith("order_count_")
    assert [(skip.operation, skip.why) for skip in made.skipped] == [
        ("subscription orderPlaced", "a subscription is a stream, and a tool answers once")
    ]
    assert made.base_url == ENDPOINT


def test_what_a_tool_may_do_follows_from_its_kind_and_name() -> None:
    """A query reads; a mutation writes, and destroys where either end of its name says so; each needs the scope of its kind."""
    found = tools()
    assert (found["order"].read_only, found["order"].scopes) == (True, {"mcp:read"})
    assert (found["create_order"].destructive, found["create_order"].scopes) == (False, {"mcp:write"})
    assert (found["order_delete"].destructive, found["order_delete"].scopes) == (True, {"mcp:admin"})
    assert {tool.audience for tool in found.values()} == {"https://api.example.com"}


def test_descriptions_are_plain_and_deprecation_is_said() -> None:
    """Markup is gone; a field without a description is named."""
    found = tools()
    assert found["order"].description.startswith("One order, by its id. Of history only the first few are shown")
    assert found["order_count"].description == "The query orderCount."
    assert found["nothing"].description.startswith("Deprecated. ")


def test_arguments_of_one_input_object_are_flat() -> None:
    """The object's fields are the arguments, its own objects `$defs`; null counts in a mutation; Relay's echo is left out."""
    tool = tools()["create_order"]
    assert tool.input_schema["required"] == ["name"]
    assert tool.input_schema["additionalProperties"] is False
    assert properties(tool) == {
        "name": {"type": "string", "description": "What to print on it."},
        "note": {"type": ["string", "null"]},
        "lines": {"type": ["array", "null"], "items": {"$ref": "#/$defs/Line"}},
        "state": {"type": ["string", "null"], "enum": ["OPEN", "CLOSED", None]},
        "paid": {"description": "Money."},
    }
    line = tool.input_schema["$defs"]["Line"]
    assert line["properties"] == {"sku": {"type": "string"}, "count": {"type": ["integer", "null"], "default": 1}}
    assert tool.operation.query.startswith("mutation($input: NewOrder!) { createOrder(input: $input) {")
    assert tool.operation.variables({"name": "n", "note": None}) == {"input": {"name": "n", "note": None}}


def test_an_input_of_which_one_field_is_given_takes_exactly_one() -> None:
    """@oneOf is said with words every client knows; none of its fields may be null."""
    tool = tools()["find"]
    assert (tool.input_schema["minProperties"], tool.input_schema["maxProperties"]) == (1, 1)
    assert properties(tool) == {"id": {"type": "string"}, "name": {"type": "string"}}


def test_an_argument_with_a_default_may_be_left_out() -> None:
    """Its variable may be null, so that the API's own default stands, and the default is shown."""
    tool = tools()["search"]
    assert tool.input_schema["required"] == ["text"]
    assert properties(tool)["limit"] == {"type": "integer", "default": 2}
    assert tool.operation.query.startswith("query($text: String!, $limit: Int) {")
    assert tool.operation.variables({"text": "x"}) == {"text": "x"}


def test_a_selection_takes_what_is_useful_and_nothing_that_needs_an_argument() -> None:
    """Ids and names come first, then scalars, then one level of objects; deprecated fields, pages and what lies deeper stay away."""
    query = tools()["order"].operation.query
    assert query.startswith("query($id: ID!) { order(id: $id) { id name state note total customer { id email } items { count sku } ")
    few = "history(first: 5) { totalCount nodes { id name state note total } pageInfo { hasNextPage endCursor } } } }"
    assert query.endswith(few)


def test_variants_of_one_name_and_two_types_get_two_names() -> None:
    """The specification forbids to merge them; the valid query says which is whose (GraphQL 5.3.2)."""
    query = tools()["search"].operation.query
    assert "... on Order { id name state note }" in query
    assert "... on Parcel { id Parcel_name: name weight }" in query
    assert "__typename" in query


def test_a_page_is_nodes_and_where_the_next_begins() -> None:
    """A caller who says nothing gets twenty, nobody more than a hundred, and one who asks for the last gets no first."""
    tool = tools()["orders"]
    assert "{ totalCount nodes { id name" in tool.operation.query
    assert "pageInfo { hasNextPage endCursor } } }" in tool.operation.query
    assert "edges" not in tool.operation.query
    assert properties(tool)["first"] == {"type": ["integer", "null"], "minimum": 1, "maximum": 100, "default": 20}
    assert (tool.operation.page_path, tool.operation.cursor_argument, tool.operation.size_argument) == (("orders",), "after", "first")
    assert tool.operation.variables({"first": None}) == {"first": 20}
    assert tool.operation.variables({}) == {"first": 20}
    assert tool.operation.variables({"first": 3, "after": "c"}) == {"first": 3, "after": "c"}
    both = tools(SDL.replace("orders(first: Int,", "orders(first: Int, last: Int,"))["orders"]
    assert both.operation.variables({"last": 3}) == {"last": 3}


def test_a_page_of_edges_alone_is_asked_for_by_edge() -> None:
    """Older connections have no nodes."""
    sdl = "type Query { a(first: Int!): AC } type AC { edges: [E], pageInfo: P } type E { node: A } type P { n: Int } type A { id: ID }"
    tool = tools(sdl)["a"]
    assert tool.operation.query == "query($first: Int!) { a(first: $first) { edges { node { id } } } }"
    assert properties(tool)["first"]["default"] == 20
    assert tool.operation.variables({}) == {"first": 20}
    assert tool.operation.page_path == ()


def test_an_introspection_becomes_the_same_tools() -> None:
    """SDL and the JSON of an introspection, bare or as an answer, differ in nothing a caller sees."""
    schema = introspection_from_schema(build_schema(SDL), input_value_deprecation=True, one_of=True)
    wanted = [encoded(tool) for tool in compiled(SDL).tools]
    for document in (schema, {"data": schema}):
        made = compile_schema(read(json.dumps(document).encode()), source="shop", endpoint=ENDPOINT)
        assert [encoded(tool) for tool in made.tools] == wanted


REFUSED = {
    "a page": (b"<!doctype html>", "it is a web page"),
    "no SDL": (b"hello", "it is no GraphQL schema (Syntax Error"),
    "not text": (b"\xff\x00\x01", "it is no GraphQL schema"),
    "half": (b'{"data":', "it is no GraphQL schema"),
    "another JSON": (b'{"openapi":"3.1.0"}', "it is no GraphQL schema"),
    "a hostile JSON": (b'{"__schema":{"queryType":{"name":"Q"},"types":[1,{"kind":[]}]}}', "it is no GraphQL schema"),
    "an unknown type": (b"type Query { a: Nowhere }", "it is no GraphQL schema"),
    "nothing to call": (b"type A { b: Int }", "neither queries nor mutations"),
    "deep lists": (b"type Query { a: " + b"[" * 50_000 + b"Int" + b"]" * 50_000 + b" }", "nested too deeply"),
    "deep JSON": (b'{"__schema":' + b"[" * 50_000, "it is"),
    "too large": (b"#" * (16 * 1024 * 1024 + 1), "it is larger than"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_schema_is_refused_in_words(case: str) -> None:
    """Garbage, other documents, hostile nesting and size: one sentence that says why, and never another exception (OA-04)."""
    data, why = REFUSED[case]
    with pytest.raises(Refusal) as refused:
        read(data)
    assert refused.value.code == "document_invalid"
    assert why in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("url", ["ftp://api.example.com/graphql", "/schema.graphql", "https://user:word@api.example.com/graphql"])
def test_an_endpoint_is_a_plain_address(url: str) -> None:
    """Without one nothing could be sent; a password in it is not repeated."""
    with pytest.raises(Refusal) as refused:
        compile_schema(read(SDL.encode()), source="shop", endpoint=url)
    assert "base_url" in str(refused.value)
    assert "word" not in str(refused.value)


@pytest.mark.parametrize("place", ["field", "type", "argument"])
def test_a_name_that_is_none_never_enters_a_query(place: str) -> None:
    """An introspection can answer with any text; one that calls something like a query of its own is no schema."""
    hostile = "x } mutation { orderDelete(id: 1)"
    schema: Any = introspection_from_schema(build_schema(SDL))
    (query,) = [kind for kind in schema["__schema"]["types"] if kind["name"] == "Query"]
    named = {"field": query["fields"][0], "type": schema["__schema"]["types"][1], "argument": query["fields"][0]["args"][0]}[place]
    named["name"] = hostile
    with pytest.raises(Refusal) as refused:
        read(json.dumps(schema).encode())
    assert refused.value.code == "document_invalid"


def test_a_wide_schema_stays_within_its_bounds() -> None:
    """Ten thousand fields, arguments, variants and choices cost one tool a bounded query and schema, and say what is left out."""
    many = range(10_000)
    objects = " ".join(f"o{number}: A" for number in many)
    sdl = (
        "type Query { wide: A, some(w: W): Int, hit: U, flat("
        + ", ".join(f"a{number}: Int" for number in many)
        + "): Int, one(e: E): Int }"
        " type A { " + " ".join(f"f{number}: Int" for number in many) + f" {objects} }}"
        " input W { " + " ".join(f"f{number}: Int w{number}: W" for number in many) + " }"
        " enum E { " + " ".join(f"V{number}" for number in many) + " }"
        " union U = " + " | ".join(f"T{number}" for number in many) + " " + " ".join(f"type T{number} {{ a: Int }}" for number in many)
    )
    found = {tool.name: tool for tool in compile_schema(read(sdl.encode()), source="shop", endpoint=ENDPOINT).tools}
    assert len(found) == 5
    for tool in found.values():
        assert len(encoded(tool)) < 24 * 1024
        assert len(tool.operation.query) < 16 * 1024
    assert LEAVES < len(fields_of(parse(found["wide"].operation.query))) <= MOST + 1
    assert "left out" in found["some"].description
    assert "additionalProperties" not in found["some"].input_schema
    assert "left out" in found["flat"].description
    assert found["flat"].input_schema["additionalProperties"] is False
    assert properties(found["one"])["e"] == {"type": ["string", "null"], "description": "One of the 10000 values of E, such as V0, V1, V2."}


def test_ten_thousand_root_fields_are_ten_thousand_tools() -> None:
    """Each type is looked at once, so that a schema costs time in proportion to its size."""
    sdl = "type Query { " + " ".join(f"f{number}(i: I): A" for number in range(10_000)) + " } type A { id: ID a: A } input I { i: I }"
    made = compile_schema(read(sdl.encode()), source="shop", endpoint=ENDPOINT)
    assert len({tool.name for tool in made.tools}) == 10_000
    assert made.tools[0].operation.query == "query($i: I) { f0(i: $i) { id a { id } } }"


def test_what_needs_more_than_fits_is_skipped() -> None:
    """A field with thousands of required arguments cannot be called with some of them."""
    sdl = "type Query { ok: Int, all(" + ", ".join(f"a{number}: Int!" for number in range(5_000)) + "): Int }"
    made = compile_schema(read(sdl.encode()), source="shop", endpoint=ENDPOINT)
    assert [tool.name for tool in made.tools] == ["ok"]
    assert [(skip.operation, skip.why) for skip in made.skipped] == [("query all", "what it needs does not fit into one tool")]


def test_a_schema_that_defines_things_twice_or_with_unknown_directives_is_taken() -> None:
    """GitHub's own does the one, federation and cloud schemas the other."""
    sdl = 'type Query @key(fields: "id") { a: Int @auth, a: Int, b(x: Int @deprecated): String }'
    made = compile_schema(read(sdl.encode()), source="shop", endpoint=ENDPOINT)
    assert [tool.name for tool in made.tools] == ["a", "b"]
    assert properties(made.tools[1]) == {}


def test_a_preview_counts_what_would_come_of_it() -> None:
    """Tools, skips and bytes, without an endpoint."""
    report = preview(SDL.encode(), encoded)
    assert (report.operations, report.tools, len(report.skipped)) == (12, 11, 1)
    assert report.list_bytes > report.largest_tool_bytes > 100
    assert report.list_tokens == -(-report.list_bytes // 4)
