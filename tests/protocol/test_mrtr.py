"""Multi round-trip requests: a call that asks ends, and goes on when the client calls again with answers (basic/patterns/mrtr)."""

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from freehold.settings import Settings
from tests.clocks import HandClock
from tests.events import messages
from tests.features import COLOR_FORM, NAME_FORM, everything, featured
from tests.served import META, Reply, Served, served

pytestmark = pytest.mark.anyio

CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
ABLE = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
ANNA = {"action": "accept", "content": {"name": "Anna"}}
SAMPLED = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Paris"}}


async def ask(
    server: Served, what: str, *, tenant: str = "acme", able: Mapping[str, Any] = ABLE, method: str = "tools/call", **more: Any
) -> Reply:
    """A request by a client of these capabilities; `more` are further params."""
    named = {"uri": what} if method == "resources/read" else {"name": what}
    params = {**named, **({"arguments": {}} if method == "tools/call" else {}), **more, "_meta": {CAPABILITIES: able}}
    return await server.modern(method, params, token=server.tokens[tenant])


def again(reply: Reply, answers: Mapping[str, Any]) -> dict[str, Any]:
    """The params that answer: state word for word, and the answers."""
    result = reply.json["result"]
    assert result["resultType"] == "input_required", result
    return {"requestState": result["requestState"], "inputResponses": dict(answers)}


async def test_a_question_ends_the_call_and_the_answer_continues_it(features: Served, ran: list[str]) -> None:
    """The first result asks and nothing has been done; the second call, with the answer, completes."""
    first = await ask(features, "ask_name")
    result = first.json["result"]
    assert first.status == 200
    assert set(result) == {"resultType", "inputRequests", "requestState", "_meta"}
    assert set(result["inputRequests"]) == {"user_name"}
    asked = result["inputRequests"]["user_name"]
    assert asked["method"] == "elicitation/create"
    assert asked["params"]["message"] == "What is your name?"
    assert asked["params"]["requestedSchema"] == NAME_FORM
    assert asked["params"].get("mode", "form") == "form"
    assert ran == []
    second = await ask(features, "ask_name", **again(first, {"user_name": ANNA}))
    assert second.text == "Hello, Anna!"
    assert second.json["result"]["resultType"] == "complete"
    assert ran == ["accept"]


@pytest.mark.parametrize(
    ("what", "method", "key"), [("note://asking", "resources/read", "reader"), ("personal", "prompts/get", "user_context")]
)
async def test_resources_and_prompts_ask_too(features: Served, what: str, method: str, key: str) -> None:
    """resources/read and prompts/get ask in the same form as tools/call."""
    first = await ask(features, what, method=method)
    assert set(first.json["result"]["inputRequests"]) == {key}
    second = await ask(features, what, method=method, **again(first, {key: ANNA}))
    assert second.json["result"]["resultType"] == "complete"
    assert "Anna" in second.body.decode()


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_client_may_say_no(features: Served, action: str) -> None:
    """Declining and cancelling are answers, not errors."""
    first = await ask(features, "ask_name")
    assert (await ask(features, "ask_name", **again(first, {"user_name": {"action": action}}))).text == f"No name: {action}."


async def test_several_kinds_are_asked_at_once(features: Served, ran: list[str]) -> None:
    """One round may hold elicitation, sampling and roots under different keys; what is still open is asked again."""
    first = await ask(features, "ask_all")
    kinds = {key: asked["method"] for key, asked in first.json["result"]["inputRequests"].items()}
    assert kinds == {"user_name": "elicitation/create", "greeting": "sampling/createMessage", "client_roots": "roots/list"}
    some = again(first, {"user_name": ANNA, "greeting": SAMPLED})
    second = await ask(features, "ask_all", **some)
    assert set(second.json["result"]["inputRequests"]) == {"client_roots"}
    assert ran == []
    third = await ask(features, "ask_all", **again(second, {"client_roots": {"roots": [{"uri": "file:///a"}]}}))
    assert third.text == "client_roots greeting user_name"


async def test_rounds_follow_each_other(features: Served) -> None:
    """Answers of earlier rounds are kept in the state, which is another one each round."""
    first = await ask(features, "ask_steps")
    second = await ask(features, "ask_steps", **again(first, {"step1": ANNA}))
    assert set(second.json["result"]["inputRequests"]) == {"step2"}
    assert second.json["result"]["inputRequests"]["step2"]["params"]["requestedSchema"] == COLOR_FORM
    assert second.json["result"]["requestState"] != first.json["result"]["requestState"]
    blue = {"step2": {"action": "accept", "content": {"color": "blue"}}}
    assert (await ask(features, "ask_steps", **again(second, blue))).text == "Anna likes blue."


