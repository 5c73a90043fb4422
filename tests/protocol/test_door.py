"""The MCP endpoint through real HTTP: what is refused before anything runs, and what the answers carry."""

import json
import re
from typing import Any

import pytest

from tests.served import META, MODERN, Served

pytestmark = pytest.mark.anyio

ECHO = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": "x"}, "_meta": META}}
HEADERS = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "echo"}


async def entries(server: Served, tenant: str = "acme") -> list[dict[str, Any]]:
    """The calls in the tenant's book."""
    lines = b"".join([part async for part in server.application.book.export(tenant, "jsonl")])
    return [entry for entry in map(json.loads, lines.splitlines()) if entry["kind"] == "call"]


MALFORMED: dict[str, bytes] = {
    "TR-01 duplicate key": b'{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"tools/list"}',
    "TR-01 duplicate argument": json.dumps(ECHO).encode().replace(b'"text": "x"', b'"text": "x", "text": "y"'),
    "TR-02 NaN": json.dumps(ECHO).encode().replace(b'"x"', b"NaN"),
    "TR-02 overflow": json.dumps(ECHO).encode().replace(b'"x"', b"1e400"),
    "TR-04 deep": b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":' + b"[" * 70 + b"]" * 70 + b"}}",
    "TR-04 very deep": b"[" * 100_000,
    "TR-05 lone surrogate": json.dumps(ECHO).encode().replace(b'"x"', b'"\\ud800"'),
    "TR-05 invalid utf-8": json.dumps(ECHO).encode().replace(b'"x"', b'"\xff"'),
    "TR-05 bom": b"\xef\xbb\xbf" + json.dumps(ECHO).encode(),
    "TR-05 utf-16": json.dumps(ECHO).encode("utf-16"),
    "TR-06 empty": b"",
    "TR-06 half": json.dumps(ECHO).encode()[:-5],
    "TR-08 batch": json.dumps([ECHO, ECHO]).encode(),
    "TR-08 empty batch": b"[]",
    "TR-09 version": json.dumps({**ECHO, "jsonrpc": "1.0"}).encode(),
    "TR-09 params array": json.dumps({**ECHO, "params": [1]}).encode(),
    "TR-09 response": b'{"jsonrpc":"2.0","id":1,"result":{}}',
    "TR-07 null id": json.dumps({**ECHO, "id": None}).encode(),
    "TR-07 float id": json.dumps({**ECHO, "id": 1.5}).encode(),
    "TR-07 bool id": json.dumps({**ECHO, "id": True}).encode(),
    "TR-07 long id": json.dumps({**ECHO, "id": "x" * 100_000}).encode(),
    "TR-07 huge id": json.dumps({**ECHO, "id": 10**30}).encode(),
}


async def test_malformed_bodies_are_400_and_run_nothing(server: Served) -> None:
    """Every malformed body is a 400 JSON-RPC error that echoes none of it, and nothing is called (TR-01 to TR-09)."""
    for case, body in MALFORMED.items():
        reply = await server.post(body, server.tokens["acme"], headers=HEADERS)
        assert reply.status == 400, case
        assert reply.json["error"]["code"] in {-32700, -32600}, case
        assert "result" not in reply.json, case
        assert len(reply.body) < 500, case
    assert await entries(server) == []


HEADER_CASES: dict[str, tuple[dict[str, str], int, int]] = {
    "version missing": ({"mcp-protocol-version": ""}, 400, -32020),
    "version differs": ({"mcp-protocol-version": "2025-11-25"}, 400, -32020),
    "method missing": ({"mcp-method": ""}, 400, -32020),
    "method differs": ({"mcp-method": "tools/list"}, 400, -32020),
    "method case": ({"mcp-method": "TOOLS/CALL"}, 400, -32020),
    "name missing": ({"mcp-name": ""}, 400, -32020),
    "name differs": ({"mcp-name": "who"}, 400, -32020),
    "name bad base64": ({"mcp-name": "=?base64?ZWNobw?="}, 400, -32020),
    "name not base64": ({"mcp-name": "=?base64?*?="}, 400, -32020),
}


