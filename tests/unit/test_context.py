"""Functions that speak with the client: what they may tell and ask, under which keys, and what becomes of answers and of none."""

import asyncio
from typing import Any

import pytest

from freehold.core.call import Outcome
from freehold.core.channel import InputRequired, Unanswered
from freehold.core.content import Message
from freehold.domains.sources.context import Caller, Context, ToolError
from freehold.domains.sources.questions import Elicit, ElicitUrl, Roots, Sample
from tests.functions import offered, text
from tests.recording import Client, run

pytestmark = pytest.mark.anyio

FORM: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
ACCEPTED = {"action": "accept", "content": {"name": "Ann"}}


async def called(function: Any, client: Client | None = None, **arguments: Any) -> Outcome:
    """What a call of this function comes to."""
    functions = offered(function)
    return await run(functions, functions.tools[0], client, **arguments)


async def test_the_context_is_handed_over_and_is_no_argument() -> None:
    """A parameter annotated `Context` is in no schema, and stands beside a `Caller`, whom it knows too."""

    async def both(context: Context, place: str, caller: Caller) -> str:
        assert context.caller == caller
        return f"{caller.tenant} {place}"

    functions = offered(both)
    assert set(functions.tools[0].input_schema["properties"]) == {"place"}
    assert text(await run(functions, functions.tools[0], place="x")) == "acme x"


def test_only_async_functions_may_have_a_context() -> None:
    """A plain function, which could await nothing of it, is refused in words, and so is a second one."""

    def plain(context: Context) -> None: ...

    async def two(context: Context, other: Context) -> None: ...

    with pytest.raises(ValueError, match="plain takes a Context and must be an `async def`"):
        offered(plain)
    with pytest.raises(ValueError, match="annotations of two cannot become a schema"):
        offered(two)


async def test_what_a_function_tells_goes_to_the_client() -> None:
    """Progress, log lines and notices arrive in order and as they were said; a level there is not is refused."""

    async def telling(context: Context) -> None:
        await context.progress(1, 2, "half")
        await context.progress(2)
        await context.log("critical", {"a": 1}, "books")
        for say in (context.debug, context.info, context.warning, context.error):
            await say("x")
        await context.tools_changed()
        await context.prompts_changed()
        await context.resources_changed()
        await context.resource_updated("a://b")
        with pytest.raises(ValueError, match="'loud' is not a level"):
            await context.log("loud", "x")  # type: ignore[arg-type]  the point of the test

    client = Client()
    assert (await called(telling, client)).status == "ok"
    assert client.heard == [
        ("progress", 1, 2, "half"),
        ("progress", 2, None, None),
        ("log", "critical", {"a": 1}, "books"),
        *(("log", level, "x", None) for level in ("debug", "info", "warning", "error")),
        ("notice", "tools", None),
        ("notice", "prompts", None),
        ("notice", "resources", None),
        ("notice", "resource", "a://b"),
    ]
    assert client.rounds == []


# asking


async def test_a_question_ends_the_call_until_the_answer_comes_with_another() -> None:
    """The function runs from the top each time, and what comes behind an unanswered question is not run."""
    acted: list[str] = []

    async def greet(context: Context) -> str:
        answer = await context.elicit("Who?", FORM)
        acted.append(answer.content["name"])
        other = await context.elicit("And who else?", FORM, key="second")
        return f"{answer.content['name']} and {other.content['name']}"

    first = await called(greet)
    assert (first.status, first.content, acted) == ("asked", (), [])
    assert [(ask.key, ask.method, ask.params) for ask in first.asks] == [
        ("1", "elicitation/create", {"message": "Who?", "requestedSchema": FORM})
    ]
    again = await called(greet, Client({"1": ACCEPTED}))
    assert (again.status, [ask.key for ask in again.asks], acted) == ("asked", ["second"], ["Ann"])
    last = await called(greet, Client({"1": ACCEPTED, "second": {"action": "accept", "content": {"name": "Bob"}}}))
    assert (text(last), last.asks) == ("Ann and Bob", ())


async def test_each_question_travels_as_its_kind_and_its_answer_comes_back_plain() -> None:
    """Forms, addresses, messages and roots have the parameters the specification names, under keys 1, 2, ... in the order asked."""
    seen: list[Any] = []

    async def asking(context: Context) -> None:
        seen.append(await context.elicit_url("Sign in.", "https://example.com/in"))
        seen.append(await context.sample([Message("user", "Hi"), {"role": "assistant", "content": []}], max_tokens=5, system_prompt="S"))
        seen.append(await context.roots())

    client = Client({"1": {"action": "accept"}, "2": {"role": "assistant", "model": "m"}, "3": {"roots": [{"uri": "file:///a"}]}})
    assert (await called(asking, client)).status == "ok"
    asks = [ask for asked in client.rounds for ask in asked]
    hi = {"role": "user", "content": {"type": "text", "text": "Hi"}}
    assert [(ask.key, ask.method, ask.params) for ask in asks] == [
        ("1", "elicitation/create", {"mode": "url", "message": "Sign in.", "url": "https://example.com/in"}),
        (
            "2",
            "sampling/createMessage",
            {"messages": [hi, {"role": "assistant", "content": []}], "maxTokens": 5, "systemPrompt": "S"},
        ),
        ("3", "roots/list", {}),
    ]
    accepted, sampled, roots = seen
    assert (accepted.accepted, accepted.content) == (True, {})
    assert (sampled, roots) == ({"role": "assistant", "model": "m"}, [{"uri": "file:///a"}])


