"""Freehold with everything on: ES256 token, tenant, a plan whose limits are counted, guard, deadline, ledger on SQLite acknowledged.

`python freehold_server.py functions TOOLS` or `python freehold_server.py openapi BASE_URL`."""

import json
import sys
import tempfile
from pathlib import Path

from document import document
from serve import listener, serve

from freehold import Freehold
from freehold.cli.heads import BoundedHeads
from freehold.cli.serving import settle_memory
from freehold.settings import PlanSettings, Settings, SourceSettings

COUNTED_NEVER_EMPTY = PlanSettings(calls_per_day=10**12, per_second=10**6, burst=10**6)
TENANT = "bench"


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


def main(kind: str, argument: str, folder: Path) -> None:
    """Build, serve, and say the port and a token."""
    bound = listener()
    plans = {TENANT: COUNTED_NEVER_EMPTY}
    settings = Settings(port=bound.getsockname()[1], data_dir=folder, plans=plans, default_plan=TENANT, log_level="error")
    server = functions(settings, int(argument)) if kind == "functions" else gateway(settings, argument)

    async def facts() -> dict[str, str]:
        administration = server.application.administration
        await administration.create_tenant(TENANT)
        token = await administration.mint_token(TENANT, "agent", scopes=("mcp:read", "mcp:write"), expires_in=3600)
        settle_memory()  # as `freehold serve` does
        return {"token": token}

    serve(server.asgi, bound, facts=facts, http=BoundedHeads)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as folder:
        main(sys.argv[1], sys.argv[2], Path(folder))
