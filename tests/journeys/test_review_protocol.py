"""What a review of the protocol door tried: answers no envelope holds, questions at once, two cancellations, a stop in between."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from freehold import Context, Freehold
from freehold.settings import PlanSettings, Settings
from tests.entries import exported
from tests.features import NAME_FORM
from tests.handshakes import Client, initialized, message
from tests.served import REFUSAL, Reply, Served, served

pytestmark = pytest.mark.anyio

HUGE = 10**30
"""An integer that JSON holds and many another encoding does not."""
ABLE: dict[str, Any] = {"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}}
META: dict[str, Any] = {"io.modelcontextprotocol/clientCapabilities": ABLE}
ANNA = {"action": "accept", "content": {"name": "Anna"}}
BERT = {"action": "accept", "content": {"name": "Bert"}}

Ran = asyncio.Queue[str]


def asking(ran: Ran) -> Freehold:
    """Functions that ask, some of them as a careful author would not."""
    app = Freehold("asking")

    @app.tool(read_only=True)
    async def two_steps(context: Context) -> str:
        """One question after the other."""
        await context.elicit("One?", NAME_FORM, key="one")
        await context.elicit("Two?", NAME_FORM, key="two")
        return "done"

    @app.tool(read_only=True)
    async def at_once(context: Context) -> str:
        """Two questions at the same time."""
        one, two = await asyncio.gather(context.elicit("One?", NAME_FORM, key="one"), context.elicit("Two?", NAME_FORM, key="two"))
        return f"{one.content['name']} {two.content['name']}"

    @app.tool(read_only=True)
    async def unsayable(context: Context) -> str:
        """A question no message can carry."""
        ran.put_nowait("ran")
        await context.elicit("One?", {"type": "object", "properties": {"a": {"type": "string", "default": object()}}})
        return "done"

    @app.tool(read_only=True, task="optional")
    async def export(context: Context) -> str:
        """A task that asks."""
        answer = await context.elicit("Sure?", NAME_FORM, key="sure")
        return f"for {answer.content['name']}"

    @app.tool(read_only=True)
    async def hold() -> None:
        """Never ends."""
        ran.put_nowait("held")
        await asyncio.Event().wait()

    @app.tool(read_only=True)
    async def tidy(context: Context) -> str:
        """Has something left to do when nobody answers."""
        try:
            await context.elicit("One?", NAME_FORM, key="one")
        finally:
            await asyncio.sleep(0.2)  # real time: what is left takes longer than the server's own end
        return "done"

    return app


def lingering(ran: Ran) -> Freehold:
    """A function that is slow to give up."""
    app = Freehold("lingering")

    @app.tool(read_only=True)
    async def linger() -> str:
        """Never ends; does something more when it is cancelled, which never ends either."""
        ran.put_nowait("begun")
        try:
            await asyncio.Event().wait()
        finally:
            ran.put_nowait("cancelled")
            try:
                await asyncio.Event().wait()
            finally:
                ran.put_nowait("cancelled again")
        return "never"

    return app


@pytest.fixture
def ran() -> Ran:
    """What the functions did, in order."""
    return asyncio.Queue()


@pytest.fixture
def plain(sqlite_url: str, tmp_path: Path) -> Settings:
    """Settings without limits, on one store."""
    return Settings(
        data_dir=tmp_path / "data",
        database_url=SecretStr(sqlite_url),
        migrate_on_start=True,
        plans={"open": PlanSettings()},
        default_plan="open",
        boundary=False,
    )


@pytest.fixture
async def server(plain: Settings, ran: Ran) -> AsyncIterator[Served]:
    """A server that asks."""
    async with served(plain, functions=[asking(ran).functions]) as running:
        await running.tenant("acme")
        yield running


async def booked(server: Served) -> list[tuple[str, str]]:
    """Which of acme's calls are in the ledger, and how each ended."""
    entries = await exported(server.application.book, "acme")
    return [(entry["what"], entry["outcome"]) for entry in entries if entry["kind"] == "call"]


async def asked(server: Served, method: str, **params: Any) -> Reply:
    """A request of a client that fills in forms and takes tasks."""
    return await server.modern(method, {**params, "_meta": META}, token=server.tokens["acme"])


async def steps(server: Served, **params: Any) -> Reply:
    """A call of `two_steps`."""
    return await asked(server, "tools/call", name="two_steps", **params)


async def becomes(server: Served, task: str, status: str) -> dict[str, Any]:
    """The task once it has that status."""
    async with asyncio.timeout(30):
        while (found := (await asked(server, "tasks/get", taskId=task)).json["result"])["status"] != status:
            pass
    return found


# what does not fit


async def test_a_huge_number_in_an_answer_is_carried_to_the_next_round(server: Served) -> None:
    """An integer of a hundred bits in an answer costs neither a 500 nor, once the function has run, its entry in the ledger."""
    first = (await steps(server)).json["result"]
    answer = {**ANNA, "more": HUGE}
    second = await steps(server, requestState=first["requestState"], inputResponses={"one": answer})
    assert second.status == 200
    assert set(second.json["result"]["inputRequests"]) == {"two"}
    last = await steps(server, requestState=second.json["result"]["requestState"], inputResponses={"two": ANNA})
    assert last.text == "done"
    assert await booked(server) == [("two_steps", "asked"), ("two_steps", "asked"), ("two_steps", "ok")]


