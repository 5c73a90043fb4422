"""Python functions as tools: what can be one, under which name and scopes, who is told to it, and how it runs."""

import functools
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from pydantic import BaseModel, field_validator

from freehold.domains.guard.arguments import Arguments
from freehold.domains.sources.context import Caller, ToolError
from freehold.domains.sources.functions import Functions
from tests.functions import giving, offered, outcome, text
from tests.recording import run

pytestmark = pytest.mark.anyio

# who is calling


async def test_the_caller_is_handed_over_and_is_no_argument() -> None:
    """A parameter annotated `Caller` is filled from the credential, in no schema, and cannot be sent (TEN-02)."""

    def who(place: str, caller: Caller) -> list[Any]:
        return [place, caller.tenant, caller.user, caller.client, sorted(caller.scopes), caller.data_scope, caller.request_id]

    (tool,) = offered(who).tools
    assert set(tool.input_schema["properties"]) == {"place"}
    assert json.loads(text(await outcome(who, place="x"))) == ["x", "acme", "ann", "agent", ["a", "b"], "eu", "r-1"]
    assert Arguments().fault(tool, {"place": "x", "caller": {"tenant": "globex"}}) == "caller is not an argument of this tool"


# what cannot be a tool


def no_annotation(a) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, D103  the point of the test
    ...


def many(*a: int) -> None: ...  # noqa: D103  same
def more(**a: int) -> None: ...  # noqa: D103  same
def positional(a: int, /) -> None: ...  # noqa: D103  same
def optional_caller(caller: Caller | None = None) -> None: ...  # noqa: D103  same
def two_callers(caller: Caller, other: Caller) -> None: ...  # noqa: D103  same
def takes_a_function(a: Callable[[], int]) -> None: ...  # noqa: D103  same
def gives_an_iterator() -> Iterator[int]: ...  # type: ignore[empty-body]  # noqa: D103  same
def unknown_name(a: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: D103, F821  same


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (no_annotation, "Parameter 'a' of no_annotation needs a type annotation"),
        (many, "Parameter 'a' of many"),
        (more, "Parameter 'a' of more"),
        (positional, "must be a plain named one"),
        (optional_caller, "annotations of optional_caller cannot become a schema"),
        (two_callers, "annotations of two_callers cannot become a schema"),
        (takes_a_function, "annotations of takes_a_function cannot become a schema"),
        (gives_an_iterator, "annotations of gives_an_iterator cannot become a schema"),
        (unknown_name, "An annotation of unknown_name names 'Missing'"),
        (functools.partial(many), "cannot be a tool name"),
        (5, "cannot be a tool name"),
        (lambda: None, "'<lambda>' cannot be a tool name"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_in_words(function: Any, sentence: str) -> None:
    """Registering it raises ValueError with a sentence that names what is wrong, and offers nothing."""
    functions = Functions()
    with pytest.raises(ValueError, match=sentence):
        functions.add(function)
    assert functions.tools == ()


def test_something_callable_that_is_no_function_is_refused_in_words() -> None:
    """A partial or a callable object has no annotations of its own, whatever name it is given."""
    with pytest.raises(ValueError, match=r"x has no annotations of its own\. Offer a plain function or a method."):
        Functions().add(functools.partial(many), name="x")


# names, hints and scopes


@given(st.text(max_size=70))
def test_a_tool_name_is_one_every_client_takes_or_refused(name: str) -> None:
    """A name is taken when it is 1 to 64 of A-Z a-z 0-9 _ and -, and refused in words otherwise."""
    functions = Functions()
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    if 0 < len(name) <= 64 and set(name) <= allowed:
        assert functions.add(giving(str, "x"), name=name).name == name
    elif name:
        with pytest.raises(ValueError, match="cannot be a tool name"):
            functions.add(giving(str, "x"), name=name)
        assert functions.tools == ()


def test_a_name_is_given_once() -> None:
    """A second tool of the same name is refused; another name for it will do."""
    functions = offered(giving(str, "x"), name="one")
    with pytest.raises(ValueError, match="already a tool named 'one'; pass name="):
        functions.add(giving(str, "y"), name="one")
    functions.add(giving(str, "y"), name="other")
    assert [tool.name for tool in functions.tools] == ["one", "other"]


@pytest.mark.parametrize("name", ["", "My Product", "a_b", "-a", "a" * 33, "é", "a\n"])
def test_a_sources_name_is_one_an_operator_could_write(name: str) -> None:
    """A source's name becomes part of tool names, so only 1 to 32 of a-z 0-9 and - are taken."""
    with pytest.raises(ValueError, match="cannot be a source's name"):
        Functions(name)
    assert Functions("a-1").name == "a-1"


def test_scopes_follow_the_hints_unless_they_are_given() -> None:
    """Read-only tools need mcp:read, destructive ones mcp:admin, others mcp:write; given scopes stand instead, none included."""
    give = giving(str, "x")
    expected: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {"mcp:write"}),
        ({"read_only": True}, {"mcp:read"}),
        ({"destructive": True}, {"mcp:admin"}),
        ({"idempotent": True}, {"mcp:write"}),
        ({"read_only": True, "scopes": ("billing:read", "mcp:read")}, {"billing:read", "mcp:read"}),
        ({"scopes": ()}, set()),
    ]
    for said, scopes in expected:
        (tool,) = offered(give, **said).tools
        assert tool.scopes == scopes
        assert tool.audience is None
        assert tool.open_world is False
        assert tool.read_only == said.get("read_only", False)
        assert tool.destructive == said.get("destructive", False)
        assert tool.idempotent == (said.get("idempotent", False) or tool.read_only)


