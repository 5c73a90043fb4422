"""XML bodies: arguments arrive as the document's XML Objects ask, read back by a parser that knows nothing of us."""

from typing import Any

import pytest

from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.sources.openapi.bodies_xml import DEEPEST, LARGEST
from tests.documents import compiled, request, takes
from tests.xml_reader import parsed

TEXT = {"type": "string"}
KIND = "application/xml; charset=utf-8"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'


def order(*, root: Any = None, openapi: str = "3.0.3", **fields: Any) -> Tool:
    """A tool whose body is the component Order with these fields."""
    component: dict[str, Any] = {"type": "object", "properties": fields, **(root or {})}
    return named("Order", {"Order": component}, openapi=openapi)


def named(name: str, schemas: Any, *, required: bool = True, **more: Any) -> Tool:
    """A tool whose body is one of these components."""
    return takes(
        {"$ref": f"#/components/schemas/{name}"}, media_type="application/xml", required=required, components={"schemas": schemas}, **more
    )


def inline(schema: Any, **more: Any) -> Tool:
    """A tool whose body is a schema without a name."""
    return takes(schema, media_type="application/xml", **more)


def sent(tool: Tool, **arguments: Any) -> str:
    """The element that arrives, after its declaration."""
    made = request(tool, arguments)
    assert dict(made.headers)["content-type"] == KIND
    assert made.body is not None
    parsed(made.body)
    declaration, _, element = made.body.decode().partition("?>")
    assert declaration + "?>" == DECLARATION
    return element


def refused(tool: Tool, **arguments: Any) -> tuple[str, str]:
    """The field that is named, and why."""
    with pytest.raises(Refusal) as caught:
        request(tool, arguments)
    assert caught.value.code == "argument_not_sendable"
    return str(caught.value.facts["field"]), str(caught.value.facts["why"])


@pytest.mark.parametrize(
    ("schema", "value", "element"),
    [
        (TEXT, "x", "<f>x</f>"),
        (TEXT, "", "<f></f>"),
        (TEXT, ' "&]]>\t\r\n', '<f> "&amp;]]&gt;\t&#13;\n</f>'),
        ({"type": "boolean"}, True, "<f>true</f>"),
        ({"type": "integer"}, 0, "<f>0</f>"),
        ({"type": "number"}, 1.5, "<f>1.5</f>"),
        ({**TEXT, "xml": {"name": "g"}}, "x", "<g>x</g>"),
        ({**TEXT, "xml": {"prefix": "p", "namespace": "urn:p"}}, "x", '<p:f xmlns:p="urn:p">x</p:f>'),
        ({**TEXT, "xml": {"name": "g", "namespace": "urn:g"}}, "x", '<g xmlns="urn:g">x</g>'),
        ({**TEXT, "xml": {"name": "p:g", "namespace": "urn:g"}}, "x", '<p:g xmlns:p="urn:g">x</p:g>'),
        ({"type": "array", "items": TEXT}, ["x", "y"], "<f>x</f><f>y</f>"),
        ({"type": "array", "items": TEXT}, [], ""),
        ({"type": "array", "items": {**TEXT, "xml": {"name": "i"}}}, ["x", "y"], "<i>x</i><i>y</i>"),
        ({"type": "array", "items": {**TEXT, "xml": {"name": "i"}}, "xml": {"name": "o"}}, ["x"], "<i>x</i>"),
        ({"type": "array", "items": TEXT, "xml": {"name": "o"}}, ["x"], "<f>x</f>"),
        ({"type": "array", "items": TEXT, "xml": {"wrapped": True}}, ["x", "y"], "<f><f>x</f><f>y</f></f>"),
        ({"type": "array", "items": TEXT, "xml": {"wrapped": True}}, [], "<f></f>"),
        ({"type": "array", "items": {**TEXT, "xml": {"name": "i"}}, "xml": {"wrapped": True}}, ["x"], "<f><i>x</i></f>"),
        ({"type": "array", "items": {**TEXT, "xml": {"name": "i"}}, "xml": {"wrapped": True, "name": "o"}}, ["x"], "<o><i>x</i></o>"),
        ({"type": "array", "items": TEXT, "xml": {"wrapped": True, "name": "o"}}, ["x"], "<o><o>x</o></o>"),
        (
            {"type": "array", "items": {"type": "array", "items": TEXT, "xml": {"wrapped": True, "name": "row"}}},
            [["x", "y"], []],
            "<row><row>x</row><row>y</row></row><row></row>",
        ),
        ({"type": "object", "additionalProperties": {**TEXT, "xml": {"name": "n"}}}, {"b": "x", "a": "y"}, "<f><b>x</b><a>y</a></f>"),
        ({}, {"a": [1, {"b": False}]}, "<f><a>1</a><a><b>false</b></a></f>"),
    ],
)
def test_each_form_of_a_field(schema: Any, value: Any, element: str) -> None:
    """Name, prefix, namespace, wrapping and item names are the XML Object's; what it does not name has the field's name."""
    assert sent(order(f=schema), f=value) == f"<Order>{element}</Order>"


