"""What a list of tools may cost: how much each tool says, what goes first when room is short, and that nothing is refused for it."""

from collections.abc import Iterable
from typing import Any, cast

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.tool import Tool
from freehold.domains.sources.openapi.allowance import allowance
from freehold.domains.sources.openapi.budget import fit
from freehold.domains.sources.openapi.document import Document
from freehold.domains.sources.openapi.schemas import Schemas
from freehold.domains.sources.openapi.texts import first_sentence, plain
from freehold.domains.sources.openapi.tools import BUDGET, Compiled, compile_tools
from freehold.domains.sources.openapi.trimming import looser, quieter, shallow
from tests.documents import LAW, compiled, document, only, parameter, takes

SENTENCES = "The first sentence of a field. " * 12


def many(count: int, operation: dict[str, Any]) -> dict[str, Any]:
    """Paths with so many operations alike."""
    return {f"/things{at}": {"post": operation} for at in range(count)}


def posting(schema: object) -> dict[str, Any]:
    """An operation that takes this as JSON."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def prose(schema: Any) -> Iterable[str]:
    """Every description anywhere inside."""
    if isinstance(schema, dict):
        node = cast("dict[str, Any]", schema)
        if isinstance(node.get("description"), str):
            yield node["description"]
        schema = [*node.values()]
    if isinstance(schema, list):
        for each in cast("list[Any]", schema):
            yield from prose(each)


def fields(count: int, said: str, inner: Any = None) -> dict[str, Any]:
    """An object schema with so many fields."""
    return {"type": "object", "properties": {f"field_{at}": inner or {"type": "string", "description": said} for at in range(count)}}


@pytest.mark.parametrize(("count", "tool", "argument"), [(1, 600, 200), (199, 600, 200), (200, 400, 160), (599, 400, 160), (600, 200, 100)])
def test_the_more_operations_the_fewer_words_for_each(count: int, tool: int, argument: int) -> None:
    """A document's size decides what its tools may say; words of a path that are no operations do not count."""
    paths: dict[str, Any] = {f"/{at}": {"get": {}, "parameters": [], "x-get": {}, "summary": "s"} for at in range(count)}
    given = allowance(document(paths))
    assert (given.tool, given.argument) == (tool, argument)


def test_a_large_documents_tools_are_described_in_a_sentence_or_two() -> None:
    """Descriptions of tools and arguments shrink together, at the ends of sentences; a small document keeps its words."""
    operation = {"summary": "Make a thing", "description": SENTENCES, **posting(fields(1, SENTENCES))}
    large, small = compiled(many(600, operation)).tools[0], compiled(many(1, operation)).tools[0]
    assert len(large.description) <= 200 < len(small.description)
    assert large.description.endswith(".")
    assert large.input_schema["properties"]["field_0"]["description"] == "The first sentence of a field."
    assert small.input_schema["properties"]["field_0"]["description"].count("sentence") > 1


def test_an_output_schema_must_be_small_and_smaller_in_a_large_document() -> None:
    """Names and types alone; one of a thousand tools gets half as much room as one of ten."""
    answer = {"responses": {"200": {"content": {"application/json": {"schema": fields(14, "Said of a field.")}}}}}
    small = only({"/a": {"get": answer}}).output_schema
    assert small is not None
    assert 512 < len(msgspec.json.encode(small)) <= 1024
    assert not list(prose(small))
    assert compiled(many(600, answer)).tools[0].output_schema is None


def test_prose_inside_the_arguments_goes_before_any_field_does() -> None:
    """The arguments keep their own words, validation loses nothing, and the tool does not claim that fields are missing."""
    inner = {**fields(20, SENTENCES), "required": ["field_3"], "additionalProperties": False}
    tool = takes({"type": "object", "properties": {"a": {**inner, "description": SENTENCES}, "b": inner, "c": inner, "d": inner}})
    a = tool.input_schema["properties"]["a"]
    assert len(a["description"]) > 100
    assert all(len(said) <= 80 for said in prose(a["properties"]))
    assert (len(a["properties"]), a["required"], a["additionalProperties"]) == (20, ["field_3"], False)
    assert "left out" not in tool.description


def test_components_go_quiet_too_and_stay_shared() -> None:
    """Two tools short of room hold the very same shortened component; one with room has it in full."""
    far = {"Far": fields(40, SENTENCES)}
    body = {"type": "object", "properties": {"far": {"$ref": "#/components/schemas/Far"}}}
    first, second = compiled(many(2, posting(body)), components={"schemas": far}).tools
    assert first.input_schema["$defs"]["Far"] is second.input_schema["$defs"]["Far"]
    assert all(len(said) <= 80 for said in prose(first.input_schema["$defs"]))
    near = takes(body, components={"schemas": {"Far": fields(3, SENTENCES)}})
    assert max(map(len, prose(near.input_schema["$defs"]))) > 80