@pytest.mark.parametrize("scopes", ["mcp:read", ("mcp:read mcp:write",), ("",), ('a"b',), ("é",), ("a\n",)])
def test_scopes_that_could_never_be_granted_are_refused(scopes: Any) -> None:
    """A string in the place of a tuple, or a scope no token can carry, would hide the tool from everyone; it is refused instead."""
    with pytest.raises(ValueError, match="must be a tuple of names without spaces"):
        offered(giving(str, "x"), scopes=scopes)


def test_a_tool_cannot_be_read_only_and_destructive() -> None:
    """Hints that contradict each other are refused."""
    with pytest.raises(ValueError, match="read_only and destructive at once"):
        offered(giving(str, "x"), read_only=True, destructive=True)


@pytest.mark.parametrize("task", ["never", "optional", "required"])
def test_a_tool_says_whether_it_may_be_a_task(task: Any) -> None:
    """What is said stands, silence means never, and another word is refused."""
    (tool,) = offered(giving(str, "x"), task=task).tools
    assert tool.task == task
    (tool,) = offered(giving(str, "x")).tools
    assert tool.task == "never"
    with pytest.raises(ValueError, match="'always' does not say whether"):
        offered(giving(str, "x"), task="always")


# a schema of one's own

GIVEN: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"code": {"$anchor": "code", "type": "string"}},
    "properties": {"code": {"$ref": "#/$defs/code"}, "zone": {"type": "string", "x-mcp-header": "Zone"}},
    "if": {"required": ["zone"]},
    "then": {"required": ["code"]},
    "additionalProperties": False,
}


async def test_a_given_schema_is_shown_as_it_is_and_its_arguments_come_as_one() -> None:
    """Not a keyword is lost or reordered, later changes to the given one change nothing, and the caller is handed over beside it."""
    given = json.loads(json.dumps(GIVEN))

    async def take(arguments: dict[str, Any], caller: Caller) -> list[Any]:
        return [arguments, caller.tenant]

    functions = offered(take, input_schema=given)
    (tool,) = functions.tools
    given["type"] = "array"
    assert json.dumps(tool.input_schema) == json.dumps(GIVEN)
    assert json.loads(text(await run(functions, tool, code="a", zone="b"))) == [{"code": "a", "zone": "b"}, "acme"]
    assert Arguments().fault(tool, {"zone": "b"}) == "code is required"


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        ({}, "must be JSON Schema 2020-12 of type object"),
        ({"type": "string"}, "must be JSON Schema 2020-12 of type object"),
        ({"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"}, "must be JSON Schema 2020-12"),
        ({"type": "object", "properties": 5}, "is not valid, or refers to something outside"),
        ({"type": "object", "properties": {"a": {"$ref": "https://example.com/a"}}}, "is not valid, or refers to something outside"),
        ({"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}, "is not valid, or refers to something outside"),
    ],
)
def test_a_given_schema_that_cannot_be_held_to_is_refused(schema: dict[str, Any], sentence: str) -> None:
    """Another dialect, another type, a mistake or a reference to elsewhere is found when the tool is registered, and nothing is fetched."""

    def take(arguments: dict[str, Any]) -> None: ...

    functions = Functions()
    with pytest.raises(ValueError, match=sentence):
        functions.add(take, input_schema=schema)
    assert functions.tools == ()


