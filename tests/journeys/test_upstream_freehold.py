"""A Freehold behind a Freehold: what the newer era asks and completes goes through both, and the inner one sees the operator alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from freehold.settings import Settings, SourceSettings
from tests.features import everything
from tests.fixtures import PLANS
from tests.served import Reply, Served, served

pytestmark = pytest.mark.anyio

ABLE = {"elicitation": {"form": {}}, "sampling": {}, "roots": {}}
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
ANNA = {"action": "accept", "content": {"name": "Anna"}}


def _settings(folder: Path, name: str, **more: Any) -> Settings:
    return Settings(
        data_dir=folder / name,
        database_url=f"sqlite:///{folder / f'{name}.db'}",
        migrate_on_start=True,
        boundary=False,
        plans=PLANS,
        default_plan="open",
        **more,
    )


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Served, str]]:
    """The outer server, which relays questions, and a token of a user of it; the inner one is listed."""
    async with _both(tmp_path, relay_questions=True) as found:
        yield found


@asynccontextmanager
async def _both(tmp_path: Path, **given: Any) -> AsyncIterator[tuple[Served, str]]:
    async with served(_settings(tmp_path, "inner"), functions=[everything([]).functions]) as inner:
        credential = await inner.tenant("operator")
        source = SourceSettings(mcp=f"{inner.url}/mcp", headers={"Authorization": SecretStr(f"Bearer {credential}")}, **given)
        outer_settings = _settings(tmp_path, "outer", sources={"inner": source}, outbound_allow=(inner.url.removeprefix("http://"),))
        async with served(outer_settings) as outer:
            token = await outer.tenant("acme")
            await outer.application.roster.refresh("inner")
            await outer.application.roster.follow()
            yield outer, token


async def _ask(server: Served, token: str, name: str, able: Any = ABLE, **more: Any) -> Reply:
    return await server.modern("tools/call", {"name": name, "arguments": {}, **more, "_meta": {CAPABILITIES: able}}, token=token)


async def test_a_question_and_its_answer_go_through_both(both: tuple[Served, str]) -> None:
    """The call ends with the inner server's question under its source's name, and goes on there with the answer."""
    outer, token = both
    result = (await _ask(outer, token, "inner_ask_name")).json["result"]
    assert result["resultType"] == "input_required"
    [(key, question)] = result["inputRequests"].items()
    assert question["params"]["message"].startswith("[inner] ")
    done = await _ask(outer, token, "inner_ask_name", requestState=result["requestState"], inputResponses={key: ANNA})
    assert "Anna" in done.text


async def test_one_question_after_another(both: tuple[Served, str]) -> None:
    """Each round asks what is still to be answered, and no answer is asked for twice."""
    outer, token = both
    more: dict[str, Any] = {}
    keys: list[str] = []
    for content in ({"name": "Anna"}, {"color": "red"}):
        result = (await _ask(outer, token, "inner_ask_steps", **more)).json["result"]
        [key] = result["inputRequests"]
        keys.append(key)
        more = {"requestState": result["requestState"], "inputResponses": {key: {"action": "accept", "content": content}}}
    assert (await _ask(outer, token, "inner_ask_steps", **more)).text == "Anna likes red."
    assert len(set(keys)) == 2


async def test_a_question_the_client_cannot_answer_is_not_asked(both: tuple[Served, str]) -> None:
    """What the caller's client did not declare is not declared to the inner server, which then says that it needs it."""
    outer, token = both
    result = (await _ask(outer, token, "inner_ask_name", able={})).json["result"]
    assert result["isError"]
    assert "inputRequests" not in result


async def test_no_question_goes_on_unless_the_operator_says_so(tmp_path: Path) -> None:
    """To a client that can be asked everything comes an error, and neither the question nor a request state (INJ-12)."""
    async with _both(tmp_path) as (outer, token):
        for tool in ("inner_ask_name", "inner_ask_steps"):
            result = (await _ask(outer, token, tool)).json["result"]
            assert result["isError"]
            assert result["resultType"] == "complete"
            assert not result.keys() & {"inputRequests", "requestState"}
            assert "What is your name?" not in str(result)


async def test_mirrored_headers_are_made_anew(both: tuple[Served, str]) -> None:
    """A tool whose arguments are repeated in headers is checked here by what came, and called there by what its own schema says."""
    outer, token = both
    listed = (await outer.modern("tools/list", token=token)).json["result"]["tools"]
    schema = next(one["inputSchema"] for one in listed if one["name"] == "inner_mirrored")
    region = next(name for name, one in schema["properties"].items() if one.get("type") == "string" and "x-mcp-header" in one)
    header = "mcp-param-" + schema["properties"][region]["x-mcp-header"].lower()
    asked = {"name": "inner_mirrored", "arguments": {region: "eu"}}
    good = await outer.modern("tools/call", asked, token=token, headers={header: "eu"})
    assert "isError" not in good.json["result"] or not good.json["result"]["isError"]
    bad = await outer.modern("tools/call", asked, token=token, headers={header: "us"})
    assert bad.json["error"]["code"] == -32020


async def test_the_inner_server_sees_the_operator_alone(both: tuple[Served, str]) -> None:
    """Whoever calls, the inner server's caller is the operator's tenant; the caller's tenant and token stay here."""
    outer, token = both
    found = (await _ask(outer, token, "inner_who")).json["result"]["structuredContent"]
    assert found["tenant"] == "operator"
    assert "acme" not in str(found)


async def test_completions_and_health_go_through(both: tuple[Served, str]) -> None:
    """A prompt's argument is completed by the inner server, and /health says that it is there."""
    outer, token = both
    wanted = {"ref": {"type": "ref/prompt", "name": "inner_review"}, "argument": {"name": "language", "value": "p"}}
    values = (await outer.modern("completion/complete", wanted, token=token)).json["result"]["completion"]["values"]
    assert values
    health = (await outer.request("GET", "/health")).json
    assert health["upstreams"]["inner"]["status"] == "ok"
