"""Pages below the root, the operator's own operations, and the cost of a call."""

from pathlib import Path

import msgspec
import pytest
from graphql import build_schema, parse, validate

from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.sources.graphql.documents import read_documents
from freehold.domains.sources.graphql.read import read
from freehold.domains.sources.graphql.tools import compile_schema
from freehold.domains.sources.openapi.tools import Compiled
from freehold.domains.sources.paging import hint

SDL = """
type Query { store(name: String!, first: Int): Store, save: Int }
type Mutation { updateItem(id: ID!, input: Change!): Item, removeItem(id: ID!): Boolean }
type Subscription { sold: Item }
input Change { title: String, body: String = "x" }
type Store { body: String, bodyHTML: String, id: ID!, items(first: Int, after: String, last: Int): Items!, old: Int @deprecated }
type Items { nodes: [Item!]!, pageInfo: PageInfo!, totalCount: Int! }
type PageInfo { hasNextPage: Boolean!, endCursor: String }
type Item { id: ID!, createdAt: String, title: String!, tags(first: Int!): Tags! }
type Tags { nodes: [Tag!]!, pageInfo: PageInfo!, totalCount: Int! }
type Tag { name: String! }
"""
ITEMS = """
# The items of a store,
# newest first.
query StoreItems("Which store." $name: String!, $n: Int = 10, $cursor: String) {
  shop: store(name: $name) { items(first: $n, after: $cursor) { nodes { ...Short tags(first: 50) { nodes { name } } }
    pageInfo { hasNextPage endCursor } } } }
subscription Sold { sold { id } }
mutation Drop($id: ID!) { removeItem(id: $id) }
"""


def compiled(folder: Path, *, only: bool = True, max_nodes: int = 10_000, **files: str) -> Compiled:
    """The source of the schema with these documents."""
    for name, text in files.items():
        (folder / f"{name}.graphql").write_text(text)
    documents = read_documents(str(folder)) if files else None
    return compile_schema(
        read(SDL.encode()),
        source="shop",
        endpoint="https://api.example.com/graphql",
        operations=documents,
        only_operations=only,
        max_nodes=max_nodes,
    )


def generated(folder: Path, max_nodes: int = 10_000) -> dict[str, Tool]:
    """The tools of the root fields by name."""
    return {tool.name: tool for tool in compiled(folder, only=False, max_nodes=max_nodes).tools}


def test_the_nearest_list_below_a_field_is_turned_by_arguments_of_the_tool(tmp_path: Path) -> None:
    """Where the field has a `first` of its own, the list's bears the list's name; other lists show their first few and say so."""
    tool = generated(tmp_path)["store"]
    operation = tool.operation
    assert (operation.page_path, operation.page_in_answer) == (("store", "items"), ("items",))
    assert (operation.cursor_argument, operation.size_argument) == ("after", "itemsFirst")
    assert operation.variables({"name": "n"}) == {"name": "n", "itemsFirst": 20}
    assert "items(first: $itemsFirst, after: $after) { totalCount nodes { id title createdAt tags(first: 5)" in operation.query
    assert "bodyHTML" not in operation.query
    assert "old" not in operation.query
    assert "Of tags only the first few" in tool.description
    assert not validate(build_schema(SDL), parse(operation.query))


def test_a_page_of_a_list_below_is_told_by_its_own_cursor(tmp_path: Path) -> None:
    """Beside other lists, which have a pageInfo too; where it asks for the last items, or there is no such list, nothing is told."""
    tags = {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "t"}}
    items = {"nodes": [{"id": "1", "tags": tags}], "totalCount": 9, "pageInfo": {"hasNextPage": True, "endCursor": "c"}}
    paging = generated(tmp_path)["store"].paging
    assert paging is not None
    assert hint({"tags": tags, "items": items}, {}, {"name": "n"}, paging) == {"shown": 1, "of": 9, "next": {"name": "n", "after": "c"}}
    assert hint({"tags": tags, "items": None}, {}, {"name": "n"}, paging) is None
    asked = 'query Back($n: Int, $b: Int, $c: String) { store(name: "s") { items(first: $n, last: $b, after: $c) { nodes { id } '
    (back,) = compiled(tmp_path, back=asked + "pageInfo { hasNextPage endCursor } } } }").tools
    found = {"store": {"items": items}}
    assert hint(found, {}, {"n": 1}, back.paging) == {"shown": 1, "of": 9, "next": {"n": 1, "c": "c"}}
    assert hint(found, {}, {"b": 1}, back.paging) == {"shown": 1, "of": 9, "next": None}
    assert generated(tmp_path)["update_item"].paging is None