def test_with_a_given_schema_there_is_one_parameter() -> None:
    """A function with parameters of its own would never be given them."""

    def apart(code: str) -> None: ...

    with pytest.raises(ValueError, match=r"apart takes one parameter, `arguments: dict\[str, Any\]`"):
        offered(apart, input_schema=GIVEN)


def test_what_the_model_reads_is_the_docstring_without_its_indentation() -> None:
    """Description is the given one, else the docstring cleaned, else empty; a title only when given."""

    def documented() -> None:
        """One line.

        Another.
        """

    (tool,) = offered(documented).tools
    assert (tool.description, tool.title) == ("One line.\n\nAnother.", None)
    (tool,) = offered(documented, description="  Said.  ", title="T").tools
    assert (tool.description.strip(), tool.title) == ("Said.", "T")
    (tool,) = offered(giving(str, "x")).tools
    assert tool.description == ""


# how it runs


async def test_a_plain_function_runs_in_a_thread_and_an_async_one_on_the_loop() -> None:
    """`def` does not hold up the loop, `async def` runs on it, and both answer alike."""
    here = threading.get_ident()

    def plain() -> bool:
        return threading.get_ident() != here

    async def awaited() -> bool:
        return threading.get_ident() == here

    assert text(await outcome(plain)) == "true"
    assert text(await outcome(awaited)) == "true"


async def test_an_async_function_behind_a_plain_wrapper_is_awaited() -> None:
    """A decorator that returns the coroutine without awaiting it changes nothing."""

    async def inner(a: int) -> int:
        return a + 1

    @functools.wraps(inner)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return inner(*args, **kwargs)

    assert text(await outcome(wrapper, a=1)) == "2"


async def test_a_method_of_an_object_is_a_function_like_any_other() -> None:
    """`self` is no argument of a bound method."""

    class Books:
        def find(self, title: str) -> str:
            return title.upper()

    (tool,) = offered(Books().find).tools
    assert set(tool.input_schema["properties"]) == {"title"}
    assert text(await outcome(Books().find, title="x")) == "X"


async def test_a_tool_error_is_the_tools_own_answer() -> None:
    """ToolError's text reaches the agent as an error, from plain and async functions and from while arguments are made."""

    class Closed(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def never(cls, _value: int) -> int:
            raise ToolError("Closed.")

    def plain() -> None:
        raise ToolError("Closed.")

    async def awaited() -> None:
        raise ToolError("Closed.")

    def converting(it: Closed) -> None: ...

    for made in (await outcome(plain), await outcome(awaited), await outcome(converting, it={"number": 1})):
        assert (made.status, text(made)) == ("error", "Closed.")
        assert made.structured is UNSET


async def test_any_other_exception_goes_up_as_it_is() -> None:
    """What is no ToolError is not turned into an answer here: its message must not reach the agent."""

    def broken() -> None:
        message = "canary"
        raise LookupError(message)

    with pytest.raises(LookupError):
        await outcome(broken)


def test_a_source_may_be_given_another_name() -> None:
    """The tools of a renamed source name it as theirs and are otherwise the same; the original is left alone."""
    functions = offered(giving(str, "x"), name="one", read_only=True)
    renamed = functions.named("shop")
    assert renamed.name == "shop"
    (tool,), (before,) = renamed.tools, functions.tools
    assert (tool.name, tool.source, tool.scopes) == ("one", "shop", before.scopes)
    assert tool.operation is before.operation
    assert before.source == "python"
