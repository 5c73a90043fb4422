"""Sessions of the handshake revisions without a session store: who may use one, its stream, and questions it is asked (2025-11-25)."""

import asyncio
import base64
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as laws
from hypothesis import strategies as st

from freehold.settings import Settings
from tests.clocks import HandClock
from tests.features import NAME_FORM, everything, featured
from tests.handshakes import initialized
from tests.served import Served, served

pytestmark = pytest.mark.anyio

ANNA = {"action": "accept", "content": {"name": "Anna"}}


def changed(session: str) -> list[str]:
    """Ids that are not quite this one."""
    middle = len(session) // 2
    other = "B" if session[middle] != "B" else "C"
    return [
        session[:middle] + other + session[middle + 1 :],
        f"{session[:middle]}!{session[middle:]}",
        f"{session}=",
        session[:-4],
        session + "AAAA",
        "x",
        "0" * 2_000,
    ]


async def test_an_id_that_was_not_given_is_404(features: Served, ran: list[str]) -> None:
    """A made-up or changed session id is HTTP 404, so that the client begins anew; nothing runs."""
    client = await initialized(features)
    for session in changed(client.session or ""):
        reply = await replace(client, session=session).ask(features, "tools/call", {"name": "echo", "arguments": {}})
        assert reply.status == 404
        assert "result" not in reply.json
    assert ran == []


IDS = st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=300)


@laws(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(session=IDS | st.binary(min_size=1, max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")))
async def test_no_invented_session_is_served(features: Served, ran: list[str], caplog: pytest.LogCaptureFixture, session: str) -> None:
    """Whatever is sent for a session id that was not given out: 404, nothing runs, nothing of it is logged."""
    body = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "echo", "arguments": {}}}
    headers = {"mcp-protocol-version": "2025-11-25", "mcp-session-id": session}
    reply = await features.post(body, features.tokens["acme"], headers=headers)
    assert (reply.status, reply.json["id"]) == (404, 5)
    assert "result" not in reply.json
    assert ran == []
    assert len(session) < 8 or session not in caplog.text


async def test_a_session_is_no_credential(features: Served, ran: list[str]) -> None:
    """Without a token a session id opens nothing; with another user's or tenant's token it is as unknown as any (SSE-08)."""
    client = await initialized(features)
    none = await features.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, None, headers=client.headers)
    assert none.status == 401
    for token in (features.tokens["globex"], await features.token("acme", user="colleague")):
        reply = await replace(client, token=token).ask(features, "tools/call", {"name": "echo", "arguments": {}})
        assert reply.status == 404
    assert ran == []


async def test_ids_are_unlike_each_other_and_unreadable(features: Served) -> None:
    """Two sessions of one client have two ids, and neither shows whose it is."""
    one, two = (await initialized(features)).session or "", (await initialized(features)).session or ""
    assert one != two
    assert len(one) >= 40
    assert "acme" not in one


async def test_a_session_that_was_ended_is_404(features: Served) -> None:
    """DELETE ends it; whatever is sent in it afterwards is 404, and another session goes on."""
    client, other = await initialized(features), await initialized(features)
    headers = {**client.headers, "authorization": f"Bearer {client.token}"}
    assert (await features.request("DELETE", "/mcp", headers=headers)).status in {200, 202, 204}
    assert (await client.ask(features, "ping")).status == 404
    assert (await features.request("DELETE", "/mcp", headers=headers)).status == 404
    assert (await other.ask(features, "ping")).status == 200


async def test_an_old_session_is_404(plain: Settings) -> None:
    """After its time a session is unknown, and its client begins anew."""
    clock = HandClock()
    async with served(plain, functions=[everything([]).functions], clock=clock) as server:
        await server.tenant("acme")
        client = await initialized(server)
        assert (await client.ask(server, "ping")).status == 200
        clock.advance(8 * 86_400)
        fresh = await server.token("acme")
        assert (await replace(client, token=fresh).ask(server, "ping")).status == 404