@pytest.mark.parametrize(
    ("fields", "values", "element"),
    [
        ({"id": {"type": "integer", "xml": {"attribute": True}}, "n": TEXT}, {"n": "x", "id": 7}, '<Order id="7"><n>x</n></Order>'),
        (
            {"id": {**TEXT, "xml": {"attribute": True, "name": "key"}}},
            {"id": 'a"<\t\n&'},
            '<Order key="a&quot;&lt;&#9;&#10;&amp;"></Order>',
        ),
        (
            {"id": {**TEXT, "xml": {"attribute": True, "prefix": "p", "namespace": "urn:p"}}},
            {"id": "x"},
            '<Order xmlns:p="urn:p" p:id="x"></Order>',
        ),
        ({"lang": {**TEXT, "xml": {"attribute": True, "prefix": "xml"}}}, {"lang": "de"}, '<Order xml:lang="de"></Order>'),
    ],
)
def test_each_form_of_an_attribute(fields: Any, values: Any, element: str) -> None:
    """It stands in its object's start tag, with the namespace it needs."""
    assert sent(order(**fields), **values) == element


def test_fields_stand_in_the_documents_order() -> None:
    """Many schemas of XML are sequences; what the document does not list comes last, as it was given."""
    tool = order(b=TEXT, a=TEXT, root={"additionalProperties": True})
    assert sent(tool, z="3", y="4", a="2", b="1") == "<Order><b>1</b><a>2</a><z>3</z><y>4</y></Order>"


def test_a_prefix_declared_above_is_good_below() -> None:
    """And nowhere else."""
    inner = {**TEXT, "xml": {"prefix": "p"}}
    tool = order(f={"type": "object", "properties": {"g": inner}, "xml": {"prefix": "p", "namespace": "urn:p"}}, h=inner)
    assert sent(tool, f={"g": "x"}) == '<Order><p:f xmlns:p="urn:p"><p:g>x</p:g></p:f></Order>'
    assert refused(tool, h="x") == ("h", "the API's document does not say what the prefix of its name means")


ITEM = {"type": "object", "properties": {"sku": TEXT}, "xml": {"name": "line"}}


@pytest.mark.parametrize(
    ("openapi", "field", "element"),
    [
        ("3.0.3", {"$ref": "#/components/schemas/Item"}, "<line><sku>x</sku></line>"),
        ("3.0.3", {"allOf": [{"$ref": "#/components/schemas/Item"}, {"xml": {"name": "own"}}]}, "<own><sku>x</sku></own>"),
        ("3.0.3", {"allOf": [{"$ref": "#/components/schemas/Item"}], "xml": {"name": "own"}}, "<own><sku>x</sku></own>"),
        ("3.0.3", {"$ref": "#/components/schemas/Item", "xml": {"name": "own"}}, "<line><sku>x</sku></line>"),
        ("3.1.0", {"$ref": "#/components/schemas/Item", "xml": {"name": "own"}}, "<own><sku>x</sku></own>"),
        ("3.1.0", {"anyOf": [{"$ref": "#/components/schemas/Item"}, {"type": "null"}]}, "<line><sku>x</sku></line>"),
    ],
)
def test_references_bring_their_xml_along(openapi: str, field: Any, element: str) -> None:
    """What stands nearer wins; beside a reference 3.0 reads nothing, 3.1 does."""
    tool = named("Order", {"Order": {"type": "object", "properties": {"f": field}}, "Item": ITEM}, openapi=openapi)
    assert sent(tool, f={"sku": "x"}) == f"<Order>{element}</Order>"