async def test_a_state_that_would_not_be_taken_back_is_not_given(server: Served) -> None:
    """Answers too large for a requestState are refused in words when they come, not when the next ones do; the call is in the ledger."""
    first = (await steps(server)).json["result"]
    answer = {**ANNA, "more": "x" * 300_000}
    reply = await steps(server, requestState=first["requestState"], inputResponses={"one": answer})
    assert (reply.status, reply.json["error"]["code"]) == (400, -32602)
    assert "requestState can carry" in reply.json["error"]["message"]
    assert "result" not in reply.json
    assert await booked(server) == [("two_steps", "asked")] * 2


async def test_a_question_that_cannot_be_said_is_a_recorded_failure(server: Served, ran: Ran, caplog: pytest.LogCaptureFixture) -> None:
    """A function that ran is in the ledger also when what it asks is no JSON; neither client nor log hears why."""
    reply = await asked(server, "tools/call", name="unsayable")
    assert reply.json["error"]["data"]["code"] == "tool_failed"
    assert ran.qsize() == 1
    assert await booked(server) == [("unsayable", "failed")]
    assert b"object" not in reply.body
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == ["call failed"]


@pytest.mark.parametrize("action", [[], {}, None, 1, "maybe"])
async def test_an_action_of_any_kind_is_judged(server: Served, action: object) -> None:
    """An answer whose action is an array or an object is refused like every wrong one, in a round and for a task; the task waits on."""
    wrong: dict[str, Any] = {"action": action, "content": {}}
    task = (await _exported(server)).json["result"]["taskId"]
    await becomes(server, task, "input_required")
    for reply in (await steps(server, inputResponses={"one": wrong}), await _update(server, task, wrong)):
        assert (reply.status, reply.json["error"]["code"]) == (400, -32602)
    assert (await _update(server, task, ANNA)).status == 200
    done = await becomes(server, task, "completed")
    assert done["result"]["content"] == [{"type": "text", "text": "for Anna"}]
    assert sorted(await booked(server)) == [("export", "ok"), ("two_steps", "refused")]


async def _update(server: Served, task: str, answer: object) -> Reply:
    return await asked(server, "tasks/update", taskId=task, inputResponses={"sure": answer})


@pytest.mark.parametrize("request_id", [HUGE, -HUGE, 2**63, "x" * 100_000, True, 1.5, None, [], {}])
async def test_cancelling_what_cannot_be_an_id_changes_nothing(server: Served, request_id: object) -> None:
    """A cancellation of a request that no id can name is taken without a word and spreads to no replica."""
    heard: list[str] = []
    server.application.state.subscribe("freehold.sessions", heard.append)
    client = await initialized(server)
    reply = await client.tell(server, "notifications/cancelled", {"requestId": request_id})
    assert (reply.status, reply.body) == (202, b"")
    assert heard == []


async def test_an_odd_answer_in_a_batch_costs_no_request_its_own(server: Served) -> None:
    """An answer to what nobody asked, with an integer few encodings hold, leaves the requests of its 2025-03-26 batch their answers."""
    client = await initialized(server, revision="2025-03-26")
    odd = {"jsonrpc": "2.0", "id": f"{'0' * 16}.{'0' * 32}", "result": {"x": HUGE}}
    reply = await client.post(server, [message("ping", None, 1), odd, message("tools/list", None, 2)])
    assert reply.status == 200
    assert [answer["id"] for answer in reply.json if "error" not in answer] == [1, 2]
    assert len(reply.json) == 2


async def test_calls_that_limits_refuse_do_not_fill_the_database_with_tasks(plain: Settings, ran: Ran) -> None:
    """Each call that becomes a task makes a row before any limit is asked; one caller's rows are bounded, and nobody else's by it."""
    plans = {"open": PlanSettings(calls_per_day=0)}
    async with served(plain.model_copy(update={"tasks_per_caller": 1, "plans": plans}), functions=[asking(ran).functions]) as server:
        await server.tenant("acme")
        for _ in range(50):
            await becomes(server, (await _exported(server)).json["result"]["taskId"], "completed")
        refused = await _exported(server)
        assert (refused.status, refused.json["error"]["data"]["code"]) == (429, "too_many_tasks")
        assert "result" not in refused.json
        server.tokens["acme"] = await server.token("acme", user="colleague")
        assert (await _exported(server)).json["result"]["resultType"] == "task"


async def _exported(server: Served) -> Reply:
    return await asked(server, "tools/call", name="export", inputResponses={})


