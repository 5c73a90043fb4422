"""A document becomes tools: what they are called, say, need, and which operations are left out and why."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.refusals import Refusal
from freehold.domains.sources.openapi.document import Document
from freehold.domains.sources.openapi.outputs import LARGEST, Outputs
from freehold.domains.sources.openapi.texts import described, plain
from freehold.domains.sources.openapi.tools import compile_tools
from tests.documents import BASE, LAW, compiled, document, only, parameter, request, takes, why_skipped


@pytest.mark.parametrize(
    ("method", "reads", "destroys", "repeats", "scope"),
    [
        ("get", True, False, True, "mcp:read"),
        ("head", True, False, True, "mcp:read"),
        ("options", True, False, True, "mcp:read"),
        ("post", False, False, False, "mcp:write"),
        ("put", False, False, True, "mcp:write"),
        ("patch", False, False, False, "mcp:write"),
        ("delete", False, True, True, "mcp:admin"),
    ],
)
def test_the_method_decides_hints_and_scopes(method: str, reads: bool, destroys: bool, repeats: bool, scope: str) -> None:  # noqa: FBT001  columns of a table
    """GET reads, PUT may be repeated, DELETE destroys."""
    tool = only({"/things": {method: {}}})
    assert (tool.read_only, tool.destructive, tool.idempotent, tool.scopes) == (reads, destroys, repeats, {scope})


def test_a_get_that_says_it_changes_something_is_no_read() -> None:
    """A read-only key must not open it (OA-07)."""
    tool = only({"/a": {"get": {"operationId": "GET_DeleteUser"}}})
    assert not tool.read_only
    assert tool.scopes == {"mcp:write"}
    assert only({"/a": {"get": {"operationId": "getUpdates"}}}).read_only


def test_scopes_are_the_operators_to_choose() -> None:
    """A source may ask for others."""
    scopes = {"read": frozenset({"r"}), "write": frozenset({"w"}), "destructive": frozenset({"d", "w"})}
    made = compile_tools(document({"/a": {"get": {}, "delete": {}}}), source="api", scopes=scopes)
    assert [tool.scopes for tool in made.tools] == [{"r"}, {"d", "w"}]


def test_every_operation_is_a_tool_or_a_skip_in_the_documents_order() -> None:
    """Nothing is lost, nothing comes twice, and extensions and callbacks are no operations."""
    paths = {
        "/b": {
            "post": {"operationId": "createB", "callbacks": {"x": {"/cb": {"post": {}}}}},
            "get": {"operationId": "listB"},
            "parameters": [],
            "x-note": {},
        },
        "/a": {"trace": {}, "get": {"parameters": [{"$ref": "elsewhere.json"}]}, "delete": {"operationId": "deleteA"}},
        "x-internal": {"get": {}},
    }
    made = compiled(paths, webhooks={"w": {"post": {}}})
    assert [tool.name for tool in made.tools] == ["create_b", "list_b", "delete_a"]
    assert [skip.operation for skip in made.skipped] == ["TRACE /a", "GET /a"]


def test_the_same_document_compiles_to_the_same_bytes() -> None:
    """Order and names are deterministic."""

    def encoded() -> bytes:
        raw = document({"/a/{id}": {"get": {"parameters": [parameter("z", "query"), parameter("id", "path"), parameter("a", "query")]}}})
        return msgspec.json.encode([(tool.name, tool.description, tool.input_schema) for tool in compile_tools(raw, source="api").tools])

    assert encoded() == encoded()


def test_parameters_of_path_and_operation_are_merged() -> None:
    """The operation's own description of a parameter wins."""
    item = {
        "parameters": [parameter("id", "path"), parameter("q", "query", description="of the path")],
        "get": {"parameters": [parameter("q", "query", description="its own")]},
    }
    schema = only({"/a/{id}": item}).input_schema
    assert schema["properties"]["q"]["description"] == "its own"
    assert schema["required"] == ["id"]


