"""Edits, tools and pending definitions as plain data, the same for the command line and the HTTP API. Pure."""

from typing import Any

import msgspec
from msgspec import Struct

from freehold.domains.catalog.edits import Edit, Edited
from freehold.domains.catalog.pins import Pending


class Seen(Struct, frozen=True, kw_only=True):
    """A tool of one tenant's catalog, and why it is as it is."""

    edited: Edited
    source: str
    digest: str
    """SHA-256 of its definition as its source has it."""


def of_edit(edit: Edit) -> dict[str, Any]:
    """What it changes; sets as sorted lists."""
    return {"tool": edit.pattern, **{change: msgspec.to_builtins(getattr(edit, change), order="sorted") for change in edit.changes}}


def of_tool(seen: Seen) -> dict[str, Any]:
    """What a tenant sees of a tool, and every edit that had a say, in the order they were heeded."""
    tool = seen.edited.tool
    return {
        "tool": tool.name,
        "was": seen.edited.was,
        "state": "quarantined" if tool.quarantined else "offered" if seen.edited.offered else "disabled",
        "source": seen.source,
        "title": tool.title,
        "description": tool.description,
        "scopes": sorted(tool.scopes),
        "plans": sorted(tool.plans),
        "roles": sorted(tool.roles),
        "edits": [{"origin": told.origin, **of_edit(told.edit)} for told in seen.edited.by],
        "digest": seen.digest,
    }


def of_pending(pending: Pending) -> dict[str, Any]:
    """What waits, and what is different about it."""
    return msgspec.to_builtins(pending)
