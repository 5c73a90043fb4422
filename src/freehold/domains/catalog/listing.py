"""Tools, resources and prompts as the lists show them, encoded once per catalog version. Members that say nothing are left out."""

from typing import Any

import msgspec

from freehold.core.resource import Prompt, PromptArgument, Resource
from freehold.core.tool import Brief, Tool


def encoded(tool: Tool) -> bytes:
    """One entry of `tools/list` (server/tools)."""
    return msgspec.json.encode(_brief(tool, tool.brief) if tool.brief is not None else defined(tool))


def defined(tool: Tool) -> dict[str, Any]:
    """The whole definition of a tool, as the list shows it where there is room."""
    shown: dict[str, Any] = {"name": tool.name}
    if tool.title:
        shown["title"] = tool.title
    shown["description"] = tool.description
    shown["inputSchema"] = tool.input_schema
    if tool.output_schema is not None:
        shown["outputSchema"] = tool.output_schema
    shown["annotations"] = _hints(tool)
    return shown


def _brief(tool: Tool, brief: Brief) -> dict[str, Any]:
    """Without title and output schema."""
    return {"name": tool.name, "description": brief.description, "inputSchema": brief.input_schema, "annotations": _hints(tool)}


def _hints(tool: Tool) -> dict[str, bool]:
    """Whether it reads or may destroy is always said, because directories of servers ask for it; the rest where it is not what the
    protocol takes for granted (server/tools, ToolAnnotations). Nothing is destroyed or repeated by what only reads."""
    hints = {"readOnlyHint": tool.read_only}
    if not tool.read_only:
        hints["destructiveHint"] = tool.destructive
        if tool.idempotent:
            hints["idempotentHint"] = True
    return hints if tool.open_world else {**hints, "openWorldHint": False}


def encoded_resource(resource: Resource) -> bytes:
    """One entry of `resources/list` or `resources/templates/list` (server/resources)."""
    shown: dict[str, Any] = {"uriTemplate" if resource.template else "uri": resource.uri, **_named(resource)}
    if resource.mime_type:
        shown["mimeType"] = resource.mime_type
    if resource.size is not None and not resource.template:
        shown["size"] = resource.size
    return msgspec.json.encode(shown)


def encoded_prompt(prompt: Prompt) -> bytes:
    """One entry of `prompts/list` (server/prompts)."""
    shown = _named(prompt)
    if prompt.arguments:
        shown["arguments"] = [_argument(one) for one in prompt.arguments]
    return msgspec.json.encode(shown)


def _named(one: Resource | Prompt) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": one.name}
    if one.title:
        shown["title"] = one.title
    if one.description:
        shown["description"] = one.description
    return shown


def _argument(argument: PromptArgument) -> dict[str, Any]:
    described = {"description": argument.description} if argument.description else {}
    return {"name": argument.name, **described, "required": argument.required}