def test_the_same_name_in_two_places_stays_apart() -> None:
    """Each reaches its own place."""
    tool = only({"/a/{id}": {"get": {"parameters": [parameter("id", "query"), parameter("id", "path")]}}})
    assert request(tool, {"id": "p", "id_query": "q"}).url == f"{BASE}/a/p?id=q"


def test_json_fields_stand_beside_the_parameters() -> None:
    """A plain object body is flattened, with what it requires; unknown arguments are refused by the schema."""
    body = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}
    tool = takes(body, path="/a/{id}")
    assert tool.input_schema["required"] == ["id", "name"]
    assert tool.input_schema["additionalProperties"] is False
    sent = request(tool, {"id": "1", "name": "n"})
    assert (sent.url, sent.body) == (f"{BASE}/a/1", b'{"name":"n"}')
    assert ("content-type", "application/json") in sent.headers


def test_a_colliding_field_keeps_the_body_in_one_piece() -> None:
    """Then `body` is the whole of it, or `request_body` when that is taken too."""
    body = {"type": "object", "properties": {"id": {"type": "string"}}}
    tool = takes(body, path="/a/{id}")
    assert request(tool, {"id": "1", "body": {"id": "2"}}).body == b'{"id":"2"}'
    taken = takes(body, path="/a/{id}", operation={"parameters": [parameter("body", "query")]})
    assert set(taken.input_schema["properties"]) == {"id", "body", "request_body"}


@pytest.mark.parametrize(
    "body",
    [
        {"type": "array", "items": {"type": "string"}},
        {"oneOf": [{"type": "object"}, {"type": "string"}]},
        {"type": "object"},
        {"type": "object", "properties": {"a": {}}, "minProperties": 1},
        {"type": "object", "properties": {"a": {}}, "patternProperties": {"^x": {}}},
        True,
    ],
)
def test_what_is_no_plain_object_is_one_argument(body: object) -> None:
    """Flattening never loses a rule of the schema."""
    tool = takes(body)
    assert list(tool.input_schema["properties"]) == ["body"]
    assert tool.input_schema["required"] == ["body"]


def test_all_of_plain_objects_is_flattened() -> None:
    """Inheritance written with allOf is the commonest body of all."""
    schemas = {"Base": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}}
    body = {"allOf": [{"$ref": "#/components/schemas/Base"}, {"type": "object", "properties": {"b": {"type": "integer"}}}]}
    schema = takes(body, components={"schemas": schemas}).input_schema
    assert set(schema["properties"]) == {"a", "b"}
    assert schema["required"] == ["a"]
    assert "$defs" not in schema


def test_undeclared_keys_of_an_open_object_arrive() -> None:
    """What the document allows is not dropped on the way."""
    body = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "integer"}}
    tool = takes(body, path="/x/{id}")
    assert tool.input_schema["additionalProperties"] == {"type": "integer"}
    assert request(tool, {"id": "1", "a": "x", "more": 2}).body == b'{"a":"x","more":2}'


def test_null_is_sent_and_absence_is_not() -> None:
    """The two mean different things to an API."""
    tool = takes({"type": "object", "properties": {"a": {"type": "string", "nullable": True}, "b": {"type": "string"}}})
    assert request(tool, {"a": None}).body == b'{"a":null}'


def test_a_body_without_fields_is_sent_when_required_only() -> None:
    """A required body of optional fields is `{}`; an optional one is nothing."""
    body = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert request(takes(body, required=True)).body == b"{}"
    optional = request(takes(body, required=False))
    assert optional.body is None
    assert "content-type" not in dict(optional.headers)