def test_a_schema_that_extends_another_has_its_fields_first() -> None:
    """And its own XML Object, the other's where it has none."""
    schemas = {
        "Base": {"type": "object", "properties": {"b": {**TEXT, "xml": {"attribute": True}}, "a": TEXT}, "xml": {"namespace": "urn:o"}},
        "Order": {"allOf": [{"$ref": "#/components/schemas/Base"}], "type": "object", "properties": {"c": TEXT, "a": {"minLength": 1}}},
    }
    assert request(named("Order", schemas), {"body": {"c": "3", "a": "2", "b": "1"}}).body == (
        f'{DECLARATION}<Order xmlns="urn:o" b="1"><a>2</a><c>3</c></Order>'.encode()
    )


def test_a_schema_that_contains_itself_ends_with_its_value() -> None:
    """The form is made once, however deep the value."""
    tree = {"type": "object", "properties": {"node": {"allOf": [{"$ref": "#/components/schemas/Tree"}, {"xml": {"name": "child"}}]}}}
    assert sent(named("Tree", {"Tree": tree}), node={"node": {}}) == "<Tree><child><child></child></child></Tree>"


def test_a_schema_that_is_only_itself_is_still_a_tool() -> None:
    """A circle says nothing, and ends."""
    circle = {"Order": {"allOf": [{"$ref": "#/components/schemas/Order"}]}}
    assert sent(named("Order", circle), body={"a": 1}) == "<Order><a>1</a></Order>"


@pytest.mark.parametrize(
    ("schema", "arguments", "element"),
    [
        (
            {"type": "object", "properties": {"a": TEXT}, "xml": {"name": "r", "namespace": "urn:r"}},
            {"a": "x"},
            '<r xmlns="urn:r"><a>x</a></r>',
        ),
        ({"properties": {"Tagging": ITEM}}, {"Tagging": {"sku": "x"}}, "<line><sku>x</sku></line>"),
        ({"type": "array", "items": TEXT, "xml": {"name": "r", "wrapped": True}}, {"body": ["x"]}, "<r><r>x</r></r>"),
        ({"type": "integer", "xml": {"name": "r"}}, {"body": 5}, "<r>5</r>"),
        ({"type": "object", "xml": {"name": "r"}}, {"body": {"a": 1}}, "<r><a>1</a></r>"),
    ],
)
def test_a_root_without_a_component(schema: Any, arguments: Any, element: str) -> None:
    """Its XML Object names it, or the body has one field that can be nothing else."""
    assert sent(inline(schema), **arguments) == element


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": TEXT, "b": TEXT}},
        {"type": "object", "properties": {"a": TEXT}},
        {"type": "object", "properties": {"a": ITEM}, "xml": {"namespace": "urn:r"}},
        {"type": "object"},
        {"type": "array", "items": TEXT, "xml": {"name": "r"}},
        {"oneOf": [ITEM, {**ITEM, "xml": {"name": "other"}}]},
        {"type": "object", "properties": {"a": TEXT}, "xml": {"name": "not a name"}},
        {"type": ["string", "null"]},
        {},
    ],
)
def test_without_a_root_element_the_agent_writes_the_xml(schema: Any) -> None:
    """No name is invented; the one argument is the XML itself."""
    tool = inline(schema)
    assert list(tool.input_schema["properties"]) == ["body"]
    shown = tool.input_schema["properties"]["body"]
    assert shown["type"] == "string"
    assert "application/xml" in shown["description"]
    made = request(tool, {"body": "<r>&amp;</r>"})
    assert (dict(made.headers)["content-type"], made.body) == (KIND, b"<r>&amp;</r>")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r>&e;</r>', "document type"),
        ('<?xml version="1.0"?>\n<!-- x -->\n<!DOCTYPE r><r/>', "document type"),
        ("<r>\x00</r>", "a character"),
        ("<r>\ud800</r>", "a character"),
    ],
)
def test_xml_that_the_agent_writes_defines_no_entity(body: str, why: str) -> None:
    """An agent that was talked into it cannot make the API read its own files (OA-06)."""
    field, said = refused(inline({"type": "string"}), body=body)
    assert field == "body"
    assert why in said
    assert "passwd" not in said


def test_the_fields_of_a_body_without_a_root_are_named() -> None:
    """So that the agent knows what to write."""
    tool = inline({"type": "object", "properties": {"Name": TEXT, "Size": TEXT}})
    assert "Name, Size" in tool.input_schema["properties"]["body"]["description"]


