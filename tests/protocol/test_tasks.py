"""The tasks extension through the front door (SEP-2663): when a call becomes a task, and what each of its methods answers."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest

from freehold.domains.sources.context import Context
from freehold.domains.sources.functions import Functions
from freehold.settings import Settings
from tests.events import Stream, streaming
from tests.served import META, MODERN, Reply, Served, served
from tests.tasks import PATIENT

pytestmark = pytest.mark.anyio

TASKS = "io.modelcontextprotocol/tasks"
NEEDS_TASKS = {"requiredCapabilities": {"extensions": {TASKS: {}}}}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
FORM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
TERMINAL = {"completed", "failed", "cancelled"}


def sample() -> Functions:
    """A tool that is never a task, three that may be and one that must be."""
    functions = Functions()

    async def plain(text: str) -> str:
        """Say it back."""
        return text

    async def double(number: int) -> dict[str, int]:
        """Twice as much."""
        return {"twice": 2 * number}

    async def wait() -> str:
        """Until it is cancelled."""
        await asyncio.Event().wait()
        return ""

    async def ask(context: Context) -> str:
        """Who is it?"""
        answers = [await context.elicit("Who?", FORM), await context.elicit("Really?", FORM)]
        return " ".join(answer.content["name"] for answer in answers)

    async def asks_first(context: Context) -> str:
        """Who is it? Then who else?"""
        answers = [await context.elicit("Who?", FORM, key="one"), await context.elicit("Who else?", FORM, key="other")]
        return " ".join(answer.content["name"] for answer in answers)

    async def break_() -> str:
        """Break, with a secret in the message."""
        raise RuntimeError("canary-secret-7f3")

    functions.add(plain, read_only=True)
    functions.add(double, read_only=True, task="optional")
    functions.add(wait, read_only=True, task="optional")
    functions.add(ask, read_only=True, task="optional")
    functions.add(asks_first, read_only=True, task="required", asks_first=True)
    functions.add(break_, name="break", read_only=True, task="required")
    return functions


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[Served]:
    """A server with these tools that waits for no task at its end, and the tenants acme and globex."""
    async with served(settings.model_copy(update={"drain_seconds": 0.1}), functions=[sample()]) as running:
        await running.tenant("acme")
        await running.tenant("globex")
        yield running


async def send(
    server: Served,
    method: str,
    params: Mapping[str, Any],
    *,
    declared: object = None,
    token: str = "",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """A request of acme's, whose client declares the extension and that it can be asked unless `declared` says otherwise."""
    capabilities = {"elicitation": {}, "extensions": {TASKS: {}}} if declared is None else declared
    meta = {"io.modelcontextprotocol/clientCapabilities": capabilities}
    return await server.modern(method, {**params, "_meta": meta}, token=token or server.tokens["acme"], headers=headers)


async def begin(server: Served, tool: str, **arguments: Any) -> dict[str, Any]:
    """The result that says a task has begun."""
    return (await send(server, "tools/call", {"name": tool, "arguments": arguments})).json["result"]


async def becomes(server: Served, task_id: str, *statuses: str, asks: str = "") -> dict[str, Any]:
    """What tasks/get says once the task has one of the statuses, and asks for that key when one is named."""
    with anyio.fail_after(PATIENT):
        while True:
            found = (await send(server, "tasks/get", {"taskId": task_id})).json["result"]
            if found["status"] in statuses and (not asks or asks in found.get("inputRequests", {})):
                return found
            await asyncio.sleep(0.01)  # real time: the task runs on while its client polls


async def test_a_call_becomes_a_task(server: Served) -> None:
    """The answer is flat and has the task's five members and no more; an immediate tasks/get resolves and says complete."""
    created = await begin(server, "wait")
    assert set(created) == {"resultType", "taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs", "_meta"}
    assert (created["resultType"], created["status"]) == ("task", "working")
    assert MOMENT.fullmatch(created["createdAt"])
    assert MOMENT.fullmatch(created["lastUpdatedAt"])
    assert {type(created["ttlMs"]), type(created["pollIntervalMs"])} == {int}
    got = (await send(server, "tasks/get", {"taskId": created["taskId"]})).json["result"]
    assert got == {**created, "resultType": "complete"}


