"""FastMCP beside us: the same operations of the same document, called with arguments its own tools accept, held to the same judge.

What only Freehold promises is not asked of it: no service token, and headers that are no parameters are not looked at."""

import asyncio
import json
import random
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.documents.calling import MOVED_TO, Stand, call, listed
from bench.documents.facts import Facts
from bench.documents.faithful import OURS
from bench.documents.operations import Described, load, operations
from bench.documents.recorder import Recorded, recording
from bench.running import HERE, PEERS
from freehold.demo.session import connected

SCRIPT = HERE / "servers" / "fastmcp_document.py"
STARTING = 45.0
"""Seconds it may take to import a document."""
CALLING = 45.0
"""Seconds for the list and all calls of a document."""
_LONGEST = 2**26
"""Bytes of the line that says which tool is which operation."""


def fastmcp(document: Path, name: str, asked: list[str], *, seed: int) -> Facts:
    """What becomes of the operations that were asked of us; `refused` when it does not import the document."""
    facts = Facts(name, asked=asked)
    described = {each.label: each for each in operations(load(document), MOVED_TO)}
    try:
        asyncio.run(_called(document, facts, [described[label] for label in asked], seed))
    except TimeoutError:
        facts.crash = f"more than {STARTING:.0f} s for the import, or {CALLING:.0f} s for the calls"
    except (ExceptionGroup, OSError, ValueError) as fault:
        facts.crash = f"{type(fault).__name__}: {fault}"[:300]
    return facts


async def _called(document: Path, facts: Facts, described: list[Described], seed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as folder:
        plain = Path(folder) / "document.json"
        plain.write_text(json.dumps(load(document)))
        async with recording() as recorder, _running(plain, f"http://127.0.0.1:{recorder.port}{MOVED_TO}", facts) as said:
            if not said:
                return
            facts.seconds, facts.tools = said["seconds"], len(said["operations"])
            async with asyncio.timeout(CALLING), connected(f"http://127.0.0.1:{said['port']}/mcp", "none") as client:
                chance = random.Random(f"{seed} {document.name}")  # noqa: S311  a sample, not a secret
                await _all(Stand(recorder, client, chance, _parameters_only(described)), facts, described, said["operations"], seed)


async def _all(stand: Stand, facts: Facts, described: list[Described], named: dict[str, str], seed: int) -> None:
    by_label = {named[tool.name]: tool for tool in await listed(stand.client, facts) if tool.name in named}
    for operation in described:
        if operation.label in by_label:
            facts.sampled += 1
            await call(stand, by_label[operation.label], operation, facts, seed)


def _parameters_only(described: list[Described]) -> Any:
    """Requests without the headers that a client or its library adds."""
    kept = OURS | {"cookie"} | {each.name.lower() for one in described for each in one.parameters if each.place == "header"}

    def seen(recorded: Recorded) -> Recorded:
        return replace(recorded, headers=tuple(each for each in recorded.headers if each[0] in kept))

    return seen


@asynccontextmanager
async def _running(document: Path, base_url: str, facts: Facts) -> AsyncIterator[dict[str, Any]]:
    """The server, and what it says of itself; nothing when it does not start."""
    log = document.with_suffix(".log")
    with log.open("w") as said:
        process = await asyncio.create_subprocess_exec(
            PEERS / "bin" / "python", SCRIPT, document, base_url, stdout=PIPE, stderr=said, limit=_LONGEST
        )
    try:
        line = await asyncio.wait_for(_first_line(process), STARTING)
        if not line:
            facts.refused = (log.read_text().strip() or "it ended without a word").splitlines()[-1][:300]
        yield json.loads(line) if line else {}
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _first_line(process: Process) -> bytes:
    assert process.stdout is not None
    return await process.stdout.readline()
