"""Resources and their templates: listed, read by URI, and never empty when unknown (server/resources)."""

import base64
import json
from typing import Any

import pytest

from tests.features import PIXEL
from tests.served import Reply, Served

pytestmark = pytest.mark.anyio


async def read(server: Served, uri: object, *, token: str = "", legacy: bool = False) -> Reply:
    """resources/read in one of the eras."""
    credential = token or server.tokens["acme"]
    if not legacy:
        return await server.modern("resources/read", {"uri": uri}, token=credential)
    body = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": uri}}
    return await server.post(body, credential, headers={"mcp-protocol-version": "2025-11-25"})


async def test_resources_and_templates_are_listed_apart(features: Served) -> None:
    """Plain resources carry `uri` and a name, templates `uriTemplate`; neither list has the other's."""
    plain = (await features.modern("resources/list", token=features.tokens["acme"])).json["result"]["resources"]
    templates = (await features.modern("resources/templates/list", token=features.tokens["acme"])).json["result"]["resourceTemplates"]
    by_uri = {one["uri"]: one for one in plain}
    assert by_uri["note://welcome"] == {
        "uri": "note://welcome",
        "name": "welcome",
        "title": "Welcome",
        "description": "A note.",
        "mimeType": "text/plain",
    }
    assert [one["uriTemplate"] for one in templates] == ["invoice://{number}/{part}"]
    assert all("uriTemplate" not in one for one in plain)
    assert all(one["name"] for one in [*plain, *templates])


@pytest.mark.parametrize("legacy", [False, True])
async def test_text_and_bytes_are_read(features: Served, legacy: bool) -> None:  # noqa: FBT001  the era is the case
    """Contents have the URI that was asked for, a media type, and text or base64."""
    text = (await read(features, "note://welcome", legacy=legacy)).json["result"]["contents"]
    blob = (await read(features, "note://pixel", legacy=legacy)).json["result"]["contents"]
    assert text == [{"uri": "note://welcome", "mimeType": "text/plain", "text": "Welcome."}]
    assert blob == [{"uri": "note://pixel", "mimeType": "image/png", "blob": base64.b64encode(PIXEL).decode()}]


async def test_a_template_is_read_by_its_values(features: Served) -> None:
    """Variables reach the function decoded and typed, and the contents name the URI that was read."""
    (found,) = (await read(features, "invoice://7/line%20one")).json["result"]["contents"]
    assert found["uri"] == "invoice://7/line%20one"
    assert found["mimeType"] == "application/json"
    assert json.loads(found["text"]) == {"number": 7, "part": "line one"}


UNKNOWN = (
    "note://nobody",
    "note://welcome/more",
    "NOTE://WELCOME",
    "",
    "invoice://7",
    "invoice://7/a/b",
    "invoice://7/%zz",
    "file:///etc/passwd",
    "x" * 9_000,
)


@pytest.mark.parametrize("uri", UNKNOWN)
async def test_an_unknown_resource_is_an_error_that_names_it(features: Served, ran: list[str], uri: str) -> None:
    """Nothing is -32602 with the URI in `data`, never an empty answer and never a code of an older revision."""
    headers = {"mcp-name": f"=?base64?{base64.b64encode(uri.encode()).decode()}?="} if not uri else {}
    reply = await features.modern("resources/read", {"uri": uri}, token=features.tokens["acme"], headers=headers)
    assert reply.status == 400
    assert reply.json["error"]["code"] in ({-32602} if uri else {-32602, -32020})
    if 0 < len(uri) < 9_000:
        assert reply.json["error"]["data"]["uri"] == uri
    assert "result" not in reply.json
    assert ran == []


async def test_a_legacy_client_gets_the_code_it_knows(features: Served, ran: list[str]) -> None:
    """Under a handshake revision an unknown resource is -32002, at HTTP 200."""
    reply = await read(features, "note://nobody", legacy=True)
    assert (reply.status, reply.json["error"]["code"]) == (200, -32002)
    assert reply.json["error"]["data"]["uri"] == "note://nobody"
    assert ran == []


@pytest.mark.parametrize("uri", [5, None, ["note://welcome"], {}])
async def test_a_uri_must_be_text(features: Served, ran: list[str], uri: object) -> None:
    """Anything else is refused before a resource is looked for."""
    reply = await read(features, uri)
    assert reply.status == 400
    assert reply.json["error"]["code"] in {-32602, -32020}
    assert ran == []


async def test_values_that_do_not_fit_are_refused(features: Served, ran: list[str]) -> None:
    """A template's value of the wrong type is an error, and the function does not run."""
    reply = await read(features, "invoice://seven/a")
    assert reply.status == 400
    assert reply.json["error"]["code"] == -32602
    assert ran == []


async def test_resources_need_their_scopes(features: Served, ran: list[str]) -> None:
    """Without the scope a resource is neither listed nor read, and the refusal names what it takes."""
    token = await features.token("acme", scopes=("other",))
    for method, member in (("resources/list", "resources"), ("resources/templates/list", "resourceTemplates")):
        assert (await features.modern(method, token=token)).json["result"][member] == []
    denied: Any = await read(features, "note://welcome", token=token)
    assert denied.status == 403
    assert 'error="insufficient_scope"' in denied.headers["www-authenticate"]
    assert ran == []