async def test_what_changes_no_task_waits_for_no_writer(server: Served, sqlite_url: str) -> None:
    """Cancelling a task that never was, or that has ended, takes no turn at writing, of which all calls have one: it goes on without."""
    task = (await _exported(server)).json["result"]["taskId"]
    await becomes(server, task, "input_required")
    await asked(server, "tasks/cancel", taskId=task)
    await becomes(server, task, "cancelled")
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert (await asked(server, "tasks/cancel", taskId=task)).json["result"]["resultType"] == "complete"
        never = await asked(server, "tasks/cancel", taskId="0" * 40)
    assert never.json["error"]["data"]["code"] == "unknown_task"


# at the same time


async def test_a_function_may_ask_two_things_at_once(server: Served) -> None:
    """Questions of one call that a 2025-x client has open together are each answered in any order; the call is recorded once."""
    client = await initialized(server)
    async with client.call(server, "at_once") as stream:
        questions = {(question := await stream.next())["params"]["message"]: question["id"] for _ in range(2)}
        await client.answer(server, questions["Two?"], BERT)
        await client.answer(server, questions["One?"], ANNA)
        (last,) = await stream.rest()
    assert last["result"]["content"] == [{"type": "text", "text": "Anna Bert"}]
    assert await booked(server) == [("at_once", "ok")]


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "one given up"])
async def test_a_waiting_call_gives_back_one_place_and_no_more(plain: Settings, ran: Ran, *, answered: bool) -> None:
    """A call with two open questions leaves its one place in flight to another and takes it back, however it ends; none is left over."""
    async with served(plain.model_copy(update={"source_in_flight": 2}), functions=[asking(ran).functions]) as server:
        await server.tenant("acme")
        client = await initialized(server)
        async with client.call(server, "at_once") as stream:
            questions = [(await stream.next())["id"] for _ in range(2)]
            assert await _places(server, client, ran) == 1
            for question in questions if answered else questions[:1]:
                await client.answer(server, question, ANNA if answered else None)
            (last,) = await stream.rest()
        assert last["result"].get("isError", False) is not answered
        assert await _places(server, client, ran) == 1


async def _places(server: Served, client: Client, ran: Ran) -> int:
    """How many calls can be in flight now."""
    calls: list[asyncio.Task[Reply]] = []
    while True:
        begun = asyncio.create_task(ran.get())
        calls.append(asyncio.create_task(client.ask(server, "tools/call", {"name": "hold"}, number=len(calls))))
        await asyncio.wait([begun, calls[-1]], return_when=asyncio.FIRST_COMPLETED, timeout=30)
        if calls[-1].done():
            break
    begun.cancel()
    for number in range(len(calls) - 1):
        await client.tell(server, "notifications/cancelled", {"requestId": number})
    assert [(await call).status for call in calls] == [200] * len(calls)
    assert calls[-1].result().json["result"]["_meta"][REFUSAL]["code"] == "overloaded"
    return len(calls) - 1


@pytest.mark.parametrize("first", ["the deadline", "the client"])
async def test_deadline_and_client_may_cancel_one_call(plain: Settings, ran: Ran, first: str) -> None:
    """When both the deadline and the client cancel a call that is slow to end, in either order, it is answered and recorded once."""
    async with served(plain.model_copy(update={"call_seconds": 0.4}), functions=[lingering(ran).functions]) as server:
        await server.tenant("acme")
        client = await initialized(server)
        call = asyncio.create_task(client.ask(server, "tools/call", {"name": "linger"}, number="call"))
        for _ in range(2 if first == "the deadline" else 1):
            await ran.get()
        await client.tell(server, "notifications/cancelled", {"requestId": "call"})
        reply = await call
        assert reply.json["error"]["data"]["code"] == "cancelled"
        assert await booked(server) == [("linger", "cancelled")]
        assert (await client.ask(server, "ping")).json["result"] == {}


async def test_deadline_and_hang_up_may_cancel_one_call(plain: Settings, ran: Ran, caplog: pytest.LogCaptureFixture) -> None:
    """A client that hangs up while its late call is still ending leaves one entry, and no error in the log."""
    async with served(plain.model_copy(update={"call_seconds": 0.2}), functions=[lingering(ran).functions]) as server:
        await server.tenant("acme")
        call = asyncio.create_task(asked(server, "tools/call", name="linger"))
        assert [await ran.get(), await ran.get()] == ["begun", "cancelled"]
        call.cancel()
        assert await ran.get() == "cancelled again"
        await server.application.calls.close()
        assert await booked(server) == [("linger", "cancelled")]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_call_that_was_given_up_at_a_stop_is_recorded(plain: Settings, ran: Ran) -> None:
    """A call whose question nobody will answer any more ends in words when the server stops, and before the ledger closes."""
    async with served(plain.model_copy(update={"drain_seconds": 0.1}), functions=[asking(ran).functions]) as server:
        await server.tenant("acme")
        client = await initialized(server)
        async with client.call(server, "tidy") as stream:
            await stream.next()
            await server.application.stop()
            (last,) = await stream.rest()
        async with server.application.opened():
            assert await booked(server) == [("tidy", "error")]
    assert last["result"]["isError"] is True
