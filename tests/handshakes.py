"""A client of a handshake revision, as far as tests need one: it initializes, keeps its session id, and asks."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from tests.events import Stream, streaming
from tests.served import Reply, Served

ABLE = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {"listChanged": True}}


@dataclass(frozen=True)
class Client:
    """One initialized client; the same session may be used at every replica."""

    token: str
    revision: str
    begun: dict[str, Any]
    """The whole answer to `initialize`."""
    session: str | None

    @property
    def headers(self) -> dict[str, str]:
        """What each of its requests carries."""
        sent = {} if self.revision == "2025-03-26" else {"mcp-protocol-version": self.revision}
        return sent | ({} if self.session is None else {"mcp-session-id": self.session})

    async def post(self, server: Served, body: object, *, headers: Mapping[str, str] | None = None) -> Reply:
        """Any body."""
        return await server.post(body, self.token, headers={**self.headers, **(headers or {})})

    async def ask(self, server: Served, method: str, params: Mapping[str, Any] | None = None, *, number: int | str = 1) -> Reply:
        """A request."""
        return await self.post(server, message(method, params, number))

    async def tell(self, server: Served, method: str, params: Mapping[str, Any] | None = None) -> Reply:
        """A notification."""
        return await self.post(server, {"jsonrpc": "2.0", "method": method, **({} if params is None else {"params": params})})

    async def answer(self, server: Served, number: object, result: Mapping[str, Any] | None) -> Reply:
        """A response to a question of the server; None is an error."""
        said = {"error": {"code": -1, "message": "No."}} if result is None else {"result": result}
        return await self.post(server, {"jsonrpc": "2.0", "id": number, **said})

    def call(self, server: Served, tool: str, **meta: Any) -> AbstractAsyncContextManager[Stream]:
        """A tools/call that is read as it comes."""
        params = {"name": tool, "arguments": {}, **({"_meta": meta} if meta else {})}
        return streaming(server, self.token, message("tools/call", params, "call"), headers=self.headers)

    def listen(self, server: Served) -> AbstractAsyncContextManager[Stream]:
        """The GET stream."""
        return streaming(server, self.token, method="GET", headers={**self.headers, "accept": "text/event-stream"})


def message(method: str, params: Mapping[str, Any] | None, number: int | str) -> dict[str, Any]:
    """A request."""
    return {"jsonrpc": "2.0", "id": number, "method": method, **({} if params is None else {"params": params})}


async def initialized(
    server: Served, *, tenant: str = "acme", revision: str = "2025-11-25", able: Mapping[str, Any] = ABLE, token: str = ""
) -> Client:
    """A client after its handshake."""
    credential = token or server.tokens[tenant]
    params = {"protocolVersion": revision, "capabilities": able, "clientInfo": {"name": "tests", "version": "1"}}
    reply = await server.post(message("initialize", params, 0), credential)
    assert reply.status == 200, reply.body
    client = Client(credential, reply.json["result"]["protocolVersion"], reply.json, reply.headers.get("mcp-session-id"))
    assert (await client.tell(server, "notifications/initialized")).status == 202
    return client
