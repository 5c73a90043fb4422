"""FastMCP's client, in either era. Runs in the environment of the bench's peers, which has FastMCP; ours does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import mcp_types as types
from conversing import Heard, converse, plain
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from mcp.client.subscriptions import listen


@asynccontextmanager
async def opened(wanted: dict[str, Any], heard: Heard) -> AsyncIterator[Any]:
    """A connected client's deeds."""
    transport = StreamableHttpTransport(wanted["url"], headers={"Authorization": f"Bearer {wanted['token']}"})
    mode = {"modern": "auto", "legacy": "legacy"}[wanted["era"]]
    async with AsyncExitStack() as stack:
        client = Client(transport, mode=mode, timeout=15, cache=False, **_handlers(wanted.get("answers"), heard))
        await stack.enter_async_context(client)
        yield Deeds(client, stack, heard)


def _handlers(answers: dict[str, Any] | None, heard: Heard) -> dict[str, Any]:
    """Answers to the server's questions, and an ear for what it tells."""

    async def told(message: Any) -> None:
        if not isinstance(message, Exception) and message.method != "notifications/progress":  # heard with the call
            heard.take(message.method, message.params)

    async def elicit(_message: str, _form: Any, params: Any, _context: Any) -> Any:
        heard.take("elicitation/create", params)
        return types.ElicitResult.model_validate(given["elicitation/create"])

    async def sample(_messages: Any, params: Any, _context: Any) -> Any:
        heard.take("sampling/createMessage", params)
        return types.CreateMessageResult.model_validate(given["sampling/createMessage"])

    async def roots(_context: Any) -> list[Any]:
        heard.take("roots/list", None)
        return types.ListRootsResult.model_validate(given["roots/list"]).roots

    if answers is None:
        return {"message_handler": told}
    given = answers
    return {"message_handler": told, "elicitation_handler": elicit, "sampling_handler": sample, "roots": roots}


class Deeds:
    """What the client can be told to do."""

    def __init__(self, client: Client[Any], stack: AsyncExitStack, heard: Heard) -> None:
        """`stack` holds what stays open until the client closes."""
        self._client = client
        self._stack = stack
        self._heard = heard
        self.read = client.read_resource_mcp
        self.prompt = client.get_prompt_mcp
        self.subscribe = client.session.subscribe_resource

    async def connected(self) -> dict[str, Any]:
        """What the client learned of the server."""
        client = self._client
        server = plain(client.server_info)
        offered = plain(client.server_capabilities)
        return {"version": client.protocol_version, "server": server, "capabilities": offered, "instructions": client.instructions}

    async def list(self, kind: str) -> Any:
        """One of its lists."""
        match kind:
            case "tools":
                return await self._client.list_tools()
            case "prompts":
                return await self._client.list_prompts()
            case "templates":
                return await self._client.list_resource_templates()
            case _:
                return await self._client.list_resources()

    async def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """A tool's result."""

        async def progress(done: float, total: float | None, message: str | None) -> None:
            self._heard.take("notifications/progress", {"progress": done, "total": total, "message": message})

        return await self._client.call_tool_mcp(name, arguments, progress_handler=progress)

    async def complete(self, ref: dict[str, str], argument: dict[str, str]) -> Any:
        """Values for an argument."""
        named = types.PromptReference if ref["type"] == "ref/prompt" else types.ResourceTemplateReference
        return (await self._client.complete_mcp(named.model_validate(ref), argument)).completion.values

    async def listen(self, wanted: dict[str, Any]) -> Any:
        """Open a subscription; what the server agreed to."""
        chosen = types.SubscriptionFilter.model_validate(wanted).model_dump(exclude_none=True)
        return (await self._stack.enter_async_context(listen(self._client.session, **chosen))).honored


if __name__ == "__main__":
    asyncio.run(converse(opened))
