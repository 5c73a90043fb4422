"""What a served Freehold has in its book."""

import json
from typing import Any

from tests.served import Served


async def booked(server: Served, tenant: str, kind: str = "call") -> list[dict[str, Any]]:
    """The tenant's entries of this kind, oldest first."""
    lines = b"".join([part async for part in server.application.book.export(tenant, "jsonl")])
    return [entry for entry in map(json.loads, lines.splitlines()) if entry["kind"] == kind]
