"""An API with far more operations than a list has room for, and its tools."""

from typing import Any

from freehold.core.tool import Tool
from freehold.domains.sources.openapi.tools import compile_tools
from tests.documents import document

_NAMES = (
    "invoice customer shipment warehouse supplier contract refund coupon campaign newsletter ticket comment attachment team role "
    "webhook report dashboard forecast budget expense receipt vehicle route driver order product category review wishlist"
)
THINGS = tuple(_NAMES.split())
_FIELDS = {"type": "object", "properties": {"note": {"type": "string"}, "draft": {"type": "boolean"}}}


def long_document(things: int = len(THINGS)) -> dict[str, Any]:
    """Five operations for each thing: list, get, create, update, delete."""
    paths: dict[str, Any] = {}
    for thing in THINGS[:things]:
        one = {"name": f"{thing}_id", "in": "path", "required": True, "schema": {"type": "string"}, "description": f"Which {thing}."}
        ok = {"responses": {"200": {"description": "ok"}}, "tags": [thing]}
        page = {"name": "cursor", "in": "query", "schema": {"type": "string"}, "description": "Where the page before ended."}
        body = {"content": {"application/json": {"schema": _FIELDS}}}
        said = f"{thing} of your company, with everything that is known about it, its history and whoever changed it last"
        paths[f"/{thing}s"] = {
            "get": {**ok, "operationId": f"list_{thing}s", "summary": f"List every {said}", "parameters": [page]},
            "post": {**ok, "operationId": f"create_{thing}", "summary": f"Create a {said}", "requestBody": body},
        }
        paths[f"/{thing}s/{{{thing}_id}}"] = {
            "parameters": [one],
            "get": {**ok, "operationId": f"get_{thing}", "summary": f"Retrieve one {said}"},
            "patch": {**ok, "operationId": f"update_{thing}", "summary": f"Change a {said}", "requestBody": body},
            "delete": {**ok, "operationId": f"delete_{thing}", "summary": f"Remove a {said}"},
        }
    return document(paths)


def long_tools(things: int = len(THINGS), source: str = "api") -> tuple[Tool, ...]:
    """Its tools, all of them."""
    return compile_tools(long_document(things), source=source, base_url="https://api.example.com").tools
