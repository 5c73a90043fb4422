"""The official Python client, in either era: straight to the server, or through a bridge it starts as a local server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from conversing import Heard, converse, plain
from mcp import types
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client


@asynccontextmanager
async def opened(wanted: dict[str, Any], heard: Heard) -> AsyncIterator[Any]:
    """A connected client's deeds."""
    async with AsyncExitStack() as stack:
        bridge = wanted.get("through")
        transport = StdioServerParameters(**bridge) if bridge else await _direct(stack, wanted["url"], wanted["token"])
        mode = {"modern": "auto", "legacy": "legacy"}[wanted["era"]]
        client = Client(transport, mode=mode, read_timeout_seconds=15, cache=None, **_handlers(wanted.get("answers"), heard))
        await stack.enter_async_context(client)
        yield Deeds(client, stack, heard)


async def _direct(stack: AsyncExitStack, url: str, token: str) -> Any:
    client = create_mcp_http_client(headers={"Authorization": f"Bearer {token}"})
    return streamable_http_client(url, http_client=await stack.enter_async_context(client))


def _handlers(answers: dict[str, Any] | None, heard: Heard) -> dict[str, Any]:
    """Answers to the server's questions, and an ear for what it tells."""

    async def told(message: Any) -> None:
        if not isinstance(message, Exception) and message.method != "notifications/progress":  # heard with the call
            heard.take(message.method, message.params)

    async def elicit(_context: Any, params: Any) -> types.ElicitResult:
        heard.take("elicitation/create", params)
        return types.ElicitResult.model_validate(given["elicitation/create"])

    async def sample(_context: Any, params: Any) -> types.CreateMessageResult:
        heard.take("sampling/createMessage", params)
        return types.CreateMessageResult.model_validate(given["sampling/createMessage"])

    async def roots(_context: Any) -> types.ListRootsResult:
        heard.take("roots/list", None)
        return types.ListRootsResult.model_validate(given["roots/list"])

    handlers: dict[str, Any] = {"message_handler": told, "log_level": "info"}
    if answers is None:
        return handlers
    given = answers
    return {**handlers, "elicitation_callback": elicit, "sampling_callback": sample, "list_roots_callback": roots}


class Deeds:
    """What the client can be told to do."""

    def __init__(self, client: Client, stack: AsyncExitStack, heard: Heard) -> None:
        """`stack` holds what stays open until the client closes."""
        self._client = client
        self._stack = stack
        self._heard = heard
        self.read = client.read_resource
        self.prompt = client.get_prompt
        self.subscribe = client.subscribe_resource

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
                return (await self._client.list_tools()).tools
            case "prompts":
                return (await self._client.list_prompts()).prompts
            case "templates":
                return (await self._client.list_resource_templates()).resource_templates
            case _:
                return (await self._client.list_resources()).resources

    async def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """A tool's result."""

        async def progress(done: float, total: float | None, message: str | None) -> None:
            self._heard.take("notifications/progress", {"progress": done, "total": total, "message": message})

        return await self._client.call_tool(name, arguments, progress_callback=progress)

    async def complete(self, ref: dict[str, str], argument: dict[str, str]) -> Any:
        """Values for an argument."""
        named = types.PromptReference if ref["type"] == "ref/prompt" else types.ResourceTemplateReference
        return (await self._client.complete(named.model_validate(ref), argument)).completion.values

    async def listen(self, wanted: dict[str, Any]) -> Any:
        """Open a subscription; what the server agreed to."""
        chosen = types.SubscriptionFilter.model_validate(wanted).model_dump(exclude_none=True)
        return (await self._stack.enter_async_context(self._client.listen(**chosen))).honored


if __name__ == "__main__":
    asyncio.run(converse(opened))