async def test_several_questions_make_one_round() -> None:
    """`ask` sends all of them together under the keywords given, and gives all answers under the same."""

    async def asking(context: Context) -> str:
        found = await context.ask(name=Elicit("Who?", FORM), text=Sample([], 9), where=Roots(), page=ElicitUrl("Go.", "https://a.b"))
        return " ".join(found)

    asked = await called(asking)
    assert [ask.key for ask in asked.asks] == ["name", "text", "where", "page"]
    answers = {"name": ACCEPTED, "text": {}, "where": {"roots": []}, "page": {"action": "cancel"}}
    client = Client(answers)
    assert text(await called(asking, client)) == "name text where page"
    assert len(client.rounds) == 1


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_user_who_says_no_is_an_answer(action: str) -> None:
    """Declining and cancelling reach the function, without any content that came along."""

    async def asking(context: Context) -> str:
        answer = await context.elicit("Who?", FORM)
        return f"{answer.action} {answer.accepted} {answer.content}"

    client = Client({"1": {"action": action, "content": {"name": "x"}}})
    assert text(await called(asking, client)) == f"{action} False {{}}"


async def test_a_client_that_does_not_answer_is_told_so() -> None:
    """The call ends as an error in words; a function may catch `Unanswered` and do without."""

    async def asking(context: Context) -> str:
        return str(await context.roots())

    async def lenient(context: Context) -> str:
        try:
            await context.roots()
        except Unanswered:
            return "without"
        return "with"

    made = await called(asking, Client(waits=True))
    assert (made.status, "no usable answer" in text(made)) == ("error", True)
    assert text(await called(lenient, Client(waits=True))) == "without"


async def test_a_function_that_catches_every_fault_still_asks() -> None:
    """`except Exception` around a question does not swallow it, and neither does a task group of two."""

    async def careless(context: Context) -> str:
        try:
            await context.roots()
        except Exception:  # noqa: BLE001  what careless code does
            return "swallowed"
        return "answered"

    async def parallel(context: Context) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(context.elicit("Who?", FORM, key="a"))
            tasks.create_task(context.roots(key="b"))

    assert [ask.key for ask in (await called(careless)).asks] == ["1"]
    made = await called(parallel)
    assert made.status == "asked"
    assert {ask.key for ask in made.asks} <= {"a", "b"}


async def test_a_group_with_another_fault_in_it_goes_up_as_it_is() -> None:
    """A question beside a fault does not hide the fault."""

    async def broken() -> None:
        raise LookupError

    async def both() -> None:
        raise BaseExceptionGroup("both", [InputRequired([]), LookupError()])

    async def nested() -> None:
        raise BaseExceptionGroup("outer", [BaseExceptionGroup("inner", [InputRequired([Roots().ask("deep")])])])

    async def failing() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(broken())

    with pytest.raises(BaseExceptionGroup, match="both"):
        await called(both)
    with pytest.raises(ExceptionGroup):
        await called(failing)
    assert [ask.key for ask in (await called(nested)).asks] == ["deep"]


async def test_a_key_is_used_once_in_a_call() -> None:
    """A second question under a key would be given the first one's answer; it is refused, also against a number of ours."""

    async def twice(context: Context) -> None:
        await context.roots(key="a")
        await context.roots(key="a")

    async def numbered(context: Context) -> None:
        await context.roots(key="1")
        await context.roots()

    answers = {"a": {"roots": []}, "1": {"roots": []}}
    for function in (twice, numbered):
        with pytest.raises(ValueError, match="Two questions of one call have the key"):
            await called(function, Client(answers))


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "string"},
        {"type": "object", "properties": {"a": {"type": "object"}}},
        {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}},
        {"type": "object", "properties": {"a": {"type": "array", "items": []}}},
        {"type": "object", "properties": {"a": {}}},
        {"type": "object", "properties": {"a": True}},
    ],
)
def test_a_form_is_one_object_of_plain_fields(schema: dict[str, Any]) -> None:
    """A schema no client could draw is refused before anyone is asked."""
    with pytest.raises(ValueError, match="schema of a form must be an object"):
        Elicit("Who?", schema)


def test_choices_of_every_spelling_are_plain_fields() -> None:
    """Single and multiple choices, with titles or without, old and new."""
    titled = [{"const": "a", "title": "A"}]
    fields: list[dict[str, Any]] = [
        {"type": "string", "enum": ["a"]},
        {"type": "string", "oneOf": titled},
        {"type": "string", "enum": ["a"], "enumNames": ["A"]},
        {"type": "array", "items": {"type": "string", "enum": ["a"]}},
        {"type": "array", "items": {"anyOf": titled}},
        {"type": "integer"},
        {"type": "number"},
        {"type": "boolean", "default": True},
    ]
    schema = {"type": "object", "properties": {f"f{at}": one for at, one in enumerate(fields)}}
    assert Elicit("Which?", schema).ask("k").params["requestedSchema"] is schema


@pytest.mark.parametrize("url", ["", "example.com", "javascript:alert(1)", "file:///etc/passwd"])
def test_an_address_to_open_is_a_web_address(url: str) -> None:
    """Whatever a browser would not fetch is refused."""
    with pytest.raises(ValueError, match="must begin with https://"):
        ElicitUrl("Go.", url)


async def test_a_tool_error_ends_a_call_that_asks_too() -> None:
    """`ToolError` after an answer is the tool's own answer, and nothing is asked."""

    async def asking(context: Context) -> None:
        await context.roots()
        raise ToolError("Not here.")

    made = await called(asking, Client({"1": {"roots": []}}))
    assert (made.status, text(made), made.asks) == ("error", "Not here.", ())