@pytest.mark.parametrize(
    ("fields", "arguments", "field", "why"),
    [
        ({"f": TEXT}, {"f": "a\x00b"}, "f", "a character that XML cannot hold"),
        ({"f": TEXT}, {"f": "\ud800"}, "f", "a character that XML cannot hold"),
        ({"f": TEXT}, {"f": "\uffff"}, "f", "a character that XML cannot hold"),
        ({"f": TEXT}, {"f": None}, "f", "no null"),
        ({"f": {"type": "array"}}, {"f": ["x", None]}, "f[1]", "no null"),
        ({"f": {"type": "object", "properties": {"g": {"xml": {"attribute": True}}}}}, {"f": {"g": [1]}}, "f.g", "a single value"),
        ({"f": {"xml": {"attribute": True}}}, {"f": {}}, "f", "a single value"),
        ({"f": {"type": "array"}}, {"f": [["x"]]}, "f[0]", "an element around it"),
        ({"f": {"type": "object"}}, {"f": {"a b": 1}}, "f.a b", "a name in XML"),
        ({"f": {"type": "object"}}, {"f": {"a><x": 1}}, "f.a><x", "a name in XML"),
        ({"f": {"type": "object"}}, {"f": {"": 1}}, "f.", "a name in XML"),
        ({"f": {"type": "object"}}, {"f": {"p:a": 1}}, "f.p:a", "the prefix"),
        ({"f": {**TEXT, "xml": {"name": "x y='1'"}}}, {"f": "x"}, "f", "a name in XML"),
        ({"f": {**TEXT, "xml": {"prefix": "p q", "namespace": "urn:p"}}}, {"f": "x"}, "f", "a namespace that XML does not allow"),
        ({"f": {**TEXT, "xml": {"prefix": "xmlns", "namespace": "urn:p"}}}, {"f": "x"}, "f", "a namespace that XML does not allow"),
        ({"f": {**TEXT, "xml": {"namespace": "http://www.w3.org/2000/xmlns/"}}}, {"f": "x"}, "f", "a namespace that XML does not allow"),
        ({"f": {**TEXT, "xml": {"attribute": True, "namespace": "urn:p"}}}, {"f": "x"}, "f", "needs a prefix"),
        (
            {"f": {"xml": {"attribute": True, "name": "k"}}, "g": {"xml": {"attribute": True, "name": "k"}}},
            {"f": "x", "g": "y"},
            "g",
            "another attribute of that name",
        ),
        (
            {"f": {"oneOf": [{**TEXT, "xml": {"name": "s"}}, {"type": "integer", "xml": {"name": "i"}}]}},
            {"f": "x"},
            "f",
            "more than one form",
        ),
    ],
)
def test_what_has_no_form_in_xml_is_refused(fields: Any, arguments: Any, field: str, why: str) -> None:
    """Naming the argument and the way inside it, instead of sending something else (OA-06)."""
    named_field, said = refused(order(**fields), **arguments)
    assert named_field == field
    assert why in said


def test_a_field_is_named_by_its_argument() -> None:
    """Also when the tool had to call it otherwise, or takes the body whole."""
    assert refused(named("Order", {"Order": {"type": "object", "properties": {"$f": TEXT}}}), f=None)[0] == "f"
    whole = named("Order", {"Order": {"oneOf": [{"type": "object", "properties": {"f": TEXT}}]}})
    assert refused(whole, body={"f": [None]})[0] == "body.f[0]"
    assert refused(whole, body=["x"])[0] == "body"


def test_a_body_that_is_one_element_has_exactly_that() -> None:
    """Nothing is sent without its root, with two of them, or with an array for one; a required body requires its root."""
    schema = {"properties": {"Tagging": ITEM}}
    assert inline(schema).input_schema["required"] == ["Tagging"]
    assert "required" not in inline(schema, required=False).input_schema
    assert refused(inline(schema))[0] == "Tagging"
    whole = inline({**schema, "minProperties": 1})
    bodies: list[Any] = [{}, {"Tagging": [{}]}, {"Tagging": {}, "more": 1}, "x"]
    for body in bodies:
        assert refused(whole, body=body)[0] == "body"
    assert sent(whole, body={"Tagging": {}}) == "<line></line>"


