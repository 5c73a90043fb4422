"""Eras, versions and server/discover: what the server says it can do is what it does (basic/versioning, server/discover)."""

from typing import Any

import pytest

from freehold.settings import Settings
from tests.fixtures import sample_functions
from tests.served import META, MODERN, Reply, Served, served

pytestmark = pytest.mark.anyio

PARAMS: dict[str, dict[str, Any]] = {
    "tools": {"tools/list": {}},
    "resources": {"resources/list": {}, "resources/templates/list": {}, "resources/read": {"uri": "note://welcome"}},
    "prompts": {"prompts/list": {}, "prompts/get": {"name": "hello"}},
    "completions": {
        "completion/complete": {"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "language", "value": ""}}
    },
}


async def legacy(server: Served, method: str, params: object = None, version: str | None = "2025-11-25") -> Reply:
    """A request of a handshake revision, outside any session."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method} | ({} if params is None else {"params": params})
    return await server.post(body, server.tokens["acme"], headers={} if version is None else {"mcp-protocol-version": version})


async def test_what_is_advertised_is_served(features: Served) -> None:
    """Every capability discovery names has working methods in both eras."""
    offered = (await features.modern("server/discover", token=features.tokens["acme"])).json["result"]["capabilities"]
    assert {"tools", "resources", "prompts", "completions"} <= set(offered)
    for capability, methods in PARAMS.items():
        assert capability in offered
        for method, params in methods.items():
            assert (await features.modern(method, params, token=features.tokens["acme"])).status == 200, method
            assert "result" in (await legacy(features, method, params)).json, method


async def test_what_is_not_advertised_is_unknown(plain: Settings) -> None:
    """A server of tools alone advertises nothing else, and answers -32601 to the methods of what it has not."""
    async with served(plain, functions=[sample_functions()]) as server:
        await server.tenant("acme")
        offered = (await server.modern("server/discover", token=server.tokens["acme"])).json["result"]["capabilities"]
        for capability in ("resources", "prompts", "completions"):
            assert capability not in offered
            for method, params in PARAMS[capability].items():
                reply = await server.modern(method, params, token=server.tokens["acme"])
                assert (reply.status, reply.json["error"]["code"]) == (404, -32601), method
                assert (await legacy(server, method, params)).json["error"]["code"] == -32601, method


async def test_versions_agree_wherever_they_are_named(features: Served) -> None:
    """What discovery supports and what -32022 proposes are the same versions, and each of them works."""
    discovered = (await features.modern("server/discover", token=features.tokens["acme"])).json["result"]["supportedVersions"]
    meta = {"_meta": {"io.modelcontextprotocol/protocolVersion": "1.0"}}
    refused = await features.modern("tools/list", meta, token=features.tokens["acme"], headers={"mcp-protocol-version": "1.0"})
    assert refused.json["error"]["data"] == {"supported": discovered, "requested": "1.0"}
    assert discovered == [MODERN]


ERAS: dict[str, tuple[str | None, bool, str, tuple[int, int]]] = {
    "modern": (MODERN, True, "tools/list", (200, 0)),
    "modern header, no metadata": (MODERN, False, "tools/list", (400, -32602)),
    "modern header, initialize": (MODERN, False, "initialize", (400, -32602)),
    "legacy": ("2025-11-25", False, "tools/list", (200, 0)),
    "legacy header, modern metadata": ("2025-11-25", True, "tools/list", (400, -32020)),
    "no header, modern metadata": (None, True, "tools/list", (400, -32020)),
    "no header, modern initialize": (None, True, "initialize", (400, -32020)),
    "no header, nothing modern": (None, False, "tools/list", (200, 0)),
    "unknown header, no metadata": ("2024-01-01", False, "tools/list", (400, -32022)),
    "future header, no metadata": ("2099-01-01", False, "tools/list", (400, -32022)),
    "garbage header": ("latest", False, "tools/list", (400, -32022)),
}


@pytest.mark.parametrize("case", ERAS)
async def test_header_and_body_decide_the_era_together(features: Served, case: str) -> None:
    """A request that shows modern metadata is never served as an older one, and an unknown version never at all."""
    version, modern, method, expected = ERAS[case]
    headers = {} if version is None else {"mcp-protocol-version": version}
    if modern:
        headers["mcp-method"] = method
    params = {"_meta": META} if modern else {}
    reply = await features.post({"jsonrpc": "2.0", "id": 0, "method": method, "params": params}, features.tokens["acme"], headers=headers)
    assert (reply.status, reply.json.get("error", {}).get("code", 0)) == expected
    assert reply.json["id"] == 0
    if expected[0] == 200:
        assert ("resultType" in reply.json["result"]) is modern


REMOVED = (
    "initialize",
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "tasks/result",
    "tasks/list",
    "no/such",
)


@pytest.mark.parametrize("method", REMOVED)
async def test_methods_that_are_gone_answer_404(features: Served, method: str) -> None:
    """A method 2026-07-28 does not have is HTTP 404 with -32601 and the id."""
    reply = await features.modern(method, {"uri": "note://welcome", "level": "info"}, token=features.tokens["acme"], number="gone")
    assert (reply.status, reply.json["error"]["code"], reply.json["id"]) == (404, -32601, "gone")


@pytest.mark.parametrize("method", ["server/discover", "subscriptions/listen", "tasks/get", "tasks/update", "tasks/cancel"])
async def test_methods_that_came_later_are_unknown_before(features: Served, method: str) -> None:
    """A handshake revision has none of the 2026-07-28 methods; the error is HTTP 200, since 404 would end a session there."""
    reply = await legacy(features, method, {})
    assert (reply.status, reply.json["error"]["code"]) == (200, -32601)


async def test_lists_do_not_depend_on_what_was_asked_before(features: Served) -> None:
    """The same caller sees the same lists in the same order, whatever it called in between and from whichever connection."""
    methods = ("tools/list", "resources/list", "resources/templates/list", "prompts/list")
    before = [(await features.modern(method, token=features.tokens["acme"])).json["result"] for method in methods]
    await features.call("echo", {"text": "x"}, token=features.tokens["acme"])
    await features.call("change", token=features.tokens["acme"])
    after = [
        (await features.modern(method, token=features.tokens["acme"], headers={"connection": "close"})).json["result"] for method in methods
    ]
    assert before == after
    assert all(next(iter([value for value in result.values() if isinstance(value, list)])) for result in before)


async def test_instructions_are_told_when_there_are_some(plain: Settings) -> None:
    """Instructions appear in discovery and in the handshake; without any, neither has the member."""
    with_some = plain.model_copy(update={"instructions": "Be kind."})
    for settings, expected in ((with_some, "Be kind."), (plain, None)):
        async with served(settings, functions=[sample_functions()]) as server:
            await server.tenant("acme" if expected else "globex")
            (token,) = server.tokens.values()
            discovered = (await server.modern("server/discover", token=token)).json["result"]
            body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}}}
            begun = (await server.post(body, token)).json["result"]
            assert (discovered.get("instructions"), begun.get("instructions")) == (expected, expected)
