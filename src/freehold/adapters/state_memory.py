"""`State` in this process: dictionaries and a clock. For one replica.

Nothing awaits inside a method, so on one event loop every method is atomic."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from freehold.domains.limits.bucket import SECOND, microseconds, take
from freehold.domains.limits.quota import GRACE
from freehold.kit.clock import Clock
from freehold.kit.state import Bucket, Share, Verdict, Window
from freehold.kit.topics import Topics

_ALLOWED: Final = Verdict(allowed=True)
_LOOKS: Final = 2
V = TypeVar("V")


class _Ageing(Generic[V]):
    """A dictionary that stays within about twice what is alive: each new key looks at two old ones and drops what is over.

    The cost of forgetting is so spread over the keys that come; there is no sweep that stops the loop.
    """

    def __init__(self, over: Callable[[V], bool]) -> None:
        self.entries: dict[str, V] = {}
        self._over = over
        self._turn: deque[str] = deque()

    def put(self, key: str, value: V) -> None:
        if key not in self.entries:
            self._forget_some()
            self._turn.append(key)
        self.entries[key] = value

    def alive(self, key: str) -> V | None:
        value = self.entries.get(key)
        return None if value is None or self._over(value) else value

    def _forget_some(self) -> None:
        for _ in range(min(_LOOKS, len(self._turn))):
            key = self._turn.popleft()
            if self._over(self.entries[key]):
                del self.entries[key]
            else:
                self._turn.append(key)


class _Count:
    """What a window holds, and until when."""

    __slots__ = ("forgotten_at", "used")

    def __init__(self, used: int, forgotten_at: float) -> None:
        self.used = used
        self.forgotten_at = forgotten_at


class _Lease:
    """Who holds a name, under which token, until when on the monotonic clock."""

    __slots__ = ("holder", "token", "until")

    def __init__(self, holder: str, token: int, until: float) -> None:
        self.holder = holder
        self.token = token
        self.until = until


class _Kept:
    """Values, the owners whose shares they are part of, how large they are, and until when on the monotonic clock."""

    __slots__ = ("owners", "size", "until", "values")

    def __init__(self, values: Sequence[str], owners: frozenset[str], until: float) -> None:
        self.values = tuple(values)
        self.owners = owners
        self.size = sum(map(len, values))
        self.until = until


class MemoryState:
    """Buckets, leases and seen-once on the monotonic clock, windows on the wall clock they end by."""

    def __init__(self, clock: Clock) -> None:
        """One per process; use it on one event loop."""
        self._now = clock.now
        self._monotonic = clock.monotonic
        self._buckets = _Ageing[int](lambda full_at: full_at <= microseconds(self._monotonic()))
        self._windows = _Ageing[_Count](lambda count: count.forgotten_at <= self._now())
        self._leases = _Ageing[_Lease](lambda lease: lease.until <= self._monotonic())
        self._marks = _Ageing[float](lambda until: until <= self._monotonic())
        self._kept: dict[str, _Kept] = {}
        self._token = 0
        self._topics = Topics()

    def __len__(self) -> int:
        """How many keys are held."""
        return len(self._kept) + sum(len(kept.entries) for kept in (self._buckets, self._windows, self._leases, self._marks))

    async def spend(self, buckets: tuple[Bucket, ...], windows: tuple[Window, ...], cost: int = 1) -> Verdict:
        """Look at everything, then take from everything."""
        now = int(self._monotonic() * SECOND + 0.5)
        held = self._buckets.entries
        taken: list[tuple[str, int]] = []
        for bucket in buckets:
            full_at, wait = take(held.get(bucket.key, 0), now, bucket, cost)
            if wait:
                self._buckets.put(bucket.key, full_at)
                return Verdict(allowed=False, refused_by=bucket.key, retry_after=wait / SECOND)
            taken.append((bucket.key, full_at))
        counts: list[_Count] = []
        for window in windows:
            count = self._windows.alive(window.key)
            if count is None:
                return Verdict(allowed=False, unseeded=window.key)
            if count.used + cost > window.limit:
                return self._full(window, count)
            counts.append(count)
        for key, full_at in taken:
            self._buckets.put(key, full_at)
        for count in counts:
            count.used += cost
        return _ALLOWED

    def _full(self, window: Window, count: _Count) -> Verdict:
        left = max(window.resets_at - self._now(), 0.0)
        return Verdict(allowed=False, refused_by=window.key, retry_after=left, used=count.used)

    async def seed(self, window: Window, used: int) -> None:
        """The first seed wins."""
        if self._windows.alive(window.key) is None:
            self._windows.put(window.key, _Count(used, window.resets_at + GRACE))

    async def refund(self, window: Window, cost: int = 1) -> None:
        """Put back, never below zero."""
        count = self._windows.alive(window.key)
        if count is not None:
            count.used = max(0, count.used - cost)

    async def lease(self, name: str, holder: str, seconds: float) -> int | None:
        """Tokens come from one count for all names, so each name's only grow."""
        lease = self._leases.alive(name)
        until = self._monotonic() + seconds
        if lease is None:
            self._token += 1
            self._leases.put(name, _Lease(holder, self._token, until))
            return self._token
        if lease.holder != holder:
            return None
        lease.until = until
        return lease.token

    async def release(self, name: str, holder: str) -> None:
        """The lease ends now; its place is tidied with the others."""
        lease = self._leases.alive(name)
        if lease is not None and lease.holder == holder:
            lease.until = self._monotonic()

    async def seen(self, key: str, seconds: float) -> bool:
        """Seeing it again does not lengthen the time."""
        if self._marks.alive(key) is not None:
            return True
        self._marks.put(key, self._monotonic() + seconds)
        return False

    async def keep(self, key: str, values: Sequence[str], *, seconds: float, shares: Sequence[Share], room: int) -> bool:
        """Whatever is over goes at each keeping; there is little enough of it to look through."""
        now = self._monotonic()
        self._kept = {each: kept for each, kept in self._kept.items() if kept.until > now}
        new = _Kept(values, frozenset(share.owner for share in shares), now + seconds)
        left = dict(self._kept)
        for share in shares:
            _give_way(left, share, new.size)
        fits = all(new.size <= share.most for share in shares) and sum(kept.size for kept in left.values()) + new.size <= room
        if fits:
            self._kept = {**left, key: new}
        return fits

    async def kept(self, key: str, at: int) -> str | None:
        """From the oldest on, as they were given."""
        kept = self._kept.get(key)
        return kept.values[at] if kept is not None and kept.until > self._monotonic() and at < len(kept.values) else None

    async def publish(self, topic: str, message: str) -> None:
        """Tell this process; there is no other."""
        self._topics.tell(topic, message)

    def subscribe(self, topic: str, heard: Callable[[str], None]) -> Callable[[], None]:
        """Listen until the returned function is called."""
        return self._topics.add(topic, heard)

    async def check(self) -> None:
        """Always well."""

    async def close(self) -> None:
        """Nobody listens any more."""
        self._topics.clear()


def _give_way(kept: dict[str, _Kept], share: Share, size: int) -> None:
    """Leave of an owner's only the newest, so that `size` more fits into his share."""
    left = share.most - size
    for key in reversed(list(kept)):
        if share.owner in kept[key].owners:
            left -= kept[key].size
            if left < 0:
                del kept[key]


def memory_state(url: str, *, clock: Clock) -> MemoryState:
    """What `plugs.load` calls for `memory:`; the URL says nothing more."""
    del url
    return MemoryState(clock)
