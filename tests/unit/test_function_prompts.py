"""Python functions as prompts, and the completion of what prompts and templates are given."""

import threading
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from msgspec import UNSET
from pydantic import Field

from freehold.core.call import Outcome
from freehold.core.content import Embedded, Image, Message, Text
from freehold.core.resource import Prompt
from freehold.domains.guard.arguments import Arguments
from freehold.domains.sources.context import Caller, Context, ToolError
from freehold.domains.sources.functions import Functions
from tests.functions import Color, giving, text
from tests.recording import Client, run

pytestmark = pytest.mark.anyio


def offered(function: Callable[..., Any], **said: Any) -> tuple[Functions, Prompt]:
    """A source with this one prompt."""
    functions = Functions()
    return functions, functions.add_prompt(function, **said)


async def got(function: Callable[..., Any], client: Client | None = None, **given: str) -> Outcome:
    """What getting it comes to."""
    functions, prompt = offered(function)
    return await run(functions, prompt.tool, client, **given)


def user(words: str) -> dict[str, Any]:
    """A message of the user's."""
    return {"role": "user", "content": {"type": "text", "text": words}}


def test_a_prompts_arguments_are_the_functions_parameters() -> None:
    """Name, description and whether it must be given come from the parameter; scopes are mcp:read; nothing of it is a tool."""

    def review(caller: Caller, code: Annotated[str, Field(description="The code.")], tone: Literal["kind", "terse"] = "kind") -> str:
        """Review some code."""
        return f"{caller}{code}{tone}"

    functions, made = offered(review, title="Review")
    assert (made.name, made.title, made.description) == ("review", "Review", "Review some code.")
    assert [(one.name, one.description, one.required) for one in made.arguments] == [("code", "The code.", True), ("tone", "", False)]
    tool = made.tool
    assert (tool.name, tool.scopes, tool.read_only, tool.output_schema) == ("prompt:review", {"mcp:read"}, True, None)
    assert functions.tools == ()
    assert Arguments().fault(tool, {"code": 5}) == "code must be of type string"
    assert Arguments().fault(tool, {"code": "x", "tone": "rude"}) == "tone must be one of kind, terse"
    assert Arguments().fault(tool, {}) == "code is required"


async def test_text_becomes_what_the_annotation_says_and_defaults_stand() -> None:
    """A number is a number in the function, and what is not given keeps its default."""

    def count(upto: int, by: float = 0.5) -> str:
        return f"{upto + by}"

    def half(of: float) -> str:
        return f"{of / 2}"

    assert (await got(half, of="3")).content == (user("1.5"),)
    assert (await got(count, upto="3")).content == (user("3.5"),)
    assert (await got(count, upto="3", by="1")).content == (user("4.0"),)


@pytest.mark.parametrize(
    ("annotation", "value", "messages"),
    [
        (str, "Go.", [user("Go.")]),
        (Message, Message("assistant", "Hm."), [{**user("Hm."), "role": "assistant"}]),
        (list[Message], [Message("user", "A"), Message("assistant", Text("B"))], [user("A"), {**user("B"), "role": "assistant"}]),
        (Image, Image(b"a", "image/png"), [{"role": "user", "content": {"type": "image", "data": "YQ==", "mimeType": "image/png"}}]),
        (
            list[str | Embedded],
            ["See:", Embedded("a://b", text="x")],
            [user("See:"), {"role": "user", "content": {"type": "resource", "resource": {"uri": "a://b", "text": "x"}}}],
        ),
        (Any, ["A", "B"], [user("A"), user("B")]),
        (list[str], [], []),
    ],
)
async def test_what_a_prompt_gives_is_messages(annotation: Any, value: Any, messages: list[dict[str, Any]]) -> None:
    """Text and content are the user's; a Message says whose it is."""
    made = await got(giving(annotation, value))
    assert (made.status, list(made.content), made.structured) == ("ok", messages, UNSET)


async def test_the_description_comes_with_the_messages() -> None:
    """What the listing says of it is said again."""

    def greet() -> str:
        """Greet."""
        return "Hi."

    assert (await got(greet)).description == "Greet."


async def test_what_is_no_message_is_a_failed_call() -> None:
    """A value of another kind raises and reaches nobody."""
    with pytest.raises(TypeError, match="A prompt gives text, messages or content"):
        await got(giving(dict[str, int], {"canary": 1}))


async def test_a_prompt_may_ask_and_refuse() -> None:
    """A question ends the call until it is answered; ToolError is an error in words."""

    async def asking(context: Context) -> str:
        return str(await context.roots())

    def refusing() -> str:
        raise ToolError("Not today.")

    assert [ask.method for ask in (await got(asking)).asks] == ["roots/list"]
    assert (await got(asking, Client({"1": {"roots": []}}))).content == (user("[]"),)
    made = await got(refusing)
    assert (made.status, text(made)) == ("error", "Not today.")


