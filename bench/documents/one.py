"""One document: import it, stand Freehold in front of a recorder, list and call as a client does."""

import asyncio
import gc
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet

from bench.documents.calling import MOVED_TO, Stand, call, listed
from bench.documents.facts import Facts
from bench.documents.operations import Described, load, operations
from bench.documents.recorder import Recorded, recording
from bench.documents.written import Unfaithful
from freehold.app import Application, build
from freehold.core.refusals import Refusal
from freehold.core.tool import READ_MORE
from freehold.demo.loopback import address, serving, take
from freehold.demo.session import connected
from freehold.domains.exports.export import NAME as EXPORT
from freehold.domains.sources.openapi.read import read
from freehold.domains.sources.openapi.tools import Compiled, compile_tools
from freehold.settings import PlanSettings, Settings, SourceSettings

TENANT = "bench"
PAGE = 250
MIB = 1024 * 1024
OWN = (EXPORT, READ_MORE)
"""Tools of Freehold's own, which no document has."""
NOWHERE = "http://127.0.0.1:1/"


def measured(document: Path, name: str, *, calls: int, seed: int) -> Facts:
    """Everything about one document, which the table calls `name`; with no calls, its import only."""
    facts = Facts(name)
    data = document.read_bytes()
    warm()
    gc.collect()
    gc.freeze()  # what stands before the import need not be looked through again
    before, began = resident(), time.process_time()
    try:
        compiled = imported(data)
    except Refusal as refusal:
        facts.refused = str(refusal)
        return facts
    facts.seconds = time.process_time() - began
    gc.collect()
    facts.rss_mib = (resident() - before) / MIB
    facts.operations, facts.tools = len(compiled.tools) + len(compiled.skipped), len(compiled.tools)
    facts.skipped = [(skip.why, skip.operation) for skip in compiled.skipped]
    del compiled
    if calls and facts.tools:
        skipped = elsewhere(data)
        described = [each for each in operations(load(document), MOVED_TO) if each.label not in skipped]
        asyncio.run(_called(document, facts, described, calls, seed))
    return facts


def imported(data: bytes) -> Compiled:
    """With the document's own servers where it names some, as an operator imports it who says nothing else."""
    raw = read(data)
    try:
        return compile_tools(raw, source="api")
    except Refusal:
        return compile_tools(raw, source="api", base_url=NOWHERE)


def elsewhere(data: bytes) -> set[str]:
    """Operations that cannot be called at a base URL of the operator's choice, because they have a host of their own."""
    return {skip.operation for skip in compile_tools(read(data), source="api", base_url=NOWHERE).skipped}


def warm() -> None:
    """Load what any first import loads, so that the document is charged with its own cost only."""
    parameter = {"name": "a", "in": "query", "schema": {"type": "string", "pattern": "a"}}
    paths = {"/a": {"get": {"parameters": [parameter]}}}
    compile_tools(read(json.dumps({"openapi": "3.0.0", "paths": paths}).encode()), source="api", base_url=NOWHERE)


def resident() -> int:
    """Bytes of memory this process holds."""
    import resource

    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


async def _called(document: Path, facts: Facts, described: list[Described], calls: int, seed: int) -> None:
    async with _standing(document, seed) as stand:
        tools = [tool for tool in await listed(stand.client, facts) if tool.name not in OWN]
        if len(tools) != len(described):
            facts.faults.append(("listing", f"{len(tools)} tools for {len(described)} operations"))
            return
        pairs = list(zip(tools, described, strict=True))
        chosen = random.Random(seed).sample(pairs, min(calls, len(pairs)))  # noqa: S311  a sample, not a secret
        facts.asked, facts.sampled = [operation.label for _, operation in chosen], len(chosen)
        for tool, operation in chosen:
            await call(stand, tool, operation, facts, seed)


@asynccontextmanager
async def _standing(document: Path, seed: int) -> AsyncIterator[Stand]:
    """Freehold in front of a recorder, and a client of one tenant who may call everything."""
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as folder:
        async with recording() as recorder:
            place, taken = f"127.0.0.1:{recorder.port}", take()
            settings = Settings(
                port=taken.getsockname()[1],
                data_dir=Path(folder),
                page_size=PAGE,
                plans={"open": PlanSettings()},
                default_plan="open",
                log_level="error",
                outbound_allow=(place,),
                sources={"api": SourceSettings(openapi=str(document), base_url=f"http://{place}{MOVED_TO}")},
            )
            application = build(settings)
            async with application.running(), serving(application.asgi, taken):
                token = await _token(application)
                await application.signing_keys.current("service")  # made at first use, and published from then on
                published: Any = await application.signing_keys.published("service")
                seen = partial(_credited, token, f"http://{place}", KeySet.import_key_set(published))
                async with connected(f"{address(taken)}/mcp", token) as client:
                    yield Stand(recorder, client, random.Random(f"{seed} {document.name}"), seen)  # noqa: S311  a sample, not a secret


async def _token(application: Application) -> str:
    await application.administration.create_tenant(TENANT)
    return await application.administration.mint_token(TENANT, "agent", scopes=("mcp:read", "mcp:write", "mcp:admin"), expires_in=3600)


def _credited(token: str, audience: str, keys: KeySet, recorded: Recorded) -> Recorded:
    """Our service token for this API and tenant, and no trace of the caller's token."""
    if token.encode() in recorded.raw or any(part.encode() in recorded.raw for part in token.split(".")[1:]):
        raise Unfaithful("leak", "the caller's token arrived")
    authorization = recorded.header("authorization") or ""
    claims = jwt.decode(authorization.removeprefix("Bearer "), keys, algorithms=["ES256"]).claims
    if claims["aud"] != audience or claims["tenant_id"] != TENANT:
        raise Unfaithful("authorization", f"{claims}")
    return recorded
