"""Annotations: what schema each kind becomes, what a function is given for it, and what becomes of whatever it returns."""

import datetime as dt
import decimal
import json
import math
import uuid
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Optional

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from pydantic import BaseModel, Field, field_validator

from freehold.core.refusals import Refusal
from freehold.domains.guard.arguments import Arguments
from tests.functions import Color, Invoice, Line, Point, giving, offered, outcome, structured, taking, text

pytestmark = pytest.mark.anyio

# arguments

KINDS: dict[str, tuple[Any, dict[str, Any], Any, Any]] = {
    "str": (str, {"type": "string"}, "é", "é"),
    "int": (int, {"type": "integer"}, 5, 5),
    "int written 5.0": (int, {"type": "integer"}, 5.0, 5),
    "float": (float, {"type": "number"}, 0.5, 0.5),
    "bool": (bool, {"type": "boolean"}, True, True),
    "optional": (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}, None, None),  # noqa: UP045  both spellings are in use
    "union": (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "5", "5"),
    "list": (list[int], {"type": "array", "items": {"type": "integer"}}, [1, 2], [1, 2]),
    "bare list": (list, {"type": "array", "items": {}}, [1, "a"], [1, "a"]),
    "tuple": (
        tuple[int, str],
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        [1, "a"],
        (1, "a"),
    ),
    "set": (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}, ["a", "b"], {"a", "b"}),
    "dict": (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}, {"a": 1}, {"a": 1}),
    "Literal": (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}, "b", "b"),
    "Enum": (Color, {"$ref": "#/$defs/Color"}, "blue", Color.BLUE),
    "date": (dt.date, {"type": "string", "format": "date"}, "2026-02-03", dt.date(2026, 2, 3)),
    "datetime": (
        dt.datetime,
        {"type": "string", "format": "date-time"},
        "2026-02-03T04:05:06Z",
        dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
    ),
    "timedelta": (dt.timedelta, {"type": "string", "format": "duration"}, "PT90S", dt.timedelta(seconds=90)),
    "bytes": (bytes, {"type": "string", "format": "binary"}, "é", "é".encode()),
    "UUID": (uuid.UUID, {"type": "string", "format": "uuid"}, str(uuid.UUID(int=7)), uuid.UUID(int=7)),
    "Decimal": (decimal.Decimal, {"anyOf": [{"type": "number"}, {"type": "string"}]}, "1.10", decimal.Decimal("1.10")),
    "dataclass": (Point, {"$ref": "#/$defs/Point"}, {"x": 1, "names": ["a"]}, Point(1, 0.5, ["a"])),
    "TypedDict": (Line, {"$ref": "#/$defs/Line"}, {"sku": "s"}, {"sku": "s"}),
    "pydantic": (
        Invoice,
        {"$ref": "#/$defs/Invoice"},
        {"number": 1, "due": "2026-01-02"},
        Invoice(number=1, due=dt.date(2026, 1, 2)),
    ),
    "Annotated": (
        Annotated[int, Field(ge=1, description="How many.")],
        {"type": "integer", "minimum": 1, "description": "How many."},
        3,
        3,
    ),
    "Any": (Any, {}, [1, {"a": None}], [1, {"a": None}]),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_annotation_becomes_a_schema_and_arrives_as_its_type(kind: str) -> None:
    """Each annotation docs/python.md names has its schema, without derived titles, and the function gets a value of that very type."""
    annotation, schema, sent, got = KINDS[kind]
    take, seen = taking(annotation)
    (tool,) = offered(take).tools
    assert tool.input_schema["properties"] == {"it": schema}
    assert tool.input_schema["required"] == ["it"]
    assert tool.input_schema["additionalProperties"] is False
    assert not {"Point", "Line", "Invoice", "Color", "It", "take"} & set(_titles(tool.input_schema))
    made = await outcome(take, it=sent)
    assert made.status == "ok"
    assert seen == [got]
    assert type(seen[0]) is type(got)