def test_an_object_beside_other_arguments_is_flat_too(tmp_path: Path) -> None:
    """Its fields travel inside it, null where null was given, and it is sent without any, as the schema requires it."""
    operation = generated(tmp_path)["update_item"].operation
    assert operation.variables({"id": "1", "title": None}) == {"input": {"title": None}, "id": "1"}
    assert operation.variables({"id": "1"}) == {"input": {}, "id": "1"}


def test_a_call_that_may_be_too_much_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    """Page sizes are multiplied along the selection; the refusal names what to make smaller, and usual pages always fit."""
    operation = generated(tmp_path, max_nodes=200)["store"].operation
    assert b'"itemsFirst":20' in operation.body({"name": "n"})
    with pytest.raises(Refusal) as refused:
        operation.body({"name": "n", "itemsFirst": 100})
    assert refused.value.code == "query_too_costly"
    assert "600 nodes" in str(refused.value)
    assert "itemsFirst" in str(refused.value)
    small = generated(tmp_path, max_nodes=3)["store"].operation
    assert small.variables({"name": "n"})["itemsFirst"] == 3
    assert "tags" not in small.query


def test_named_operations_are_tools(tmp_path: Path) -> None:
    """Fragments of other files count, comments describe, subscriptions are skipped; nothing said about an operation is sent."""
    made = compiled(tmp_path, items=ITEMS, parts="fragment Short on Item { id title }")
    items, drop = made.tools
    assert (items.name, items.description, items.read_only) == ("store_items", "The items of a store, newest first.", True)
    assert items.input_schema["required"] == ["name"]
    assert items.input_schema["properties"]["name"] == {"type": "string", "description": "Which store."}
    assert items.input_schema["properties"]["n"] == {"type": ["integer", "null"], "default": 10}
    assert (items.operation.page_path, items.operation.page_in_answer) == (("shop", "items"), ("shop", "items"))
    assert (items.operation.cursor_argument, items.operation.size_argument) == ("cursor", "n")
    assert (drop.destructive, drop.scopes) == (True, {"mcp:admin"})
    assert [skip.operation for skip in made.skipped] == ["subscription Sold"]
    hostile = '") { id } removeItem(id: "1'
    body = msgspec.json.decode(items.operation.body({"name": hostile, "cursor": None}))
    assert body["operationName"] == "StoreItems"
    assert body["variables"] == {"name": hostile, "cursor": None}
    assert "removeItem" not in body["query"]
    assert "Which store" not in body["query"]
    assert not validate(build_schema(SDL), parse(body["query"]))
    with pytest.raises(Refusal):
        items.operation.body({"name": "n", "n": 200})


BROKEN = {
    "a field that is not there": ("query A {\n  nothing\n}", "a.graphql:2", "Cannot query field"),
    "no GraphQL": ("query A {\n  save", "a.graphql:2", "Syntax Error"),
    "no name": ("\n{ save }", "a.graphql:2", "no name"),
    "a name twice": ("query A { save }\nquery A { save }", "a.graphql:2", "two operations A"),
    "one tool twice": ("query aB { save }\nquery AB { save }\nquery a_b { save }", "a.graphql:3", "already"),
    "a part of a schema": ("type A { b: Int }", "a.graphql:1", "part of a schema"),
    "too much": ('query A { store(name: "n") { items(first: 20000) { totalCount } } }', "a.graphql:1", "max_nodes"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_operation_is_refused_with_its_place(tmp_path: Path, case: str) -> None:
    """File, line, what is wrong and what to do."""
    text, place, why = BROKEN[case]
    with pytest.raises(Refusal) as refused:
        compiled(tmp_path, a=text)
    assert refused.value.code == "document_invalid"
    assert place in str(refused.value)
    assert why in str(refused.value)
    assert refused.value.mend
