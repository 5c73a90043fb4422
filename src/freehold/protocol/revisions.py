"""Which revisions of MCP this server speaks, and which methods each era has. Data, read by the door."""

from typing import Final

MODERN: Final = "2026-07-28"
"""Per-request metadata, no handshake, no session (basic/versioning)."""

LEGACY: Final = ("2025-11-25", "2025-06-18", "2025-03-26")
"""Handshake revisions, newest first; `initialize` answers the newest when it does not know the one asked for."""

ASSUMED: Final = "2025-03-26"
"""What a legacy request without MCP-Protocol-Version is read as (2025-11-25, transports)."""

SUPPORTED: Final = (MODERN,)
"""What `server/discover` and -32022 list: the versions usable with per-request `_meta`."""

NAMED_BY: Final = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
"""Methods whose Mcp-Name header must repeat that member of params."""

VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY: Final = "io.modelcontextprotocol/clientCapabilities"
SERVER_INFO_KEY: Final = "io.modelcontextprotocol/serverInfo"
LOG_LEVEL_KEY: Final = "io.modelcontextprotocol/logLevel"
SUBSCRIPTION_KEY: Final = "io.modelcontextprotocol/subscriptionId"