def test_the_compilation_says_which_tools_say_less() -> None:
    """Prose and fields are told apart; a tool that says all there is to say is not named, however large."""
    closure = {f"C{at}": fields(40, "", {"$ref": f"#/components/schemas/C{(at + 1) % 60}"}) for at in range(60)}
    paths = {
        "/whole": {"post": {"operationId": "whole", **posting(fields(2, "", fields(60, "x")))}},
        "/quiet": {"post": {"operationId": "quiet", **posting(fields(2, "", fields(30, SENTENCES)))}},
        "/cut": {"post": {"operationId": "cut", **posting({"$ref": "#/components/schemas/C0"})}},
    }
    made = compiled(paths, components={"schemas": closure})
    assert [(each.tool.split("_")[-1], each.what) for each in made.trimmed] == [("quiet", "prose"), ("cut", "fields")]
    told = {tool.name.split("_")[-1]: "left out" in tool.description for tool in made.tools}
    assert told == {"whole": False, "quiet": False, "cut": True}


def test_choices_too_many_to_list_are_told_in_words() -> None:
    """How many there are and what they look like; no wider schema goes without saying so, even in a tool short of room."""
    field = {"type": "string", "description": "Where it is.", "enum": [f"zone-{at}" for at in range(900)]}
    schema = takes({"type": "object", "properties": {"zone": field}}).input_schema["properties"]["zone"]
    assert schema == {"type": "string", "description": "One of 900 values, such as zone-0, zone-1, zone-2, zone-3, zone-4. Where it is."}
    assert quieter(schema, 0)["description"].startswith("One of 900 values")
    few = {"type": "string", "enum": [f"zone-{at}" for at in range(90)]}
    assert takes({"type": "object", "properties": {"zone": few}}).input_schema["properties"]["zone"] == few


def test_words_that_say_nothing_of_the_type_are_dropped() -> None:
    """`uniqueItems` of a string costs bytes and forbids nothing; the same word of an array stays."""
    odd = {"type": "string", "uniqueItems": True, "minItems": 1, "maximum": 3, "maxLength": 9, "items": {"type": "string"}}
    lists = {"type": ["array", "null"], "uniqueItems": True, "maxLength": 2}
    open_type = {"uniqueItems": True, "maxLength": 2}
    tool = only(
        {"/a": {"get": {"parameters": [parameter(name, "query", schema) for name, schema in (("o", odd), ("l", lists), ("t", open_type))]}}}
    )
    assert tool.input_schema["properties"] == {
        "o": {"type": "string", "maxLength": 9},
        "l": {"type": ["array", "null"], "uniqueItems": True},
        "t": open_type,
    }


def test_a_dotted_component_is_called_by_its_last_word_where_that_means_one() -> None:
    """`io.k8s.api.core.v1.Pod` costs its name at every reference; two that end alike keep theirs in full."""
    schemas = {"io.core.v1.Pod": {"type": "string"}, "io.a.Same": {"type": "integer"}, "io.b.Same": {"type": "boolean"}}
    body = {"type": "object", "properties": {name[-6:]: {"$ref": f"#/components/schemas/{name}"} for name in schemas}}
    schema = takes(body, components={"schemas": schemas}).input_schema
    assert schema["$defs"] == {"Pod": {"type": "string"}, "io.a.Same": {"type": "integer"}, "io.b.Same": {"type": "boolean"}}
    assert schema["properties"]["a.Same"] == {"$ref": "#/$defs/io.a.Same"}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Makes a thing. For more information, see the [docs](https://x.example/a.b). Use with care.", "Makes a thing. Use with care."),
        ("For more information about things, see the guide.", ""),
        ("Makes a thing. Learn more about it here.", "Makes a thing."),
        ("Asks for more information about the build.", "Asks for more information about the build."),
    ],
)
def test_sentences_that_only_point_elsewhere_go(said: str, kept: str) -> None:
    """Their links are gone already; the same words inside another sentence stay."""
    assert plain(said, 200) == kept


def test_a_first_sentence_is_not_an_abbreviation() -> None:
    """A full stop after a few letters ends nothing, and prose of one sentence is whole."""
    assert first_sentence("E.g. the name. It may be long. It may be short.") == "E.g. the name. It may be long."
    assert first_sentence("The owner of the repository. The case does not matter.") == "The owner of the repository."
    assert first_sentence("No end here") == "No end here"


