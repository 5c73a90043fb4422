"""The Python API as a SaaS's code meets it: the public names, the decorators, and the page that shows them."""

import re
from pathlib import Path
from typing import Any

import pytest

import freehold
from freehold import Freehold, Message
from tests.functions import text
from tests.recording import Client, run

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "python-api.md"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def shown() -> Freehold:
    """The application that the page's code makes, run as it stands."""
    known: dict[str, Any] = {}
    for code in BLOCK.findall(PAGE.read_text()):
        exec(compile(code, PAGE.name, "exec"), known)  # noqa: S102  our own page
    app = known["app"]
    assert isinstance(app, Freehold)
    return app


def test_every_public_name_can_be_imported_and_no_other() -> None:
    """Each name of `__all__` is there, and asking for another is an AttributeError."""
    for name in freehold.__all__:
        assert getattr(freehold, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Functions'"):
        _ = freehold.Functions


def test_the_page_about_the_python_api_runs_as_it_is_written() -> None:
    """Every block of code on it is taken, and offers what the text beside it says."""
    functions = shown().functions
    assert [tool.name for tool in functions.tools] == ["open_invoices", "chart", "restock", "close_account", "plan_move"]
    assert [(one.uri, one.template) for one in functions.resources] == [("shop://terms", False), ("invoice://{number}", True)]
    assert [[one.name for one in prompt.arguments] for prompt in functions.prompts] == [["customer", "tone"]]


async def test_what_the_page_shows_answers_as_it_says() -> None:
    """A question ends the call and its answer goes on; a resource that is not there says so; a completion suggests."""
    functions = shown().functions
    tools = {tool.name: tool for tool in functions.tools}
    asked = await run(functions, tools["close_account"], customer="Ann")
    assert [ask.method for ask in asked.asks] == ["elicitation/create"]
    client = Client({"1": {"action": "accept", "content": {"name": "Ann"}}})
    assert text(await run(functions, tools["close_account"], client, customer="Ann")) == "Closed."
    assert client.heard[-1] == ("notice", "resource", "customer://Ann")
    refused = await run(functions, tools["close_account"], Client({"1": {"action": "decline"}}), customer="Ann")
    assert (refused.status, text(refused)) == ("error", "Nothing was closed.")
    invoice = functions.resources[1]
    assert (await run(functions, invoice.tool, number="1001")).content[0]["text"] == '{"number":1001,"tenant":"acme"}'
    assert (await run(functions, invoice.tool, number="7")).status == "error"
    assert invoice.completing is not None
    assert (await run(functions, invoice.completing, argument="number", value="1002")).structured == ["1002"]
    both = await run(functions, tools["plan_move"])
    assert [ask.key for ask in both.asks] == ["where", "folders"]


def test_the_decorators_say_what_they_were_told_and_give_the_function_back() -> None:
    """Each takes every word of the registration behind it, with and without parentheses where both are allowed."""
    app = Freehold("shop")

    def plain() -> str:
        """Plain."""
        return ""

    def choose(it: str) -> str:
        return it

    words: dict[str, Any] = {"title": "T", "description": "D", "scopes": ("a:b",)}
    assert app.tool(plain) is plain
    assert app.tool(name="other", idempotent=True, task="required", **words)(plain) is plain
    assert app.resource("a://b", mime_type="m/t", **words)(plain) is plain
    assert app.resource("a://{it}", name="one", complete={"it": lambda typed: [typed]})(choose) is choose
    assert app.prompt(plain) is plain
    assert app.prompt(name="other", complete={"it": lambda typed: [typed]}, **words)(choose) is choose
    functions = app.functions
    assert [(one.name, one.title, one.task) for one in functions.tools] == [("plain", None, "never"), ("other", "T", "required")]
    first, second = functions.resources
    assert (first.title, first.description, first.mime_type, first.tool.scopes) == ("T", "D", "m/t", {"a:b"})
    assert (second.name, second.template, second.completing is not None) == ("one", True, True)
    assert [(one.name, one.title, one.tool.scopes) for one in functions.prompts] == [("plain", None, {"mcp:read"}), ("other", "T", {"a:b"})]
    assert Message("user", "x").role == "user"
