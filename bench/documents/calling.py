"""Calls tools as a client does, and has each request and each answer judged."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.documents.arguments import Generator
from bench.documents.facts import Facts
from bench.documents.faithful import check
from bench.documents.operations import Described
from bench.documents.recorder import Recorded, Recorder
from bench.documents.replies import REPLIES, check_answer
from bench.documents.written import Unfaithful

if TYPE_CHECKING:
    from mcp.client import Client
    from mcp.types import CallToolResult, Tool

MOVED_TO = "/moved/to"
"""Base path of the recorder, so that a path put together wrongly shows."""


@dataclass
class Stand:
    """What a call needs to be judged."""

    recorder: Recorder
    client: "Client"
    chance: random.Random
    """Chooses the answers of the API."""
    seen: Callable[[Recorded], Recorded]
    """What of a request is held against the document; raises `Unfaithful` for what no document is needed to see."""


async def listed(client: "Client", facts: Facts) -> "list[Tool]":
    """All pages of the list, their size noted."""
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


async def call(stand: Stand, tool: "Tool", described: Described, facts: Facts, seed: int) -> None:
    """One call with arguments the tool accepts, and what it came to."""
    try:
        arguments = Generator(tool.input_schema, f"{seed} {described.label}").arguments()
    except ValueError as fault:
        facts.faults.append(("schema", f"{tool.name}: {fault}"))
        return
    if arguments is None:
        facts.ungenerated += 1
        return
    facts.calls += 1
    try:
        await _judged(stand, tool, described, arguments, facts)
    except Unfaithful as unfaithful:
        facts.faults.append((unfaithful.fault, f"{tool.name} ({described.label}) {unfaithful}"))
    else:
        facts.faithful += 1


async def _judged(stand: Stand, tool: "Tool", described: Described, arguments: dict[str, Any], facts: Facts) -> None:
    reply = stand.recorder.reply = stand.chance.choice(REPLIES)
    result = await _result(stand.client, tool.name, arguments)
    seen = stand.recorder.take()
    if len(seen) != 1:
        raise Unfaithful("not_sent" if not seen else "repeated", str(result) if isinstance(result, Unfaithful) else _said(result))
    check(described, tool.input_schema.get("properties", {}), arguments, stand.seen(seen[0]))
    facts.requests += 1
    if isinstance(result, Unfaithful):
        raise result
    check_answer(reply, result, tool.output_schema, head=described.method == "HEAD")


async def _result(client: "Client", name: str, arguments: dict[str, Any]) -> "CallToolResult | Unfaithful":
    """The answer; what the client says of one it cannot accept is raised only after the request was judged."""
    from mcp.shared.exceptions import MCPError

    try:
        return await client.call_tool(name, arguments)
    except (RuntimeError, ValueError, MCPError) as fault:
        return Unfaithful("answer", f"{type(fault).__name__}: {fault}")


def _said(result: "CallToolResult") -> str:
    return " ".join(block.text for block in result.content if block.type == "text")