def test_what_cannot_be_a_prompt_is_refused_in_words() -> None:
    """A parameter that text cannot carry, a second of one name and a bad name are refused, and nothing is offered."""

    def many(lines: list[str]) -> str:
        return str(lines)

    functions = Functions()
    with pytest.raises(ValueError, match="Parameter 'lines' of many arrives as text"):
        functions.add_prompt(many)
    with pytest.raises(ValueError, match="'é' cannot be a prompt name"):
        functions.add_prompt(giving(str, ""), name="é")
    assert functions.empty
    functions.add_prompt(giving(str, ""), name="one")
    with pytest.raises(ValueError, match="already a prompt named 'one'"):
        functions.add_prompt(giving(str, ""), name="one")


# completion


async def completed(functions: Functions, prompt: Prompt, argument: str, value: str, **given: str) -> Any:
    """The suggestions for what was typed."""
    assert prompt.completing is not None
    made = await run(functions, prompt.completing, argument=argument, value=value, given=given)
    assert (made.status, made.content) == ("ok", ())
    return made.structured


async def test_choices_complete_by_themselves() -> None:
    """A Literal, an Enum and a bool suggest what begins with what was typed, whatever its case; a text suggests nothing."""

    def paint(color: Color, shade: Literal["Dark", "dim", "light"] | None, gloss: bool, note: str = "") -> str:  # noqa: FBT001  the point of the test
        return f"{color}{shade}{gloss}{note}"

    functions, made = offered(paint, scopes=("a:b",))
    assert made.completing is not None
    assert (made.completing.name, made.completing.scopes) == ("complete:prompt:paint", {"a:b"})
    assert await completed(functions, made, "color", "") == ["red", "blue"]
    assert await completed(functions, made, "shade", "D") == ["Dark", "dim"]
    assert await completed(functions, made, "gloss", "t") == ["true"]
    assert await completed(functions, made, "note", "x") == []
    assert Arguments().fault(made.completing, {"argument": "other", "value": ""}) is not None


async def test_a_function_completes_with_what_is_known_so_far() -> None:
    """It gets what was typed, the other arguments and the caller, as far as it asks for them; plain ones run in a thread."""
    here = threading.get_ident()

    def alone(value: str) -> list[str]:
        return [value, str(threading.get_ident() != here)]

    async def knowing(caller: Caller, typed: str, known: dict[str, str]) -> list[str]:
        return [caller.tenant, typed, known.get("a", "-")]

    def write(a: str, b: str, c: str) -> str:
        return a + b + c

    functions, made = offered(write, complete={"a": alone, "b": knowing, "c": lambda value, given: [value, *given]})
    assert await completed(functions, made, "a", "x") == ["x", "True"]
    assert await completed(functions, made, "b", "y", a="x") == ["acme", "y", "x"]
    assert await completed(functions, made, "b", "y") == ["acme", "y", "-"]
    assert await completed(functions, made, "c", "z", a="1") == ["z", "a"]


async def test_a_function_stands_before_the_choices_of_an_annotation() -> None:
    """Where both are there the function is asked; ToolError is an error in words."""

    def suggest(value: str) -> list[str]:
        if value:
            raise ToolError("No.")
        return ["red"]

    def paint(color: Color) -> str:
        return str(color)

    functions, made = offered(paint, complete={"color": suggest})
    assert await completed(functions, made, "color", "") == ["red"]
    assert made.completing is not None
    refused = await run(functions, made.completing, argument="color", value="x")
    assert (refused.status, text(refused)) == ("error", "No.")


async def test_a_template_completes_its_variables() -> None:
    """Only variables of the URI can be completed, and a source may offer the same function for several resources."""

    def invoice(kind: Literal["draft", "final"], id: str, tone: Literal["kind", "firm"] = "kind") -> str:  # noqa: A002  a variable of that name is common
        return kind + id + tone

    functions = Functions()
    made = functions.add_resource(invoice, "invoice://{kind}/{id}", complete={"id": lambda value: [f"{value}-1"]})
    assert made.completing is not None
    assert made.completing.name == "complete:resource:invoice"
    assert made.completing.operation.choices == {"kind": ("draft", "final")}
    assert (await run(functions, made.completing, argument="kind", value="f")).structured == ["final"]
    assert (await run(functions, made.completing, argument="id", value="7")).structured == ["7-1"]
    assert functions.add_resource(giving(str, ""), "a://b", name="other").completing is None


@pytest.mark.parametrize(
    ("complete", "sentence"),
    [
        ({"other": lambda value: [value]}, "prompt:write has no argument 'other' to complete. It has: a."),
        ({"a": lambda: [""]}, r"takes \(value\) or \(value, given\)"),
        ({"a": lambda x, y, z: [x, y, z]}, r"takes \(value\) or \(value, given\)"),
        ({"a": lambda *x: list(x)}, r"takes \(value\) or \(value, given\)"),
    ],
)
def test_a_completion_that_could_never_run_is_refused(complete: dict[str, Any], sentence: str) -> None:
    """One for an argument there is not, or with parameters nobody fills."""

    def write(a: str) -> str:
        return a

    with pytest.raises(ValueError, match=sentence):
        offered(write, complete=complete)


async def test_a_completion_that_gives_one_text_is_a_failed_call() -> None:
    """A string would be suggested letter by letter; it raises instead."""

    def write(a: str) -> str:
        return a

    functions, made = offered(write, complete={"a": lambda value: value})
    with pytest.raises(TypeError, match="gives a list of texts"):
        await completed(functions, made, "a", "x")
