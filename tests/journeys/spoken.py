"""The Python tools that `freehold stdio` offers in its tests; one of them prints and reads as a careless tool does."""

import asyncio
import os
import sys

from freehold import Caller, Context, Freehold

app = Freehold("spoken")


@app.tool(read_only=True)
async def echo(text: str = "") -> str:
    """Say it back."""
    return text


@app.tool(read_only=True)
async def who(caller: Caller) -> dict[str, str]:
    """Who is calling."""
    return {"tenant": caller.tenant, "user": caller.user}


@app.tool(read_only=True)
async def slow(text: str) -> str:
    """Say it back after half a second."""
    await asyncio.sleep(0.5)  # real time: being slow is what it is for
    return text


@app.tool
def print_it(text: str) -> str:
    """Print, in two ways, and read what there is to read."""
    print(text, flush=True)  # noqa: T201  as a careless tool does
    os.write(1, text.encode())
    return f"read: {sys.stdin.read()!r}"


@app.tool(read_only=True)
async def ask(context: Context) -> str:
    """Ask for a name."""
    form = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    answer = await context.elicit("Name?", form)
    return f"Hello, {answer.content['name']}!"
