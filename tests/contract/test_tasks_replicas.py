"""The contract of tasks between replicas: any replica serves a task that another one runs, also when broadcasts are lost or one dies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import anyio
import asyncpg
import pytest
from sqlalchemy import make_url

from freehold.adapters.state_memory import MemoryState
from freehold.adapters.state_redis import open_redis
from freehold.core.channel import Channel, Unanswered
from freehold.domains.tasks.model import Changed, Finished
from freehold.domains.tasks.records import LOST_AFTER
from freehold.kit.db import Database, connect
from freehold.kit.state import State
from tests.clocks import HandClock
from tests.identities import code_of
from tests.tasks import ADA, MOST, PATIENT, TTL_MS, Lossy, Replica, Work, at_once, question, replica, who, yes

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> HandClock:
    """The hands to turn."""
    return HandClock()


@dataclass
class Pair:
    """Two replicas on one database."""

    here: Replica
    there: Replica
    db: Database


@pytest.fixture
async def pair(store_urls: tuple[str, str], clock: HandClock) -> AsyncIterator[Pair]:
    """On SQLite and memory, where a broadcast reaches both of one process, and on PostgreSQL and Redis, where nothing is shared."""
    database, state = store_urls
    first = second = MemoryState(clock)
    if state != "memory:":
        first, second = (open_redis(state, prefix=prefix, seconds=PATIENT, clock=clock) for prefix in [f"{uuid4().hex}:"] * 2)
    one, other = connect(database), connect(database)
    async with replica(one, first, clock, "here") as here, replica(other, second, clock, "there") as there:
        yield Pair(here, there, one)
    for store in (first, second, one, other):
        await store.close()


async def ask_once(channel: Channel) -> Finished:
    """Work that comes to what the client answers."""
    given = await channel.ask([question("name")])
    return Finished(result=given["name"]["content"]["name"].encode())


async def test_another_replica_answers(pair: Pair) -> None:
    """A question asked by one replica is seen and answered at the other; the first goes on with the answer."""
    begun = await pair.here.begin(ask_once)
    assert [one.key for one in (await pair.there.becomes(begun.id, "input_required")).asks] == ["name"]
    await pair.there.tasks.answer(ADA, begun.id, {"name": yes(name="Ada")})
    assert (await pair.there.becomes(begun.id, "completed")).finished == Finished(result=b"Ada")


async def test_another_replica_cancels(pair: Pair) -> None:
    """A cancel at one replica stops the work at the other."""
    work = Work()
    begun = await pair.here.begin(work)
    await work.begun.wait()
    await pair.there.tasks.cancel(ADA, begun.id)
    with anyio.fail_after(PATIENT):
        await work.ended.wait()
    assert work.cancelled
    assert (await pair.here.tasks.get(ADA, begun.id)).status == "cancelled"


async def test_watchers_of_every_replica_hear_each_change_once(pair: Pair) -> None:
    """Both replicas hear who changed which task, for each change of status once, and nothing of its beginning."""
    begun = await pair.here.begin(ask_once)
    await pair.here.becomes(begun.id, "input_required")
    await pair.there.tasks.answer(ADA, begun.id, {"name": yes(name="Ada")})
    await pair.here.becomes(begun.id, "completed")
    last = await pair.here.begin(at_once)
    seen: dict[str, list[Changed]] = {"here": [], "there": []}
    await pair.here.becomes(last.id, "completed")
    changed = Changed("acme", "ada", begun.id)
    with anyio.fail_after(PATIENT):
        while Changed("acme", "ada", last.id) not in seen["there"]:
            seen["there"].append(await pair.there.heard.get())
    assert seen["there"] == [changed] * 3 + [Changed("acme", "ada", last.id)]
    assert pair.there.heard.empty()


async def test_answers_given_at_once_at_two_replicas_both_count(pair: Pair) -> None:
    """Of two partial answers in the same instant neither is lost."""
    names = [f"q{number}" for number in range(8)]

    async def ask(channel: Channel) -> Finished:
        given = await channel.ask([question(name) for name in names])
        return Finished(result=str(len(given)).encode())

    begun = await pair.here.begin(ask)
    await pair.here.becomes(begun.id, "input_required")
    sides = [pair.here, pair.there] * 4
    await asyncio.gather(*(side.tasks.answer(ADA, begun.id, {name: yes()}) for side, name in zip(sides, names, strict=True)))
    assert (await pair.here.becomes(begun.id, "completed")).finished == Finished(result=b"8")


async def test_the_share_of_a_caller_is_one_for_all_replicas(pair: Pair) -> None:
    """What runs at one replica counts at the other."""
    for _ in range(MOST):
        await pair.here.begin(Work())
    assert await code_of(pair.there.begin(at_once)) == "too_many_tasks"
    assert (await pair.there.begin(at_once, who("globex"))).status == "working"


@pytest.mark.parametrize("answers", [True, False], ids=["lost", "refused"])
async def test_a_lost_broadcast_is_made_good_by_the_beat(db: Database, clock: HandClock, answers: bool) -> None:  # noqa: FBT001  a parameter of the test
    """With no broadcast at all the runner finds answers and cancels in the rows at its next beat, and nobody's request fails."""
    work = Work()
    async with (
        replica(db, Lossy(answers=answers), clock, "here") as here,
        replica(db, Lossy(answers=answers), clock, "there") as there,
    ):
        asking, waiting = await here.begin(ask_once), await here.begin(work)
        await here.becomes(asking.id, "input_required")
        await there.tasks.answer(ADA, asking.id, {"name": yes(name="Ada")})
        await there.tasks.cancel(ADA, waiting.id)
        assert not work.ended.is_set()
        await here.tasks.beat()
        assert (await here.becomes(asking.id, "completed")).finished == Finished(result=b"Ada")
        with anyio.fail_after(PATIENT):
            await work.ended.wait()
        assert work.cancelled