def _titles(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            yield schema["title"]
        for one in schema.values():
            yield from _titles(one)


def test_a_title_that_was_written_stays() -> None:
    """Only titles that merely repeat a name are left out; a property may be called title, and keep one of its own."""
    take, _ = taking(Invoice)
    (tool,) = offered(take).tools
    assert list(_titles(tool.input_schema)) == ["What it is for"]
    assert "title" in tool.input_schema["$defs"]["Invoice"]["properties"]


async def test_a_default_is_the_functions_own() -> None:
    """A parameter with a default is not required, says it in the schema, and is left to Python when an agent leaves it out."""
    for annotation, default in ((int, 5), (str | None, None), (Color, Color.RED), (list[int], [1]), (Annotated[int, Field(ge=1)], 7)):
        take, seen = taking(annotation, default)
        (tool,) = offered(take).tools
        assert "required" not in tool.input_schema
        assert "default" in tool.input_schema["properties"]["it"]
        await outcome(take)
        assert seen == [default]


async def test_a_default_written_as_a_pydantic_field_is_filled_in() -> None:
    """`= Field(20, ge=1)` bounds the argument and gives the default, never the field object itself."""
    seen: list[int] = []

    async def take(limit: int = Field(20, ge=1, le=50), query: str = Field(description="What to look for.")) -> None:
        seen.append(limit)
        assert query == "q"

    (tool,) = offered(take).tools
    assert tool.input_schema["required"] == ["query"]
    assert tool.input_schema["properties"]["limit"] == {"type": "integer", "default": 20, "minimum": 1, "maximum": 50}
    await outcome(take, query="q")
    await outcome(take, query="q", limit=3)
    assert seen == [20, 3]


async def test_any_name_a_parameter_may_have_works() -> None:
    """Names that models keep for themselves, leading underscores and other alphabets reach the function under their own name."""

    def take(schema: str, json: int, model_config: str, _hidden: int, größe: list[int], copy: int = 1) -> list[Any]:  # noqa: PLC2401  another alphabet is meant
        return [schema, json, model_config, _hidden, größe, copy]

    arguments = {"schema": "s", "json": 1, "model_config": "m", "_hidden": 2, "größe": [4]}
    (tool,) = offered(take).tools
    assert set(tool.input_schema["properties"]) == {*arguments, "copy"}
    assert json.loads(text(await outcome(take, **arguments))) == ["s", 1, "m", 2, [4], 1]
    assert Arguments().fault(tool, {**arguments, "field0": "s"}) == "field0 is not an argument of this tool"


async def test_a_function_without_arguments_takes_none() -> None:
    """Its schema is an object of nothing, and an argument is refused before it runs."""
    give = giving(str, "x")
    (tool,) = offered(give).tools
    assert tool.input_schema == {"type": "object", "properties": {}, "additionalProperties": False}
    assert Arguments().fault(tool, {"a": 1}) is not None
    assert text(await outcome(give)) == "x"


class Picky(BaseModel):
    """Refuses everything, with the value in its message."""

    code: str

    @field_validator("code")
    @classmethod
    def never(cls, value: str) -> str:
        """Refuse."""
        message = f"{value} is not acceptable"
        raise ValueError(message)


CANARIES = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=9).map(lambda drawn: f"canary-{drawn}")


@given(CANARIES)
async def test_what_only_python_can_judge_is_refused_without_the_value(canary: str) -> None:
    """A value that fits the schema but not the type is `invalid_arguments` naming the parameter and the rule, never the value (TR-30)."""
    cases: dict[str, tuple[Any, Any]] = {
        "it is not valid (date_from_datetime_parsing)": (dt.date, canary),
        "it is not valid (uuid_parsing)": (uuid.UUID, canary),
        "it is not valid (decimal_parsing)": (decimal.Decimal, canary),
        "it is not valid (int_parsing)": (dict[int, str], {canary: "x"}),
        "it is not valid (value_error)": (Picky, {"code": canary}),
    }
    for why, (annotation, sent) in cases.items():
        take, seen = taking(annotation)
        with pytest.raises(Refusal) as refused:
            await outcome(take, it=sent)
        assert refused.value.code == "invalid_arguments"
        assert refused.value.facts == {"why": why}
        assert canary not in str(refused.value)
        assert seen == []


# what it returns


