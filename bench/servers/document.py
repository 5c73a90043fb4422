"""The OpenAPI document of the upstream, the same for every gateway."""

from typing import Any

ITEM = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("id", "name", "state", "note")},
    "required": ["id", "name", "state", "note"],
}


def document(base_url: str) -> dict[str, Any]:
    """One operation, `get_item`, with a path and a query parameter."""
    parameters = [
        {"name": "item_id", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "text", "in": "query", "required": False, "schema": {"type": "string"}},
    ]
    answer = {"description": "The item.", "content": {"application/json": {"schema": ITEM}}}
    operation = {"operationId": "get_item", "summary": "Get one item.", "parameters": parameters, "responses": {"200": answer}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Items", "version": "1"},
        "servers": [{"url": base_url}],
        "paths": {"/items/{item_id}": {"get": operation}},
    }