def test_headers_that_are_not_the_apis_are_not_offered() -> None:
    """Connection, credential and method-override headers are Freehold's business (OA-03, OA-07)."""
    forbidden = [
        "Authorization",
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Cookie",
        "Connection",
        "Keep-Alive",
        "TE",
        "Upgrade",
        "Proxy-Authorization",
    ]
    forbidden += [
        "Accept",
        "Content-Type",
        "X-HTTP-Method-Override",
        "traceparent",
        "Expect",
        "Trailer",
        "bad name",
        "bad:name",
        "bad\nname",
    ]
    parameters = [parameter(name, "header", required=name != "X-HTTP-Method-Override") for name in forbidden]
    tool = only({"/a": {"get": {"parameters": [*parameters, parameter("X-Own", "header")]}}})
    assert list(tool.input_schema["properties"]) == ["X-Own"]


def test_the_documents_own_credentials_are_not_asked_for() -> None:
    """A parameter that a security scheme names is the vault's to fill."""
    schemes = {
        "securitySchemes": {
            "k": {"type": "apiKey", "in": "query", "name": "api_key"},
            "h": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
        }
    }
    tool = only(
        {
            "/a": {
                "get": {
                    "parameters": [parameter("api_key", "query", required=True), parameter("x-api-key", "header"), parameter("q", "query")]
                }
            }
        },
        components=schemes,
    )
    assert list(tool.input_schema["properties"]) == ["q"]


def test_a_template_without_declared_parameter_still_works() -> None:
    """And a path parameter that is in no template is dropped."""
    tool = only({"/a/{id}": {"get": {"parameters": [parameter("ghost", "path")]}}})
    assert tool.input_schema["required"] == ["id"]
    assert request(tool, {"id": "7"}).url == f"{BASE}/a/7"


def test_descriptions_are_short_and_end_with_a_sentence() -> None:
    """Summary first, markup gone, nothing said twice, the deprecated marked."""
    long = "First sentence here. " * 60
    tool = only(
        {
            "/a": {
                "get": {
                    "summary": "List things",
                    "description": f"<p>See [the guide](https://x.example/y).</p>\n\n{long}",
                    "deprecated": True,
                }
            }
        }
    )
    assert tool.description.startswith("Deprecated. List things. See the guide. First sentence")
    assert tool.description.endswith(".")
    assert len(tool.description) <= 620
    assert "https://" not in tool.description


@LAW
@given(st.text(max_size=400), st.integers(8, 200))
def test_prose_never_exceeds_its_bytes(prose: str, budget: int) -> None:
    """Whatever the alphabet, and no half characters (OA-05)."""
    short = plain(prose, budget)
    assert len(short.encode("utf-8", "replace")) <= budget
    assert not set(short) & {"\x00", "\x1b", "\n", "\u202e", "\u2066", "\ufeff", "\U000e0041"}
    assert described(prose, prose, budget) in {short, f"{short}.", short.rstrip("."), plain(f"{short}. {short}", budget)} or len(short) >= 1


def test_invisible_characters_are_removed_from_prose() -> None:
    """Tags, direction overrides and control characters carry instructions nobody sees (OA-05)."""
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore")
    assert plain(f"Plain{hidden}\u202e text\x1b[31m, ümlaut ✓ العربية", 200) == "Plain text[31m, ümlaut ✓ العربية"


def answers(schema: object, status: str = "200", kind: str = "application/json") -> dict[str, Any]:
    """An operation whose answer has this schema."""
    return {"/a": {"get": {"responses": {status: {"description": "ok", "content": {kind: {"schema": schema}}}}}}}


def test_an_output_schema_says_names_and_types_and_demands_nothing() -> None:
    """No required, no closed objects, no formats or choices, and null everywhere."""
    schema = {
        "type": "object",
        "required": ["id"],
        "additionalProperties": False,
        "properties": {"id": {"type": "string", "format": "uuid", "enum": ["a"], "pattern": "x"}},
    }
    made = only(answers(schema)).output_schema
    assert made == {"type": "object", "properties": {"id": {"type": ["string", "null"]}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {}},
        {"type": "string"},
        {"type": "object"},
        {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(200)}},
        True,
    ],
)
def test_other_answers_have_no_output_schema(schema: object) -> None:
    """Only small objects are worth their tokens."""
    assert only(answers(schema)).output_schema is None


