"""What the official conformance suite starts as a client: lists everything of one server, and uses all that can be used."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from freehold.core.call import Call
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.sources.upstream.exchange import Bounds
from freehold.domains.sources.upstream.handlers import Handlers
from freehold.domains.sources.upstream.link import Link
from freehold.domains.sources.upstream.offered import Remote, offered
from freehold.domains.sources.upstream.snapshot import listed
from freehold.domains.sources.upstream.source import UpstreamSource
from freehold.kit.outbound import GuardedClient
from freehold.protocol.wire import is_object

_SOURCE: Final = "suite"
_SAMPLES: Final[Mapping[str, Any]] = {"string": "text", "integer": 5, "number": 3, "boolean": True, "object": {}}
_CAP: Final = 4 << 20


async def visit(url: str, context: str) -> list[str]:
    """Do everything there is to do; a line for each deed. `context` is the suite's JSON, which may say what to call."""
    place = urlsplit(url)
    outbound = GuardedClient([f"{place.hostname}:{place.port}"])
    link = Link(outbound, url, (), Bounds(20.0, _CAP))
    try:
        return await _visited(link, json.loads(context or "{}").get("toolCalls"))
    finally:
        await link.close()
        await outbound.close()


async def _visited(link: Link, wanted: list[dict[str, Any]] | None) -> list[str]:
    found = offered((await listed(link)).snapshot, _SOURCE)
    source = UpstreamSource(_SOURCE, found, link, relays=True)
    said = [f"left out {one.name}: {one.why}" for one in found.skipped]
    theirs = {_remote(tool).name: tool for tool in found.tools}
    every: list[dict[str, Any]] = [{"name": name, "arguments": _arguments(tool, found.tools)} for name, tool in theirs.items()]
    calls = every if wanted is None else wanted
    said += [await _done(source, theirs[one["name"]], one["arguments"], "tools/call") for one in calls if one["name"] in theirs]
    said += [await _done(source, one.tool, {}, "resources/read", one.uri) for one in found.resources if not one.template]
    for prompt in found.prompts:
        said.append(await _done(source, prompt.tool, {one.name: "text" for one in prompt.arguments}, "prompts/get"))
    return said


async def _done(source: UpstreamSource, tool: Tool, arguments: dict[str, Any], method: Any, asked: str = "") -> str:
    call = Call(
        id="1",
        at=0.0,
        principal=Principal(tenant=_SOURCE, subject="", client="", credential="", scopes=frozenset(), plan="", expires_at=0.0),
        tool=tool,
        arguments=arguments,
        request_id="1",
        revision="",
        bytes_in=0,
        deadline=0.0,
        method=method,
        asked=asked,
        channel=Handlers(elicitation=_accept, sampling=_answer, roots=_none),
    )
    try:
        return f"{tool.name}: {(await source.invoke(call)).status}"
    except Refusal as refused:
        return f"{tool.name}: {refused.code}"


async def _accept(params: dict[str, Any]) -> dict[str, Any]:
    """Every default, and something for what has none."""
    return {"action": "accept", "content": _sample(params["requestedSchema"], everything=True)}


async def _answer(_params: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": {"type": "text", "text": "text"}, "model": "none"}


async def _none(_params: dict[str, Any]) -> dict[str, Any]:
    return {"roots": []}


def _arguments(tool: Tool, every: tuple[Tool, ...]) -> dict[str, Any]:
    """What the schema asks for; one that wants to see a schema is shown another tool's, as it came."""
    given = _sample(tool.input_schema)
    others = [one.input_schema for one in every if one is not tool]
    return {**given, "schema": others[0]} if others and is_object(given.get("schema")) else given


def _sample(schema: dict[str, Any], *, everything: bool = False) -> dict[str, Any]:
    properties: dict[str, Any] = schema.get("properties", {})
    return {name: _value(one) for name, one in properties.items() if everything or name in schema.get("required", ())}


def _value(schema: dict[str, Any]) -> Any:
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    return _SAMPLES.get(str(schema.get("type")), "text")


def _remote(tool: Tool) -> Remote:
    return tool.operation
