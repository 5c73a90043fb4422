"""`freehold source preview`: reads a document without any server or database."""

from typing import Any

import msgspec

from freehold.cli.beginning import places
from freehold.domains.sources.fetch import read
from freehold.domains.sources.openapi.preview import preview as report
from freehold.kit.clock import SystemClock
from freehold.kit.outbound import GuardedClient


async def preview(location: str) -> dict[str, Any]:
    """The report of one document at a file or URL; the operator named it, so its host may be a private one."""
    outbound = GuardedClient(places(location))
    try:
        document = await read(location, outbound)
        remote = location.startswith(("http://", "https://"))
        return msgspec.to_builtins(report(document, clock=SystemClock(), location=location if remote else None))
    finally:
        await outbound.close()
