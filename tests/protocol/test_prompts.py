"""Prompts and the completion of arguments (server/prompts, server/utilities/completion)."""

from typing import Any

import pytest

from freehold.settings import PlanSettings, Settings
from tests.features import featured
from tests.served import Reply, Served

pytestmark = pytest.mark.anyio

LEGACY = {"mcp-protocol-version": "2025-11-25"}


async def get(server: Served, name: object, arguments: object = None) -> Reply:
    """prompts/get."""
    given = {} if arguments is None else {"arguments": arguments}
    return await server.modern("prompts/get", {"name": name, **given}, token=server.tokens["acme"])


async def test_prompts_are_listed_with_their_arguments(features: Served) -> None:
    """Each has a name, and arguments that say whether they are required."""
    listed = (await features.modern("prompts/list", token=features.tokens["acme"])).json["result"]["prompts"]
    review = {prompt["name"]: prompt for prompt in listed}["review"]
    assert (review["title"], review["description"]) == ("Review", "Review code.")
    assert [(one["name"], one.get("required", False)) for one in review["arguments"]] == [("language", True), ("focus", False)]


async def test_a_prompt_gives_messages(features: Served) -> None:
    """Text becomes a user's message; a message keeps its role; a default fills what is left out."""
    hello = (await get(features, "hello")).json["result"]["messages"]
    review = (await get(features, "review", {"language": "python"})).json["result"]["messages"]
    assert hello == [{"role": "user", "content": {"type": "text", "text": "Say hello."}}]
    assert review == [
        {"role": "user", "content": {"type": "text", "text": "Review this python for style."}},
        {"role": "assistant", "content": {"type": "text", "text": "Gladly."}},
    ]


BAD: dict[str, tuple[object, object]] = {
    "unknown prompt": ("nobody", None),
    "required argument missing": ("review", {"focus": "speed"}),
    "argument is no text": ("review", {"language": 5}),
    "unknown argument": ("review", {"language": "c", "odd": "x"}),
    "arguments are a list": ("review", []),
    "name is a number": (5, None),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_prompt_that_cannot_be_made_is_an_error(features: Served, ran: list[str], case: str) -> None:
    """An unknown prompt, or arguments it cannot take, is -32602 and runs nothing."""
    reply = await get(features, *BAD[case])
    assert reply.status == 400
    assert reply.json["error"]["code"] in ({-32602} if case != "name is a number" else {-32602, -32020})
    assert ran == []


async def test_prompts_need_their_scopes(features: Served) -> None:
    """Without the scope a prompt is neither listed nor made."""
    token = await features.token("acme", scopes=("other",))
    assert (await features.modern("prompts/list", token=token)).json["result"]["prompts"] == []
    denied = await features.modern("prompts/get", {"name": "hello"}, token=token)
    assert denied.status == 403
    assert 'error="insufficient_scope"' in denied.headers["www-authenticate"]


PROMPT = {"type": "ref/prompt", "name": "review"}
TEMPLATE = {"type": "ref/resource", "uri": "invoice://{number}/{part}"}


async def complete(server: Served, ref: object, argument: object, *, legacy: bool = False, token: str = "", **more: Any) -> Reply:
    """completion/complete."""
    params = {"ref": ref, "argument": argument, **more}
    credential = token or server.tokens["acme"]
    if legacy:
        return await server.post({"jsonrpc": "2.0", "id": 1, "method": "completion/complete", "params": params}, credential, headers=LEGACY)
    return await server.modern("completion/complete", params, token=credential)


@pytest.mark.parametrize("legacy", [False, True])
async def test_arguments_complete(features: Served, legacy: bool) -> None:  # noqa: FBT001  the era is the case
    """Values begin with what was typed, may depend on other arguments, and are none where nobody knows any."""

    async def values(ref: object, name: str, value: str, **more: Any) -> Any:
        return (await complete(features, ref, {"name": name, "value": value}, legacy=legacy, **more)).json["result"]["completion"]["values"]

    assert await values(PROMPT, "language", "p") == ["python", "pascal"]
    assert await values(PROMPT, "language", "", context={"arguments": {"focus": "speed"}}) == ["rust"]
    for nothing in ("focus", "nobody"):
        assert await values(PROMPT, nothing, "s") == []
    assert await values(TEMPLATE, "part", "s") == []


async def test_at_most_a_hundred_values_are_told(features: Served) -> None:
    """Of more, the first hundred come with how many there are."""
    found = (await complete(features, TEMPLATE, {"name": "number", "value": "7"})).json["result"]["completion"]
    assert (len(found["values"]), found["total"], found["hasMore"]) == (100, 120, True)


BAD_COMPLETIONS: dict[str, tuple[object, object]] = {
    "unknown prompt": ({"type": "ref/prompt", "name": "nobody"}, {"name": "language", "value": ""}),
    "unknown template": ({"type": "ref/resource", "uri": "note://{nobody}"}, {"name": "number", "value": ""}),
    "unknown kind": ({"type": "ref/tool", "name": "echo"}, {"name": "text", "value": ""}),
    "no ref": (None, {"name": "language", "value": ""}),
    "no argument": (PROMPT, None),
    "value is no text": (PROMPT, {"name": "language", "value": 5}),
}


@pytest.mark.parametrize("case", BAD_COMPLETIONS)
async def test_what_cannot_be_completed_is_an_error(features: Served, case: str) -> None:
    """An unknown reference, or a malformed reference or argument, is -32602."""
    reply = await complete(features, *BAD_COMPLETIONS[case])
    assert (reply.status, reply.json["error"]["code"]) == (400, -32602)


async def test_completion_discloses_nothing(features: Served) -> None:
    """A caller who may not have the prompt may not have its arguments completed either."""
    token = await features.token("acme", scopes=("other",))
    reply = await complete(features, PROMPT, {"name": "language", "value": "p"}, token=token)
    assert reply.status in {400, 403}
    assert "python" not in reply.body.decode()


async def test_completions_are_limited_in_rate(plain: Settings) -> None:
    """A completion is a call like any other: beyond the plan's rate it is refused and says when to come back."""
    slow = plain.model_copy(update={"plans": {"open": PlanSettings(per_second=1, burst=3)}})
    async with featured(slow, []) as server:
        replies = [await complete(server, PROMPT, {"name": "language", "value": "p"}) for _ in range(5)]
    assert [reply.status for reply in replies[:3]] == [200] * 3
    refused = replies[-1].json["error"]
    assert refused["data"]["code"] == "rate_limited"
    assert refused["data"]["retry_after"] > 0