@pytest.mark.parametrize("word", ["oneOf", "anyOf", "allOf"])
def test_a_choice_between_components_survives_their_being_left_out(word: str) -> None:
    """Two components told by their type alone look alike: `oneOf` would then refuse everything, so it is not asked."""
    huge = {name: {**fields(700, SENTENCES), "required": [f"field_{at}"]} for at, name in enumerate(("A", "B"))}
    body = {"type": "object", "properties": {"rule": {word: [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}]}}}
    tool = takes(body, components={"schemas": huge})
    assert "left out" in tool.description
    validator = jsonschema_rs.validator_for(tool.input_schema, offline=True)
    assert validator.is_valid({"rule": {"field_0": "x", "field_1": "y"}})
    assert not validator.is_valid({"rule": "x"})


LEAVES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"type": "string", "maxLength": 2, "description": SENTENCES},
        {"type": "integer", "minimum": 1, "description": "A number."},
        {"enum": ["x", 1, None], "description": SENTENCES},
        {"const": 1},
        {"$ref": "#/components/schemas/A"},
        {"$ref": "#/components/schemas/B"},
        {"not": {"$ref": "#/components/schemas/A"}},
        {"type": "string", "nullable": True},
    ]
)


def _object(found: dict[str, Any], required: list[str], rest: Any) -> dict[str, Any]:
    return {"type": "object", "properties": found, "required": required, "additionalProperties": rest}


def _one_word(word: str, inner: Any) -> dict[str, Any]:
    return {word: inner}


