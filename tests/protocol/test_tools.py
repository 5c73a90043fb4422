"""tools/list and tools/call: names, schemas, content, and which errors are results (server/tools)."""

import base64
import json
import re
from typing import Any

import pytest

from tests.features import PIXEL
from tests.served import REFUSAL, Reply, Served

pytestmark = pytest.mark.anyio

LEGACY = {"mcp-protocol-version": "2025-11-25"}


async def tools(server: Served) -> dict[str, dict[str, Any]]:
    """The tools by name."""
    result = (await server.modern("tools/list", token=server.tokens["acme"])).json["result"]
    return {tool["name"]: tool for tool in result["tools"]}


async def test_tools_are_listed_with_what_a_client_needs(features: Served) -> None:
    """Names are unique and within the rule, each input schema is an object, and nothing of the older task support is left."""
    result = (await features.modern("tools/list", token=features.tokens["acme"])).json["result"]
    names = [tool["name"] for tool in result["tools"]]
    assert len(set(names)) == len(names)
    for tool in result["tools"]:
        assert re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", tool["name"])
        assert tool["inputSchema"]["type"] == "object"
        assert "execution" not in tool
        assert set(tool) <= {"name", "title", "description", "inputSchema", "outputSchema", "annotations", "icons", "_meta"}


async def test_hints_say_what_a_tool_does(features: Served) -> None:
    """A read-only tool says so, and its title is shown."""
    echo = (await tools(features))["echo"]
    assert echo["annotations"]["readOnlyHint"] is True
    assert echo["title"] == "Echo"


async def test_structured_content_fits_its_schema_and_has_a_text_copy(features: Served) -> None:
    """A tool with an output schema answers with structuredContent that fits it, and the same as text."""
    from jsonschema_rs import Draft202012Validator

    schema = (await tools(features))["add"]["outputSchema"]
    result = (await features.call("add", {"a": 1, "b": 2}, token=features.tokens["acme"])).json["result"]
    assert result["structuredContent"] == {"sum": 3}
    assert Draft202012Validator(schema, offline=True).is_valid(result["structuredContent"])
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]


async def test_every_kind_of_content_keeps_its_form(features: Served) -> None:
    """Text, image and link arrive as blocks of their own type, bytes in base64."""
    result = (await features.call("show", token=features.tokens["acme"])).json["result"]
    text, image, link = result["content"]
    assert text == {"type": "text", "text": "A picture:"}
    assert image == {"type": "image", "data": base64.b64encode(PIXEL).decode(), "mimeType": "image/png"}
    assert (link["type"], link["uri"], link["name"]) == ("resource_link", "note://welcome", "welcome")
    assert "structuredContent" not in result


async def test_an_unknown_tool_is_a_protocol_error(features: Served) -> None:
    """A name nobody offers is -32602 in both eras, not a result."""
    modern = await features.call("nobody", token=features.tokens["acme"])
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "nobody", "arguments": {}}}
    legacy = await features.post(body, features.tokens["acme"], headers=LEGACY)
    assert (modern.status, modern.json["error"]["code"]) == (400, -32602)
    assert (legacy.status, legacy.json["error"]["code"]) == (200, -32602)


BAD: dict[str, dict[str, Any]] = {
    "missing": {},
    "wrong type": {"a": "one"},
    "unknown argument": {"a": 1, "c": 2},
    "null": {"a": None},
}


@pytest.mark.parametrize("case", BAD)
async def test_arguments_that_do_not_fit_are_a_result_an_agent_can_mend(features: Served, ran: list[str], case: str) -> None:
    """Input that breaks the schema is a result with isError and a sentence, and the function does not run."""
    reply = await features.call("add", BAD[case], token=features.tokens["acme"])
    result = reply.json["result"]
    assert (reply.status, result["isError"]) == (200, True)
    assert result["_meta"][REFUSAL]["code"] == "invalid_arguments"
    assert result["content"][0]["type"] == "text"
    assert ran == []


@pytest.mark.parametrize("params", [{"name": 5}, {"name": None}, {}, {"name": "echo", "arguments": []}, {"name": "echo", "arguments": "x"}])
async def test_malformed_params_are_a_protocol_error(features: Served, ran: list[str], params: dict[str, Any]) -> None:
    """A call whose name or arguments are of the wrong type is refused before any tool is looked for."""
    reply = await features.modern("tools/call", params, token=features.tokens["acme"])
    assert reply.status == 400
    assert reply.json["error"]["code"] in {-32602, -32020}
    assert ran == []


async def test_arguments_may_be_left_out(features: Served) -> None:
    """A tool that needs none may be called without the member, or with null in it."""
    for params in ({"name": "echo"}, {"name": "echo", "arguments": {}}, {"name": "echo", "arguments": None}):
        assert (await features.modern("tools/call", params, token=features.tokens["acme"])).json["result"]["resultType"] == "complete"


async def test_a_tool_that_breaks_tells_nothing_of_its_inside(features: Served, caplog: pytest.LogCaptureFixture) -> None:
    """A fault of the tool is a result with isError; its message reaches neither the client nor the log."""
    reply = await features.call("fail", token=features.tokens["acme"])
    assert (reply.status, reply.json["result"]["isError"]) == (200, True)
    assert "canary" not in reply.body.decode() + caplog.text


async def test_access_is_checked_on_the_body(features: Served, ran: list[str]) -> None:
    """A caller without the scopes does not see the tool and is told with 403 which scopes it takes, before anything runs."""
    token = await features.token("acme", scopes=("other",))
    listed = (await features.modern("tools/list", token=token)).json["result"]["tools"]
    denied: Reply = await features.call("echo", token=token)
    assert listed == []
    assert denied.status == 403
    assert 'error="insufficient_scope"' in denied.headers["www-authenticate"]
    assert 'scope="mcp:read"' in denied.headers["www-authenticate"]
    assert ran == []


async def test_a_task_parameter_is_ignored(features: Served) -> None:
    """The older revisions' `task` member of a call has no meaning: the call is answered at once."""
    params = {"name": "echo", "arguments": {"text": "x"}, "task": {"ttl": 60_000}}
    reply = await features.modern("tools/call", params, token=features.tokens["acme"])
    assert (reply.text, reply.json["result"]["resultType"]) == ("x", "complete")


async def test_numbers_arrive_as_they_were_written(features: Served) -> None:
    """Large integers and floats keep their value on the way to a function and back."""
    big = 2**53 + 1
    reply = await features.call("add", {"a": big, "b": 0}, token=features.tokens["acme"])
    assert reply.json["result"]["structuredContent"] == {"sum": big}
