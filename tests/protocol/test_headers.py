"""Headers that repeat the body: which must, how they are compared, and what a difference comes to (streamable-http)."""

import base64
import json
from collections.abc import Iterable
from typing import Any

import pytest
from multidict import CIMultiDict

from tests.features import MIRRORING
from tests.served import META, MODERN, Reply, Served

pytestmark = pytest.mark.anyio

MISMATCH = (400, -32020)


def look(reply: Reply) -> tuple[int, int]:
    """Status and error code."""
    return reply.status, reply.json["error"]["code"]


def sentinel(text: str) -> str:
    """A header value in its base64 form."""
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


async def raw(server: Served, params: dict[str, Any], headers: Iterable[tuple[str, str]], method: str = "tools/call") -> Reply:
    """A modern request with exactly these headers beside the credential; a name may come twice."""
    sent = CIMultiDict({"content-type": "application/json", "authorization": f"Bearer {server.tokens['acme']}"})
    for name, value in headers:
        sent.add(name, value)
    body = json.dumps({"jsonrpc": "2.0", "id": 0, "method": method, "params": {**params, "_meta": META}}).encode()
    async with server.session.post(server.url + "/mcp", data=body, headers=sent) as answer:
        return Reply(answer.status, dict(answer.headers), await answer.read())


STANDARD = (("mcp-protocol-version", MODERN), ("mcp-method", "tools/call"), ("mcp-name", "echo"))


async def test_names_are_case_insensitive_and_values_are_not(features: Served, ran: list[str]) -> None:
    """Header names count in any case; a method or tool name in another case is another one."""
    upper = [(name.upper(), value) for name, value in STANDARD]
    assert (await raw(features, {"name": "echo"}, upper)).status == 200
    ran.clear()
    for name, value in (("mcp-method", "TOOLS/CALL"), ("mcp-name", "Echo")):
        assert look(await raw(features, {"name": "echo"}, [*dict([*STANDARD, (name, value)]).items()])) == MISMATCH
    assert ran == []


NAMED: dict[str, dict[str, Any]] = {
    "tools/call": {"name": "echo"},
    "prompts/get": {"name": "hello"},
    "resources/read": {"uri": "note://welcome"},
}


@pytest.mark.parametrize("method", NAMED)
async def test_name_is_required_where_something_is_named(features: Served, ran: list[str], method: str) -> None:
    """tools/call, prompts/get and resources/read need Mcp-Name, which must repeat what the body names."""
    (named,) = NAMED[method].values()
    for headers in ({"mcp-name": ""}, {"mcp-name": named + "x"}, {"mcp-name": named.upper()}, {"mcp-name": sentinel(named + "x")}):
        refused = await features.modern(method, NAMED[method], token=features.tokens["acme"], number=0, headers=headers)
        assert (*look(refused), refused.json["id"]) == (*MISMATCH, 0)
    assert ran == []
    for value in (named, f" \t{named}\t ", sentinel(named)):
        assert (await features.modern(method, NAMED[method], token=features.tokens["acme"], headers={"mcp-name": value})).status == 200


async def test_methods_that_name_nothing_need_no_name(features: Served) -> None:
    """Lists and discovery are served without Mcp-Name."""
    for method in ("server/discover", "tools/list", "resources/list", "resources/templates/list", "prompts/list"):
        assert (await features.modern(method, token=features.tokens["acme"])).status == 200, method


BAD_SENTINELS = ("=?base64?ZWNobw?=", "=?base64?ZWNobw=?=", "=?base64?ZWNo bw==?=", "=?base64?ZWNobw===?=", "=?base64?Z*Nobw==?=",
                 "=?base64?ZWNobx==?=", "=?base64?/////w==?=", "=?BASE64?ZWNobw==?=", "=?base64?ZWNobw==", "=?base64??=")  # fmt: skip


async def test_the_base64_form_is_read_strictly(features: Served, ran: list[str]) -> None:
    """Wrong padding, foreign characters, spare bits, no UTF-8 or other markers: refused, never guessed."""
    for value in BAD_SENTINELS:
        reply = await raw(features, {"name": "echo"}, [*STANDARD[:2], ("mcp-name", value)])
        assert look(reply) == MISMATCH, value
    assert ran == []


