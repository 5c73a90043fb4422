"""`State` in Redis (6.2 or later) or Valkey, for many replicas. Time is the server's, so that replicas agree.

On a cluster the keys of one spend must share a hash slot: give them a hash tag, `{acme}:rate` and `{acme}:day`.
Every failure of client or server is `Unavailable`; nothing is sent twice."""

# redis-py leaves its keyword arguments untyped, so every method of its that takes some counts as unknown:
# pyright: reportUnknownMemberType=false

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from msgspec import Struct
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from freehold.domains.limits.bucket import SECOND, interval, microseconds
from freehold.domains.limits.quota import GRACE
from freehold.kit.clock import Clock
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.kit.state import Bucket, Share, Verdict, Window
from freehold.kit.topics import Topics

_ALLOWED: Final = Verdict(allowed=True)
_PASSED, _REFUSED = 0, 1
_KEPT: Final = "{kept}:"
_QUIET: Final = 10.0
_LONGEST_PAUSE: Final = 2.0

_NOW: Final = """
local now = tonumber(ARGV[1])
if now < 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
"""


class _Script:
    """Lua source and the digest the server knows it by."""

    def __init__(self, source: str) -> None:
        self.source = _NOW + source
        self.digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


_SPEND: Final = _Script("""
local function keep(key, full_at)
  redis.call('SET', key, string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000) + 60000)
end
local cost, buckets = tonumber(ARGV[2]), tonumber(ARGV[3])
local full_at = {}
for i = 1, buckets do
  local each, whole = tonumber(ARGV[2 + 2 * i]), tonumber(ARGV[3 + 2 * i])
  local was = tonumber(redis.call('GET', KEYS[i]) or now)
  local held = math.min(math.max(was, now), now + whole)
  full_at[i] = held + each * cost
  local wait = full_at[i] - whole - now
  if wait > 0 then
    if held < was then keep(KEYS[i], held) end
    return {1, i, wait, 0}
  end
end
for i = buckets + 1, #KEYS do
  local limit, resets_at = tonumber(ARGV[2 + 2 * i]), tonumber(ARGV[3 + 2 * i])
  local used = tonumber(redis.call('GET', KEYS[i]) or -1)
  if used < 0 then return {2, i, 0, 0} end
  if used + cost > limit then return {1, i, math.max(0, resets_at - now), used} end
end
for i = 1, buckets do keep(KEYS[i], full_at[i]) end
for i = buckets + 1, #KEYS do redis.call('INCRBY', KEYS[i], cost) end
return {0, 0, 0, 0}
""")

_SEED: Final = _Script("""
local left = math.max(0, math.ceil((tonumber(ARGV[3]) - now) / 1000)) + tonumber(ARGV[4])
redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', left)
return 0
""")

_REFUND: Final = _Script("""
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('DECRBY', KEYS[1], ARGV[2]) < 0 then
  redis.call('SET', KEYS[1], 0, 'KEEPTTL')
end
return 0
""")

_LEASE: Final = _Script("""
local held = redis.call('HMGET', KEYS[1], 'holder', 'over_at', 'token')
local token = held[3]
if not token or tonumber(held[2]) <= now then
  token = redis.call('INCR', KEYS[2])
elseif held[1] ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'holder', ARGV[2], 'over_at', string.format('%.0f', now + ARGV[3]), 'token', token)
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[3] / 1000) + 60000)
return tonumber(token)
""")

_RELEASE: Final = _Script("""
if redis.call('HGET', KEYS[1], 'holder') == ARGV[2] then redis.call('DEL', KEYS[1]) end
return 0
""")

_KEEP: Final = _Script("""
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local size, room, over_at, shares = tonumber(ARGV[2]), tonumber(ARGV[3]), now + ARGV[4], tonumber(ARGV[5])
local all, total, sizes, member = redis.call('ZREVRANGE', KEYS[1], 0, -1), size, {}, ARGV[6] .. ' ' .. size .. ' '
for at, each in ipairs(all) do sizes[at] = tonumber(string.match(each, ' (%d+) ')); total = total + sizes[at] end
for i = 7, 5 + 2 * shares, 2 do
  local owner, left = ' @' .. ARGV[i] .. ' ', ARGV[i + 1] - size
  if left < 0 then return 0 end
  member = member .. owner
  for at, each in ipairs(all) do
    if sizes[at] > 0 and string.find(each, owner, 1, true) then
      left = left - sizes[at]
      if left < 0 then total, sizes[at] = total - sizes[at], 0 end
    end
  end
end
if total > room then return 0 end
for at, each in ipairs(all) do
  if sizes[at] == 0 then redis.call('ZREM', KEYS[1], each); redis.call('DEL', KEYS[1] .. string.match(each, '^%S+')) end
end
redis.call('ZADD', KEYS[1], string.format('%.0f', over_at), member)
for i = 7 + 2 * shares, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
for i = 1, 2 do redis.call('PEXPIRE', KEYS[i], math.ceil(ARGV[4] / 1000)) end
return 1
""")