async def test_a_completed_task_carries_its_result(server: Served) -> None:
    """The result is the one the tool would have given, with neither an error nor a question beside it; the call is in the ledger once."""
    created = await begin(server, "double", number=21)
    got = await becomes(server, created["taskId"], *TERMINAL)
    assert (got["resultType"], got["status"]) == ("complete", "completed")
    assert got["result"]["structuredContent"] == {"twice": 42}
    assert "isError" not in got["result"]
    assert not {"error", "inputRequests", "requestState", "task"} & set(got)
    entries = b"".join([chunk async for chunk in server.application.book.export("acme", "jsonl")])
    assert entries.count(b'"double"') == 1


async def test_a_refused_call_is_a_completed_task(server: Served) -> None:
    """What the tool or a step answers that it could not is a result with isError, not a failed task (SEP-2663, error semantics)."""
    created = await begin(server, "double", number="many")
    got = await becomes(server, created["taskId"], *TERMINAL)
    assert (got["status"], got["result"]["isError"]) == ("completed", True)
    assert "error" not in got


async def test_a_broken_tool_is_a_failed_task(server: Served) -> None:
    """Our own fault is an error with a code and our sentence, without a result and without the exception's words."""
    created = await begin(server, "break")
    got = await becomes(server, created["taskId"], *TERMINAL)
    assert (got["status"], got["error"]["code"]) == ("failed", -32603)
    assert got["statusMessage"] == got["error"]["message"]
    assert "result" not in got
    assert "canary" not in str(got)


async def test_questions_wait_in_the_task(server: Served) -> None:
    """A question is in inputRequests until tasks/update answers it; unknown keys are ignored, a wrong shape is refused and asks on."""
    task_id = (await begin(server, "ask"))["taskId"]
    asked = await becomes(server, task_id, "input_required")
    assert list(asked["inputRequests"]) == ["1"]
    assert asked["inputRequests"]["1"]["method"] == "elicitation/create"
    assert not {"result", "error", "requestState"} & set(asked)
    for wrong in (7, [], {}, {"action": "maybe"}, {"action": "accept", "content": {"name": 7}}):
        refused = await send(server, "tasks/update", {"taskId": task_id, "inputResponses": {"1": wrong}})
        assert (refused.status, refused.json["error"]["code"]) == (400, -32602)
    first = await send(server, "tasks/update", {"taskId": task_id, "inputResponses": {"1": form("Ada"), "9": form("Eve")}})
    assert set(first.json["result"]) == {"resultType", "_meta"}
    asked = await becomes(server, task_id, "input_required", asks="2")
    assert list(asked["inputRequests"]) == ["2"]
    await send(server, "tasks/update", {"taskId": task_id, "inputResponses": {"1": form("Eve"), "2": form("Lovelace")}})
    assert "Ada Lovelace" in (await becomes(server, task_id, *TERMINAL))["result"]["content"][0]["text"]


def form(name: str) -> dict[str, Any]:
    """The form, filled in."""
    return {"action": "accept", "content": {"name": name}}


