"""What only a server between replicas can get wrong: processes, outages, cut connections, forgotten scripts, keys left behind."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import anyio
import pytest
from redis.asyncio import Redis

from freehold.adapters.state_redis import RedisState, open_redis
from freehold.kit.errors import Unavailable
from freehold.kit.state import Bucket, State, Verdict, Window

pytestmark = pytest.mark.anyio

PATIENT = 30.0
"""Seconds a question may take where a slow machine must not decide the test."""

MIDNIGHT = 1_800_057_600.0

WORKER = """
import asyncio, sys
from freehold.adapters.state_redis import open_redis
from freehold.kit.state import Bucket, Window

async def main(url, resets_at, calls):
    state = open_redis(url, seconds=30.0)
    buckets, windows = (Bucket("{acme}:rate", 0.001, 10_000),), (Window("{acme}:day", 100, float(resets_at)),)
    await state.seed(windows[0], 0)
    verdicts = await asyncio.gather(*(state.spend(buckets, windows) for _ in range(int(calls))))
    print(sum(verdict.allowed for verdict in verdicts))
    await state.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def redis_state(redis_url: str) -> AsyncIterator[RedisState]:
    """A state as production has it: on the server's own clock."""
    opened = open_redis(redis_url, prefix=f"{uuid4().hex}:", seconds=PATIENT)
    yield opened
    await opened.close()


@asynccontextmanager
async def server_that_says(answer: bytes) -> AsyncGenerator[str]:
    """The URL of a server that answers everything alike; nothing at all when `answer` is empty."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(65_536):
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_two_processes_share_one_limit(redis_url: str) -> None:
    """Two processes with 75 concurrent spends each on a window of 100 let exactly 100 through together (RL-01)."""
    async with Redis.from_url(redis_url) as other:
        resets_at = (await other.time())[0] + 3_600
    command = [sys.executable, "-c", WORKER, redis_url, str(resets_at), "75"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = await asyncio.gather(
        *(asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE) for _ in range(2))
    )
    passed = [int((await process.communicate())[0]) for process in processes]
    assert sum(passed) == 100
    assert max(passed) <= 75


@pytest.mark.parametrize(
    "ask",
    [
        lambda state: state.spend((Bucket("{acme}:rate", 1, 1),), ()),
        lambda state: state.seed(Window("{acme}:day", 1, MIDNIGHT), 0),
        lambda state: state.refund(Window("{acme}:day", 1, MIDNIGHT)),
        lambda state: state.lease("refresh", "a", 10),
        lambda state: state.release("refresh", "a"),
        lambda state: state.seen("evt_1", 10),
        lambda state: state.publish("plans", "1"),
        lambda state: state.check(),
    ],
    ids=["spend", "seed", "refund", "lease", "release", "seen", "publish", "check"],
)
async def test_every_question_to_a_server_that_is_gone_is_unavailable(ask: Callable[[State], Awaitable[object]]) -> None:
    """Nobody listens: each method raises `Unavailable` with a sentence that names no password (RL-05)."""
    async with server_that_says(b"") as url:
        pass
    state = open_redis(url.replace("127.0.0.1", ":secret@127.0.0.1"))
    with anyio.fail_after(PATIENT), pytest.raises(Unavailable, match="state server") as raised:
        await ask(state)
    assert "secret" not in str(raised.value)
    await state.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"-READONLY You can't write against a read only replica.\r\n",
        b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
        b"-NOAUTH Authentication required.\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
    ids=["silent", "readonly", "oom", "noauth", "not redis"],
)
async def test_a_server_that_does_not_serve_is_unavailable(answer: bytes) -> None:
    """Silence, a replica, full memory, a missing password and another protocol all raise `Unavailable` (RL-05)."""
    async with server_that_says(answer) as url:
        state = open_redis(url)
        with anyio.fail_after(PATIENT), pytest.raises(Unavailable):
            await state.spend((Bucket("{acme}:rate", 1, 1),), ())
        await state.close()


async def test_redis_forgotten_scripts_are_sent_again(redis_url: str, redis_state: RedisState) -> None:
    """After the server dropped its scripts and data the next spends pass, none of them twice (RL-05)."""
    bucket = Bucket("{acme}:rate", 0.001, 3)
    assert (await redis_state.spend((bucket,), ())).allowed
    async with Redis.from_url(redis_url) as other:
        await other.script_flush()
        await other.flushdb()
    verdicts = await asyncio.gather(*(redis_state.spend((bucket,), ()) for _ in range(5)))
    assert [verdict.allowed for verdict in verdicts] == [True, True, True, False, False]


async def test_redis_connections_cut_by_the_server_are_made_again(redis_url: str, redis_state: RedisState) -> None:
    """After the server cut every connection, spends pass and broadcasts are heard again without a restart (RL-05)."""
    heard = asyncio.Event()
    redis_state.subscribe("plans", lambda _: heard.set())
    await redis_state.check()
    async with Redis.from_url(redis_url) as other:
        for kind in ("pubsub", "normal"):
            await other.client_kill_filter(_type=kind, skipme=True)
    assert (await redis_state.spend((Bucket("{acme}:rate", 1, 1),), ())).allowed
    with anyio.fail_after(PATIENT):
        while not heard.is_set():
            await redis_state.publish("plans", "1")


async def test_a_caller_that_gives_up_never_shifts_anothers_answer(redis_state: RedisState) -> None:
    """With every other caller cancelled at some point of its way, each remaining one gets the verdict of its own key."""
    empty, full = Bucket("{acme}:empty", 0.001, 1), Bucket("{globex}:full", 0.001, 1_000)
    await redis_state.spend((empty,), ())
    for turns in range(12):
        tasks = [asyncio.create_task(redis_state.spend(((empty, full)[at % 2],), ())) for at in range(20)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        kept = [(at, answer) for at, answer in enumerate(answers) if isinstance(answer, Verdict)]
        assert [answer.allowed for _, answer in kept] == [at % 2 == 1 for at, _ in kept]


async def test_redis_keys_expire_by_themselves(redis_url: str) -> None:
    """Every key has an end, except the count that makes fencing tokens grow; a window outlives its day by a little."""
    state = open_redis(redis_url, seconds=PATIENT)
    async with Redis.from_url(redis_url, decode_responses=True) as other:
        window = Window("{acme}:day", 5, (await other.time())[0] + 1_000)
        await state.seed(window, 0)
        await state.spend((Bucket("{acme}:rate", 10, 10),), (window,))
        await state.refund(window, 3)
        await state.lease("refresh", "a", 10)
        await state.seen("evt_1", 10)
        ends = {key: await other.ttl(key) for key in await other.keys()}
    assert ends.pop("freehold:lease:{refresh}:token") == -1
    assert 1_000 < ends["freehold:{acme}:day"] <= 1_300
    assert 0 < ends["freehold:seen:evt_1"] <= 10
    assert all(0 < end <= 1_300 for end in ends.values())
    assert len(ends) == 4
    await state.close()
