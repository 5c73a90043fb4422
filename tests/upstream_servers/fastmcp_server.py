"""A FastMCP server on a loopback port, which speaks both eras. Prints its port and serves until it is ended."""

import asyncio
import socket

import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError

app = FastMCP("notes")


@app.tool(annotations={"readOnlyHint": True})
def search(query: str) -> dict[str, str]:
    """Search the notes."""
    return {"found": query}


@app.tool
def fail() -> str:
    """Always fails."""
    raise ToolError("There are no notes.")


@app.tool
async def slow(ctx: Context) -> str:
    """Tells how far it is."""
    for done in (1, 2):
        await ctx.report_progress(done, 2, f"step {done}")
        await asyncio.sleep(0.05)  # real time: so that progress is told before the result
    return "done"


@app.resource("notes://today")
def today() -> str:
    """Today's note."""
    return "Buy milk."


@app.resource("notes://{day}/text")
def of_day(day: str) -> str:
    """A day's note."""
    return f"Note of {day}."


@app.prompt
def summarize(topic: str) -> str:
    """Asks for a summary."""
    return f"Summarize {topic}."


if __name__ == "__main__":
    held = socket.create_server(("127.0.0.1", 0))
    print(held.getsockname()[1], flush=True)  # noqa: T201  who started it reads the port
    served = app.http_app(path="/mcp")
    uvicorn.Server(uvicorn.Config(served, log_config=None)).run(sockets=[held])
