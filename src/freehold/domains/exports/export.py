"""The tool `export_records` and the resource its files are read by. Pure definitions; `exports.py` runs them."""

from typing import Any, Final

from freehold.core.resource import Resource
from freehold.core.tool import Tool

SOURCE: Final = "freehold"
NAME: Final = "export_records"
EXPORT: Final = "export"
READ: Final = "read"
SCHEME: Final = "export://"
MIME: Final = {"csv": "text/csv", "jsonl": "application/jsonl"}

_DESCRIPTION: Final = (
    "Read every page of a tool that lists, and get all records as one file (CSV or JSON Lines) behind a link that works for a while."
)
_MOST_FIELDS: Final = 200


def tool(rows: int) -> Tool:
    """The tool, for a server that allows so many rows."""
    return _own(EXPORT, _DESCRIPTION, _schema(rows), task="optional")


def resource() -> Resource:
    """The files, in no list; read by whoever may call the tool, and found by whoever made them."""
    reader = _own(READ, "", {"type": "object", "properties": {"id": {"type": "string"}}}, listed=False, whole=True)
    return Resource(uri=f"{SCHEME}{{id}}", name="export", template=True, tool=reader)


def _own(operation: str, description: str, schema: dict[str, Any], **said: Any) -> Tool:
    return Tool(
        name=NAME,
        description=description,
        input_schema=schema,
        source=SOURCE,
        read_only=True,
        destructive=False,
        idempotent=True,
        scopes=frozenset(),
        operation=operation,
        **said,
    )


def _schema(rows: int) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "tool": {"type": "string", "description": "Name of a tool that only reads."},
        "arguments": {"type": "object", "description": "Its arguments, for the first page; larger pages are fewer calls."},
        "format": {"type": "string", "enum": list(MIME), "default": "csv"},
        "max_rows": {"type": "integer", "minimum": 1, "maximum": rows, "default": rows},
        "fields": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 500},
            "minItems": 1,
            "maxItems": _MOST_FIELDS,
            "uniqueItems": True,
            "description": "Dotted paths of the only fields wanted, in this order.",
        },
    }
    return {"type": "object", "properties": properties, "required": ["tool"], "additionalProperties": False}