async def test_answers_from_before_the_task_go_into_it(server: Served) -> None:
    """A tool that asks first answers input_required without a task; with the answers it becomes one without a requestState, which
    has them and asks for the rest."""
    asked = (await send(server, "tools/call", {"name": "asks_first"})).json["result"]
    assert (asked["resultType"], list(asked["inputRequests"])) == ("input_required", ["one"])
    assert "taskId" not in asked
    again = {"name": "asks_first", "inputResponses": {"one": form("Ada")}, "requestState": asked["requestState"]}
    created = (await send(server, "tools/call", again)).json["result"]
    assert created["resultType"] == "task"
    assert not {"requestState", "inputRequests"} & set(created)
    assert list((await becomes(server, created["taskId"], "input_required"))["inputRequests"]) == ["other"]
    await send(server, "tasks/update", {"taskId": created["taskId"], "inputResponses": {"other": form("Grace")}})
    assert "Ada Grace" in (await becomes(server, created["taskId"], *TERMINAL))["result"]["content"][0]["text"]


async def test_a_listening_client_is_told(server: Served) -> None:
    """A stream that follows a task hears its end as the DetailedTask that tasks/get gives, tagged; another tenant's hears nothing of it."""
    task_id = (await begin(server, "wait"))["taskId"]
    async with following(server, "acme", task_id) as stream, following(server, "globex", task_id) as other:
        acknowledged = await stream.next()
        assert acknowledged["params"]["notifications"] == {"taskIds": [task_id]}
        await other.next()
        await send(server, "tasks/cancel", {"taskId": task_id})
        told = await stream.next()
        got = await becomes(server, task_id, "cancelled")
        assert told["method"] == "notifications/tasks"
        tag = {"io.modelcontextprotocol/subscriptionId": "s1"}
        assert told["params"] == {key: got[key] for key in got if key != "resultType"} | {"_meta": tag}
        await server.application.stop()
        assert [message.get("method") for message in await other.rest()] == [None]


def following(server: Served, tenant: str, task_id: str) -> AbstractAsyncContextManager[Stream]:
    """An open listen stream of the tenant's that wants to hear of the task."""
    meta = {**META, "io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}}}
    params = {"notifications": {"taskIds": [task_id]}, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": "s1", "method": "subscriptions/listen", "params": params}
    headers = {"mcp-protocol-version": MODERN, "mcp-method": "subscriptions/listen"}
    return streaming(server, server.tokens[tenant], body, headers=headers)


async def test_a_client_that_cannot_be_asked_is_not(server: Served) -> None:
    """A task whose client declared the extension but no elicitation fails with what was missing, and never shows a question."""
    called = await send(server, "tools/call", {"name": "ask"}, declared={"extensions": {TASKS: {}}})
    got = await becomes(server, called.json["result"]["taskId"], *TERMINAL)
    assert (got["status"], got["error"]["code"]) == ("failed", -32021)
    assert got["error"]["data"]["requiredCapabilities"] == {"elicitation": {"form": {}}}
    assert "inputRequests" not in got


async def test_a_cancelled_task_says_so(server: Served) -> None:
    """tasks/cancel is acknowledged without a word about the task, however often; the task is cancelled and has no result."""
    task_id = (await begin(server, "wait"))["taskId"]
    for _ in range(2):
        cancelled = await send(server, "tasks/cancel", {"taskId": task_id})
        assert cancelled.json["result"]["resultType"] == "complete"
        assert set(cancelled.json["result"]) == {"resultType", "_meta"}
    got = await becomes(server, task_id, *TERMINAL)
    assert got["status"] == "cancelled"
    assert not {"result", "error", "inputRequests"} & set(got)


async def test_without_the_extension_nothing_is_a_task(server: Served) -> None:
    """For a client that does not declare it on this very request, a tool answers as ever; one that must be a task is refused (-32021)."""
    plain = await send(server, "tools/call", {"name": "double", "arguments": {"number": 4}}, declared={})
    assert plain.json["result"]["resultType"] == "complete"
    assert "taskId" not in plain.json["result"]
    refused = await send(server, "tools/call", {"name": "break"}, declared={"elicitation": {}})
    assert (refused.status, refused.json["error"]["code"]) == (400, -32021)
    assert refused.json["error"]["data"]["requiredCapabilities"] == NEEDS_TASKS["requiredCapabilities"]


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_the_methods_need_the_extension(server: Served, method: str) -> None:
    """Without it each is refused with -32021 and what is needed, also for a real task of the caller's."""
    task_id = (await begin(server, "wait"))["taskId"]
    refused = await send(server, method, {"taskId": task_id, "inputResponses": {}}, declared={"elicitation": {}})
    assert (refused.status, refused.json["error"]["code"]) == (400, -32021)
    assert refused.json["error"]["data"]["requiredCapabilities"] == NEEDS_TASKS["requiredCapabilities"]
    assert (await becomes(server, task_id, "working"))["status"] == "working"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_another_ones_task_is_unknown(server: Served, method: str) -> None:
    """For another tenant and for another user of the tenant a real id answers byte for byte as a made-up one (TEN-01)."""
    task_id = (await begin(server, "wait"))["taskId"]
    for token in (server.tokens["globex"], await server.token("acme", user="eve")):
        replies = [
            await send(server, method, {"taskId": one, "inputResponses": {}}, token=token) for one in (task_id, "0" * 40, "nonsense")
        ]
        assert {(reply.status, reply.json["error"]["code"]) for reply in replies} == {(400, -32602)}
        assert len({reply.body for reply in replies}) == 1
    assert (await becomes(server, task_id, "working"))["status"] == "working"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tasks/get", {}),
        ("tasks/get", {"taskId": 7}),
        ("tasks/cancel", {"taskId": None}),
        ("tasks/update", {"taskId": "0" * 40}),
        ("tasks/update", {"taskId": "0" * 40, "inputResponses": []}),
    ],
)
async def test_wrong_parameters_are_refused_in_words(server: Served, method: str, params: dict[str, Any]) -> None:
    """A missing or mistyped member is a 400 with a JSON-RPC error that carries the id, never a 5xx."""
    refused = await send(server, method, params)
    assert refused.status == 400
    assert refused.json["id"] == 1
    assert refused.json["error"]["code"] in {-32602, -32020}


