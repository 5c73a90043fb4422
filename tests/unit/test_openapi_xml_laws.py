"""The law of XML bodies: what is written reads back as it was given, for every form a schema can ask for."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.documents import LAW, request, takes
from tests.xml_reader import parsed, read

ANYTHING = st.sampled_from("&<>\"'] \t\n\r") | st.sampled_from("aÜ~\x7f\x85\u2028\u3042\ue000\ufffd\U0001f600")
NAMES = st.sampled_from(["", "a", "Ab", "x-1", "_y", "ü", "z.z"])
SPACES = st.sampled_from([{}, {"namespace": "urn:d"}, {"namespace": "urn:p", "prefix": "p"}, {"namespace": "urn:q", "prefix": "q"}])
SCALARS = st.one_of(
    st.tuples(st.just({"type": "string"}), st.text(ANYTHING, max_size=12)),
    st.tuples(st.just({"type": "integer"}), st.integers(-(2**53), 2**53)),
    st.tuples(st.just({"type": "boolean"}), st.booleans()),
)


@st.composite
def described(draw: st.DrawFn, depth: int = 2) -> tuple[dict[str, Any], Any]:
    """A schema with XML Objects, and a value of it."""
    kind = draw(st.sampled_from(["scalar", "object", "array"] if depth else ["scalar"]))
    if kind == "scalar":
        schema, value = draw(SCALARS)
        return {**schema, "xml": {**draw(SPACES)}}, value
    if kind == "object":
        return draw(objects(depth - 1))
    items, first = draw(described(depth - 1))
    if items["type"] == "array":
        items["xml"]["wrapped"] = True
    items["xml"]["name"] = draw(NAMES)
    schema = {"type": "array", "items": items, "xml": {**draw(SPACES), "wrapped": draw(st.booleans())}}
    return schema, [first] * draw(st.integers(1, 3))


@st.composite
def objects(draw: st.DrawFn, depth: int = 2) -> tuple[dict[str, Any], dict[str, Any]]:
    """An object whose fields do not share a name in XML, some of them attributes."""
    properties: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for at in range(draw(st.integers(0, 4))):
        schema, value = draw(described(depth))
        said = schema["xml"]
        said["name"] = f"{draw(NAMES)}n{at}" if draw(st.booleans()) else ""
        if (
            schema["type"] not in ("object", "array")
            and said.get("prefix", "p") in ("p", "q")
            and ("prefix" in said or not said.get("namespace"))
        ):
            said["attribute"] = draw(st.booleans())
        if schema["type"] == "array":
            schema["items"]["xml"]["name"] = f"i{at}" if draw(st.booleans()) else ""
        properties[f"f{at}"], values[f"f{at}"] = schema, value
    return {"type": "object", "properties": properties, "xml": {**draw(SPACES)}}, values


@LAW
@given(objects())
def test_what_is_written_reads_back_as_it_was_given(given_: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Every value in its place, under its name and namespace, and nothing besides."""
    schema, value = given_
    schema["xml"]["name"] = "root"
    tool = takes({**schema, "minProperties": 0}, media_type="application/xml")
    made = request(tool, {"body": value})
    assert made.body is not None
    assert read(parsed(made.body), schema) == value
    assert request(tool, {"body": dict(reversed(value.items()))}).body == made.body
