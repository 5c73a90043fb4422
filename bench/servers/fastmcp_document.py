"""FastMCP in front of any API: `from_openapi` with its own client. `python fastmcp_document.py DOCUMENT.json BASE_URL`.

Beside the port it says which tool is which operation of the document, and what the import cost."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
from fastmcp import FastMCP
from serve import serve

file, base_url = sys.argv[1:]
document = json.loads(Path(file).read_text())
began = time.process_time()
server = FastMCP.from_openapi(document, client=httpx2.AsyncClient(base_url=base_url), name="bench")
seconds = time.process_time() - began


async def facts() -> dict[str, Any]:
    """Operation by tool name, and the processor time of `from_openapi`."""
    tools = [tool for provider in server.providers for tool in await provider.list_tools()]
    routes = {tool.name: getattr(tool, "_route", None) for tool in tools}
    operations = {name: f"{route.method.upper()} {route.path}" for name, route in routes.items() if route is not None}
    return {"operations": operations, "seconds": seconds}


if __name__ == "__main__":
    serve(server.http_app(path="/mcp", json_response=True, stateless_http=True), facts=facts)
