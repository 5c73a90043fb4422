"""What is asked of every server: real messages of the 2026-07-28 revision, each with its own id and text.

Every answer must contain what only its own request could have brought about, so a cache or a mix-up shows as an error."""

import json
from dataclasses import dataclass
from typing import Any

VERSION = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
}
CALL_BYTES = 330
DIFFERENT = 512


@dataclass(frozen=True)
class Target:
    """Where a server listens and the token it wants, if any."""

    port: int
    token: str = ""


@dataclass(frozen=True)
class Exchange:
    """One request as it goes over the wire, and what its answer must contain."""

    request: bytes
    expected: bytes


def echo_calls(target: Target, tool: str) -> list[Exchange]:
    """tools/call of an echo: a body of 330 bytes, a different text each time."""
    bare = len(_body(0, "tools/call", name=tool, arguments={"text": ""}))
    exchanges = []
    for number in range(DIFFERENT):
        text = f"say {number:06d} again ".ljust(CALL_BYTES - bare, "x")
        body = _body(number, "tools/call", name=tool, arguments={"text": text})
        exchanges.append(Exchange(_http(target, "tools/call", body, tool), text.encode()))
    return exchanges


def item_calls(target: Target) -> list[Exchange]:
    """tools/call of the gateway's one tool, a different item each time."""
    exchanges = []
    for number in range(DIFFERENT):
        body = _body(number, "tools/call", name="get_item", arguments={"item_id": f"i{number:06d}", "text": "as it is"})
        exchanges.append(Exchange(_http(target, "tools/call", body, "get_item"), f"name of i{number:06d}".encode()))
    return exchanges


def lists(target: Target, tools: int) -> list[Exchange]:
    """tools/list; the last tool must be in the answer."""
    last = f'"name":"echo_{tools - 1:04d}"'.encode()
    return [Exchange(_http(target, "tools/list", _body(number, "tools/list")), last) for number in range(DIFFERENT)]


def _body(number: int, method: str, **params: Any) -> bytes:
    message = {"jsonrpc": "2.0", "id": 100_000 + number, "method": method, "params": {**params, "_meta": META}}
    return json.dumps(message, separators=(",", ":")).encode()


def _http(target: Target, method: str, body: bytes, name: str = "") -> bytes:
    headers = {
        "Host": f"127.0.0.1:{target.port}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": VERSION,
        "Mcp-Method": method,
        "Content-Length": str(len(body)),
    }
    if name:
        headers["Mcp-Name"] = name
    if target.token:
        headers["Authorization"] = f"Bearer {target.token}"
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    return f"POST /mcp HTTP/1.1\r\n{lines}\r\n".encode() + body