async def test_a_question_of_a_cancelled_task_is_not_asked(db: Database, clock: HandClock) -> None:
    """Work that has not heard of its cancel yet and asks is told that nobody answers; the task stays cancelled, without a question."""
    work, refused = Work(), list[str]()

    async def ask_late(channel: Channel) -> Finished:
        await work.go_on.wait()
        try:
            await channel.ask([question("late")])
        except Unanswered:
            refused.append("late")
        return Finished(result=b"{}")

    async with replica(db, Lossy(answers=True), clock, "here") as here, replica(db, Lossy(answers=True), clock, "there") as there:
        begun = await here.begin(ask_late)
        await there.tasks.cancel(ADA, begun.id)
        work.go_on.set()
        with anyio.fail_after(PATIENT):
            while not refused:
                await there.tasks.get(ADA, begun.id)
        ended = await there.tasks.get(ADA, begun.id)
        assert (ended.status, ended.asks, ended.finished) == ("cancelled", (), None)


async def test_cancelled_work_is_cancelled_once(db: Database, clock: HandClock) -> None:
    """However often a cancel is heard of, what the work still does to end cleanly, as being recorded, is not cut off."""
    cancelled, recording, recorded = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def record(_channel: Channel) -> Finished:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
            await recording.wait()
            recorded.set()
        return Finished(result=b"{}")

    async with replica(db, MemoryState(clock), clock) as here:
        begun = await here.begin(record)
        await asyncio.sleep(0)
        await here.tasks.cancel(ADA, begun.id)
        with anyio.fail_after(PATIENT):
            await cancelled.wait()
            await here.tasks.beat()
            await here.tasks.beat()
            recording.set()
            await recorded.wait()
        assert (await here.tasks.get(ADA, begun.id)).status == "cancelled"


async def test_a_stop_does_not_wait_for_clients(db: Database, clock: HandClock) -> None:
    """Work that waits for an answer gets none of the moment a stop gives, for nobody may ever answer."""
    async with replica(db, MemoryState(clock), clock) as here:
        begun = await here.begin(ask_once)
        await here.becomes(begun.id, "input_required")
        with anyio.fail_after(PATIENT):
            await here.tasks.close(100 * PATIENT)
        assert (await here.tasks.get(ADA, begun.id)).status == "failed"


async def dies(db: Database, clock: HandClock, state: State) -> str:
    """Id of a task whose process has died: it never beats again, and its work says nothing."""
    async with replica(db, state, clock, "dead", start=False) as dead:
        task = await dead.begin(Work())
        for run in dead.tasks._runs._runs.values():  # noqa: SLF001  what `kill -9` does: nothing is written any more
            run.job.cancel()
            run.stopped = True
        dead.tasks._runs._runs.clear()  # noqa: SLF001  same
    return task.id


@pytest.mark.parametrize("found_by", ["get", "sweep"])
async def test_a_dead_process_fails_its_tasks(db: Database, clock: HandClock, found_by: str) -> None:
    """A task whose process stopped beating becomes failed, by whoever looks first, recorded once; others are left alone."""
    state = MemoryState(clock)
    lost = await dies(db, clock, state)
    async with replica(db, state, clock) as here:
        alive = await here.begin(Work())
        clock.advance(LOST_AFTER)
        await here.tasks.beat()
        assert (await here.tasks.get(ADA, lost)).status == "working"
        clock.advance(0.001)
        if found_by == "sweep":
            await here.tasks.sweep()
            assert here.heard.get_nowait() == Changed("acme", "ada", lost)
        ended = await here.tasks.get(ADA, lost)
        assert (ended.status, ended.finished) == ("failed", None)
        assert "The server that ran it stopped" in ended.message
        assert (await here.tasks.get(ADA, alive.id)).status == "working"
        await here.tasks.sweep()
        assert [(deed.tenant, deed.act, deed.on, deed.actor) for deed in here.deeds] == [("acme", "task.lost", lost, "ada")]