def test_errors_and_other_media_types_give_no_output_schema() -> None:
    """The tool's answer is the good one, in JSON."""
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    assert only(answers(schema, status="404")).output_schema is None
    assert only(answers(schema, kind="text/csv")).output_schema is None
    assert only(answers(schema, status="201", kind="application/hal+json; charset=utf-8")).output_schema


def test_a_cyclic_answer_ends() -> None:
    """An answer that contains itself has no short schema."""
    raw = document({}, components={"schemas": {"N": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/N"}}}}})
    found = Document(raw)
    made = Outputs(found).schema(found.follow({"$ref": "#/components/schemas/N"}))
    assert made is None or len(msgspec.json.encode(made)) <= LARGEST


@pytest.mark.parametrize(
    ("content", "accept"),
    [
        ({}, "application/json, */*;q=0.5"),
        ({"text/csv": {}, "application/json": {}}, "application/json, text/csv, */*;q=0.5"),
        ({"*/*": {}}, "application/json, */*;q=0.5"),
        ({"image/png": {}}, "image/png, */*;q=0.5"),
    ],
)
def test_accept_names_the_documents_own_media_types(content: dict[str, Any], accept: str) -> None:
    """JSON first, and never a wildcard alone."""
    tool = only({"/a": {"get": {"responses": {"200": {"description": "", "content": content}}}}})
    assert ("accept", accept) in request(tool).headers


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({"trace": {}}, "TRACE"),
        ({"get": {"parameters": [{"$ref": "#/components/parameters/Nope"}]}}, "not in the document"),
        ({"get": {"parameters": [{"$ref": "https://x.example/p.json"}]}}, "never fetched"),
        ({"post": {"servers": [{"url": "ftp://x.example"}]}}, "not an http or https URL"),
        ({"post": {"servers": [{"url": "https://{region}.example"}]}}, "no default"),
    ],
)
def test_what_cannot_be_a_tool_is_skipped_with_the_reason(item: dict[str, Any], why: str) -> None:
    """And the rest of the document is imported."""
    assert why in why_skipped({"/a": item})
    made = compiled({"/a": item, "/b": {"get": {}}})
    assert [tool.name for tool in made.tools] == ["get_b"]


@pytest.mark.parametrize("path", ["/a/../b", "/./a", "/a/%2e%2e/b", "/.."])
def test_a_path_that_climbs_is_skipped(path: str) -> None:
    """Dot segments in a template could leave the API's own prefix (OA-01)."""
    assert ". or .." in why_skipped({path: {"get": {}}})


@pytest.mark.parametrize("paths", [{}, {"/a": {}}, {"/a": {"summary": "x"}}, {"x-y": {"get": {}}}])
def test_a_document_without_operations_is_refused(paths: dict[str, Any]) -> None:
    """An empty source is a mistake worth telling."""
    with pytest.raises(Refusal) as refused:
        compiled(paths)
    assert "no operation" in refused.value.sentence


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "parameters",
                    "requestBody",
                    "content",
                    "schema",
                    "name",
                    "in",
                    "responses",
                    "200",
                    "servers",
                    "url",
                    "operationId",
                    "tags",
                    "$ref",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@LAW
@given(JUNK, JUNK, JUNK)
def test_one_bad_operation_never_costs_the_document(bad: Any, item: Any, components: Any) -> None:
    """Whatever stands where an operation should, its neighbour is imported (OA-04)."""
    paths = {"/bad": {"post": bad, "get": {}}, "/worse": item, "/good": {"get": {"operationId": "getGood"}}}
    made = compiled(paths, components=components)
    assert "get_good" in {tool.name for tool in made.tools}
    assert not [skip for skip in made.skipped if "malformed" in skip.why]
