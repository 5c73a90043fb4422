"""`subscriptions/listen` as a client opens it, and the two notices that most tests wait for."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from tests.events import Reached, Stream, streaming
from tests.served import META, MODERN

SUBSCRIPTION: Final = "io.modelcontextprotocol/subscriptionId"
EVERY_LIST: Final = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}
TOOLS_CHANGED: Final = "notifications/tools/list_changed"
PROMPTS_CHANGED: Final = "notifications/prompts/list_changed"


def listening(
    server: Reached,
    token: str,
    wanted: object = EVERY_LIST,
    *,
    number: int | str = "s1",
    meta: Mapping[str, Any] = META,
    seconds: float = 30,
) -> AbstractAsyncContextManager[Stream]:
    """An open stream, not yet acknowledged; or what the server answers instead."""
    body = {"jsonrpc": "2.0", "id": number, "method": "subscriptions/listen", "params": {"notifications": wanted, "_meta": meta}}
    return streaming(server, token, body, headers={"mcp-protocol-version": MODERN, "mcp-method": "subscriptions/listen"}, seconds=seconds)
