"""The official Python SDK, bare: async tools, streamable HTTP, stateless, JSON answers. `python sdk.py TOOLS`."""

import sys

from mcp.server import MCPServer
from serve import serve

server = MCPServer("bench", log_level="ERROR")


async def echo(text: str) -> str:
    """Say it again."""
    return text


for number in range(int(sys.argv[1])):
    description = f"Say it again, number {number:04d}, in the same words."
    server.add_tool(echo, name=f"echo_{number:04d}", description=description)

if __name__ == "__main__":
    serve(server.streamable_http_app(json_response=True, stateless_http=True))
