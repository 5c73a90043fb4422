"""The Python tools that the served processes offer: what a SaaS would write in a module of its own."""

import asyncio

from freehold import Caller, Freehold

app = Freehold("offered")


@app.tool(read_only=True)
async def echo(text: str) -> str:
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
