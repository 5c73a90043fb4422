"""One document: import it, stand Freehold in front of a recorder, list and call as a client does."""

import asyncio
import gc
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.jwk import KeySet

from bench.documents.arguments import Generator
from bench.documents.faithful import check
from bench.documents.operations import Described, load, operations
from bench.documents.recorder import Recorder, recording
from bench.documents.replies import REPLIES, check_answer
from bench.documents.written import Unfaithful
from freehold.app import Application, build
from freehold.core.refusals import Refusal
from freehold.demo.loopback import address, serving, take
from freehold.demo.session import connected
from freehold.domains.sources.openapi.read import read
from freehold.domains.sources.openapi.tools import Compiled, compile_tools
from freehold.settings import PlanSettings, Settings, SourceSettings

if TYPE_CHECKING:
    from mcp.client import Client
    from mcp.types import Tool

MOVED_TO = "/moved/to"
"""Base path of the recorder, so that a path put together wrongly shows."""
TENANT = "bench"
PAGE = 250
MIB = 1024 * 1024
NOWHERE = "http://127.0.0.1:1/"


@dataclass
class Facts:
    """One line of the table."""

    document: str
    operations: int = 0
    tools: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Reason, and the operation that was skipped for it."""
    list_bytes: int = 0
    largest: int = 0
    """Bytes of the largest tool."""
    pages: int = 0
    seconds: float = 0.0
    """Processor time of reading and compiling."""
    rss_mib: float = 0.0
    sampled: int = 0
    calls: int = 0
    faithful: int = 0
    refused: str = ""
    """Why the document was not imported at all."""
    crash: str = ""
    """How the import ended when it neither succeeded nor refused."""
    ungenerated: int = 0
    """Sampled tools no valid arguments were found for."""
    faults: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Class, and what happened."""

    @property
    def classes(self) -> dict[str, int]:
        """Faults counted by class."""
        return dict(Counter(fault for fault, _ in self.faults))


def measured(document: Path, name: str, *, calls: int, seed: int) -> Facts:
    """Everything about one document, which the table calls `name`; with no calls, its import only."""
    facts = Facts(name)
    data = document.read_bytes()
    warm()
    gc.collect()
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


@dataclass
class _Stand:
    """What a call needs to be judged."""

    recorder: Recorder
    client: "Client"
    token: str
    audience: str
    keys: KeySet
    chance: random.Random


async def _called(document: Path, facts: Facts, described: list[Described], calls: int, seed: int) -> None:
    async with _standing(document, seed) as stand:
        tools = await _listed(stand.client, facts)
        if len(tools) != len(described):
            facts.faults.append(("listing", f"{len(tools)} tools for {len(described)} operations"))
            return
        pairs = list(zip(tools, described, strict=True))
        chosen = random.Random(seed).sample(pairs, min(calls, len(pairs)))  # noqa: S311  a sample, not a secret
        facts.sampled = len(chosen)
        for tool, operation in chosen:
            await _one(stand, tool, operation, facts, f"{seed} {operation.label}")


@asynccontextmanager
async def _standing(document: Path, seed: int) -> AsyncIterator[_Stand]:
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
                async with connected(f"{address(taken)}/mcp", token) as client:
                    chance = random.Random(f"{seed} {document.name}")  # noqa: S311  a sample, not a secret
                    yield _Stand(recorder, client, token, f"http://{place}", KeySet.import_key_set(published), chance)


async def _token(application: Application) -> str:
    await application.administration.create_tenant(TENANT)
    return await application.administration.mint_token(TENANT, "agent", scopes=("mcp:read", "mcp:write", "mcp:admin"), expires_in=3600)


async def _listed(client: "Client", facts: Facts) -> "list[Tool]":
    tools: list[Tool] = []
    cursor: str | None = None
    while True:
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        facts.pages += 1
        cursor = page.next_cursor
        if cursor is None:
            break
    sizes = [len(tool.model_dump_json(by_alias=True, exclude_none=True)) for tool in tools]
    facts.list_bytes, facts.largest = sum(sizes) + len(sizes) + 12, max(sizes, default=0)
    if len({tool.name for tool in tools}) != len(tools):
        facts.faults.append(("listing", "two tools have one name"))
    return tools


async def _one(stand: _Stand, tool: "Tool", described: Described, facts: Facts, seed: str) -> None:
    try:
        arguments = Generator(tool.input_schema, seed).arguments()
    except ValueError as fault:
        facts.faults.append(("schema", f"{tool.name}: {fault}"))
        return
    if arguments is None:
        facts.ungenerated += 1
        return
    facts.calls += 1
    try:
        await _call(stand, tool, described, arguments)
    except Unfaithful as unfaithful:
        facts.faults.append((unfaithful.fault, f"{tool.name} ({described.label}) {unfaithful}"))
    else:
        facts.faithful += 1


async def _call(stand: _Stand, tool: "Tool", described: Described, arguments: dict[str, Any]) -> None:
    reply = stand.recorder.reply = stand.chance.choice(REPLIES)
    try:
        result = await stand.client.call_tool(tool.name, arguments)
    except (RuntimeError, ValueError) as fault:  # what the client says of an answer it cannot accept
        raise Unfaithful("answer", f"{type(fault).__name__}: {fault}") from None
    seen = stand.recorder.take()
    said = " ".join(block.text for block in result.content if block.type == "text")
    if len(seen) != 1:
        raise Unfaithful("not_sent" if not seen else "repeated", said)
    check(described, tool.input_schema.get("properties", {}), arguments, seen[0])
    _credential(stand, seen[0].header("authorization") or "", seen[0].raw)
    check_answer(reply, result, tool.output_schema, head=described.method == "HEAD")


def _credential(stand: _Stand, authorization: str, raw: bytes) -> None:
    """Our service token for this API and tenant, and no trace of the caller's token."""
    if stand.token.encode() in raw or any(part.encode() in raw for part in stand.token.split(".")[1:]):
        raise Unfaithful("leak", "the caller's token arrived")
    claims = jwt.decode(authorization.removeprefix("Bearer "), stand.keys, algorithms=["ES256"]).claims
    if claims["aud"] != stand.audience or claims["tenant_id"] != TENANT:
        raise Unfaithful("authorization", f"{claims}")