async def test_a_name_that_needs_the_base64_form_is_compared_decoded(features: Served, ran: list[str]) -> None:
    """Text no header can hold reaches the comparison decoded: it equals the body, so only then the name is looked up and not found."""
    for name in ("Hello, 世界", " padded ", "line1\nline2", "=?base64?literal?="):
        reply = await raw(features, {"name": name}, [*STANDARD[:2], ("mcp-name", sentinel(name))])
        assert look(reply) == (400, -32602), name
    bare = await raw(features, {"name": "=?base64?literal?="}, [*STANDARD[:2], ("mcp-name", "=?base64?literal?=")])
    assert look(bare) == MISMATCH
    assert ran == []


@pytest.mark.parametrize("header", [name for name, _ in STANDARD])
async def test_a_routing_header_given_twice_is_refused(features: Served, ran: list[str], header: str) -> None:
    """Two copies of a routing header are refused even when both are right: two readers could take different ones (TR-12)."""
    reply = await raw(features, {"name": "echo"}, [*STANDARD, (header, dict(STANDARD)[header])])
    assert reply.status == 400
    assert "result" not in reply.json
    assert ran == []


VERSIONS: dict[str, tuple[str | None, str, tuple[int, int]]] = {
    "no header": (None, MODERN, MISMATCH),
    "older header": ("2025-11-25", MODERN, MISMATCH),
    "mismatch beats unsupported": (MODERN, "v999.0.0", MISMATCH),
    "unknown header, known body": ("2099-01-01", MODERN, MISMATCH),
    "both unknown": ("2099-01-01", "2099-01-01", (400, -32022)),
    "both of an older revision": ("2025-11-25", "2025-11-25", (400, -32022)),
    "in another case": ("2026-07-28 ", "2026-07-28", (200, 0)),
}


@pytest.mark.parametrize("case", VERSIONS)
async def test_the_version_is_compared_before_it_is_judged(features: Served, case: str) -> None:
    """MCP-Protocol-Version must equal the version in `_meta`; only an agreed version can be unsupported."""
    header, version, expected = VERSIONS[case]
    meta = {**META, "io.modelcontextprotocol/protocolVersion": version}
    body = {"jsonrpc": "2.0", "id": "v", "method": "server/discover", "params": {"_meta": meta}}
    headers = {"mcp-method": "server/discover", **({} if header is None else {"mcp-protocol-version": header})}
    reply = await features.post(body, features.tokens["acme"], headers=headers)
    assert (reply.status, reply.json.get("error", {}).get("code", 0)) == expected
    assert reply.json["id"] == "v"


async def test_metadata_is_checked_before_headers(features: Served) -> None:
    """A body without the metadata it must carry is -32602 whatever its headers say."""
    body = {"jsonrpc": "2.0", "id": 0, "method": "server/discover", "params": {}}
    reply = await features.post(body, features.tokens["acme"], headers={"mcp-protocol-version": MODERN, "mcp-method": "tools/list"})
    assert (*look(reply), reply.json["id"]) == (400, -32602, 0)


async def test_headers_are_checked_before_the_method(features: Served) -> None:
    """A method that does not exist is unknown only when its header agrees."""
    differs = await features.modern("no/such", token=features.tokens["acme"], headers={"mcp-method": "tools/list"})
    agrees = await features.modern("no/such", token=features.tokens["acme"])
    assert (look(differs), look(agrees)) == (MISMATCH, (404, -32601))


ARGUMENTS = {"region": "eu", "count": 42, "dry": False, "deep": {"zone": "a"}}
PARAMS = {"mcp-param-region": "eu", "mcp-param-count": "42", "mcp-param-dry": "false", "mcp-param-zone": "a"}


async def mirrored(server: Served, arguments: dict[str, Any], headers: dict[str, str]) -> Reply:
    """A call of the tool whose arguments are mirrored; an empty value leaves a header out."""
    params = {"name": "mirrored", "arguments": arguments}
    return await server.modern("tools/call", params, token=server.tokens["acme"], number=0, headers=headers)