@pytest.mark.parametrize(
    ("annotation", "value", "said", "promised"),
    [
        (str, "é\n", "é\n", False),
        (None, None, "Done.", False),
        (Any, None, "Done.", False),
        (int, 5, "5", False),
        (int, 10**30, str(10**30), False),
        (bool, True, "true", False),
        (float, 0.5, "0.5", False),
        (list[int], [1, 2], "[1,2]", False),
        (tuple[int, str], (1, "a"), '[1,"a"]', False),
        (set[int], {1}, "[1]", False),
        (dt.date, dt.date(2026, 1, 2), "2026-01-02", False),
        (Color, Color.RED, "red", False),
        (bytes, b"abc", "abc", False),
        (dict[str, int], {"a": 1}, '{"a":1}', True),
        (dict, {"a": [None]}, '{"a":[null]}', True),
        (Point, Point(1), '{"x":1,"y":0.5,"names":[]}', True),
        (Line, {"sku": "s"}, '{"sku":"s"}', True),
        (Invoice, Invoice(number=1), '{"number":1,"due":null,"lines":[],"title":""}', True),
        (Invoice | None, Invoice(number=1), '{"number":1,"due":null,"lines":[],"title":""}', False),
        (Invoice | None, None, "Done.", False),
        (list[Invoice], [Invoice(number=1)], '[{"number":1,"due":null,"lines":[],"title":""}]', False),
        (Any, Invoice(number=1), '{"number":1,"due":null,"lines":[],"title":""}', False),
        (Any, {"at": dt.date(2026, 1, 2), "c": Color.RED}, '{"at":"2026-01-02","c":"red"}', False),
        (Any, {1: "a"}, '{"1":"a"}', False),
    ],
)
async def test_a_returned_value_becomes_text_and_an_object_is_structured_too(
    annotation: Any, value: Any, said: str, *, promised: bool
) -> None:
    """Text stays text, nothing is `Done.`, the rest is JSON; an object comes structured as well and fits the schema that was promised."""
    give = giving(annotation, value)
    (tool,) = offered(give).tools
    made = await outcome(give)
    assert (made.status, text(made)) == ("ok", said)
    assert (tool.output_schema is not None) == promised
    if said.startswith("{"):
        assert structured(made) == json.loads(said)
    else:
        assert made.structured is UNSET
    if tool.output_schema is not None:
        assert tool.output_schema["type"] == "object"
        assert Arguments().fault(msgspec.structs.replace(tool, input_schema=tool.output_schema), structured(made)) is None


async def test_a_function_that_says_nothing_of_its_answer_may_return_anything() -> None:
    """Without a return annotation objects, lists and text are told apart by the value."""

    def give(a: str):  # type: ignore[no-untyped-def]  # noqa: ANN202  the point of the test
        return {"a": a} if a else [a]

    assert offered(give).tools[0].output_schema is None
    assert structured(await outcome(give, a="x")) == {"a": "x"}
    assert (await outcome(give, a="")).structured is UNSET


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
async def test_a_number_json_does_not_have_becomes_null_and_the_schema_says_so(number: float) -> None:
    """NaN and infinities are null in text and structure, and a promised schema allows it, so no client rejects the answer."""
    give = giving(dict[str, float], {"mean": number})
    (tool,) = offered(give).tools
    made = await outcome(give)
    assert structured(made) == {"mean": None}
    assert text(made) == '{"mean":null}'
    assert tool.output_schema == {"type": "object", "additionalProperties": {"type": ["number", "null"]}}
    take, _ = taking(float)
    assert offered(take).tools[0].input_schema["properties"]["it"] == {"type": "number"}


async def test_text_that_no_utf8_can_carry_is_mended_in_structure() -> None:
    """A lone surrogate inside a returned object becomes U+FFFD instead of failing a call that has been made."""
    assert structured(await outcome(giving(dict[str, str], {"a": "x\ud800"}))) == {"a": "x\ufffd"}


class Row:
    """A row of somebody's database library: attributes, no dict."""

    number = 7
    due = None
    lines: tuple[Any, ...] = ()
    title = "t"


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (Invoice, {"number": 1}, {"number": 1, "due": None, "lines": [], "title": ""}),
        (Invoice, {"number": "1", "due": "2026-01-02"}, {"number": 1, "due": "2026-01-02", "lines": [], "title": ""}),
        (Invoice, Row(), {"number": 7, "due": None, "lines": [], "title": "t"}),
        (Point, {"x": 1}, {"x": 1, "y": 0.5, "names": []}),
        (dict[str, int], {"a": 1.0}, {"a": 1}),
    ],
)
@pytest.mark.filterwarnings("error")
async def test_a_value_that_can_become_the_annotated_type_does(annotation: Any, value: Any, said: dict[str, Any]) -> None:
    """A dict or a row in the place of a model is converted, so that the promise holds, and nothing of it is printed as a warning."""
    assert structured(await outcome(giving(annotation, value))) == said


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Invoice, {"number": "canary"}),
        (Invoice, None),
        (dict[str, int], {"a": "canary"}),
        (int, "canary"),
        (Literal["a"], "canary"),
        (Any, object()),
        (dict[str, Any], {"a": object()}),
        (Any, b"\xff"),
    ],
)
@pytest.mark.filterwarnings("error")
async def test_a_value_that_breaks_its_promise_is_a_failure_and_is_not_printed(
    annotation: Any, value: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """What cannot become the annotated type, or JSON at all, raises, which the corridor answers with a sentence; nothing is written out."""
    with pytest.raises((TypeError, ValueError)):
        await outcome(giving(annotation, value))
    assert "canary" not in "".join(capfd.readouterr())
