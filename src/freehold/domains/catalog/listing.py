"""A tool as `tools/list` shows it (server/tools), encoded once per catalog version."""

from typing import Any

import msgspec

from freehold.core.tool import Tool


def encoded(tool: Tool) -> bytes:
    """The tool as JSON. Members that say nothing are left out."""
    shown: dict[str, Any] = {"name": tool.name}
    if tool.title:
        shown["title"] = tool.title
    shown["description"] = tool.description
    shown["inputSchema"] = tool.input_schema
    if tool.output_schema is not None:
        shown["outputSchema"] = tool.output_schema
    shown["annotations"] = {
        "readOnlyHint": tool.read_only,
        "destructiveHint": tool.destructive,
        "idempotentHint": tool.idempotent,
        "openWorldHint": tool.open_world,
    }
    return msgspec.json.encode(shown)