ACCEPTED: dict[str, dict[str, str]] = {
    "as they are": {},
    "white space around": {"mcp-param-region": " eu\t"},
    "base64": {"mcp-param-region": sentinel("eu")},
    "integers by value": {"mcp-param-count": "42.0"},
    "unknown ones are ignored": {"mcp-param-other": "x"},
}
REFUSED: dict[str, dict[str, str]] = {
    "missing": {"mcp-param-region": ""},
    "nested missing": {"mcp-param-zone": ""},
    "differs": {"mcp-param-region": "us"},
    "differs in case": {"mcp-param-region": "EU"},
    "another integer": {"mcp-param-count": "43"},
    "no integer": {"mcp-param-count": "forty-two"},
    "another boolean": {"mcp-param-dry": "true"},
    "boolean in capitals": {"mcp-param-dry": "False"},
    "wrong padding": {"mcp-param-region": "=?base64?ZXU?="},
    "foreign characters": {"mcp-param-region": "=?base64?Z*U=?="},
    "no visible ASCII": {"mcp-param-region": "eü"},
}


async def test_mirrored_arguments_that_agree_are_accepted(features: Served, ran: list[str]) -> None:
    """Strings trimmed and decoded, integers by value, booleans in small letters; a header nobody declared is ignored."""
    for case, changes in ACCEPTED.items():
        assert (await mirrored(features, ARGUMENTS, {**PARAMS, **changes})).status == 200, case
    assert ran == ["mirrored"] * len(ACCEPTED)


async def test_mirrored_arguments_that_differ_are_refused(features: Served, ran: list[str]) -> None:
    """A declared header that is missing, differs or is malformed answers 400 and -32020 with the id, and nothing runs."""
    for case, changes in REFUSED.items():
        reply = await mirrored(features, ARGUMENTS, {**PARAMS, **changes})
        assert (*look(reply), reply.json["id"]) == (*MISMATCH, 0), case
    assert ran == []


async def test_an_argument_that_is_absent_has_no_header(features: Served, ran: list[str]) -> None:
    """For an argument left out or null no header is expected, and one that comes all the same is refused."""
    bare = {"mcp-param-region": "", "mcp-param-count": "", "mcp-param-dry": "", "mcp-param-zone": ""}
    assert (await mirrored(features, {"plain": "x"}, bare)).status == 200
    for arguments in ({"plain": "x"}, {"region": None}):
        assert look(await mirrored(features, arguments, {**bare, "mcp-param-region": "eu"})) == MISMATCH
    assert ran == ["mirrored"]


async def test_a_mirrored_argument_given_twice_is_refused(features: Served, ran: list[str]) -> None:
    """Two copies of one Mcp-Param header are refused even when both are right (TR-12)."""
    headers = [*STANDARD[:2], ("mcp-name", "mirrored"), ("mcp-param-region", "eu"), ("mcp-param-region", "eu")]
    assert (await raw(features, {"name": "mirrored", "arguments": {"region": "eu"}}, headers)).status == 400
    assert ran == []


async def test_legacy_calls_need_no_mirrored_arguments(features: Served, ran: list[str]) -> None:
    """Under a handshake revision the body alone counts; Mcp-Param headers are nobody's business."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "mirrored", "arguments": {"region": "eu"}}}
    reply = await features.post(body, features.tokens["acme"], headers={"mcp-protocol-version": "2025-11-25", "mcp-param-region": "us"})
    assert reply.status == 200
    assert "'eu'" in reply.text
    assert ran == ["mirrored"]


async def test_schemas_are_listed_as_they_were_given(features: Served) -> None:
    """A schema written by hand is listed word for word, with every keyword a validator may need."""
    listed = (await features.modern("tools/list", token=features.tokens["acme"])).json["result"]["tools"]
    (found,) = [tool for tool in listed if tool["name"] == "mirrored"]
    assert found["inputSchema"] == MIRRORING