async def test_a_session_works_at_any_replica(settings: Settings) -> None:
    """The id is all there is of a session: another replica over the same stores serves it as the one that began it."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(featured(settings, []))
        other = await stack.enter_async_context(featured(settings, [], tenants=()))
        client = await initialized(one)
        assert (await client.ask(other, "tools/list")).status == 200


# the GET stream


async def test_the_get_stream_tells_of_changed_lists(features: Served) -> None:
    """Changed tools, prompts and resources are told on the session's stream, untagged and without ids."""
    client = await initialized(features)
    async with client.listen(features) as stream:
        assert stream.answer.status == 200
        assert stream.answer.headers["content-type"].startswith("text/event-stream")
        for what in ("tools", "prompts", "resources"):
            await client.ask(features, "tools/call", {"name": "change", "arguments": {"what": what}})
            assert await stream.next() == {"jsonrpc": "2.0", "method": f"notifications/{what}/list_changed"}


async def test_a_subscribed_resource_is_told_of(features: Served) -> None:
    """An update reaches a session that subscribed to that resource, until it unsubscribes; it never reaches another tenant."""
    client, other = await initialized(features), await initialized(features, tenant="globex")
    updated = {"name": "change", "arguments": {"what": "resource"}}
    tools = {"name": "change", "arguments": {"what": "tools"}}
    async with client.listen(features) as stream, other.listen(features) as theirs:
        for one in (client, other):
            await one.ask(features, "resources/subscribe", {"uri": "note://welcome"})
        await client.ask(features, "tools/call", updated)
        heard = await stream.next()
        assert (heard["method"], heard["params"]["uri"]) == ("notifications/resources/updated", "note://welcome")
        await client.ask(features, "resources/unsubscribe", {"uri": "note://welcome"})
        await client.ask(features, "tools/call", updated)
        for one in (client, other):
            await one.ask(features, "tools/call", tools)
        assert (await stream.next())["method"] == "notifications/tools/list_changed"
        assert (await theirs.next())["method"] == "notifications/tools/list_changed"


async def test_get_without_a_stream_in_mind_is_405(features: Served) -> None:
    """GET that does not accept an event stream, and any other HTTP method, is 405 with what is allowed."""
    client = await initialized(features)
    headers = {**client.headers, "authorization": f"Bearer {client.token}"}
    for method, accept in (("GET", "application/json"), ("PUT", "*/*"), ("PATCH", "*/*")):
        reply = await features.request(method, "/mcp", headers={**headers, "accept": accept})
        assert reply.status == 405
        assert "POST" in reply.headers["allow"]


# questions


async def test_a_question_is_a_request_on_the_calls_stream(features: Served, ran: list[str]) -> None:
    """The question arrives before the result, the answer is a POST that gets 202, and the function goes on."""
    client = await initialized(features)
    async with client.call(features, "ask_name") as stream:
        asked = await stream.next()
        assert asked["method"] == "elicitation/create"
        assert asked["params"]["requestedSchema"] == NAME_FORM
        assert asked["id"] not in (None, "call")
        assert ran == []
        reply = await client.answer(features, asked["id"], ANNA)
        assert (reply.status, reply.body) == (202, b"")
        (result,) = await stream.rest()
    assert result["id"] == "call"
    assert result["result"]["content"][0]["text"] == "Hello, Anna!"
    assert ran == ["accept"]


async def test_each_kind_of_question_is_asked(features: Served) -> None:
    """Sampling and roots are asked as elicitation is, one after the other."""
    client = await initialized(features)
    answers: dict[str, dict[str, Any]] = {
        "elicitation/create": ANNA,
        "sampling/createMessage": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Paris"}},
        "roots/list": {"roots": [{"uri": "file:///a"}]},
    }
    seen = []
    async with client.call(features, "ask_all") as stream:
        while "method" in (said := await stream.next()):
            seen.append(said["method"])
            await client.answer(features, said["id"], answers[said["method"]])
    assert sorted(seen) == sorted(answers)
    assert said["result"]["content"][0]["text"] == "client_roots greeting user_name"


UNABLE: dict[str, tuple[str, dict[str, Any], str]] = {
    "no elicitation": ("ask_name", {"sampling": {}}, "2025-11-25"),
    "no url mode": ("ask_page", {"elicitation": {"form": {}}}, "2025-11-25"),
    "no sampling": ("ask_model", {"elicitation": {}}, "2025-11-25"),
    "no roots": ("ask_roots", {"elicitation": {}}, "2025-11-25"),
    "before elicitation": ("ask_name", {"elicitation": {}}, "2025-03-26"),
}


