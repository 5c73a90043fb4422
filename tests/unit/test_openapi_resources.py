"""Operations offered as resources: which can be, what their variables take, and what their answers hold."""

from base64 import b64encode
from typing import Any

import pytest
from msgspec import Raw

from freehold.core.call import Call, Outcome
from freehold.core.resource import Resource
from freehold.domains.guard.arguments import Arguments
from freehold.domains.sources.openapi.answers import contents
from freehold.domains.sources.openapi.invoke import OpenApiSource
from freehold.domains.sources.openapi.readable import with_resources
from freehold.kit.errors import Misconfigured
from freehold.kit.http import Answer
from freehold.kit.inprocess import InProcess
from tests.documents import compiled, parameter, request
from tests.functions import PRINCIPAL

pytestmark = pytest.mark.anyio

STATE = {"type": "string", "enum": ["open", "paid"], "description": "Which."}
OK = {
    "200": {"description": "ok", "content": {"application/json": {"schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}}}
}
PATHS: dict[str, Any] = {
    "/invoices/{invoiceId}": {
        "get": {
            "operationId": "getInvoice",
            "summary": "One invoice.",
            "parameters": [
                parameter("invoiceId", "path", {"type": "integer"}),
                parameter("state", "query", {"$ref": "#/components/schemas/State"}),
                parameter("full", "query", {"type": "boolean"}),
                parameter("tags", "query", {"type": "array", "items": {"type": "string"}}),
            ],
            "responses": OK,
        },
        "head": {"operationId": "peekInvoice", "parameters": [parameter("invoiceId", "path")]},
        "delete": {"operationId": "deleteInvoice", "parameters": [parameter("invoiceId", "path")]},
        "options": {"operationId": "probeInvoice", "parameters": [parameter("invoiceId", "path")]},
    },
    "/reset": {"get": {"operationId": "resetCounter"}},
    "/search": {"get": {"operationId": "search", "parameters": [{**parameter("q", "query"), "required": True}]}},
}
COMPONENTS = {"schemas": {"State": STATE}}


def offered(**named: str) -> tuple[Resource, ...]:
    """The document's resources under these URIs."""
    return with_resources(compiled(PATHS, components=COMPONENTS), "api", named).resources


def test_a_resource_is_the_tools_own_operation() -> None:
    """Operation, scopes and audience are the tool's; the tool stays, and the resource has no output schema to promise."""
    before = compiled(PATHS, components=COMPONENTS)
    made = with_resources(before, "api", {"get_invoice": "invoice://{invoiceId}"})
    assert made.tools is before.tools
    (resource,) = made.resources
    (tool,) = (tool for tool in made.tools if tool.name == "get_invoice")
    assert (resource.name, resource.uri, resource.template, resource.mime_type) == (
        "get_invoice",
        "invoice://{invoiceId}",
        True,
        "application/json",
    )
    assert (resource.description, resource.completing) == (tool.description, None)
    assert (resource.tool.name, resource.tool.source) == ("resource:get_invoice", "api")
    assert resource.tool.operation is tool.operation
    assert (resource.tool.scopes, resource.tool.audience) == (tool.scopes, tool.audience)
    assert (resource.tool.output_schema, tool.output_schema is None) == (None, False)


def test_variables_are_texts_that_can_be_the_arguments() -> None:
    """Numbers and booleans are held to how they are written, texts to their own schema, and no other argument is taken."""
    (resource,) = offered(get_invoice="invoice://{invoiceId}/{state}/{full}")
    tool = resource.tool
    assert set(tool.input_schema["properties"]) == {"invoiceId", "state", "full"}
    assert tool.input_schema["properties"]["state"] == STATE
    good = {"invoiceId": "-7", "state": "open", "full": "true"}
    assert Arguments().fault(tool, good) is None
    assert request(tool, good).url == "https://api.example.com/invoices/-7?state=open&full=true"
    for bad in ({"invoiceId": "7 "}, {"invoiceId": "x"}, {"invoiceId": ""}, {"state": "lost"}, {"full": "1"}, {"tags": ["a"]}):
        assert Arguments().fault(tool, good | bad) is not None


def test_a_plain_uri_is_a_resource_without_arguments() -> None:
    """An operation that needs nothing may stand at one address; HEAD may too."""
    paths = {"/rates": {"get": {"operationId": "rates"}, "head": {"operationId": "peek"}}}
    made = with_resources(compiled(paths), "api", {tool.name: f"rates://{tool.name}" for tool in compiled(paths).tools}).resources
    assert [one.template for one in made] == [False, False]
    assert [request(one.tool).method for one in made] == ["GET", "HEAD"]
    assert made[0].tool.input_schema == {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert made[0].mime_type is None


@pytest.mark.parametrize(
    ("tool", "uri", "sentence"),
    [
        ("get_invoices", "a://b", "this source has no tool of that name"),
        ("get_invoice", "invoiceId", "does not begin with a scheme"),
        ("get_invoice", "a://{invoiceId", "characters no URI can have"),
        ("get_invoice", "a://{invoiceId}/{other}", "other is no argument of the tool. Use some of: invoiceId, state, full, tags"),
        ("get_invoice", "a://{state}", "the tool needs invoiceId, which is not in the URI"),
        ("get_invoice", "a://{invoiceId}/{tags}", "tags is a list or an object"),
        ("delete_invoice", "a://{invoiceId}", "not one that only reads"),
        ("options_probe_invoice", "a://{invoiceId}", "not one that only reads"),
        ("reset_counter", "a://b", "not one that only reads"),
    ],
)
def test_what_cannot_be_a_resource_stops_the_start_in_words(tool: str, uri: str, sentence: str) -> None:
    """The sentence names the setting and what is wrong with it."""
    with pytest.raises(Misconfigured, match=rf"sources\.api\.resources\.{tool}: .*{sentence}"):
        offered(**{tool: uri})


def test_a_uri_is_given_once() -> None:
    """Two operations at one address would hide each other."""
    with pytest.raises(Misconfigured, match=r"get_invoice is at a://\{invoiceId\} already"):
        offered(get_invoice="a://{invoiceId}", check_peek_invoice="a://{invoiceId}")


# what it holds

JSON = '{"a": 1}'


@pytest.mark.parametrize(
    ("kind", "body", "held"),
    [
        ("application/json; charset=utf-8", JSON.encode(), {"text": JSON, "mimeType": "application/json"}),
        ("text/csv", b"a,b\n", {"text": "a,b\n", "mimeType": "text/csv"}),
        ("text/plain; charset=iso-8859-1", b"\xe9", {"text": "é", "mimeType": "text/plain"}),
        ("image/png", b"\x89", {"blob": b64encode(b"\x89").decode(), "mimeType": "image/png"}),
        ("application/pdf", b"%PDF", {"blob": b64encode(b"%PDF").decode(), "mimeType": "application/pdf"}),
        ("", b"plain", {"text": "plain"}),
        ("", b"\xff", {"blob": "/w=="}),
        ("application/json", b"", {"text": "", "mimeType": "application/json"}),
        ("", b"", {"text": ""}),
    ],
)
def test_an_answer_is_held_as_text_or_bytes_under_its_own_media_type(kind: str, body: bytes, held: dict[str, Any]) -> None:
    """What the API sent is what the resource holds, without a word of ours."""
    made = contents(Answer(status=200, headers={"content-type": kind} if kind else {}, body=body))
    assert (made.status, made.content) == ("ok", (held,))


@pytest.mark.parametrize("status", [301, 404, 500])
def test_an_error_of_the_api_is_no_contents(status: int) -> None:
    """It is an error in words, as a tool's would be."""
    made = contents(Answer(status=status, headers={"content-type": "application/json"}, body=b'{"message":"No."}'))
    assert made.status == "error"
    assert made.content[0]["text"].startswith(f"The API answered {status}")


async def test_reading_sends_the_one_request_and_a_call_of_the_tool_is_as_before() -> None:
    """The method of the call decides the form: contents for a read, content and structured content for a call."""
    seen: list[tuple[str, str]] = []

    async def api(scope: Any, _receive: Any, send: Any) -> None:
        seen.append((scope["method"], scope["path"]))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": JSON.encode()})

    made = with_resources(
        compiled(PATHS, components=COMPONENTS, servers=[{"url": "http://api.internal"}]), "api", {"get_invoice": "a://{invoiceId}"}
    )
    source = OpenApiSource("api", made, InProcess(api, host="api.internal", lifespan=False), seconds=5, cap=1_000)
    (resource,) = source.resources
    read = await _run(source, resource.tool, "resources/read", invoiceId="7")
    assert read.content == ({"text": JSON, "mimeType": "application/json"},)
    called = await _run(source, made.tools[0], "tools/call", invoiceId=7)
    assert called.content == ({"type": "text", "text": JSON},)
    assert called.structured == Raw(JSON.encode())
    assert seen == [("GET", "/invoices/7")] * 2


async def _run(source: OpenApiSource, tool: Any, method: Any, **arguments: Any) -> Outcome:
    call = Call(
        id="1",
        at=0,
        principal=PRINCIPAL,
        tool=tool,
        arguments=arguments,
        request_id="r",
        revision="2026-07-28",
        bytes_in=1,
        deadline=9,
        method=method,
    )
    return await source.invoke(call)