async def test_a_missing_answer_is_asked_for_again(features: Served, ran: list[str]) -> None:
    """No answers, or answers to other keys, are no error: the question comes again, and what nobody asked for is ignored."""
    first = await ask(features, "ask_name")
    for answers in ({}, {"wrong": ANNA}):
        repeated = await ask(features, "ask_name", **again(first, answers))
        assert set(repeated.json["result"]["inputRequests"]) == {"user_name"}
    assert ran == []
    more = await ask(features, "ask_name", **again(first, {"user_name": ANNA, "extra": {"action": "accept"}}))
    assert more.text == "Hello, Anna!"


MALFORMED: dict[str, Any] = {
    "answers are a number": 5,
    "answers are a list": [ANNA],
    "answer is a number": {"user_name": 5},
    "answer is null": {"user_name": None},
    "no action": {"user_name": {"content": {"name": "Anna"}}},
    "unknown action": {"user_name": {"action": "perhaps"}},
    "no content": {"user_name": {"action": "accept"}},
    "content without what is required": {"user_name": {"action": "accept", "content": {}}},
    "content of another type": {"user_name": {"action": "accept", "content": {"name": 5}}},
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_malformed_answers_are_an_error(features: Served, ran: list[str], case: str) -> None:
    """An answer of the wrong shape is -32602; the function never sees it."""
    state = (await ask(features, "ask_name")).json["result"]["requestState"]
    reply = await ask(features, "ask_name", requestState=state, inputResponses=MALFORMED[case])
    assert (reply.status, reply.json["error"]["code"]) == (400, -32602)
    assert ran == []


def tampered(state: str) -> list[str]:
    """The state with one thing wrong."""
    middle = len(state) // 2
    other = "B" if state[middle] != "B" else "C"
    respelled = state.replace("-", "+").replace("_", "/")
    return [
        state[:middle] + other + state[middle + 1 :],
        respelled if respelled != state else "",
        state[:-5],
        state + "AAAA",
        f" {state}",
        state.swapcase(),
        "",
        "x",
    ]


async def test_a_state_that_was_tampered_with_is_an_error(features: Served, ran: list[str]) -> None:
    """Neither a completion nor another question: a JSON-RPC error, whatever was changed."""
    state = (await ask(features, "ask_name")).json["result"]["requestState"]
    for wrong in tampered(state):
        reply = await ask(features, "ask_name", requestState=wrong, inputResponses={"user_name": ANNA})
        assert (reply.status, reply.json["error"]["code"]) == (400, -32602), wrong
    assert ran == []


async def test_a_state_serves_the_call_it_was_made_for_only(features: Served, ran: list[str]) -> None:
    """Another tool, other arguments, another method, another user or another tenant cannot use it."""
    params = again(await ask(features, "ask_name"), {"user_name": ANNA, "reader": ANNA, "user_context": ANNA})
    features.tokens["colleague"] = await features.token("acme", user="colleague")
    replies = [
        await ask(features, "ask_steps", **params),
        await ask(features, "ask_name", arguments={"greeting": "Bye"}, **params),
        await ask(features, "note://asking", method="resources/read", **params),
        await ask(features, "personal", method="prompts/get", **params),
        await ask(features, "ask_name", tenant="colleague", **params),
        await ask(features, "ask_name", tenant="globex", **params),
    ]
    assert [(reply.status, reply.json["error"]["code"]) for reply in replies] == [(400, -32602)] * len(replies)
    assert ran == []
    assert (await ask(features, "ask_name", **params)).text == "Hello, Anna!"


async def test_a_state_expires(plain: Settings) -> None:
    """Answers that come too late are refused, and the client begins anew."""
    clock = HandClock()
    ran: list[str] = []
    async with served(plain, functions=[everything(ran).functions], clock=clock) as server:
        await server.tenant("acme")
        params = again(await ask(server, "ask_name"), {"user_name": ANNA})
        clock.advance(601)
        late = await ask(server, "ask_name", **params)
        assert (late.status, late.json["error"]["code"]) == (400, -32602)
        assert ran == []


async def test_answers_are_acted_on_once(settings: Settings) -> None:
    """A state whose answers a tool has taken is refused on every replica, so that a confirmation cannot be replayed; asking again works."""
    ran: list[str] = []
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(featured(settings, ran))
        other = await stack.enter_async_context(featured(settings, ran, tenants=()))
        other.tokens.update(one.tokens)
        params = again(await ask(one, "ask_name"), {"user_name": ANNA})
        assert (await ask(one, "ask_name", arguments={"unknown": 1}, **params)).status == 400
        assert "Hello, Anna!" in (await ask(one, "ask_name", **params)).text
        for replica in (one, other) if settings.state_url.get_secret_value() != "memory:" else (one,):
            replayed = await ask(replica, "ask_name", **params)
            assert (replayed.status, replayed.json["error"]["code"]) == (400, -32602)
        assert ran == ["accept"]
        fresh = again(await ask(one, "ask_name"), {"user_name": ANNA})
        assert "Hello, Anna!" in (await ask(one, "ask_name", **fresh)).text
    assert ran == ["accept", "accept"]


async def test_any_replica_continues_a_call(settings: Settings) -> None:
    """The question was asked by one replica and the answer goes to another one: the state holds all there is."""
    ran: list[str] = []
    async with AsyncExitStack() as stack:
        unmarked = settings.model_copy(update={"boundary": False})
        one = await stack.enter_async_context(featured(unmarked, ran))
        other = await stack.enter_async_context(featured(unmarked, ran, tenants=()))
        other.tokens.update(one.tokens)
        params = again(await ask(one, "ask_name"), {"user_name": ANNA})
        assert (await ask(other, "ask_name", **params)).text == "Hello, Anna!"
    assert ran == ["accept"]


NEEDS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "form": ("ask_name", {"sampling": {}, "roots": {}}, {"elicitation": {"form": {}}}),
    "form, url only": ("ask_name", {"elicitation": {"url": {}}}, {"elicitation": {"form": {}}}),
    "url": ("ask_page", {"elicitation": {}}, {"elicitation": {"url": {}}}),
    "sampling": ("ask_model", {"elicitation": {}, "roots": {}}, {"sampling": {}}),
    "roots": ("ask_roots", {"elicitation": {}, "sampling": {}}, {"roots": {}}),
}