_SOURCES: Final = {script.digest: script.source for script in (_SPEND, _SEED, _REFUND, _LEASE, _RELEASE, _KEEP)}

Command = tuple[str | int, ...]


class _Asked(Struct, frozen=True, eq=False):
    """A command on its way, and where its answer goes."""

    command: Command
    answer: asyncio.Future[Any]


class _Line:
    """One connection for everybody: what waits at the same time goes out in one round trip.

    A caller that gives up abandons its answer, never the connection, so no answer can reach somebody else's question.
    """

    def __init__(self, client: Redis, seconds: float) -> None:
        self._client = client
        self._seconds = seconds
        self._waiting: list[_Asked] = []
        self._sender: asyncio.Task[None] | None = None

    async def ask(self, *command: str | int) -> Any:
        """The server's answer, or `Unavailable` after at most the seconds given."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(command, answer))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())
        try:
            async with asyncio.timeout(self._seconds):
                got = await answer
        except TimeoutError as error:
            raise _unavailable(error) from None
        if isinstance(got, Exception):
            raise _unavailable(got) from got
        return got

    async def close(self) -> None:
        """Whoever still waits runs into its time limit."""
        if self._sender is not None:
            self._sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sender
        await self._client.aclose()

    async def _send(self) -> None:
        while self._waiting:
            batch = [asked for asked in self._waiting if not asked.answer.done()]
            self._waiting = []
            if batch:
                answers = await self._answers([asked.command for asked in batch])
                for asked, answer in zip(batch, answers, strict=True):
                    if not asked.answer.done():
                        asked.answer.set_result(answer)

    async def _answers(self, commands: Sequence[Command]) -> Sequence[object]:
        try:
            answers = await self._pipeline(commands)
            unknown = [at for at, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if unknown:
                again = await self._pipeline([("EVAL", _SOURCES[str(commands[at][1])], *commands[at][2:]) for at in unknown])
                for at, answer in zip(unknown, again, strict=True):
                    answers[at] = answer
        except (RedisError, OSError) as error:
            return [error] * len(commands)
        return answers

    async def _pipeline(self, commands: Sequence[Command]) -> list[object]:
        async with self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            return await pipe.execute(raise_on_error=False)


class _Ear:
    """Listens on one channel for all topics, and comes back by itself when the connection breaks."""

    def __init__(self, client: Redis, channel: str, topics: Topics) -> None:
        self._client = client
        self._channel = channel
        self._topics = topics
        self._task: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._stay())

    async def listening(self, seconds: float) -> None:
        """Return once the server sends us what is published."""
        if self._task is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._listening.wait()
        except TimeoutError as error:
            raise _unavailable(error) from None

    async def close(self) -> None:
        """Hear no more, until the next `start`."""
        task, self._task = self._task, None
        self._listening.clear()
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._client.aclose()

    async def _stay(self) -> None:
        pause = 0.05
        while True:
            try:
                await self._listen()
            except (RedisError, OSError):
                pause = 0.05 if self._listening.is_set() else min(2 * pause, _LONGEST_PAUSE)
                self._listening.clear()
                await asyncio.sleep(pause)

    async def _listen(self) -> None:
        async with self._client.pubsub() as pubsub:
            await pubsub.subscribe(self._channel)
            asked = False
            while True:
                message = cast("dict[str, Any] | None", await pubsub.get_message(timeout=_QUIET))
                if message is not None:
                    self._heard(message)
                    asked = False
                elif asked:
                    raise TimeoutError
                else:
                    await pubsub.ping()
                    asked = True

    def _heard(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            self._listening.set()
        elif message["type"] == "message":
            topic, _, text = message["data"].partition("\n")
            self._topics.tell(topic, text)


class RedisState:
    """Counters live in keys that expire by themselves; only the fencing counters stay."""

    def __init__(self, client: Redis, ear: Redis, *, prefix: str = "freehold:", seconds: float = 0.25, clock: Clock | None = None) -> None:
        """`ear` is a second client without a read timeout, for broadcasts. `seconds` bounds every question.

        `prefix` sets deployments apart that share a server. Without a `clock` the time is the server's; tests turn one by hand.
        """
        self._line = _Line(client, seconds)
        self._seconds = seconds
        self._prefix = prefix
        self._clock = clock
        self._topics = Topics()
        self._channel = f"{prefix}broadcast"
        self._ear = _Ear(ear, self._channel, self._topics)

    async def spend(self, buckets: tuple[Bucket, ...], windows: tuple[Window, ...], cost: int = 1) -> Verdict:
        """One script, one round trip."""
        given: list[str | int] = [cost, len(buckets)]
        for bucket in buckets:
            if cost > bucket.burst:
                raise ValueError(f"A cost of {cost} can never be taken from a bucket of {bucket.burst}; make the bucket larger.")
            each = interval(bucket)
            given += (each, each * bucket.burst)
        for window in windows:
            given += (window.limit, microseconds(window.resets_at))
        keys = [*(bucket.key for bucket in buckets), *(window.key for window in windows)]
        what, at, wait, used = cast("list[int]", await self._run(_SPEND, keys, given))
        if what == _PASSED:
            return _ALLOWED
        key = keys[at - 1]
        if what == _REFUSED:
            return Verdict(allowed=False, refused_by=key, retry_after=wait / SECOND, used=used)
        return Verdict(allowed=False, unseeded=key)

    async def seed(self, window: Window, used: int) -> None:
        """The first seed wins."""
        await self._run(_SEED, [window.key], [used, microseconds(window.resets_at), GRACE * 1000])

    async def refund(self, window: Window, cost: int = 1) -> None:
        """Put back, never below zero."""
        await self._run(_REFUND, [window.key], [cost])

    async def lease(self, name: str, holder: str, seconds: float) -> int | None:
        """A name's fencing counter is never deleted, so its tokens only grow."""
        keys = [f"lease:{{{name}}}", f"lease:{{{name}}}:token"]
        return await self._run(_LEASE, keys, [holder, microseconds(seconds)]) or None

    async def release(self, name: str, holder: str) -> None:
        """Nothing happens when another holds it."""
        await self._run(_RELEASE, [f"lease:{{{name}}}"], [holder])

    async def seen(self, key: str, seconds: float) -> bool:
        """Seeing it again does not lengthen the time. Counts real time, whatever clock was given."""
        return not await self._line.ask("SET", f"{self._prefix}seen:{key}", 1, "NX", "PX", max(1, int(seconds * 1000)))

    async def keep(self, key: str, values: Sequence[str], *, seconds: float, shares: Sequence[Share], room: int) -> bool:
        """Values count real time, their places the clock that was given. All of it shares one hash slot."""
        owned = [part for share in shares for part in (share.owner, share.most)]
        given = [sum(map(len, values)), room, microseconds(seconds), len(shares), key, *owned, *values]
        return bool(await self._run(_KEEP, [_KEPT, _KEPT + key], given))

    async def kept(self, key: str, at: int) -> str | None:
        """One value alone is sent."""
        return await self._line.ask("LINDEX", self._prefix + _KEPT + key, at)

    async def publish(self, topic: str, message: str) -> None:
        """Tell every process, this one too; a topic has no line break."""
        await self._line.ask("PUBLISH", self._channel, f"{topic}\n{message}")

    def subscribe(self, topic: str, heard: Callable[[str], None]) -> Callable[[], None]:
        """Listen until the returned function is called. Call it on the event loop; `check` waits until the server listens."""
        self._ear.start()
        return self._topics.add(topic, heard)

    async def check(self) -> None:
        """The server answers, and what is published reaches the subscribers."""
        await self._line.ask("PING")
        await self._ear.listening(self._seconds)

    async def close(self) -> None:
        """Close both connections."""
        self._topics.clear()
        await self._ear.close()
        await self._line.close()

    async def _run(self, script: _Script, keys: Sequence[str], given: Sequence[str | int]) -> Any:
        now = -1 if self._clock is None else microseconds(self._clock.now())
        return await self._line.ask("EVALSHA", script.digest, len(keys), *(self._prefix + key for key in keys), now, *given)


def open_redis(url: str, *, prefix: str = "freehold:", seconds: float = 0.25, clock: Clock | None = None) -> RedisState:
    """A state on the server at `url` (`redis://[user:password@]host[:port][/database]`, `rediss://` for TLS). No I/O yet."""
    try:
        return RedisState(_client(url, seconds, seconds), _client(url, seconds, None), prefix=prefix, seconds=seconds, clock=clock)
    except ValueError:
        raise Misconfigured("The state URL is not one Redis understands; write redis://host:6379/0, or rediss:// for TLS.") from None


def redis_state(url: str, *, clock: Clock) -> RedisState:
    """What `plugs.load` calls for `redis:` and `rediss:`; the server's clock is used, so that replicas agree."""
    del clock
    return open_redis(url)


def _client(url: str, connect_seconds: float, read_seconds: float | None) -> Redis:
    return Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=connect_seconds,
        socket_timeout=read_seconds,
    )


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(
        f"The state server does not serve us ({type(error).__name__}); see that Redis runs, takes writes and that state_url is right."
    )
