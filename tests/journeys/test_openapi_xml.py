"""An API that speaks XML, behind the front door: JSON arguments go in, XML arrives there, and its XML answer comes back."""

import json
from pathlib import Path
from typing import Any

import pytest

from freehold.settings import Settings, SourceSettings
from tests.documents import document
from tests.hostile import Line, upstream, whole
from tests.served import REFUSAL, Served, served
from tests.xml_reader import parsed, read

pytestmark = pytest.mark.anyio

ORDER = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer", "xml": {"attribute": True}},
        "note": {"type": "string", "xml": {"prefix": "n", "namespace": "urn:notes"}},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"sku": {"type": "string"}}, "xml": {"name": "line"}},
            "xml": {"wrapped": True},
        },
    },
    "xml": {"name": "order", "namespace": "urn:orders"},
}
PATHS = {
    "/orders": {
        "post": {
            "operationId": "placeOrder",
            "requestBody": {"required": True, "content": {"text/xml": {"schema": {"$ref": "#/components/schemas/Order"}}}},
            "responses": {"200": {"description": "placed", "content": {"text/xml": {"schema": {"type": "object"}}}}},
        }
    }
}
ANSWER = '<?xml version="1.0"?><placed at="Köln"><total>2</total></placed>'


async def accepts(line: Line) -> None:
    """Every order."""
    while await line.request():
        await line.write(whole(ANSWER.encode(), b"Content-Type: text/xml; charset=utf-8"))


async def result(here: Served, arguments: dict[str, Any]) -> dict[str, Any]:
    """What calling the tool comes to, for a new tenant's user."""
    token = here.tokens.get("acme") or await here.tenant("acme")
    return (await here.call("place_order", arguments, token=token)).json["result"]


async def test_an_api_that_takes_only_xml_is_a_tool(settings: Settings, tmp_path: Path) -> None:
    """The request is the document's XML with its true length, the answer is text, and a value XML cannot hold never leaves."""
    given = {"lines": [{"sku": "a<b"}, {"sku": "]]>"}], "id": 7, "note": " x\r\n"}
    async with upstream(accepts) as api:
        raw = document(PATHS, components={"schemas": {"Order": ORDER}}, servers=[{"url": api.origin}])
        (tmp_path / "orders.json").write_text(json.dumps(raw))
        source = SourceSettings(openapi="orders.json")
        changed = {"sources": {"orders": source}, "folder": tmp_path, "outbound_allow": (f"127.0.0.1:{api.port}",)}
        async with served(settings.model_copy(update=changed)) as here:
            made = await result(here, given)
            refused = await result(here, {"id": 7, "note": "\x00"})
        (block,) = made["content"]
        assert (block["type"], block["text"].splitlines()[1:-1]) == ("text", [ANSWER])  # between the marks around an API's data
        assert not made.get("isError")
        assert "structuredContent" not in made
        assert refused["isError"]
        assert refused["_meta"][REFUSAL]["code"] == "argument_not_sendable"
        assert "note" in refused["content"][0]["text"]
        (request,) = api.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert b"content-type: text/xml; charset=utf-8" in head.lower()
    assert b"accept: text/xml, */*;q=0.5" in head.lower()
    assert read(parsed(body), ORDER) == {"id": 7, "note": " x\r\n", "lines": given["lines"]}
