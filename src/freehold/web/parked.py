"""Questions to 2025-x clients: a request goes out on the call's stream, the call is parked, and the answer finds it.

The answer is a POST of its own and may reach any replica; the id of the question names the replica that asked, and the
answer is passed on to it. Knows ids and waiting, not what is asked."""

import asyncio
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, Final

from msgspec import Struct

from freehold.core.channel import Unanswered
from freehold.core.refusals import Refusal
from freehold.kit.crypto import Seal, Unsealable
from freehold.kit.errors import Unavailable
from freehold.protocol.session import Session
from freehold.protocol.wire import encode
from freehold.web.bus import Bus
from freehold.web.turn import Back

_TOPIC: Final = "freehold.answers."
_NAME_BYTES: Final = 16
_QUESTION: Final = "question/1"
_LONGEST: Final = 256
MOST: Final = 1_000
"""Questions one process may have open; one tenant a quarter of them."""
SHARE: Final = 16
"""Questions one caller may have open, in all his sessions."""


class Answered(Struct, frozen=True, array_like=True):
    """An answer on its way to the replica that asked."""

    session: str
    question: str
    result: dict[str, Any] | None
    """None when the client answered with an error."""


class Parked:
    """The questions this process has open."""

    def __init__(self, bus: Bus, seal: Seal, *, replica: str, randomness: Callable[[int], bytes], seconds: float) -> None:
        """`replica` is 16 hex digits of its own; `seconds` is how long an answer may take."""
        self._bus = bus
        self._seal = seal
        self._replica = replica
        self._randomness = randomness
        self._seconds = seconds
        self._open: dict[str, tuple[str, asyncio.Future[dict[str, Any] | None]]] = {}
        self._held: Counter[str | bytes] = Counter()
        self._stop: Callable[[], None] | None = None

    def name(self) -> str:
        """A name nobody can guess."""
        return self._randomness(_NAME_BYTES).hex()

    async def ask(self, session: Session, back: Back, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The client's result. Raises `Unanswered` when it is an error or does not come in time."""
        with self._place(session):
            question = f"{self._replica}.{self._seal.seal(_QUESTION, b'', self._bound(self._replica, session)).hex()}"
            answer: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
            self._open[question] = (session.nonce, answer)
            try:
                async with asyncio.timeout(self._seconds):
                    await back.emit(encode({"jsonrpc": "2.0", "id": question, "method": method, "params": params}))
                    result = await answer
            except TimeoutError:
                raise Unanswered from None
            finally:
                del self._open[question]
        if result is None:
            raise Unanswered
        return result

    async def answer(self, session: Session, question: object, result: dict[str, Any] | None) -> None:
        """Take an answer to whoever asked; one that nobody waits for, or that is not this session's to give, changes nothing.

        No replica is told of an answer to a question that none of them ever asked this session.
        """
        if type(question) is not str or len(question) > _LONGEST:
            return
        replica, _, sealed = question.partition(".")
        answered = Answered(session.nonce, question, result)
        if replica == self._replica:
            self._hear(answered)
        elif self._ours(sealed, self._bound(replica, session)):
            with suppress(Unavailable):
                await self._bus.publish(_TOPIC + replica, answered)

    @contextmanager
    def _place(self, session: Session) -> Generator[None]:
        """One of the places for open questions, which tenants and callers share."""
        if len(self._open) >= MOST or self._held[session.tenant] >= MOST // 4 or self._held[session.owner] >= SHARE:
            raise Refusal("too_many_questions")
        self._held.update((session.tenant, session.owner))
        try:
            yield
        finally:
            for whose in (session.tenant, session.owner):
                self._held[whose] -= 1
                if not self._held[whose]:
                    del self._held[whose]

    def _ours(self, sealed: str, bound_to: bytes) -> bool:
        try:
            self._seal.open(_QUESTION, bytes.fromhex(sealed), bound_to)
        except (Unsealable, ValueError):
            return False
        return True

    @staticmethod
    def _bound(replica: str, session: Session) -> bytes:
        return f"{replica}.{session.nonce}".encode()

    def open(self) -> None:
        """Hear answers that reached other replicas."""
        self._stop = self._bus.subscribe(_TOPIC + self._replica, Answered, self._hear)

    def close(self) -> None:
        """Hear no more; whoever waits is told that no answer comes."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()
        for _, answer in self._open.values():
            if not answer.done():
                answer.set_result(None)

    def give_up(self, session: str) -> None:
        """Whoever waits for this session is told that no answer comes."""
        for asked_of, answer in self._open.values():
            if asked_of == session and not answer.done():
                answer.set_result(None)

    def _hear(self, answered: Answered) -> None:
        """The nonce of the session is in nobody's hands but the sealed id's holder, whom every request authenticates."""
        session, answer = self._open.get(answered.question, ("", None))
        if answer is not None and session == answered.session and not answer.done():
            answer.set_result(answered.result)
