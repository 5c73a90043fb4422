"""The API's OpenAPI document, written by hand. A test holds it to the routes there are."""

from typing import Any, Final

_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_EDIT: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "enabled": {"type": "boolean"},
        "name": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
        "title": _TEXT,
        "description": _TEXT,
        "plans": _TEXTS,
        "roles": _TEXTS,
        "scopes": _TEXTS,
    },
}
_APPROVAL: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["tool"],
    "properties": {"tool": _TEXT, "source": _TEXT, "digest": _TEXT},
}
_CALL: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "arguments": {"type": "object"},
        "user": {"type": "string", "description": "In whose name; `saas` when nobody is named."},
        "roles": _TEXTS,
    },
}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT}


def _operation(identity: str, summary: str, *path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = {"description": "Done.", "content": {"application/json": {"schema": {"type": "object"}}}}
    refused = {
        "description": "Refused, in words.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    made: dict[str, Any] = {"operationId": identity, "summary": summary, "responses": {"200": answer, "default": refused}}
    if path:
        made["parameters"] = [_path(name) for name in path]
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return made


DOCUMENT: Final[dict[str, Any]] = {
    "openapi": "3.1.0",
    "info": {"title": "Freehold's administrative API", "version": "1"},
    "security": [{"operator": []}],
    "components": {
        "securitySchemes": {"operator": {"type": "http", "scheme": "bearer", "description": "The setting api_token."}},
        "schemas": {
            "Problem": {
                "type": "object",
                "required": ["type", "title", "status", "detail", "code"],
                "properties": {"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT, "code": _TEXT},
            }
        },
    },
    "paths": {
        "/api/v1/tenants/{tenant}/catalog": {"get": _operation("seeCatalog", "Every tool as the tenant has it.", "tenant")},
        "/api/v1/tenants/{tenant}/catalog/tools/{name}": {
            "get": _operation("getEdit", "The tenant's edit of this tool or pattern.", "tenant", "name"),
            "put": _operation("putEdit", "Edit a tool, in place of an earlier edit.", "tenant", "name", body=_EDIT),
            "delete": _operation("resetEdit", "Take the edit back.", "tenant", "name"),
        },
        "/api/v1/catalog/pending": {"get": _operation("listPending", "Definitions that wait for a person.")},
        "/api/v1/tenants/{tenant}/catalog/approvals": {
            "post": _operation("approve", "Approve a definition for this tenant.", "tenant", body=_APPROVAL)
        },
        "/api/v1/tenants/{tenant}/tools/{name}/call": {
            "post": _operation("callTool", "Call a tool of the tenant's catalog.", "tenant", "name", body=_CALL)
        },
    },
}