@pytest.mark.parametrize("case", NEEDS)
async def test_a_client_is_asked_only_what_it_declared(features: Served, ran: list[str], case: str) -> None:
    """A question of a kind the request did not declare is not asked: 400 and -32021 name the capability as an object."""
    tool, able, needed = NEEDS[case]
    reply = await ask(features, tool, able=able)
    assert (reply.status, reply.json["error"]["code"]) == (400, -32021)
    assert reply.json["error"]["data"]["requiredCapabilities"] == needed
    assert ran == []
    asked = await ask(features, tool, able=needed)
    assert asked.json["result"]["resultType"] == "input_required"


async def test_a_page_to_open_carries_nothing_of_the_user(features: Served) -> None:
    """An elicitation of mode url names message and address, and no id that ties it to an older revision."""
    first = await ask(features, "ask_page")
    (asked,) = first.json["result"]["inputRequests"].values()
    assert asked["params"] == {"mode": "url", "message": "Sign there.", "url": "https://sign.example/start"}
    assert (await ask(features, "ask_page", **again(first, {"consent": {"action": "accept"}}))).text == "accept"


async def test_sampling_and_roots_are_asked_in_their_own_form(features: Served) -> None:
    """A sampling question has messages and maxTokens; a roots question has nothing more to say."""
    model, roots = await ask(features, "ask_model"), await ask(features, "ask_roots")
    asked = model.json["result"]["inputRequests"]["capital_question"]
    assert asked["method"] == "sampling/createMessage"
    assert asked["params"]["maxTokens"] == 9
    assert asked["params"]["messages"][0]["role"] == "user"
    assert roots.json["result"]["inputRequests"]["client_roots"]["method"] == "roots/list"
    assert (await ask(features, "ask_model", **again(model, {"capital_question": SAMPLED}))).text == "Paris"


@pytest.mark.parametrize("method", ["server/discover", "tools/list", "resources/list", "prompts/list", "completion/complete"])
async def test_other_methods_never_ask(features: Served, method: str) -> None:
    """Answers and states sent with any other method change nothing, and its result is complete."""
    ref = {"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "language", "value": "p"}}
    params = {**(ref if method == "completion/complete" else {}), "inputResponses": {"a": ANNA}, "requestState": "x"}
    reply = await features.modern(method, params, token=features.tokens["acme"])
    assert (reply.status, reply.json["result"]["resultType"]) == (200, "complete")


async def test_no_request_is_sent_to_a_modern_client(features: Served) -> None:
    """A call that reports and asks sends notifications and its result, never a request with a method and an id."""
    meta = {CAPABILITIES: ABLE, "progressToken": "p", "io.modelcontextprotocol/logLevel": "debug"}
    for tool in ("ask_name", "advance", "chat"):
        reply = await features.modern("tools/call", {"name": tool, "arguments": {}, "_meta": meta}, token=features.tokens["acme"])
        said = messages(reply.body) if reply.headers["content-type"].startswith("text/event-stream") else [reply.json]
        assert not [message for message in said if "method" in message and "id" in message]
        assert "result" in said[-1]


async def test_a_state_is_sealed(features: Served) -> None:
    """Nothing the client answered, and nothing of who it is, can be read from the state."""
    first = await ask(features, "ask_steps")
    state = (await ask(features, "ask_steps", **again(first, {"step1": ANNA}))).json["result"]["requestState"]
    for readable in ("Anna", "acme", "step1", "ask_steps"):
        assert readable not in state
    assert json.dumps(META) not in state
