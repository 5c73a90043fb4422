"""Operations that only read, offered as resources and resource templates where the operator's settings say so.

The resource runs the tool's own operation, under the same scopes and audience; what differs is that its arguments come out of a URI."""

from collections.abc import Mapping
from typing import Final, cast

from msgspec.structs import replace

from freehold.core.resource import Resource
from freehold.core.tool import Tool
from freehold.domains.sources.openapi.document import Json
from freehold.domains.sources.openapi.operation import Operation
from freehold.domains.sources.openapi.tools import Compiled
from freehold.kit.errors import Misconfigured
from freehold.kit.uri_template import UriTemplate

_READS: Final = frozenset({"GET", "HEAD"})
_WRITTEN: Final = {"integer": r"^-?[0-9]{1,40}$", "number": r"^-?[0-9.eE+-]{1,40}$", "boolean": "^(true|false)$"}
"""How a value that is no text is written in a URI."""


def with_resources(compiled: Compiled, source: str, named: Mapping[str, str]) -> Compiled:
    """The same with resources, by tool name and URI template. Raises `Misconfigured` for the first that cannot be one."""
    tools = {tool.name: tool for tool in compiled.tools}
    made: dict[str, Resource] = {}
    for name, uri in named.items():
        where = f"sources.{source}.resources.{name}"
        if name not in tools:
            raise Misconfigured(f"{where}: this source has no tool of that name. See `freehold source preview` for the names.")
        if uri in made:
            raise Misconfigured(f"{where}: {made[uri].name} is at {uri} already. Give one of them another URI.")
        made[uri] = _resource(tools[name], uri, where)
    return replace(compiled, resources=tuple(made.values()))


def _resource(tool: Tool, uri: str, where: str) -> Resource:
    try:
        found = UriTemplate(uri).variables
    except ValueError as fault:
        raise Misconfigured(f"{where}: {fault}") from None
    if not tool.read_only or cast("Operation", tool.operation).method not in _READS:
        raise Misconfigured(f"{where}: the operation is not one that only reads. Name one whose method is GET or HEAD.")
    schema = _schema(tool.input_schema, found, where)
    return Resource(
        uri=uri,
        name=tool.name,
        tool=replace(tool, name=f"resource:{tool.name}", input_schema=schema, output_schema=None),
        template=bool(found),
        title=tool.title,
        description=tool.description,
        mime_type="application/json" if tool.output_schema is not None else None,
    )


def _schema(schema: Json, found: tuple[str, ...], where: str) -> Json:
    """Every variable is a text and required; what else the operation takes stays away."""
    properties: Json = schema.get("properties", {})
    for variable in found:
        if variable not in properties:
            raise Misconfigured(f"{where}: {variable} is no argument of the tool. Use some of: {', '.join(properties) or 'none at all'}.")
    for key in schema.get("required", []):
        if key not in found:
            raise Misconfigured(f"{where}: the tool needs {key}, which is not in the URI. Write it there as {{{key}}}.")
    kept = {word: schema[word] for word in ("$defs",) if word in schema}
    shown = {variable: _as_text(properties[variable], schema, f"{where}: {variable}") for variable in found}
    return {"type": "object", "properties": shown, "required": list(found), "additionalProperties": False, **kept}


def _as_text(said: Json, schema: Json, where: str) -> Json:
    """An argument's schema once its value is written in a URI."""
    meant: Json = schema.get("$defs", {}).get(str(said.get("$ref", "")).removeprefix("#/$defs/"), said)
    kinds = meant.get("type", "string")
    for kind in cast("list[str]", kinds) if isinstance(kinds, list) else [kinds]:
        if kind == "string":
            return {**meant, "type": "string"}
        if kind in _WRITTEN:
            described = {word: meant[word] for word in ("description",) if word in meant}
            return {"type": "string", "pattern": _WRITTEN[kind], **described}
    raise Misconfigured(f"{where} is a list or an object, which a URI cannot hold. Name another operation.")
