"""What is asked of every server: real messages of both eras, each with its own id and text.

Every answer must contain what only its own request could have brought about, so a cache or a mix-up shows as an error."""

import json
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from typing import Any

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
CLIENT = {"name": "bench", "version": "1"}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": CLIENT,
}
CALL_BYTES = 330
DIFFERENT = 512
PATIENCE = 10.0
OK = 200


class NoSession(Exception):
    """A server did not take `initialize`."""


@dataclass(frozen=True)
class Target:
    """Where a server listens, the token it wants, if any, and how it is spoken to."""

    port: int
    token: str = ""
    version: str = MODERN
    session: str = ""
    """Id of the 2025 session, where the server gave one."""
    listeners: tuple[str, ...] = ()
    """Tokens of the callers that keep streams open."""


@dataclass(frozen=True)
class Exchange:
    """One request as it goes over the wire, and what its answer must contain."""

    request: bytes
    expected: bytes


def echo_calls(target: Target, tool: str) -> list[Exchange]:
    """tools/call of an echo: a body of 330 bytes, a different text each time."""
    bare = len(_body(target, 0, "tools/call", name=tool, arguments={"text": ""}))
    exchanges: list[Exchange] = []
    for number in range(DIFFERENT):
        text = f"say {number:06d} again ".ljust(CALL_BYTES - bare, "x")
        body = _body(target, number, "tools/call", name=tool, arguments={"text": text})
        exchanges.append(Exchange(_http(target, "tools/call", body, tool), text.encode()))
    return exchanges


def item_calls(target: Target) -> list[Exchange]:
    """tools/call of the gateway's one tool, a different item each time."""
    exchanges: list[Exchange] = []
    for number in range(DIFFERENT):
        body = _body(target, number, "tools/call", name="get_item", arguments={"item_id": f"i{number:06d}", "text": "as it is"})
        exchanges.append(Exchange(_http(target, "tools/call", body, "get_item"), f"name of i{number:06d}".encode()))
    return exchanges


def lists(target: Target, tools: int) -> list[Exchange]:
    """tools/list; the last tool must be in the answer."""
    last = f'"name":"echo_{tools - 1:04d}"'.encode()
    return [Exchange(_http(target, "tools/list", _body(target, number, "tools/list")), last) for number in range(DIFFERENT)]


def listen(target: Target, number: int) -> Exchange:
    """subscriptions/listen for changed tools; the acknowledgement comes first on the stream."""
    caller = replace(target, token=target.listeners[number % len(target.listeners)]) if target.listeners else target
    body = _body(caller, number, "subscriptions/listen", notifications={"toolsListChanged": True})
    return Exchange(_http(caller, "subscriptions/listen", body), b"notifications/subscriptions/acknowledged")


def begun(target: Target) -> Target:
    """The target with a 2025 session begun on it, as clients begin; an id the server gives goes with every request from then on."""
    hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT}
    connection = HTTPConnection("127.0.0.1", target.port, timeout=PATIENCE)
    try:
        connection.request("POST", "/mcp", _body(target, 0, "initialize", **hello), _headers(target))
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != OK:
            raise NoSession(f"initialize was answered with {answer.status}: {said[:300]!r}")
        session = replace(target, session=answer.headers.get("mcp-session-id", ""))
        connection.request("POST", "/mcp", b'{"jsonrpc":"2.0","method":"notifications/initialized"}', _headers(session))
        connection.getresponse().read()
        return session
    finally:
        connection.close()


def _body(target: Target, number: int, method: str, **params: Any) -> bytes:
    said = {**params, "_meta": META} if target.version == MODERN else params
    return json.dumps({"jsonrpc": "2.0", "id": 100_000 + number, "method": method, "params": said}, separators=(",", ":")).encode()


def _headers(target: Target) -> dict[str, str]:
    headers = {
        "Host": f"127.0.0.1:{target.port}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": target.version,
    }
    if target.session:
        headers["Mcp-Session-Id"] = target.session
    if target.token:
        headers["Authorization"] = f"Bearer {target.token}"
    return headers


def _http(target: Target, method: str, body: bytes, name: str = "") -> bytes:
    headers = _headers(target)
    if target.version == MODERN:
        headers["Mcp-Method"] = method
        if name:
            headers["Mcp-Name"] = name
    headers["Content-Length"] = str(len(body))
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    return f"POST /mcp HTTP/1.1\r\n{lines}\r\n".encode() + body
