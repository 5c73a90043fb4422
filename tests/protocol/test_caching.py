"""Caching hints: on the six results that must have them, and on no other (server/utilities/caching)."""

import pytest

from tests.protocol.test_metadata import CAPABILITIES, EVERY_METHOD
from tests.served import Served

pytestmark = pytest.mark.anyio

CACHEABLE = ("server/discover", "tools/list", "resources/list", "resources/templates/list", "resources/read", "prompts/list")


@pytest.mark.parametrize("method", EVERY_METHOD)
async def test_hints_are_on_cacheable_results_only(features: Served, method: str) -> None:
    """Discovery, lists and reads carry `ttlMs` (a whole number from 0) and `cacheScope`; calls, prompts and completions neither."""
    result = (await features.modern(method, EVERY_METHOD[method], token=features.tokens["acme"])).json["result"]
    if method in CACHEABLE:
        assert type(result["ttlMs"]) is int
        assert result["ttlMs"] >= 0
        assert result["cacheScope"] in {"private", "public"}
    else:
        assert not {"ttlMs", "cacheScope"} & set(result)


@pytest.mark.parametrize("method", CACHEABLE)
async def test_what_varies_by_caller_is_private(features: Served, method: str) -> None:
    """Nothing this server answers is the same for every caller by rule, so no result may be shared between them."""
    result = (await features.modern(method, EVERY_METHOD[method], token=features.tokens["acme"])).json["result"]
    assert result["cacheScope"] == "private"


async def test_a_result_that_asks_has_no_hints(features: Served) -> None:
    """A read that needs an answer first must not be cached."""
    params = {"uri": "note://asking", "_meta": {CAPABILITIES: {"elicitation": {}}}}
    result = (await features.modern("resources/read", params, token=features.tokens["acme"])).json["result"]
    assert result["resultType"] == "input_required"
    assert not {"ttlMs", "cacheScope", "contents"} & set(result)


@pytest.mark.parametrize("method", CACHEABLE[1:])
async def test_legacy_results_have_no_hints(features: Served, method: str) -> None:
    """A handshake revision knows neither hints nor `resultType` nor the server's name in `_meta`."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": EVERY_METHOD[method]}
    result = (await features.post(body, features.tokens["acme"], headers={"mcp-protocol-version": "2025-11-25"})).json["result"]
    assert not {"ttlMs", "cacheScope", "resultType", "_meta"} & set(result)
