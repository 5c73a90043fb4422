"""Python functions as resources and templates: what can be one, what their variables become, and what they hold."""

import datetime as dt
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from freehold.core.call import Outcome
from freehold.core.content import Embedded, Image
from freehold.core.refusals import Refusal
from freehold.core.resource import Resource
from freehold.domains.guard.arguments import Arguments
from freehold.domains.sources.context import Caller, Context, ToolError
from freehold.domains.sources.functions import Functions
from tests.functions import Color, Invoice, giving, text
from tests.recording import Client, run

pytestmark = pytest.mark.anyio


def offered(function: Callable[..., Any], uri: str = "a://b", **said: Any) -> tuple[Functions, Resource]:
    """A source with this one resource."""
    functions = Functions()
    return functions, functions.add_resource(function, uri, **said)


async def held(function: Callable[..., Any], uri: str = "a://b", client: Client | None = None, **values: str) -> Outcome:
    """What reading it comes to."""
    functions, resource = offered(function, uri)
    return await run(functions, resource.tool, client, **values)


# what it is


def test_a_resource_is_a_tool_of_its_own_and_no_tool_of_the_source() -> None:
    """It is read by a tool named after it that only reads, under mcp:read or the scopes given, and is not among the tools."""

    def rates() -> str:
        """Rates of today.

        In euros.
        """
        return ""

    functions, made = offered(rates, "rates://today", title="T", mime_type="text/csv")
    assert (made.uri, made.name, made.template, made.title, made.mime_type) == ("rates://today", "rates", False, "T", "text/csv")
    assert made.description == "Rates of today.\n\nIn euros."
    tool = made.tool
    assert (tool.name, tool.source, tool.read_only, tool.destructive, tool.scopes) == (
        "resource:rates",
        "python",
        True,
        False,
        {"mcp:read"},
    )
    assert tool.input_schema == {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert (tool.output_schema, made.completing) == (None, None)
    assert functions.tools == ()
    assert not functions.empty
    _, scoped = offered(rates, name="x", scopes=("a:b",), description="Said.")
    assert (scoped.name, scoped.tool.scopes, scoped.description) == ("x", {"a:b"}, "Said.")


def test_every_variable_is_a_required_text_and_nothing_else_is_taken() -> None:
    """A template's schema has its variables, described as annotated; injected parameters and those with a default stay out of it."""

    def rate(caller: Caller, day: dt.date, color: Annotated[Color, Field(description="Which.")], most: int = 3) -> str:
        return f"{caller}{day}{color}{most}"

    _, made = offered(rate, "rates://{day}/{+color}")
    assert made.template
    assert made.tool.input_schema == {
        "type": "object",
        "properties": {"day": {"type": "string"}, "color": {"type": "string", "enum": ["red", "blue"], "description": "Which."}},
        "required": ["day", "color"],
        "additionalProperties": False,
    }
    fault = Arguments().fault(made.tool, {"day": "1", "color": "red", "most": "4"})
    assert fault == "most is not an argument of this tool"


@pytest.mark.parametrize(
    ("annotation", "written", "got"),
    [
        (str, "05", "05"),
        (int, "05", 5),
        (float, "1e3", 1000.0),
        (bool, "true", True),
        (dt.date, "2026-02-03", dt.date(2026, 2, 3)),
        (Color, "blue", Color.BLUE),
        (Literal["a", "b"], "b", "b"),
        (int | None, "5", 5),
        (Any, "x", "x"),
    ],
)
async def test_a_variables_text_becomes_what_the_annotation_says(annotation: Any, written: str, got: Any) -> None:
    """The function gets a value of that very type."""
    seen: list[Any] = []

    def read(it: Any) -> str:
        seen.append(it)
        return ""

    read.__annotations__ = {"it": annotation, "return": str}
    assert (await held(read, "a://{it}", it=written)).status == "ok"
    assert seen == [got]
    assert type(seen[0]) is type(got)


async def test_text_that_is_no_such_value_is_refused_without_being_repeated() -> None:
    """The refusal names the variable and the rule, and the function does not run."""

    def read(it: int) -> str:
        raise AssertionError(it)

    with pytest.raises(Refusal) as refused:
        await held(read, "a://{it}", it="canary")
    assert refused.value.code == "invalid_arguments"
    assert "it is not valid (int_parsing)" in str(refused.value)
    assert "canary" not in str(refused.value)


# what cannot be one


@pytest.mark.parametrize(
    ("annotation", "uri", "sentence"),
    [
        (str, "b", "does not begin with a scheme"),
        (str, "{it}://b", "does not begin with a scheme"),
        (str, "a://{it", "characters no URI can have"),
        (str, "a://{?it}", "neither {name} nor {\\+name}"),
        (str, "a://{it}/{it}", "names a variable twice"),
        (str, "a://{other}/{it}", "has a variable 'other' that is no parameter"),
        (str, "a://b", "Parameter 'it' of read .* is no variable of its URI"),
        (list[str], "a://{it}", "Parameter 'it' of read arrives as text"),
        (dict[str, int], "a://{it}", "arrives as text"),
        (Invoice, "a://{it}", "arrives as text"),
        (Literal[1, 2], "a://{it}", "arrives as text"),
        (list[int] | dict[str, int], "a://{it}", "arrives as text"),
    ],
)
def test_what_cannot_be_a_resource_is_refused_in_words(annotation: Any, uri: str, sentence: str) -> None:
    """Registering it raises ValueError with a sentence that names what is wrong, and offers nothing."""

    def read(it: Any) -> str:
        return str(it)

    read.__annotations__ = {"it": annotation, "return": str}
    functions = Functions()
    with pytest.raises(ValueError, match=sentence):
        functions.add_resource(read, uri)
    assert functions.resources == ()
    assert functions.empty


def test_a_name_and_a_uri_are_given_once() -> None:
    """A second resource of the same name or the same URI is refused; a tool may share the name."""
    functions, _ = offered(giving(str, "x"), "a://b", name="one")
    with pytest.raises(ValueError, match="already a resource named 'one'"):
        functions.add_resource(giving(str, "y"), "a://c", name="one")
    with pytest.raises(ValueError, match="already a resource 'a://b'"):
        functions.add_resource(giving(str, "y"), "a://b", name="two")
    with pytest.raises(ValueError, match="'a b' cannot be a resource name"):
        functions.add_resource(giving(str, "y"), "a://d", name="a b")
    assert [one.name for one in functions.resources] == ["one"]
    assert functions.add(giving(str, "x"), name="one").name == "one"


# what it holds


@pytest.mark.parametrize(
    ("annotation", "value", "contents"),
    [
        (str, "é", [{"text": "é"}]),
        (bytes, b"\xff", [{"blob": b64encode(b"\xff").decode(), "mimeType": "application/octet-stream"}]),
        (str | bytes, b"a", [{"blob": "YQ==", "mimeType": "application/octet-stream"}]),
        (Invoice, {"number": 1}, [{"text": '{"number":1,"due":null,"lines":[],"title":""}', "mimeType": "application/json"}]),
        (list[int], [1, 2], [{"text": "[1,2]", "mimeType": "application/json"}]),
        (Any, {"a": dt.date(2026, 1, 2)}, [{"text": '{"a":"2026-01-02"}', "mimeType": "application/json"}]),
        (Embedded, Embedded("c://d", text="x", mime_type="m/t"), [{"uri": "c://d", "text": "x", "mimeType": "m/t"}]),
        (
            list[Embedded],
            [Embedded("c://d", text="x"), Embedded("c://e", data=b"a")],
            [{"uri": "c://d", "text": "x"}, {"uri": "c://e", "blob": "YQ=="}],
        ),
        (list[Embedded], [], [{"text": "[]", "mimeType": "application/json"}]),
    ],
)
async def test_what_it_holds_is_text_or_bytes_or_json(annotation: Any, value: Any, contents: list[dict[str, Any]]) -> None:
    """Each value has its own form and media type; what the resource says of itself is left for the door to fill in."""
    made = await held(giving(annotation, value))
    assert (made.status, list(made.content)) == ("ok", contents)


async def test_the_media_type_a_resource_says_stands() -> None:
    """No other is named for JSON and bytes of a resource that names one."""
    for annotation, value in ((dict[str, int], {}), (bytes, b"")):
        functions, resource = offered(giving(annotation, value), mime_type="application/x-mine")
        (contents,) = (await run(functions, resource.tool)).content
        assert "mimeType" not in contents


async def test_none_says_that_there_is_nothing() -> None:
    """A function that finds nothing gives None, which is an error in words and no empty contents."""
    made = await held(giving(Invoice | None, None))
    assert (made.status, text(made)) == ("error", "There is nothing at this address.")


async def test_content_that_a_resource_cannot_hold_is_a_failed_call() -> None:
    """A picture is bytes here; the block of a tool, and contents beside something else, raise and reach nobody."""
    for value in (Image(b"", "image/png"), [Embedded("c://d", text="x"), {"a": 1}]):
        with pytest.raises(ValueError, match="serial"):
            await held(giving(Any, value))


async def test_a_resource_may_ask_refuse_and_know_its_caller() -> None:
    """Reading goes the way of every call: `Context`, `Caller` and `ToolError` work, in a plain function as well where they can."""

    async def asking(context: Context, id: str) -> str:  # noqa: A002  a variable of that name is common
        roots = await context.roots()
        return f"{context.caller.tenant} {id} {roots}"

    def refusing(caller: Caller) -> str:
        raise ToolError(f"Not for {caller.tenant}.")

    assert [ask.key for ask in (await held(asking, "a://{id}", id="7")).asks] == ["1"]
    (contents,) = (await held(asking, "a://{id}", Client({"1": {"roots": []}}), id="7")).content
    assert contents["text"] == "acme 7 []"
    made = await held(refusing)
    assert (made.status, text(made)) == ("error", "Not for acme.")


def test_a_renamed_source_takes_its_resources_and_prompts_along() -> None:
    """All their tools name the new source, the original is left alone."""

    def one(it: Literal["a"]) -> str:
        return it

    functions, _ = offered(one, "a://{it}")
    functions.add_prompt(one)
    renamed = functions.named("shop")
    for made in (*renamed.resources, *renamed.prompts):
        assert made.completing is not None
        assert (made.tool.source, made.completing.source, made.name) == ("shop", "shop", "one")
    assert json.dumps([one.tool.source for one in (*functions.resources, *functions.prompts)]) == '["python", "python"]'
