"""What 2025-x sessions said after they began, as far as this replica has heard: log levels, watched resources, ends.

Kept within bounds, and shared out: whoever says much pushes out what he himself said before, not what others did."""

from collections import OrderedDict
from hashlib import sha256
from typing import Final, Literal

from msgspec import Struct

from freehold.core.channel import LEVELS, Level

MOST: Final = 10_000
"""Sessions of which something is known."""
SHARE: Final = 1_000
"""Of these, sessions of one tenant."""
MOST_WATCHED: Final = 100
"""Resources one session may watch."""
_FIRST_LEVEL: Final[Level] = "info"
_DIGEST: Final = 16

What = Literal["ended", "level", "watch", "unwatch", "cancel"]


class Told(Struct, frozen=True, array_like=True):
    """Something a session said after it began."""

    tenant: str
    session: str
    """Its nonce."""
    what: What
    value: str | int = ""


class Remarks:
    """One session's."""

    __slots__ = ("ended", "level", "watched")

    def __init__(self) -> None:
        """As a session begins."""
        self.ended = False
        self.level = LEVELS.index(_FIRST_LEVEL)
        """The place in `LEVELS` of the mildest message it wants."""
        self.watched: set[bytes] = set()
        """Digests, for a URI may be long."""

    def learn(self, told: Told) -> None:
        """Take one more; learning the same twice changes nothing."""
        if told.what == "ended":
            self.ended = True
        elif told.what == "level":
            self.level = int(told.value)
        elif told.what == "unwatch":
            self.watched.discard(digest(str(told.value)))
        elif len(self.watched) < MOST_WATCHED:
            self.watched.add(digest(str(told.value)))


class Book:
    """All sessions' remarks; of a tenant's the oldest go first."""

    def __init__(self) -> None:
        """Nobody has said anything."""
        self._tenants: dict[str, OrderedDict[str, Remarks]] = {}
        self._count = 0

    def __len__(self) -> int:
        """Sessions of which something is known."""
        return self._count

    def of(self, tenant: str, session: str) -> Remarks | None:
        """What that session said, or None."""
        sessions = self._tenants.get(tenant)
        return None if sessions is None else sessions.get(session)

    def learn(self, told: Told) -> Remarks:
        """Take a remark; gives all of that session."""
        sessions = self._tenants.setdefault(told.tenant, OrderedDict())
        remarks = sessions.get(told.session)
        if remarks is None:
            remarks = sessions[told.session] = Remarks()
            self._count += 1
        sessions.move_to_end(told.session)
        remarks.learn(told)
        if len(sessions) > SHARE:
            self._forget(told.tenant)
        elif self._count > MOST:
            self._forget(max(self._tenants, key=lambda tenant: len(self._tenants[tenant])))
        return remarks

    def _forget(self, tenant: str) -> None:
        sessions = self._tenants[tenant]
        sessions.popitem(last=False)
        self._count -= 1
        if not sessions:
            del self._tenants[tenant]


def digest(uri: str) -> bytes:
    """Stands for a URI."""
    return sha256(uri.encode("utf-8", "surrogatepass")).digest()[:_DIGEST]