@pytest.mark.parametrize("name", ["", "0" * 40])
async def test_the_name_header_must_repeat_the_task(server: Served, name: str) -> None:
    """tasks/get without Mcp-Name, or with another task's, is a header mismatch (SEP-2663, routing headers)."""
    task_id = (await begin(server, "wait"))["taskId"]
    refused = await send(server, "tasks/get", {"taskId": task_id}, headers={"mcp-name": name})
    assert (refused.status, refused.json["error"]["code"]) == (400, -32020)


@pytest.mark.parametrize("method", ["tasks/result", "tasks/list"])
async def test_what_the_extension_does_not_have_is_not_there(server: Served, method: str) -> None:
    """The methods of the older experiment are not found."""
    refused = await send(server, method, {"taskId": "0" * 40})
    assert (refused.status, refused.json["error"]["code"]) == (404, -32601)


async def test_a_task_parameter_makes_no_task(server: Served) -> None:
    """The older experiment's `task` parameter is ignored: a tool that is never a task answers at once."""
    answered = await send(server, "tools/call", {"name": "plain", "arguments": {"text": "hi"}, "task": {"ttl": 60_000}})
    assert "hi" in answered.text
    assert answered.json["result"]["resultType"] == "complete"
    assert "taskId" not in answered.json["result"]


async def test_a_task_needs_the_tools_scopes(server: Served) -> None:
    """Missing scopes are a 403 that names them, before any task is made."""
    token = await server.token("acme", scopes=["other:scope"])
    refused = await send(server, "tools/call", {"name": "double", "arguments": {"number": 1}}, token=token)
    assert refused.status == 403
    assert b"taskId" not in refused.body


async def test_the_extension_is_advertised(server: Served) -> None:
    """server/discover names it among the extensions and not as a capability of the core."""
    found = (await send(server, "server/discover", {})).json["result"]["capabilities"]
    assert found["extensions"] == {TASKS: {}}
    assert "tasks" not in found
