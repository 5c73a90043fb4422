"""Small OpenAPI documents for tests, and the shortest ways from one to tools and requests."""

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, settings

from freehold.core.tool import Tool
from freehold.domains.sources.openapi.operation import Operation
from freehold.domains.sources.openapi.tools import Compiled, compile_tools
from freehold.kit.http import Request

BASE = "https://api.example.com"
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For laws over text: the first run on a machine builds Unicode tables, which takes a second and says nothing about us."""


def document(paths: Mapping[str, Any], *, openapi: str = "3.0.3", **more: Any) -> dict[str, Any]:
    """A document with these paths, one server and whatever else a test needs."""
    return {"openapi": openapi, "info": {"title": "T", "version": "1"}, "servers": [{"url": BASE}], "paths": dict(paths), **more}


def compiled(paths: Mapping[str, Any], **more: Any) -> Compiled:
    """The document with these paths, compiled."""
    return compile_tools(document(paths, **more), source="api")


def only(paths: Mapping[str, Any], **more: Any) -> Tool:
    """The one tool of a document that must come to exactly one."""
    made = compiled(paths, **more)
    assert not made.skipped, made.skipped
    (tool,) = made.tools
    return tool


def why_skipped(paths: Mapping[str, Any], **more: Any) -> str:
    """Why the document's one operation is not offered."""
    made = compiled(paths, **more)
    assert not made.tools
    (skip,) = made.skipped
    return skip.why


def takes(
    body: object, *, media_type: str = "application/json", required: bool = True, method: str = "post", path: str = "/things", **more: Any
) -> Tool:
    """A tool whose operation takes a body of this schema."""
    content = {media_type: {"schema": body, **more.pop("media", {})}}
    return only({path: {method: {"requestBody": {"required": required, "content": content}, **more.pop("operation", {})}}}, **more)


def request(
    tool: Tool, arguments: Mapping[str, Any] | None = None, *, credential: tuple[tuple[str, str], ...] = (), boundary: str = "B"
) -> Request:
    """What a call with these arguments would send."""
    operation: Operation = tool.operation
    return operation.request(dict(arguments or {}), credential, "", boundary)


def parameter(name: str, place: str, schema: object = None, **more: Any) -> dict[str, Any]:
    """One parameter, described the short way."""
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"} if schema is None else schema, **more}
