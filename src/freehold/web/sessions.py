"""Sessions of the 2025 revisions without a session store: the id is the session, sealed, and any replica can open it.

What a session says later (its log level, the resources it watches, that it has ended) is told to every replica and kept
within bounds; a replica that starts afterwards does not know it: levels are as at first, an ended session works again."""

import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Final

import msgspec

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.kit.clock import Clock
from freehold.kit.crypto import Seal, Unsealable
from freehold.kit.errors import Unavailable
from freehold.protocol import session as values
from freehold.protocol.capabilities import Capabilities
from freehold.protocol.session import Session
from freehold.web.bus import Bus
from freehold.web.remarks import Book, Remarks, Told, What, digest

_PURPOSE: Final = "session/1"
_TOPIC: Final = "freehold.sessions"
_LONGEST: Final = 1_024
_KEPT: Final = 10_000
"""Opened ids kept, so that they need not be opened again."""
_NONCE: Final = 16


class Sessions:
    """Begins, opens and ends them. For one event loop."""

    def __init__(self, seal: Seal, bus: Bus, *, clock: Clock, randomness: Callable[[int], bytes]) -> None:
        """Nothing is heard before `open`."""
        self._seal = seal
        self._bus = bus
        self._now = clock.now
        self._randomness = randomness
        self._opened: OrderedDict[bytes, Session] = OrderedDict()
        self._book = Book()
        self._cancels: list[Callable[[str, str | int], None]] = []
        self._ends: list[Callable[[str, str], None]] = []
        self._stop: Callable[[], None] | None = None

    def begin(self, principal: Principal, revision: str, capabilities: Capabilities, shown: bytes) -> str:
        """The id of a new session: visible ASCII, about 200 characters."""
        session = Session(
            revision,
            capabilities,
            principal.tenant,
            _owner(principal),
            self._randomness(_NONCE).hex(),
            self._now() + values.LASTS,
            shown,
        )
        return base64.urlsafe_b64encode(self._seal.seal(_PURPOSE, values.encode(session))).decode().rstrip("=")

    def find(self, value: bytes, principal: Principal) -> Session:
        """The session of an id, or `Refusal("session_unknown")` for one that is made up, over, ended or somebody else's."""
        session = self._opened.get(value)
        if session is None:
            session = self._open(value)
            self._opened[value] = session
            if len(self._opened) > _KEPT:
                self._opened.popitem(last=False)
        if session.owner != _owner(principal) or not self.lives(session):
            raise Refusal("session_unknown")
        return session

    def lives(self, session: Session) -> bool:
        """Whether it is neither over nor, as far as this replica has heard, ended."""
        remarks = self._book.of(session.tenant, session.nonce)
        return session.expires_at > self._now() and (remarks is None or not remarks.ended)

    def level(self, session: Session) -> int:
        """The place in `LEVELS` of the mildest message it wants."""
        remarks = self._book.of(session.tenant, session.nonce)
        return Remarks().level if remarks is None else remarks.level

    def watches(self, session: Session, uri: str) -> bool:
        """Whether it watches that resource."""
        remarks = self._book.of(session.tenant, session.nonce)
        return remarks is not None and bool(remarks.watched) and digest(uri) in remarks.watched

    def watching(self, session: Session) -> int:
        """How many resources it watches."""
        remarks = self._book.of(session.tenant, session.nonce)
        return 0 if remarks is None else len(remarks.watched)

    async def say(self, session: Session, what: What, value: str | int = "") -> None:
        """Remember it here and tell the other replicas."""
        told = Told(session.tenant, session.nonce, what, value)
        self._hear(told)
        with suppress(Unavailable):
            await self._bus.publish(_TOPIC, told)

    def on_cancel(self, heard: Callable[[str, str | int], None]) -> None:
        """Call `heard` with a session's nonce and the id of a request it wants cancelled."""
        self._cancels.append(heard)

    def on_end(self, heard: Callable[[str, str], None]) -> None:
        """Call `heard` with the tenant and the nonce of a session that its client has ended, at whichever replica; perhaps twice."""
        self._ends.append(heard)

    def open(self) -> None:
        """Begin to hear the other replicas."""
        self._stop = self._bus.subscribe(_TOPIC, Told, self._hear)

    def close(self) -> None:
        """Hear no more."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()

    def _open(self, value: bytes) -> Session:
        if len(value) > _LONGEST:
            raise Refusal("session_unknown")
        try:
            sealed = base64.urlsafe_b64decode(value + b"=" * (-len(value) % 4))
            session = values.decode(self._seal.open(_PURPOSE, sealed))
        except (binascii.Error, ValueError, Unsealable, msgspec.MsgspecError):
            raise Refusal("session_unknown") from None
        if base64.urlsafe_b64encode(sealed).rstrip(b"=") != value:  # one session has one spelling
            raise Refusal("session_unknown")
        return session

    def _hear(self, told: Told) -> None:
        """Hearing the same twice changes nothing: this replica hears itself too."""
        if told.what == "cancel":
            for heard in self._cancels:
                heard(told.session, told.value)
            return
        if self._book.learn(told).ended:
            for over in self._ends:
                over(told.tenant, told.session)


def _owner(principal: Principal) -> bytes:
    return sha256(msgspec.msgpack.encode((principal.tenant, principal.subject, principal.client))).digest()[:16]