async def test_headers_must_repeat_the_body(server: Served) -> None:
    """A modern request whose mirrored headers are missing or differ is refused with -32020, carrying its id (TR-13, TR-14)."""
    for case, (headers, status, code) in HEADER_CASES.items():
        reply = await server.modern(
            "tools/call", {"name": "echo", "arguments": {"text": "x"}}, token=server.tokens["acme"], number=0, headers=headers
        )
        assert (reply.status, reply.json["error"]["code"], reply.json["id"]) == (status, code, 0), case
    assert await entries(server) == []


async def test_header_values_are_trimmed_and_base64_is_read(server: Served) -> None:
    """Optional white space around a header value and a correct base64 form are accepted."""
    for value in ("  echo \t", "=?base64?ZWNobw==?="):
        reply = await server.modern(
            "tools/call", {"name": "echo", "arguments": {"text": "x"}}, token=server.tokens["acme"], headers={"mcp-name": value}
        )
        assert reply.status == 200
        assert "x" in reply.text


async def test_mirrored_headers_cannot_ride_on_an_old_version(server: Served) -> None:
    """Mirrored headers without the modern version are refused, so nothing in front can be made to trust them (TR-14)."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "refuse", "arguments": {}}}
    for version in ({}, {"mcp-protocol-version": "2025-11-25"}):
        reply = await server.post(body, server.tokens["acme"], headers={"mcp-name": "echo", **version})
        assert reply.status == 400
        assert reply.json["error"]["code"] == -32020
    assert await entries(server) == []


async def test_duplicate_routing_header_is_refused(server: Served) -> None:
    """A routing or credential header given twice is refused, whichever copy is right."""
    from multidict import CIMultiDict

    token = server.tokens["acme"]
    headers = CIMultiDict({**HEADERS, "content-type": "application/json", "authorization": f"Bearer {token}"})
    headers.add("mcp-name", "echo")
    async with server.session.post(server.url + "/mcp", data=json.dumps(ECHO), headers=headers) as answer:
        assert answer.status == 400
        assert "result" not in await answer.json()


async def test_versions(server: Served) -> None:
    """An unknown version that header and body agree on answers -32022 with what is supported."""
    meta = {"io.modelcontextprotocol/protocolVersion": "2099-01-01"}
    reply = await server.modern(
        "server/discover", {"_meta": meta}, token=server.tokens["acme"], headers={"mcp-protocol-version": "2099-01-01"}
    )
    assert reply.status == 400
    assert reply.json["error"]["code"] == -32022
    assert reply.json["error"]["data"] == {"supported": [MODERN], "requested": "2099-01-01"}


async def test_missing_metadata(server: Served) -> None:
    """A modern request without one of the two required metadata members is -32602 and 400."""
    for missing in ("io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities"):
        meta = {key: value for key, value in META.items() if key != missing}
        body = {"jsonrpc": "2.0", "id": "a", "method": "server/discover", "params": {"_meta": meta}}
        reply = await server.post(body, server.tokens["acme"], headers={"mcp-protocol-version": MODERN, "mcp-method": "server/discover"})
        assert (reply.status, reply.json["error"]["code"], reply.json["id"]) == (400, -32602, "a")


async def test_methods_of_the_other_era_are_unknown(server: Served) -> None:
    """Methods removed from 2026-07-28 answer 404 and -32601 there, and work under the handshake revisions."""
    for method in ("initialize", "ping", "logging/setLevel", "resources/subscribe"):
        reply = await server.modern(method, token=server.tokens["acme"])
        assert (reply.status, reply.json["error"]["code"]) == (404, -32601), method
    ping = await server.post(
        {"jsonrpc": "2.0", "id": 1, "method": "ping"}, server.tokens["acme"], headers={"mcp-protocol-version": "2025-11-25"}
    )
    assert (ping.status, ping.json["result"]) == (200, {})


async def test_discover(server: Served) -> None:
    """server/discover carries everything a modern result must, and no session header."""
    reply = await server.modern("server/discover", token=server.tokens["acme"])
    result = reply.json["result"]
    assert result["resultType"] == "complete"
    assert result["supportedVersions"] == [MODERN]
    extensions = {"io.modelcontextprotocol/tasks": {}}
    assert result["capabilities"] == {"tools": {"listChanged": True}, "logging": {}, "extensions": extensions}
    assert isinstance(result["ttlMs"], int)
    assert result["cacheScope"] == "private"
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "freehold"
    assert "serverInfo" not in result
    assert "mcp-session-id" not in reply.headers


async def test_initialize(server: Served) -> None:
    """A legacy client gets a correct initialize answer at its own version, or at our newest handshake version."""
    for asked, answered in (
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ):
        params = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        reply = await server.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}, server.tokens["acme"])
        assert reply.status == 200
        assert reply.json["result"]["protocolVersion"] == answered
        assert reply.json["result"]["serverInfo"]["name"] == "freehold"
        assert not {"resultType", "ttlMs", "cacheScope", "_meta"} & set(reply.json["result"])
        assert re.fullmatch(r"[\x21-\x7e]{1,512}", reply.headers["mcp-session-id"])
    done = await server.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, server.tokens["acme"])
    assert (done.status, done.body) == (202, b"")


async def test_legacy_results_carry_nothing_modern(server: Served) -> None:
    """tools/list and tools/call under 2025-11-25 have no resultType, ttlMs, cacheScope or serverInfo."""
    headers = {"mcp-protocol-version": "2025-11-25"}
    listed = await server.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, server.tokens["acme"], headers=headers)
    called = await server.post(
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 2}}},
        server.tokens["acme"],
        headers=headers,
    )
    assert set(listed.json["result"]) == {"tools"}
    assert called.json["result"]["structuredContent"] == {"sum": 3}
    assert set(called.json["result"]) == {"content", "structuredContent"}


async def test_other_http_methods(server: Served) -> None:
    """GET, PUT and DELETE of a 2026-07-28 client answer 405 with Allow, and nothing of a session (TR-20, TR-21)."""
    headers = {"authorization": f"Bearer {server.tokens['acme']}", "mcp-session-id": "x", "last-event-id": "1"}
    for method in ("GET", "PUT", "DELETE"):
        reply = await server.request(method, "/mcp", headers={**headers, "mcp-protocol-version": MODERN, "accept": "text/event-stream"})
        assert (reply.status, reply.headers["allow"]) == (405, "POST")
        assert "mcp-session-id" not in reply.headers
    reply = await server.request("PUT", "/mcp", headers=headers)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "origin", ["null", "https://evil.example", "http://127.0.0.1.evil.example", "http://localhost.evil.example", "file://"]
)
async def test_foreign_origins_are_403(server: Served, origin: str) -> None:
    """A web page of another origin is refused even with a valid token (TR-23)."""
    reply = await server.modern("server/discover", token=server.tokens["acme"], headers={"origin": origin})
    assert reply.status == 403
    assert "result" not in reply.json


async def test_own_origins_pass(server: Served) -> None:
    """A loopback server answers pages of this machine, on any port."""
    for origin in ("http://localhost:3000", "http://127.0.0.1:6274", "http://[::1]:80"):
        assert (await server.modern("server/discover", token=server.tokens["acme"], headers={"origin": origin})).status == 200


async def test_a_page_of_an_allowed_origin_can_speak_with_us(server: Served) -> None:
    """A browser's preflight is answered without a credential, names the headers asked for, and answers carry the origin; refusals too."""
    page = {"origin": "http://localhost:3000"}
    wanted = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, mcp-method, mcp-param-region"}
    asked = await server.request("OPTIONS", "/mcp", headers={**page, **wanted})
    assert (asked.status, asked.body) == (200, b"")
    assert asked.headers["access-control-allow-origin"] == page["origin"]
    assert asked.headers["access-control-allow-headers"] == wanted["access-control-request-headers"]
    assert "access-control-allow-credentials" not in asked.headers
    for token in (server.tokens["acme"], None):
        reply = await server.modern("server/discover", token=token, headers=page)
        assert reply.status == (200 if token else 401)
        assert reply.headers["access-control-allow-origin"] == page["origin"]
        assert "mcp-session-id" in reply.headers["access-control-expose-headers"]
    foreign = await server.request("OPTIONS", "/mcp", headers={**wanted, "origin": "https://evil.example"})
    plain = await server.request("OPTIONS", "/mcp", headers=wanted)
    odd = await server.request("OPTIONS", "/mcp", headers={**page, "access-control-request-headers": "x; y"})
    assert (foreign.status, plain.status) == (403, 405)
    assert not {"access-control-allow-origin", "access-control-allow-headers"} & {*foreign.headers, *plain.headers}
    assert "access-control-allow-headers" not in odd.headers


