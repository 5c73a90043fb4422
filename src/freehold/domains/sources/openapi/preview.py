"""What importing a document would come to, without a server: operations, tools, skips, size, time and memory."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from freehold.core.tool import BYTES_PER_TOKEN, Tool
from freehold.domains.sources.openapi.document import Json
from freehold.domains.sources.openapi.read import read
from freehold.domains.sources.openapi.tools import Compiled, Skip, Trimmed, compile_tools
from freehold.kit.clock import Clock

_NOWHERE: Final = "https://api.invalid"
"""Stands in for the base URL of a document that names no host; a preview sends nothing."""
_MIB: Final = 1024 * 1024


class Preview(Struct, frozen=True, kw_only=True):
    """The report, field for field as `freehold source preview --json` prints it."""

    operations: int
    tools: int
    skipped: tuple[Skip, ...]
    trimmed: tuple[Trimmed, ...]
    """Tools whose input schema says less than the document."""
    list_bytes: int
    """Bytes of the whole tools/list result."""
    list_tokens: int
    """`list_bytes` divided by four, the usual estimate."""
    largest_tool_bytes: int
    seconds: float
    """Reading and compiling."""
    rss_mib: float
    """Memory the process holds once the tools stand."""


def preview(data: bytes, *, clock: Clock, base_url: str | None = None, location: str | None = None) -> Preview:
    """Import a document and say what came of it, or raise `Refusal("document_invalid")`."""
    began = clock.monotonic()
    raw = read(data)
    compiled = _compiled(raw, base_url, location)
    seconds = clock.monotonic() - began
    total, largest = weighed(compiled.tools)
    return Preview(
        operations=len(compiled.tools) + len(compiled.skipped),
        tools=len(compiled.tools),
        skipped=compiled.skipped,
        trimmed=compiled.trimmed,
        list_bytes=total,
        list_tokens=-(-total // BYTES_PER_TOKEN),
        largest_tool_bytes=largest,
        seconds=round(seconds, 3),
        rss_mib=round(_resident() / _MIB, 1),
    )


def _compiled(raw: Json, base_url: str | None, location: str | None) -> Compiled:
    named = base_url or location or any("://" in str(server) for server in raw.get("servers") or ())
    return compile_tools(raw, source="preview", base_url=base_url or (None if named else _NOWHERE), location=location)


def weighed(tools: Sequence[Tool]) -> tuple[int, int]:
    """Bytes of the tools/list result that holds these tools, and of the largest of them."""
    sizes = [len(msgspec.json.encode(listed(tool))) for tool in tools]
    return sum(sizes) + max(len(sizes) - 1, 0) + len('{"tools":[]}'), max(sizes, default=0)


def listed(tool: Tool) -> dict[str, Any]:
    """A tool as tools/list shows it."""
    shown: dict[str, Any] = {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
    if tool.output_schema is not None:
        shown["outputSchema"] = tool.output_schema
    hints = {
        "readOnlyHint": tool.read_only,
        "destructiveHint": tool.destructive,
        "idempotentHint": tool.idempotent,
        "openWorldHint": tool.open_world,
    }
    return {**shown, "annotations": hints}


def _resident() -> int:
    """Bytes of memory the process holds now; its peak where the system tells only that, 0 where it tells nothing."""
    if sys.platform == "win32":
        return 0
    import resource

    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
