"""The contract of a task with the client that owns it, on both stores: durable, private, answerable, cancellable, bounded."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio
import pytest
from sqlalchemy import select, update

from freehold.adapters.state_memory import MemoryState
from freehold.core.channel import Channel
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.tasks.model import Finished
from freehold.domains.tasks.tables import tasks as table
from freehold.kit.crypto import Unsealable
from freehold.kit.db import Database
from tests.clocks import HandClock
from tests.identities import code_of
from tests.tasks import ADA, MOST, PATIENT, POLL_MS, TTL_MS, Replica, Work, at_once, question, replica, who, yes

pytestmark = pytest.mark.anyio

CANARY = b"canary-5d1"


@pytest.fixture
def clock() -> HandClock:
    """The hands to turn."""
    return HandClock()


@pytest.fixture
async def here(db: Database, clock: HandClock) -> AsyncIterator[Replica]:
    """One process."""
    async with replica(db, MemoryState(clock), clock) as made:
        yield made


async def rows(db: Database) -> list[Any]:
    """Every task as it lies in the database."""
    async with db.system() as scope:
        return list(await scope.all(select(table)))


async def test_a_task_is_durable_before_its_work_begins(db: Database, here: Replica) -> None:
    """When the work takes its first step the row is committed; what was given back is a task that has just begun (SEP-2663)."""
    seen: list[int] = []

    async def look(_channel: Channel) -> Finished:
        seen.append(len(await rows(db)))
        return Finished(result=b"{}")

    begun = await here.begin(look)
    assert begun.status == "working"
    assert (begun.ttl_ms, begun.poll_ms, begun.message, begun.asks, begun.finished) == (TTL_MS, POLL_MS, "", (), None)
    await here.becomes(begun.id, "completed")
    assert seen == [1]


async def test_ids_cannot_be_guessed(here: Replica) -> None:
    """Ids have 160 random bits, share no beginning and tell nothing of tenant, user or time."""
    ids = [(await here.begin(at_once, who(subject=f"user-{number}"))).id for number in range(4)]
    assert {len(one) for one in ids} == {40}
    assert len({one[:4] for one in ids}) == 4


async def test_a_result_is_kept_until_its_time_is_over(here: Replica, clock: HandClock) -> None:
    """The result is there as it was given, as often as it is asked for, until `ttlMs` are over and not a moment less."""
    begun = await here.begin(at_once)
    first = await here.becomes(begun.id, "completed")
    clock.advance(TTL_MS / 1000 - 0.001)
    again = await here.tasks.get(ADA, begun.id)
    assert first == again
    assert again.finished == Finished(result=b'{"content":[]}')
    clock.advance(0.001)
    assert await code_of(here.tasks.get(ADA, begun.id)) == "unknown_task"


async def test_an_error_ends_a_task_as_failed(here: Replica) -> None:
    """Work that comes to an error is failed, carries the error and no result."""

    async def refuse(_channel: Channel) -> Finished:
        return Finished(error=b'{"code":-32603,"message":"No."}', message="No.")

    ended = await here.becomes((await here.begin(refuse)).id, "failed")
    assert ended.finished is not None
    assert (ended.finished.result, ended.finished.error, ended.message) == (None, b'{"code":-32603,"message":"No."}', "No.")


async def test_work_that_breaks_is_failed_in_our_words(here: Replica, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the task nor the log repeats what an exception of the work says."""

    async def break_(_channel: Channel) -> Finished:
        raise RuntimeError(CANARY.decode())

    ended = await here.becomes((await here.begin(break_)).id, "failed")
    assert "went wrong on our side" in ended.message
    assert "call-1" in ended.message
    assert CANARY.decode() not in ended.message + caplog.text
    assert "task failed" in caplog.text


async def test_what_agents_say_and_get_lies_sealed(db: Database, here: Replica) -> None:
    """Questions, answers and results of a customer are not readable in the database; ids and statuses are (VA-11's seal)."""

    async def ask(channel: Channel) -> Finished:
        await channel.ask([question("first", CANARY.decode()), question("second")])
        return Finished(result=CANARY)

    begun = await here.begin(ask)
    await here.becomes(begun.id, "input_required")
    await here.tasks.answer(ADA, begun.id, {"first": yes(said=CANARY.decode())})
    waiting = (await rows(db))[0]
    assert waiting.asks is not None
    assert waiting.answers is not None
    assert CANARY not in waiting.asks + waiting.answers
    await here.tasks.answer(ADA, begun.id, {"second": yes()})
    await here.becomes(begun.id, "completed")
    ended = (await rows(db))[0]
    assert (ended.task_id, ended.status, ended.asks, ended.answers) == (begun.id, "completed", None, None)
    assert CANARY not in ended.finished


