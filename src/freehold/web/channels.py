"""A running call's way back to its client, for each era: notifications on the call's own stream, questions as that era asks them.

2026-07-28 asks by ending the call and being called again; the 2025 revisions ask by a request on the stream and wait."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Literal, NoReturn, cast

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.channel import LEVELS, Ask, InputRequired, Kind, Level, Unanswered
from freehold.core.refusals import Refusal
from freehold.domains.guard.arguments import validator
from freehold.kit.errors import Unavailable
from freehold.protocol import capabilities, revisions, rounds
from freehold.protocol.wire import encode, is_object
from freehold.web.notices import Notice, Notices
from freehold.web.parked import Parked
from freehold.web.sessions import Sessions
from freehold.web.turn import Turn

_PROGRESS_AT_ONCE: Final = 50
_PROGRESS_A_SECOND: Final = 20.0
_NO_LEVEL: Final = len(LEVELS)
_ACTIONS: Final = ("accept", "decline", "cancel")
_NO_ELICITATION: Final = frozenset({"2025-03-26"})
"""Revisions older than elicitation."""


class Ways(Struct, frozen=True, kw_only=True):
    """What channels lead to."""

    parked: Parked
    sessions: Sessions
    notices: Notices
    monotonic: Callable[[], float]
    seen: Callable[[str, float], Awaitable[bool]]
    """Whether a key was seen in the last so many seconds; marks it as seen. May raise `Unavailable`."""


class _Channel:
    """What both eras share."""

    __slots__ = ("_done", "_sent", "_started", "_tenant", "_turn", "_ways")

    def __init__(self, turn: Turn, tenant: str, ways: Ways) -> None:
        """One per call."""
        self._turn = turn
        self._tenant = tenant
        self._ways = ways
        self._done: float | None = None
        self._started = 0.0
        self._sent = 0

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Only with a token, only forward, and not too often; the last step is always told (basic/utilities/progress)."""
        token: object = self._turn.meta.get("progressToken")
        if type(token) not in {str, int} or self._turn.back is None or (self._done is not None and done <= self._done):
            return
        if self._too_often() and (total is None or done < total):
            return
        self._done = done
        said: dict[str, Any] = {"progressToken": token, "progress": done}
        if total is not None:
            said["total"] = total
        if message:
            said["message"] = message
        await self._emit("notifications/progress", said)

    def _too_often(self) -> bool:
        now = self._ways.monotonic()
        if not self._sent:
            self._started = now
        if self._sent >= _PROGRESS_AT_ONCE + (now - self._started) * _PROGRESS_A_SECOND:
            return True
        self._sent += 1
        return False

    async def log(self, level: Level, data: Any, logger: str | None) -> None:
        """Only what the client wants to hear (server/utilities/logging)."""
        if self._turn.back is None or LEVELS.index(level) < self._mildest():
            return
        said = {"level": level, "data": data} if logger is None else {"level": level, "logger": logger, "data": data}
        await self._emit("notifications/message", said)

    async def notice(self, kind: Kind, uri: str | None = None) -> None:
        """To the caller's own tenant and nobody else (law 1)."""
        await self._ways.notices.tell(Notice(self._tenant, kind, uri or ""))

    def waited(self) -> float:
        """Not at all, where questions end the call."""
        return 0.0

    def _mildest(self) -> int:
        raise NotImplementedError

    async def _emit(self, method: str, params: dict[str, Any]) -> None:
        if self._turn.back is not None:
            await self._turn.back.emit(encode({"jsonrpc": "2.0", "method": method, "params": params}))


def undeclared(required: dict[str, Any]) -> Refusal:
    """The refusal of what needs capabilities the client did not declare; `required` is a ClientCapabilities object."""
    needs = capabilities.named(required) or "a session in which it says what it can do"
    return Refusal("missing_capability", needs=needs, data={"requiredCapabilities": required})


class ModernChannel(_Channel):
    """2026-07-28. Answers came with the request, or come with the next one."""

    __slots__ = ("_state", "answers")
    parks = False

    def __init__(self, turn: Turn, tenant: str, ways: Ways, answers: Mapping[str, Any], state: str = "") -> None:
        """`answers` by key, not yet checked; `state` is the requestState they came with."""
        self._turn = turn
        self._tenant = tenant
        self._ways = ways
        self._done = None
        self._started = 0.0
        self._sent = 0
        self._state = state
        self.answers = answers

    async def ask(self, asks: Sequence[Ask]) -> Mapping[str, Any]:
        """Answers that have come, or `InputRequired` for the whole round; kinds the client did not declare are not asked."""
        missing = [one for one in asks if one.key not in self.answers]
        for one in missing:
            required = self._turn.capabilities.lacks(one.method, one.params)
            if required is not None:
                raise undeclared(required)
        if missing:
            raise InputRequired(missing)
        await self.use()
        return {one.key: checked(one, self.answers[one.key]) for one in asks}

    async def use(self) -> None:
        """The answers are about to be acted on, which one requestState allows once: a confirmation is not to be replayed.

        Not before, so that a call refused on its way here can be made again. Raises `Refusal("invalid_state")`.
        """
        state, self._state = self._state, ""
        if not state:
            return
        try:
            used = await self._ways.seen(f"round:{sha256(state.encode()).hexdigest()[:32]}", rounds.LASTS)
        except Unavailable:
            raise Refusal("state_unavailable", retry_after=1) from None
        if used:
            raise Refusal("invalid_state")

    def can(self, ask: Ask) -> bool:
        """Whether the client declared it with this request."""
        return self._turn.capabilities.lacks(ask.method, ask.params) is None

    def _mildest(self) -> int:
        wanted: object = self._turn.meta.get(revisions.LOG_LEVEL_KEY)
        return LEVELS.index(wanted) if wanted in LEVELS else _NO_LEVEL


