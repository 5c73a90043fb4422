"""Port: what replicas share for a short time. Counters, leases, seen-once, broadcast.

`adapters/state_memory.py` serves one process, `adapters/state_redis.py` many. Nothing here is durable:
what must survive is in the database, and counters can be seeded from it again."""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct


class Bucket(Struct, frozen=True):
    """A token bucket (GCRA): `burst` tokens at most, refilled at `per_second`."""

    key: str
    per_second: float
    burst: int


class Window(Struct, frozen=True):
    """A counter that may reach `limit` and is forgotten at `resets_at` (Unix seconds)."""

    key: str
    limit: int
    resets_at: float


class Verdict(Struct, frozen=True):
    """What became of a spend. Nothing was taken unless `allowed`."""

    allowed: bool
    refused_by: str = ""
    """Key of the bucket or window that was empty."""
    retry_after: float = 0.0
    """Seconds after which the same spend would pass, were nothing else spent."""
    used: int = 0
    """What the refusing window holds."""
    unseeded: str = ""
    """Key of a window this state has never seen: seed it, then spend again. Nothing was taken."""


class Share(Struct, frozen=True):
    """What may be kept of one owner at once, in bytes."""

    owner: str
    """Without spaces."""
    most: int


class State(Protocol):
    """Every method may raise `kit.errors.Unavailable`; callers decide what to do then."""

    async def spend(self, buckets: tuple[Bucket, ...], windows: tuple[Window, ...], cost: int = 1) -> Verdict:
        """Take `cost` from all of them or from none, atomically, in at most one round trip.

        Buckets are looked at first, then windows; the first empty one refuses.
        """
        ...

    async def seed(self, window: Window, used: int) -> None:
        """Give a window its starting count if it has none; the first seed wins."""
        ...

    async def refund(self, window: Window, cost: int = 1) -> None:
        """Put back what a call that is not charged had reserved; never below zero."""
        ...

    async def lease(self, name: str, holder: str, seconds: float) -> int | None:
        """Hold `name` for `seconds`: a fencing token that only grows, or None when another holds it.

        The holder itself may renew and keeps its token.
        """
        ...

    async def release(self, name: str, holder: str) -> None:
        """Give a lease back; nothing happens when another holds it."""
        ...

    async def seen(self, key: str, seconds: float) -> bool:
        """Whether `key` was seen in the last `seconds`; marks it as seen."""
        ...

    async def keep(self, key: str, values: Sequence[str], *, seconds: float, shares: Sequence[Share], room: int) -> bool:
        """Keep ASCII `values` under a new `key` for so long, as part of each share: there, what was kept first gives way.

        False, and nothing has changed, when they are larger than a share, or when all owners together would have more than `room` bytes.
        """
        ...

    async def kept(self, key: str, at: int) -> str | None:
        """The value at that place of what is kept under `key`; None when there is none any more."""
        ...

    async def publish(self, topic: str, message: str) -> None:
        """Tell every subscriber of every process, at most once each; may be lost."""
        ...

    def subscribe(self, topic: str, heard: Callable[[str], None]) -> Callable[[], None]:
        """Call `heard` on the event loop for each message; returns the way to stop."""
        ...

    async def check(self) -> None:
        """Reach the server, or raise `Unavailable` with a sentence."""
        ...

    async def close(self) -> None:
        """Give everything back."""
        ...