def _around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Every word that holds a schema, around these."""
    fields = st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    listed = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(_object, fields, st.lists(st.sampled_from("ab"), max_size=1), st.booleans() | inner),
        st.builds(_one_word, st.sampled_from(["oneOf", "anyOf", "allOf"]), listed),
        st.builds(_one_word, st.just("not"), inner),
        st.fixed_dictionaries({"type": st.just("array"), "items": inner, "maxItems": st.integers(0, 2)}),
        st.fixed_dictionaries({"prefixItems": st.lists(inner, min_size=1, max_size=1), "items": inner | st.just(value=False)}),
        st.fixed_dictionaries({"if": inner, "then": inner, "else": inner}),
        st.fixed_dictionaries({"contains": inner, "maxContains": st.integers(1, 2)}),
        st.fixed_dictionaries({"allOf": listed, "unevaluatedProperties": st.just(value=False)}),
    )


SCHEMAS: st.SearchStrategy[Any] = st.recursive(LEAVES, _around, max_leaves=8)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, 1, 0, "x", "xyz", True]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=5,
)


def translated(schema: object, first: object = True, second: object = True) -> tuple[Any, Schemas]:  # noqa: FBT002  true is a schema
    """The schema in JSON Schema, and those of its document."""
    schemas = Schemas(Document(document({}, openapi="3.1.0", components={"schemas": {"A": first, "B": second}})))
    return schemas.translate(schema, {}), schemas


def accepts(schema: Any, values: Iterable[object], **defs: Any) -> list[bool]:
    """Which of the values the schema takes."""
    validator = jsonschema_rs.validator_for({"$defs": {"A": True, "B": True, **defs}, "allOf": [schema]}, offline=True)
    return [validator.is_valid(value) for value in values]


def never_less(whole: list[bool], trimmed: list[bool]) -> bool:
    """What the whole schema takes the trimmed one takes."""
    return all(after for before, after in zip(whole, trimmed, strict=True) if before)


@settings(LAW, max_examples=200)
@given(SCHEMAS, st.lists(VALUES, min_size=6, max_size=12), st.sampled_from([0, 8, 20, 90]))
def test_shorter_prose_changes_nothing_a_schema_accepts(schema: Any, values: list[Any], room: int) -> None:
    """A quieter schema takes exactly what the whole one takes, and says nothing longer than it may."""
    whole, _ = translated(schema)
    quiet = quieter(whole, room)
    assert accepts(whole, values) == accepts(quiet, values)
    assert all(len(said.encode()) <= room for said in prose(quiet))


@settings(LAW, max_examples=250)
@given(SCHEMAS, st.lists(VALUES, min_size=6, max_size=12), st.integers(0, 3))
def test_a_trimmed_schema_accepts_what_the_whole_one_accepts(schema: Any, values: list[Any], depth: int) -> None:
    """Loose and shallow are wider, never narrower; also where components are then told by their type alone."""
    whole, _ = translated(schema)
    parts = {
        "A": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
        "B": {"type": "object", "maxProperties": 1},
    }
    kinds = {name: {"type": "object"} for name in parts}
    before = accepts(whole, values, **parts)
    assert never_less(before, accepts(looser(whole), values, **kinds))
    assert never_less(before, accepts(shallow(looser(whole), depth, 0), values, **kinds))


@settings(LAW, max_examples=200)
@given(SCHEMAS, SCHEMAS, SCHEMAS, st.lists(VALUES, min_size=6, max_size=12), st.integers(60, 1500))
def test_a_tool_short_of_room_accepts_what_one_with_room_accepts(
    schema: Any, first: Any, second: Any, values: list[Any], room: int
) -> None:
    """From the document to the tool: the arguments fit the budget, and the budget refuses nobody."""
    whole, schemas = translated(schema, first, second)
    top = {"type": "object", "properties": {"a": whole}, "required": ["a"], "additionalProperties": False}
    refs = dict.fromkeys(name for name in "AB" if f"$defs/{name}" in str(top))
    wide, narrow = fit(top, refs, schemas, 1 << 40), fit(top, refs, schemas, room)
    arguments = [{"a": value} for value in values]
    before, after = (list(map(jsonschema_rs.validator_for(each.schema, offline=True).is_valid, arguments)) for each in (wide, narrow))
    assert never_less(before, after)
    assert narrow.cut or before == after
    assert len(msgspec.json.encode(narrow.schema)) <= max(room, 120)


A: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"not": {"$ref": "#/$defs/A"}}, {"a": "x"}),
        ({"if": {"$ref": "#/$defs/A"}, "then": {"required": ["b"]}}, {"a": "x"}),
        ({"if": {"$ref": "#/$defs/A"}, "then": {}, "else": False}, {"a": 1}),
        ({"contains": {"$ref": "#/$defs/A"}, "maxContains": 1}, [{"a": 1}, {}]),
        ({"allOf": [{"$ref": "#/$defs/A"}], "unevaluatedProperties": False}, {"a": 1}),
        ({"oneOf": [{"$ref": "#/$defs/A"}, {"type": "object", "required": ["b"]}]}, {"b": 1}),
        ({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, ["x", 1]),
        ({"prefixItems": [{"type": "string"}], "items": False}, ["x"]),
        ({"properties": {"a": {}}, "patternProperties": {"^x": {}}, "additionalProperties": False}, {"a": 1, "xy": 1}),
    ],
)
@pytest.mark.parametrize("depth", [0, 1])
def test_words_that_turn_wider_into_narrower_go_with_what_they_look_at(schema: dict[str, Any], value: object, depth: int) -> None:
    """One by one: what the schema takes is taken when a component is told by its type alone and what is deep is gone."""
    assert accepts(schema, [value], A=A) == [True]
    assert accepts(shallow(looser(schema), depth, 0), [value], A={"type": "object"}) == [True]


def largest(made: Compiled) -> Tool:
    """The tool with the largest input schema."""
    return max(made.tools, key=lambda tool: len(msgspec.json.encode(tool.input_schema)))


@pytest.mark.parametrize(
    "schema",
    [
        fields(40, "", fields(40, SENTENCES)),
        fields(40, "", fields(40, "", {"type": "string", "enum": [f"choice-{at}" for at in range(300)]})),
        fields(60, "", {"oneOf": [fields(30, SENTENCES), {"$ref": "#/components/schemas/N1"}]}),
        {"type": "object", "properties": {f"p{at}": {"$ref": f"#/components/schemas/N{at}"} for at in range(300)}},
        {"type": "object", "additionalProperties": fields(900, SENTENCES)},
        {"type": "object", "properties": {f"an_argument_of_many_{at}": {"type": ["string", "null"]} for at in range(600)}},
    ],
)
def test_the_budget_of_a_tool_is_always_met(schema: dict[str, Any]) -> None:
    """Wide, deep, full of choices, of components or open to anything: no tool is larger than it may be, and each keeps its arguments."""
    names = {f"N{at}": {**fields(8, "x" * 60), "description": "y" * 90} for at in range(300)}
    made = compile_tools(document({"/a": {"post": posting(schema)}}, components={"schemas": names}), source="api")
    tool = largest(made)
    assert len(msgspec.json.encode(tool.input_schema)) <= BUDGET
    assert "left out" in tool.description
    assert set(schema.get("properties", ())) <= tool.input_schema["properties"].keys()
