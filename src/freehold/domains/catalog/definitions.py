"""A tool's definition as a person approves it: canonical JSON, its SHA-256, and what is different between two, word by word. Pure."""

import hashlib
import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any, Final

import msgspec

from freehold.core.tool import Tool

_WORDS: Final = re.compile(r"\s+|[^\s]+")


def canonical(tool: Tool) -> bytes:
    """Everything of it that an agent reads, as JSON with sorted members."""
    said = {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
        "annotations": {
            "readOnlyHint": tool.read_only,
            "destructiveHint": tool.destructive,
            "idempotentHint": tool.idempotent,
            "openWorldHint": tool.open_world,
        },
    }
    return msgspec.json.encode(said, order="sorted")


def digest(tool: Tool) -> str:
    """SHA-256 of the canonical definition, in hex."""
    return hashlib.sha256(canonical(tool)).hexdigest()


def difference(before: str, after: str) -> dict[str, str]:
    """For each member of the definition that is another one: its words, with `[-gone-]` and `{+new+}` marked. `before` may be empty."""
    old, new = _members(before), _members(after)
    return {member: _marked(old.get(member, ""), new[member]) for member in new if old.get(member, "") != new[member]}


def _members(definition: str) -> dict[str, str]:
    found: Mapping[str, Any] = msgspec.json.decode(definition) if definition else {}
    return {name: _text(value) for name, value in found.items() if value is not None}


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.format(msgspec.json.encode(value), indent=1).decode()


def _marked(before: str, after: str) -> str:
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    parts: list[str] = []
    for kind, start, end, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, added = "".join(old[start:end]), "".join(new[first:last])
        parts += [gone] if kind == "equal" else [*([f"[-{gone}-]"] if gone else []), *([f"{{+{added}+}}"] if added else [])]
    return "".join(parts)