@pytest.mark.parametrize("host", ["evil.example", "localhost:evil", "127.0.0.1.evil.example", "localhost.evil.example:80", ""])
async def test_foreign_hosts_are_refused(server: Served, host: str) -> None:
    """A host name that is not ours is refused, so a rebound name reaches nothing (TR-24)."""
    reply = await server.modern("server/discover", token=server.tokens["acme"], headers={"host": host or " "})
    assert 400 <= reply.status < 500
    assert b"result" not in reply.body


async def test_media_types(server: Served) -> None:
    """Only application/json is read; compressed bodies are refused (TR-11, TR-17)."""
    for headers in (
        {"content-type": "text/plain"},
        {"content-type": "application/jsonp"},
        {"content-type": "application/json, text/plain"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-encoding": "gzip"},
    ):
        reply = await server.post(ECHO, server.tokens["acme"], headers={**HEADERS, **headers})
        assert reply.status == 415, headers
    assert await entries(server) == []


async def test_body_cap(server: Served) -> None:
    """A body over the cap is refused with 413, whether its length is declared or not (TR-16)."""
    big = json.dumps({**ECHO, "padding": "x" * 1_100_000}).encode()

    async def chunks() -> Any:
        for start in range(0, len(big), 65_536):
            yield big[start : start + 65_536]

    declared = await server.post(big, server.tokens["acme"], headers=HEADERS)
    assert declared.status == 413
    headers = {**HEADERS, "content-type": "application/json", "authorization": f"Bearer {server.tokens['acme']}"}
    async with server.session.post(server.url + "/mcp", data=chunks(), headers=headers) as answer:
        assert answer.status == 413
    assert await entries(server) == []


async def test_identity_comes_before_the_body(server: Served) -> None:
    """Without a credential a malformed body is 401, not 400: nothing of it is looked at."""
    reply = await server.post(b"{", None)
    assert reply.status == 401


async def test_challenges(server: Served) -> None:
    """401 names metadata and scopes, with an error only for a bad token; 403 names every scope needed (RS-01, RS-02, RS-10)."""
    none = await server.modern("server/discover", token=None)
    assert none.status == 401
    challenge = none.headers["www-authenticate"]
    assert challenge.startswith("Bearer ")
    assert "/.well-known/oauth-protected-resource/mcp" in challenge
    assert "error=" not in challenge
    wrong = await server.modern("server/discover", token="not.a.token")
    assert wrong.status == 401
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
    reader = await server.token("acme", scopes=("mcp:read",))
    denied = await server.call("add", {"a": 1}, token=reader)
    assert denied.status == 403
    assert 'error="insufficient_scope"' in denied.headers["www-authenticate"]
    assert 'scope="mcp:write"' in denied.headers["www-authenticate"]


async def test_token_in_the_address_is_no_credential(server: Served) -> None:
    """A token in the query string counts for nothing (RS-05, KEY-08)."""
    token = server.tokens["acme"]
    for query in (f"access_token={token}", f"api_key={token}", f"token={token}"):
        reply = await server.post(ECHO, None, headers=HEADERS, path=f"/mcp?{query}")
        assert reply.status == 401


@pytest.mark.parametrize("value", ["Bearer  {}", "bearer\t{}", "Basic {}", "Bearer", "Bearer ", "{}", "Bearer {} x"])
async def test_malformed_authorization(server: Served, value: str) -> None:
    """Only `Bearer`, one space and a token is a credential (RS-05)."""
    reply = await server.modern("server/discover", token=None, headers={"authorization": value.format(server.tokens["acme"])})
    assert reply.status == 401


async def test_paths_have_one_spelling(server: Served) -> None:
    """Only /mcp is the endpoint: other spellings of it are 404 and reach nothing (RS-11)."""
    for path in ("//mcp", "/mcp;x", "/MCP", "/mcp/", "/mcp/..", "/mcp%2f..%2fmetrics"):
        reply = await server.post(ECHO, server.tokens["acme"], headers=HEADERS, path=path)
        assert reply.status == 404, path


async def test_ids_come_back_as_they_were(server: Served) -> None:
    """Zero, negative, large and empty-string ids are returned with their type."""
    for identity in (0, -1, 2**53 + 1, "", "é", "0"):
        reply = await server.modern("server/discover", token=server.tokens["acme"], number=identity)
        assert reply.json["id"] == identity
        assert type(reply.json["id"]) is type(identity)