@pytest.mark.parametrize("case", UNABLE)
async def test_a_client_is_asked_only_what_it_declared(features: Served, ran: list[str], case: str) -> None:
    """A kind of question the client did not declare when it began, or its revision does not have, is never sent."""
    tool, able, revision = UNABLE[case]
    client = await initialized(features, able=able, revision=revision)
    async with client.call(features, tool) as stream:
        body = await stream.answer.read()
    assert b'"method"' not in body
    assert b"-32042" not in body
    assert b'"error"' in body or b'"isError":true' in body
    assert ran == []


async def test_without_a_session_a_page_to_open_is_an_error_that_names_it(features: Served, ran: list[str]) -> None:
    """Where there is no way back to the client, 2025-11-25 has an error of its own for the page; older ones hear that it cannot be."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ask_page", "arguments": {}}}
    reply = await features.post(body, features.tokens["acme"], headers={"mcp-protocol-version": "2025-11-25"})
    assert reply.json["error"]["code"] == -32042
    (page,) = reply.json["error"]["data"]["elicitations"]
    assert (page["mode"], page["url"]) == ("url", "https://sign.example/start")
    assert page["elicitationId"]
    older = await features.post(body, features.tokens["acme"], headers={"mcp-protocol-version": "2025-06-18"})
    assert b"-32042" not in older.body
    assert ran == []


@pytest.mark.parametrize("answer", [None, {"action": "perhaps"}, {"action": "accept", "content": {"name": 5}}, {}])
async def test_an_answer_that_is_none_ends_the_call_in_words(features: Served, ran: list[str], answer: dict[str, Any] | None) -> None:
    """An error, or a result of the wrong shape, becomes a result with isError; the function never sees it."""
    client = await initialized(features)
    async with client.call(features, "ask_name") as stream:
        asked = await stream.next()
        assert (await client.answer(features, asked["id"], answer)).status == 202
        (result,) = await stream.rest()
    assert result["result"]["isError"] is True
    assert ran == []


async def test_an_answer_of_somebody_else_changes_nothing(features: Served, ran: list[str]) -> None:
    """Another session, of the same user or of another tenant, cannot answer a question, and neither can a guess."""
    client, twin = await initialized(features), await initialized(features)
    stranger = await initialized(features, tenant="globex")
    async with client.call(features, "ask_name") as stream:
        asked = await stream.next()
        for other, number in ((twin, asked["id"]), (stranger, asked["id"]), (client, "x"), (client, 1), (client, asked["id"][::-1])):
            reply = await other.answer(features, number, {"action": "decline"})
            assert reply.status < 500
            assert reply.body in {b"", reply.body if reply.status >= 400 else b""}
        assert ran == []
        await client.answer(features, asked["id"], ANNA)
        (result,) = await stream.rest()
    assert result["result"]["content"][0]["text"] == "Hello, Anna!"


async def test_an_answer_may_reach_another_replica(replicated: Settings) -> None:
    """A question asked by one replica is answered through another one."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(featured(replicated, []))
        other = await stack.enter_async_context(featured(replicated, [], tenants=()))
        client = await initialized(one)
        async with client.call(one, "ask_name") as stream:
            asked = await stream.next()
            assert (await client.answer(other, asked["id"], ANNA)).status == 202
            (result,) = await stream.rest()
        assert result["result"]["content"][0]["text"] == "Hello, Anna!"


# cancelling


async def test_a_client_cancels_its_own_call_by_a_message(features: Served, ran: list[str]) -> None:
    """notifications/cancelled in the session stops the call it names; in another session it stops nothing."""
    client, twin = await initialized(features), await initialized(features)
    async with client.call(features, "ask_name") as stream:
        asked = await stream.next()
        assert (await twin.tell(features, "notifications/cancelled", {"requestId": "call"})).status == 202
        assert (await client.tell(features, "notifications/cancelled", {"requestId": "other"})).status == 202
        assert (await client.tell(features, "notifications/cancelled", {"requestId": "call"})).status == 202
        rest = await asyncio.wait_for(stream.rest(), 10)
    assert not [one for one in rest if "result" in one]
    assert (await client.answer(features, asked["id"], ANNA)).status == 202
    assert ran == []