def test_depth_and_size_are_bounded() -> None:
    """Before anything is sent, and before it takes the memory."""
    value: Any = "x"
    for _ in range(DEEPEST + 1):
        value = {"a": value}
    assert "deep" in refused(order(f={}), f=value)[1]
    long = order(f={"type": "array", "items": {**TEXT, "xml": {"name": "n" * 250}}})
    assert "longer than" in refused(long, f=["x"] * (LARGEST // 500))[1]
    assert sent(long, f=["x"]).count("n" * 250) == 2


def test_a_document_that_multiplies_its_schemas_costs_no_more() -> None:
    """Each component counts once, whatever the number of ways to it; beyond a hundred the field is refused."""
    schemas: dict[str, Any] = {f"S{at}": {"allOf": [{"$ref": f"#/components/schemas/S{at + 1}"}] * 2} for at in range(90)}
    schemas["S90"] = {"type": "object", "xml": {"name": "last"}}
    assert sent(named("S0", schemas), body={"a": 1}) == "<last><a>1</a></last>"
    chain = {f"C{at}": {"allOf": [{"$ref": f"#/components/schemas/C{at + 1}"}]} for at in range(200)}
    fields = {"Order": {"type": "object", "properties": {"f": {"allOf": [{"$ref": "#/components/schemas/C0"}]}}}, "C200": {}, **chain}
    assert "more than one form" in refused(named("Order", fields), f="x")[1]


def test_json_is_preferred_and_other_forms_before_xml() -> None:
    """A document that offers both is asked for the simpler one."""
    schema = {"schema": {"type": "object", "properties": {"a": TEXT}, "xml": {"name": "r"}}}
    for kind in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data"):
        operation = {"requestBody": {"content": {"application/xml": schema, kind: schema}}}
        assert dict(request(takes({}, operation=operation), {"a": "x"}).headers)["content-type"].startswith(kind)


@pytest.mark.parametrize(
    ("written", "arrives"),
    [
        ("text/xml", "text/xml; charset=utf-8"),
        ("application/xml; charset=ISO-8859-1", "application/xml; charset=utf-8"),
        ("application/atom+xml;type=entry", "application/atom+xml; type=entry; charset=utf-8"),
        ("application/soap+xml", "application/soap+xml; charset=utf-8"),
    ],
)
def test_the_media_type_is_the_documents_and_the_charset_is_true(written: str, arrives: str) -> None:
    """Other parameters stay."""
    tool = takes({"type": "object", "properties": {"a": TEXT}, "xml": {"name": "r"}}, media_type=written)
    made = request(tool, {"a": "ü"})
    assert dict(made.headers)["content-type"] == arrives
    assert made.body == f"{DECLARATION}<r><a>ü</a></r>".encode()


def test_an_optional_body_that_is_not_given_is_not_sent() -> None:
    """A required one is its empty root."""
    schemas = {"Order": {"type": "object", "properties": {"f": TEXT}}}
    made = request(named("Order", schemas, required=False))
    assert made.body is None
    assert "content-type" not in dict(made.headers)
    assert sent(named("Order", schemas)) == "<Order></Order>"


def test_text_that_looks_like_markup_is_text() -> None:
    """No element, entity, comment or end of section comes out of an argument (OA-06)."""
    evil = '</f><admin>true</admin><!--&amp;--><![CDATA[x]]><!DOCTYPE r [<!ENTITY e "x">]>&e;<?php ?>]]>'
    made = request(order(f=TEXT, g={**TEXT, "xml": {"attribute": True}}), {"f": evil, "g": evil + '" h="1'})
    assert made.body is not None
    root = parsed(made.body)
    assert [(child.tag, child.text) for child in root] == [("f", evil)]
    assert root.attrib == {"g": evil + '" h="1'}


def test_one_operation_that_cannot_be_read_leaves_the_others_whole() -> None:
    """A component met on the way to a broken one is made again for the next operation."""
    schemas = {
        "Bad": {"type": "object", "properties": {"g": {"$ref": "#/components/schemas/Good"}, "r": {"$ref": "https://x.example/s.json"}}},
        "Good": {"type": "object", "properties": {"i": {"$ref": "#/components/schemas/Item"}}},
        "Item": ITEM,
    }
    paths = {
        f"/{name}": {"post": {"requestBody": {"content": {"application/xml": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}}}
        for name in ("Bad", "Good")
    }
    made = compiled(paths, components={"schemas": schemas})
    assert [skip.operation for skip in made.skipped] == ["POST /Bad"]
    assert sent(made.tools[0], i={"sku": "x"}) == "<Good><line><sku>x</sku></line></Good>"
