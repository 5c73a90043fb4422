"""FastMCP in front of a REST API: `from_openapi` with its own client. `python fastmcp_openapi.py BASE_URL`."""

import sys

import httpx2
from document import document
from fastmcp import FastMCP
from serve import serve

base_url = sys.argv[1]
client = httpx2.AsyncClient(base_url=base_url)
server = FastMCP.from_openapi(document(base_url), client=client, name="bench")

if __name__ == "__main__":
    serve(server.http_app(path="/mcp", json_response=True, stateless_http=True))
