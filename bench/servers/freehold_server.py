"""Freehold with everything on: ES256 token, tenant, a plan whose limits are counted, guard, deadline, ledger on SQLite acknowledged.

`python freehold_server.py functions TOOLS [listeners]` or `python freehold_server.py openapi BASE_URL`; with `listeners`, tokens of many
customers' users come with the port."""

import json
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from document import document
from serve import listener, serve

from freehold import Freehold
from freehold.cli.heads import BoundedHeads
from freehold.cli.serving import settle_memory
from freehold.core.refusals import Refusal
from freehold.settings import PlanSettings, Settings, SourceSettings

COUNTED_NEVER_EMPTY = PlanSettings(calls_per_day=10**12, per_second=10**6, burst=10**6)
TENANT = "bench"
LISTENING_TENANTS = 20
LISTENERS = 10
"""Users of each tenant that keep streams open."""


async def echo(text: str) -> str:
    """Say it again."""
    return text


def functions(settings: Settings, tools: int) -> Freehold:
    """So many Python tools, all alike but in name and description."""
    server = Freehold(settings=settings)
    for number in range(tools):
        name = f"echo_{number:04d}"
        server.tool(name=name, description=f"Say it again, number {number:04d}, in the same words.", read_only=True)(echo)
    return server


def gateway(settings: Settings, base_url: str) -> Freehold:
    """The upstream's OpenAPI document as the only source."""
    path = settings.data / "items.json"
    path.write_text(json.dumps(document(base_url)))
    source = SourceSettings(openapi=str(path), base_url=base_url)
    allowed = (base_url.removeprefix("http://"),)
    return Freehold(settings=settings.model_copy(update={"sources": {"items": source}, "outbound_allow": allowed}))


async def caller(server: Freehold, tenant: str, user: str) -> str:
    """A token of that user; the tenant is made with its first."""
    administration = server.application.administration
    with suppress(Refusal):
        await administration.create_tenant(tenant)
    return await administration.mint_token(tenant, user, scopes=("mcp:read", "mcp:write"), expires_in=3600)


def main(folder: Path, kind: str, argument: str, *, listened: bool) -> None:
    """Build, serve, and say the port and a token."""
    bound = listener()
    plans = {TENANT: COUNTED_NEVER_EMPTY}
    settings = Settings(port=bound.getsockname()[1], data_dir=folder, plans=plans, default_plan=TENANT, log_level="error")
    server = functions(settings, int(argument)) if kind == "functions" else gateway(settings, argument)

    async def facts() -> dict[str, Any]:
        token = await caller(server, TENANT, "agent")
        tenants = [f"listener-{number}" for number in range(LISTENING_TENANTS if listened else 0)]
        listeners = [await caller(server, tenant, f"agent-{number}") for tenant in tenants for number in range(LISTENERS)]
        settle_memory()  # as `freehold serve` does
        return {"token": token, "listeners": listeners}

    serve(server.asgi, bound, facts=facts, http=BoundedHeads)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as folder:
        main(Path(folder), sys.argv[1], sys.argv[2], listened="listeners" in sys.argv[3:])