async def test_a_sealed_result_is_of_one_task_alone(db: Database, here: Replica) -> None:
    """A result copied into the row of another task, even of the same user, does not open."""
    first, second = await here.begin(at_once), await here.begin(at_once)
    await here.becomes(first.id, "completed")
    await here.becomes(second.id, "completed")
    sealed = next(row.finished for row in await rows(db) if row.task_id == first.id)
    async with db.system(write=True) as scope:
        await scope.run(update(table).where(table.c.task_id == second.id).values(finished=sealed))
    with pytest.raises(Unsealable):
        await here.tasks.get(ADA, second.id)


@pytest.mark.parametrize("other", [who("globex"), who(subject="eve"), who("globex", "ADA")], ids=lambda one: f"{one.tenant}-{one.subject}")
async def test_another_ones_task_is_as_unknown_as_none(here: Replica, other: Principal) -> None:
    """Another tenant or another user of the same tenant gets for a real id just what a made-up one gets, and changes nothing (TEN-01)."""

    async def ask(channel: Channel) -> Finished:
        await channel.ask([question("sure")])
        return Finished(result=b"{}")

    begun = await here.begin(ask)
    before = await here.becomes(begun.id, "input_required")
    for task_id in (begun.id, "0" * 40):
        refused: list[tuple[Any, ...]] = []
        for use in (here.tasks.get(other, task_id), here.tasks.answer(other, task_id, {"sure": yes()}), here.tasks.cancel(other, task_id)):
            with pytest.raises(Refusal) as refusal:
                await use
            refused.append((refusal.value.code, refusal.value.facts, refusal.value.data, refusal.value.retry_after))
        assert refused == [("unknown_task", {}, None, None)] * 3
    assert await here.tasks.get(ADA, begun.id) == before


@pytest.mark.parametrize("task_id", ["", "x", "0" * 39, "0" * 41, "A" * 40, "\x00" * 40, "\u0660" * 40, "0" * 40 + "\n"])
async def test_what_is_no_id_is_an_unknown_task(here: Replica, task_id: str) -> None:
    """Whatever text comes as an id is refused in words by every use, also text a store could not take."""
    assert await code_of(here.tasks.get(ADA, task_id)) == "unknown_task"
    assert await code_of(here.tasks.answer(ADA, task_id, {})) == "unknown_task"
    assert await code_of(here.tasks.cancel(ADA, task_id)) == "unknown_task"


async def test_questions_are_answered_one_by_one(here: Replica) -> None:
    """A partial answer leaves the rest open; keys nobody asked for and keys answered before change nothing; the last answer goes on."""
    given: list[Mapping[str, Any]] = []

    async def ask(channel: Channel) -> Finished:
        given.append(await channel.ask([question("name"), question("size")]))
        return Finished(result=b"{}")

    begun = await here.begin(ask)
    assert [one.key for one in (await here.becomes(begun.id, "input_required")).asks] == ["name", "size"]
    await here.tasks.answer(ADA, begun.id, {"name": yes(name="first"), "unknown": yes()})
    left = await here.tasks.get(ADA, begun.id)
    assert (left.status, [one.key for one in left.asks]) == ("input_required", ["size"])
    await here.tasks.answer(ADA, begun.id, {"name": yes(name="second"), "size": yes(size=1 << 70)})
    assert (await here.becomes(begun.id, "completed")).asks == ()
    assert given == [{"name": yes(name="first"), "size": yes(size=1 << 70)}]


async def test_questions_asked_at_once_wait_each_for_its_own_answer(here: Replica) -> None:
    """Two parts of one tool may ask at the same time; both questions are open together and neither gets the other's answer."""
    given: list[Mapping[str, Any]] = []

    async def ask(channel: Channel) -> Finished:
        given.extend(await asyncio.gather(channel.ask([question("left")]), channel.ask([question("right")])))
        return Finished(result=b"{}")

    begun = await here.begin(ask)
    with anyio.fail_after(PATIENT):
        while len((await here.tasks.get(ADA, begun.id)).asks) < 2:
            await here.heard.get()
    await here.tasks.answer(ADA, begun.id, {"right": yes(hand="right")})
    await here.tasks.answer(ADA, begun.id, {"left": yes(hand="left")})
    await here.becomes(begun.id, "completed")
    assert given == [{"left": yes(hand="left")}, {"right": yes(hand="right")}]


