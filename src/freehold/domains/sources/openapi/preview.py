"""What importing a document would come to, without a server: operations, tools, skips, size, time and memory."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from freehold.core.tool import BYTES_PER_TOKEN, Tool
from freehold.domains.sources.openapi.document import Json
from freehold.domains.sources.openapi.read import File, read_overlaid
from freehold.domains.sources.openapi.tools import Compiled, Flag, Remark, Skip, Trimmed, compile_tools
from freehold.kit.clock import Clock

_NOWHERE: Final = "https://api.invalid"
"""Stands in for the base URL of a document that names no host; a preview sends nothing."""
_MIB: Final = 1024 * 1024


class Encoded(Protocol):
    """The catalog's own way to write one entry of tools/list."""

    def __call__(self, tool: Tool, /) -> bytes:
        """JSON."""
        ...


class Preview(Struct, frozen=True, kw_only=True):
    """The report, field for field as `freehold source preview --json` prints it."""

    operations: int
    tools: int
    skipped: tuple[Skip, ...]
    trimmed: tuple[Trimmed, ...]
    """Tools whose input schema says less than the document."""
    flagged: tuple[Flag, ...]
    """Tools whose words may speak to a model rather than about the API."""
    remarks: tuple[Remark, ...]
    """What was ignored: overlays that met nothing, hints that are none, webhooks."""
    list_bytes: int
    """Bytes of the whole tools/list result."""
    list_tokens: int
    """`list_bytes` divided by four, the usual estimate."""
    largest_tool_bytes: int
    seconds: float
    """Reading and compiling."""
    rss_mib: float
    """Memory the process holds once the tools stand."""


def preview(
    data: bytes, *, clock: Clock, encoded: Encoded, base_url: str | None = None, location: str | None = None, overlays: Sequence[File] = ()
) -> Preview:
    """Import a document and say what came of it, or raise `Refusal("document_invalid")`."""
    began = clock.monotonic()
    raw, unmet = read_overlaid(data, overlays)
    compiled = _compiled(raw, base_url, location)
    seconds = clock.monotonic() - began
    total, largest = weighed(compiled.tools, encoded)
    return Preview(
        operations=len(compiled.tools) + len(compiled.skipped),
        tools=len(compiled.tools),
        skipped=compiled.skipped,
        trimmed=compiled.trimmed,
        flagged=compiled.flagged,
        remarks=(*(Remark(where, what) for where, what in unmet), *compiled.remarks),
        list_bytes=total,
        list_tokens=-(-total // BYTES_PER_TOKEN),
        largest_tool_bytes=largest,
        seconds=round(seconds, 3),
        rss_mib=round(_resident() / _MIB, 1),
    )


def _compiled(raw: Json, base_url: str | None, location: str | None) -> Compiled:
    named = base_url or location or any("://" in str(server) for server in raw.get("servers") or ())
    return compile_tools(raw, source="preview", base_url=base_url or (None if named else _NOWHERE), location=location)


def weighed(tools: Sequence[Tool], encoded: Encoded) -> tuple[int, int]:
    """Bytes of the tools/list result that holds these tools, and of the largest of them."""
    sizes = [len(encoded(tool)) for tool in tools]
    return sum(sizes) + max(len(sizes) - 1, 0) + len('{"tools":[]}'), max(sizes, default=0)


def _resident() -> int:
    """Bytes of memory the process holds now; its peak where the system tells only that, 0 where it tells nothing."""
    if sys.platform == "win32":
        return 0
    import resource

    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