async def test_tasks_of_a_dead_process_do_not_use_up_a_share(db: Database, clock: HandClock) -> None:
    """Once nobody runs them any more, a caller's lost tasks count for nothing, also before anyone has swept."""
    state = MemoryState(clock)
    for _ in range(MOST):
        await dies(db, clock, state)
    async with replica(db, state, clock) as here:
        assert await code_of(here.begin(at_once)) == "too_many_tasks"
        clock.advance(LOST_AFTER + 1)
        assert (await here.begin(at_once)).status == "working"


async def test_a_row_nobody_here_knows_of_is_ended(db: Database, clock: HandClock) -> None:
    """A task of this very process whose work never began, for its client went away while the row was committed, does not live on."""
    async with replica(db, MemoryState(clock), clock) as here:
        await here.begin(Work())
        forgotten = await here.begin(Work())
        here.tasks._runs._runs.pop(forgotten.id).job.cancel()  # noqa: SLF001  as if it had not begun
        await here.tasks.beat()
        assert (await here.tasks.get(ADA, forgotten.id)).status == "failed"


async def test_a_stop_gives_work_a_moment_and_fails_the_rest(db: Database, clock: HandClock) -> None:
    """While a replica closes, work that ends in time completes, what waits for its client is cut off at once, and nothing new begins."""
    state, quick, slow = MemoryState(clock), Work(), Work()
    async with replica(db, state, clock, "there") as there:
        async with replica(db, state, clock, "here") as here:
            tasks = [await here.begin(work) for work in (quick, slow, ask_once)]
            await here.becomes(tasks[2].id, "input_required")
            closing = asyncio.get_running_loop().create_task(here.tasks.close(0.2))
            await asyncio.sleep(0)
            quick.go_on.set()
            assert await code_of(here.begin(at_once)) == "draining"
            await closing
        statuses = [(await there.tasks.get(ADA, one.id)).status for one in tasks]
        assert statuses == ["completed", "failed", "failed"]
        assert "stopped before it was done" in (await there.tasks.get(ADA, tasks[1].id)).message
        assert (quick.cancelled, slow.cancelled) == (False, True)


async def test_results_outlive_their_process(db: Database, clock: HandClock) -> None:
    """What one process finished is given by the next one, and its own rows are no longer beaten for."""
    state = MemoryState(clock)
    async with replica(db, state, clock, "first") as first:
        begun = await first.begin(at_once)
        await first.becomes(begun.id, "completed")
    clock.advance(TTL_MS / 2000)
    async with replica(db, state, clock, "second") as second:
        assert (await second.tasks.get(ADA, begun.id)).finished == Finished(result=b'{"content":[]}')


async def locked(url: str, server: str, doing: Callable[[], Awaitable[None]]) -> None:
    """Do it while nobody is let into the database."""
    name = make_url(url).database
    admin = await asyncpg.connect(server)
    await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    try:
        await doing()
    finally:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await admin.close()


async def test_an_end_while_the_database_is_away_is_not_lost(postgres_url: str, postgres_server: str, clock: HandClock) -> None:
    """Work that ends while the database is away is written at the next beat after it is back; meanwhile requests are refused in words."""
    db, work, refused = connect(postgres_url), Work(), list[str]()

    async def asks(channel: Channel) -> Finished:
        await work.go_on.wait()
        try:
            await channel.ask([question("name")])
        except Unanswered:
            refused.append("ask")
        return Finished(result=b"{}")

    async def away() -> None:
        work.go_on.set()
        await work.ended.wait()
        refused.append(await code_of(here.tasks.get(ADA, ending.id)))
        refused.append(await code_of(here.begin(at_once)))

    async with replica(db, MemoryState(clock), clock) as here:
        ending, asking = await here.begin(work), await here.begin(asks)
        await work.begun.wait()
        await locked(postgres_url, postgres_server, away)
        for one in (ending, asking):
            with anyio.fail_after(PATIENT):
                while (await here.tasks.get(ADA, one.id)).status == "working":
                    await here.tasks.beat()
            assert (await here.tasks.get(ADA, one.id)).status == "completed"
    assert sorted(refused) == ["ask", "tasks_unavailable", "tasks_unavailable"]
    await db.close()