async def test_a_key_is_never_used_twice(here: Replica) -> None:
    """A tool that asks again under the same key asks under a new one on the wire, so that a late answer to the first is ignored."""
    given: list[Any] = []

    async def ask(channel: Channel) -> Finished:
        given.append(await channel.ask([question("sure")]))
        given.append(await channel.ask([question("sure")]))
        return Finished(result=b"{}")

    begun = await here.begin(ask)
    await here.becomes(begun.id, "input_required")
    await here.tasks.answer(ADA, begun.id, {"sure": yes(number=1)})
    with anyio.fail_after(PATIENT):
        while [one.key for one in (await here.tasks.get(ADA, begun.id)).asks] != ["sure-2"]:
            await here.heard.get()
    await here.tasks.answer(ADA, begun.id, {"sure": yes(number=7)})
    assert (await here.tasks.get(ADA, begun.id)).status == "input_required"
    await here.tasks.answer(ADA, begun.id, {"sure-2": yes(number=2)})
    await here.becomes(begun.id, "completed")
    assert given == [{"sure": yes(number=1)}, {"sure": yes(number=2)}]


async def test_waiting_for_answers_is_counted(here: Replica, clock: HandClock) -> None:
    """`waited` grows while a question is open and at no other time, so that the client's thinking is not the tool's."""
    waited: list[float] = []

    async def ask(channel: Channel) -> Finished:
        clock.advance(1)
        waited.append(channel.waited())
        await channel.ask([question("sure")])
        clock.advance(1)
        waited.append(channel.waited())
        return Finished(result=b"{}")

    begun = await here.begin(ask)
    await here.becomes(begun.id, "input_required")
    clock.advance(20)
    await here.tasks.answer(ADA, begun.id, {"sure": yes()})
    await here.becomes(begun.id, "completed")
    assert waited == [0.0, 20.0]


async def test_a_cancelled_task_stays_cancelled(here: Replica) -> None:
    """Cancelling stops the work and shows at once; what the work still comes to, a second cancel and answers change nothing."""
    work = Work()
    begun = await here.begin(work)
    await work.begun.wait()
    await here.tasks.cancel(ADA, begun.id)
    ended = await here.tasks.get(ADA, begun.id)
    assert (ended.status, ended.finished) == ("cancelled", None)
    with anyio.fail_after(PATIENT):
        await work.ended.wait()
    assert work.cancelled
    await here.tasks.cancel(ADA, begun.id)
    await here.tasks.answer(ADA, begun.id, {"sure": yes()})
    assert await here.tasks.get(ADA, begun.id) == ended


async def test_an_ended_task_is_not_cancelled(here: Replica) -> None:
    """Cancelling what has completed is no error and takes nothing of its result away."""
    begun = await here.begin(at_once)
    ended = await here.becomes(begun.id, "completed")
    await here.tasks.cancel(ADA, begun.id)
    assert await here.tasks.get(ADA, begun.id) == ended


async def test_one_caller_cannot_run_more_than_its_share(here: Replica) -> None:
    """Of twenty begun at once exactly the cap is let through; others are not held up, and an end makes room (TEN-18)."""
    work = Work()
    begun = await asyncio.gather(*(here.begin(work) for _ in range(20)), return_exceptions=True)
    refused = [one for one in begun if isinstance(one, BaseException)]
    assert len(begun) - len(refused) == MOST
    assert {(one.code, one.facts["limit"]) for one in refused if isinstance(one, Refusal)} == {("too_many_tasks", MOST)}
    assert (await here.begin(at_once, who(subject="eve"))).status == "working"
    assert (await here.begin(at_once, who("globex"))).status == "working"
    running = next(one for one in begun if not isinstance(one, BaseException))
    await here.tasks.cancel(ADA, running.id)
    assert (await here.begin(work)).status == "working"
    assert await code_of(here.begin(work)) == "too_many_tasks"


async def test_a_task_whose_time_is_over_is_stopped_and_deleted(db: Database, here: Replica, clock: HandClock) -> None:
    """Work that lasts beyond `ttlMs` is cancelled at the next beat, and the sweep leaves no row of it; a younger task is left alone."""
    work, younger = Work(), Work()
    begun = await here.begin(work)
    clock.advance(TTL_MS / 1000 - 1)
    young = await here.begin(younger)
    await asyncio.gather(work.begun.wait(), younger.begun.wait())
    clock.advance(1)
    await here.tasks.beat()
    with anyio.fail_after(PATIENT):
        await work.ended.wait()
    assert (work.cancelled, younger.ended.is_set()) == (True, False)
    await here.tasks.sweep()
    assert [row.task_id for row in await rows(db)] == [young.id]
    assert await code_of(here.tasks.get(ADA, begun.id)) == "unknown_task"
