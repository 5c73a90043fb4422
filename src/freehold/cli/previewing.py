"""`freehold source preview`: reads a document without any server or database."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from freehold.cli.beginning import places
from freehold.domains.catalog.listing import encoded
from freehold.domains.sources.fetch import read
from freehold.domains.sources.load import is_endpoint
from freehold.domains.sources.openapi.preview import preview as report
from freehold.domains.sources.openapi.read import File
from freehold.kit.clock import SystemClock
from freehold.kit.http import Outbound
from freehold.kit.outbound import GuardedClient


async def preview(location: str, *, graphql: bool, overlays: Sequence[str] = ()) -> dict[str, Any]:
    """The report of one document at a file or URL; the operator named it, so its host may be a private one."""
    outbound = GuardedClient(places(location, *overlays))
    try:
        return await (_of_schema if graphql else partial(_of_document, overlays))(location, outbound)
    finally:
        await outbound.close()


async def _of_document(overlays: Sequence[str], location: str, outbound: Outbound) -> dict[str, Any]:
    document = await read(location, outbound)
    remote = location.startswith(("http://", "https://"))
    files = [File(overlay, await read(overlay, outbound)) for overlay in overlays]
    made = report(document, clock=SystemClock(), encoded=encoded, location=location if remote else None, overlays=files)
    return msgspec.to_builtins(made)


async def _of_schema(location: str, outbound: Outbound) -> dict[str, Any]:
    from freehold.domains.sources.graphql.introspect import introspected
    from freehold.domains.sources.graphql.preview import preview as schema_report

    document = await (introspected if is_endpoint(location) else read)(location, outbound)
    return msgspec.to_builtins(schema_report(document, encoded))
