"""A server with one of everything the protocol knows, for the tests of the wire: tools that ask, report and count, resources, prompts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from freehold import Caller, Context, Elicit, ElicitUrl, Freehold, Image, Link, Message, Roots, Sample, Text
from freehold.settings import Settings
from tests.served import Served, served

NAME_FORM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
COLOR_FORM = {"type": "object", "properties": {"color": {"type": "string", "enum": ["red", "blue"]}}, "required": ["color"]}
MIRRORING = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"type": "integer", "x-mcp-header": "Count"},
        "dry": {"type": "boolean", "x-mcp-header": "Dry"},
        "deep": {"type": "object", "properties": {"zone": {"type": "string", "x-mcp-header": "Zone"}}},
        "plain": {"type": "string"},
    },
    "$defs": {"kept": {"$anchor": "kept", "type": "string"}},
    "additionalProperties": False,
}
SAYING = [{"role": "user", "content": {"type": "text", "text": "What is the capital of France?"}}]
PIXEL = b"\x89PNG\r\n\x1a\n"


def everything(ran: list[str]) -> Freehold:
    """The application; whatever a function does is noted in `ran`, which a refused request must leave empty."""
    app = Freehold("features")
    _tools(app, ran)
    _asking_tools(app, ran)
    _telling_tools(app, ran)
    _resources(app, ran)
    _prompts(app, ran)
    return app


def _tools(app: Freehold, ran: list[str]) -> None:
    @app.tool(read_only=True, title="Echo")
    async def echo(text: str = "") -> str:
        """Say it back."""
        ran.append("echo")
        return text

    @app.tool(read_only=True)
    async def add(a: int, b: int = 1) -> dict[str, int]:
        """Add two numbers."""
        ran.append("add")
        return {"sum": a + b}

    @app.tool(read_only=True)
    async def several(upto: int = 3) -> list[int]:
        """Numbers, which are no object."""
        return list(range(upto))

    @app.tool(read_only=True)
    async def who(caller: Caller) -> dict[str, str]:
        """Who is calling."""
        return {"tenant": caller.tenant, "user": caller.user}

    @app.tool(read_only=True)
    async def show() -> list[Text | Image | Link]:
        """One of several kinds of content."""
        return [Text("A picture:"), Image(PIXEL, "image/png"), Link("note://welcome", "welcome")]

    @app.tool(read_only=True)
    async def fail() -> str:
        """Break, with a secret in the message."""
        raise RuntimeError("canary-secret-7f3")

    @app.tool(read_only=True, input_schema=MIRRORING)
    async def mirrored(arguments: dict[str, Any]) -> str:
        """Arguments a proxy may route by."""
        ran.append("mirrored")
        return repr(sorted(arguments.items()))


def _asking_tools(app: Freehold, ran: list[str]) -> None:
    @app.tool(read_only=True)
    async def ask_name(context: Context, greeting: str = "Hello") -> str:
        """Ask for a name and greet."""
        answer = await context.elicit("What is your name?", NAME_FORM, key="user_name")
        ran.append(answer.action)
        return f"{greeting}, {answer.content['name']}!" if answer.action == "accept" else f"No name: {answer.action}."

    @app.tool(read_only=True)
    async def ask_steps(context: Context) -> str:
        """Two questions, the second after the first."""
        first = await context.elicit("Name?", NAME_FORM, key="step1")
        second = await context.elicit("Color?", COLOR_FORM, key="step2")
        ran.append("ask_steps")
        return f"{first.content['name']} likes {second.content['color']}."

    @app.tool(read_only=True)
    async def ask_all(context: Context) -> str:
        """Three kinds of question at once."""
        answers = await context.ask(user_name=Elicit("Name?", NAME_FORM), greeting=Sample(SAYING, max_tokens=9), client_roots=Roots())
        ran.append("ask_all")
        return " ".join(sorted(answers))

    @app.tool(read_only=True)
    async def ask_page(context: Context) -> str:
        """Send the user to a page."""
        answers = await context.ask(consent=ElicitUrl("Sign there.", "https://sign.example/start"))
        ran.append("ask_page")
        return answers["consent"].action

    @app.tool(read_only=True)
    async def ask_model(context: Context) -> str:
        """Ask the client's model."""
        answer = await context.sample(SAYING, max_tokens=9, key="capital_question")
        ran.append("ask_model")
        return str(answer["content"]["text"])

    @app.tool(read_only=True)
    async def ask_roots(context: Context) -> str:
        """Ask for the client's folders."""
        roots = await context.roots(key="client_roots")
        ran.append("ask_roots")
        return " ".join(root["uri"] for root in roots)


def _telling_tools(app: Freehold, ran: list[str]) -> None:
    @app.tool(read_only=True)
    async def advance(context: Context) -> str:
        """Report progress, once backwards."""
        for done in (1, 2, 2, 1, 3.5):
            await context.progress(done, 4, f"step {done}")
        ran.append("advance")
        return "done"

    @app.tool(read_only=True)
    async def chat(context: Context) -> str:
        """Say something at three levels."""
        await context.debug({"said": "debug"})
        await context.info("info")
        await context.log("error", "error", logger="chat")
        return "done"

    @app.tool(read_only=True)
    async def change(context: Context, what: str = "tools") -> str:
        """Say that something changed."""
        if what == "resource":
            await context.resource_updated("note://welcome")
        else:
            await {"tools": context.tools_changed, "prompts": context.prompts_changed, "resources": context.resources_changed}[what]()
        return "done"


def _resources(app: Freehold, ran: list[str]) -> None:
    @app.resource("note://welcome", title="Welcome", mime_type="text/plain")
    async def welcome() -> str:
        """A note."""
        ran.append("welcome")
        return "Welcome."

    @app.resource("note://pixel", mime_type="image/png")
    async def pixel() -> bytes:
        """Bytes."""
        return PIXEL

    @app.resource("invoice://{number}/{part}", complete={"number": lambda value: [f"{value}{end}" for end in range(120)]})
    async def invoice(number: int, part: str) -> dict[str, Any]:
        """One part of one invoice."""
        ran.append("invoice")
        return {"number": number, "part": part}

    @app.resource("note://asking")
    async def asking(context: Context) -> str:
        """A note that needs to know who reads it."""
        answer = await context.elicit("Who reads?", NAME_FORM, key="reader")
        return f"For {answer.content['name']}."


def _prompts(app: Freehold, ran: list[str]) -> None:
    @app.prompt
    async def hello() -> str:
        """A plain prompt."""
        return "Say hello."

    @app.prompt(title="Review", complete={"language": _languages})
    async def review(language: str, focus: str = "style") -> list[Message | str]:
        """Review code."""
        ran.append("review")
        return [f"Review this {language} for {focus}.", Message("assistant", "Gladly.")]

    @app.prompt
    async def personal(context: Context) -> str:
        """A prompt that asks first."""
        answer = await context.elicit("Who are you?", NAME_FORM, key="user_context")
        return f"I am {answer.content['name']}."


def _languages(value: str, given: dict[str, str]) -> list[str]:
    found = ["python", "pascal", "rust"] if given.get("focus") != "speed" else ["rust"]
    return [language for language in found if language.startswith(value)]


@asynccontextmanager
async def featured(settings: Settings, ran: list[str], *, tenants: Sequence[str] = ("acme", "globex")) -> AsyncIterator[Served]:
    """Such a server on these settings, with tenants; replicas on the same stores share them."""
    async with served(settings, functions=[everything(ran).functions]) as running:
        for tenant in tenants:
            await running.tenant(tenant)
        yield running