class LegacyChannel(_Channel):
    """The 2025 revisions. Questions need a session, for only there the client said what it can be asked."""

    __slots__ = ("_open", "_since", "_waited")
    parks = True

    def __init__(self, turn: Turn, tenant: str, ways: Ways) -> None:
        """Not waiting yet."""
        super().__init__(turn, tenant, ways)
        self._open = 0
        self._since = 0.0
        self._waited = 0.0

    async def ask(self, asks: Sequence[Ask]) -> Mapping[str, Any]:
        """One question after the other."""
        answers: dict[str, Any] = {}
        for one in asks:
            answers[one.key] = await self._one(one)
        return answers

    def waited(self) -> float:
        """The time in which at least one question was open."""
        return self._waited + (self._ways.monotonic() - self._since if self._open else 0.0)

    def can(self, ask: Ask) -> bool:
        """Whether the client declared it when its session began, and there is a way back to it."""
        turn = self._turn
        if turn.session is None or turn.back is None or turn.capabilities.lacks(ask.method, ask.params) is not None:
            return False
        return ask.method != "elicitation/create" or turn.revision not in _NO_ELICITATION

    async def _one(self, ask: Ask) -> Any:
        turn = self._turn
        if ask.params.get("mode") == "url":
            ask = replace(ask, params={**ask.params, "elicitationId": self._ways.parked.name()})
        if turn.session is None or turn.back is None or not self.can(ask):
            self._cannot(ask, turn.capabilities.lacks(ask.method, ask.params))
        self._begin()
        try:
            answer = await self._ways.parked.ask(turn.session, turn.back, ask.method, ask.params)
        finally:
            self._end()
        try:
            return checked(ask, answer)
        except Refusal:
            raise Unanswered from None

    def _begin(self) -> None:
        """A function may ask several questions at once."""
        if not self._open:
            self._since = self._ways.monotonic()
        self._open += 1

    def _end(self) -> None:
        self._waited, self._since = self.waited(), self._ways.monotonic()
        self._open -= 1

    def _cannot(self, ask: Ask, required: dict[str, Any] | None) -> NoReturn:
        """Where there is no way back, a page to open can still be named in the error (2025-11-25, -32042)."""
        able = self._turn.session is None or required is None
        if able and ask.params.get("mode") == "url" and self._turn.revision == revisions.LEGACY[0]:
            raise Refusal("url_elicitation_required", data={"elicitations": [ask.params]})
        raise undeclared(required or {})

    def _mildest(self) -> int:
        session = self._turn.session
        return LEVELS.index("info") if session is None else self._ways.sessions.level(session)


def checked(ask: Ask, answer: object) -> Any:
    """The answer, or `Refusal("invalid_params")` for one of another shape than the question's kind has."""
    if not is_object(answer) or not _SHAPES[ask.method](ask, answer):
        raise Refusal("invalid_params", why=f"the answer to {ask.method} has not the shape it must have")
    return answer


def _elicited(ask: Ask, answer: dict[str, Any]) -> bool:
    action: object = answer.get("action")
    if action not in _ACTIONS:
        return False
    if action != "accept" or ask.params.get("mode") == "url":
        return True
    content: object = answer.get("content")
    return is_object(content) and validator(ask.params["requestedSchema"]).is_valid(content)


def _sampled(_ask: Ask, answer: dict[str, Any]) -> bool:
    return type(answer.get("role")) is str and type(answer.get("model")) is str and isinstance(answer.get("content"), dict | list)


def _rooted(_ask: Ask, answer: dict[str, Any]) -> bool:
    found: object = answer.get("roots")
    roots = cast("list[object]", found) if isinstance(found, list) else [None]
    return all(is_object(root) and type(root.get("uri")) is str for root in roots)


_SHAPES: Final[dict[Literal["elicitation/create", "sampling/createMessage", "roots/list"], Callable[[Ask, dict[str, Any]], bool]]] = {
    "elicitation/create": _elicited,
    "sampling/createMessage": _sampled,
    "roots/list": _rooted,
}
