"""FastMCP, bare: async tools, streamable HTTP, stateless, JSON answers. `python fastmcp_functions.py TOOLS`."""

import sys

from fastmcp import FastMCP
from fastmcp.tools import Tool
from serve import serve

server = FastMCP("bench")


async def echo(text: str) -> str:
    """Say it again."""
    return text


for number in range(int(sys.argv[1])):
    description = f"Say it again, number {number:04d}, in the same words."
    server.add_tool(Tool.from_function(echo, name=f"echo_{number:04d}", description=description))

if __name__ == "__main__":
    serve(server.http_app(path="/mcp", json_response=True, stateless_http=True))
