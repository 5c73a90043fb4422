"""Open streams: `subscriptions/listen` of 2026-07-28 and the GET stream of the 2025 revisions, told what has changed.

The only thing a process keeps for a client. Bounded: what waits to be said is one mark per list and watched resource,
and whoever reads too slowly is hung up on by the server below."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, cast

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.catalog.resolve import Catalog, Shown
from freehold.kit.clock import Clock
from freehold.protocol import revisions, wire
from freehold.protocol.capabilities import TASKS
from freehold.protocol.methods import Results
from freehold.protocol.session import Session
from freehold.protocol.wire import encode, is_object
from freehold.web.channels import undeclared
from freehold.web.edges import Headers
from freehold.web.notices import Notice, Notices
from freehold.web.remarks import MOST_WATCHED
from freehold.web.sessions import Sessions
from freehold.web.sse import KEEP_ALIVE
from freehold.web.turn import Back, Stream, Turn

SHARE: Final = 64
"""Streams one caller may have open."""
_LOOK: Final = 0.25
"""Seconds between looks for silent streams."""
_LONGEST_TASK: Final = 64
_LONGEST_FILTER: Final = 32_768
_AT_ONCE: Final = 100
"""Streams looked at together, so that no call waits for thousands of comments; more when that would not do."""

_METHODS: Final = {
    "tools": "notifications/tools/list_changed",
    "prompts": "notifications/prompts/list_changed",
    "resources": "notifications/resources/list_changed",
    "resource": "notifications/resources/updated",
}
_MEMBERS: Final = {"tools": "toolsListChanged", "prompts": "promptsListChanged", "resources": "resourcesListChanged"}

Mark = tuple[str, str]
"""What there is to say: a kind of notice or `task`, and the URI or the task's id."""


class Identity(Protocol):
    """Who is calling, still."""

    async def principal(self, headers: Headers) -> Principal:
        """The verified caller, or `Refusal`."""
        ...


class TaskEvents(Protocol):
    """What this needs of tasks."""

    async def told(self, principal: Principal, task: str, meta: dict[str, Any]) -> bytes | None:
        """The `notifications/tasks` message of a task, or None when it is not this principal's."""
        ...


class Wanted(Struct, frozen=True):
    """What a listener opted into."""

    lists: frozenset[str]
    uris: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()


class _Open:
    """One open stream."""

    __slots__ = ("caller", "due_at", "ended", "marks", "principal", "session", "shown", "silent", "stirred", "wanted")

    def __init__(self, principal: Principal, session: Session | None, wanted: Wanted, shown: Shown) -> None:
        self.principal = principal
        self.caller = (principal.tenant, principal.subject, principal.client)
        self.session = session
        self.wanted = wanted
        self.shown = shown
        self.marks: dict[Mark, None] = {}
        self.stirred = asyncio.Event()
        self.silent = False
        self.ended = False
        self.due_at = 0.0

    def mark(self, kind: str, name: str = "") -> None:
        """Saying it once is enough, however often it happened."""
        self.marks[(kind, name)] = None
        self.stirred.set()

    def end(self) -> None:
        self.ended = True
        self.stirred.set()


class Streams:
    """All open streams of one process."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        identity: Identity,
        notices: Notices,
        sessions: Sessions,
        results: Results,
        clock: Clock,
        most: int,
        tasks: TaskEvents | None = None,
        keep_alive: float = KEEP_ALIVE,
    ) -> None:
        """`most` streams in all, a quarter of them for one tenant."""
        self._catalog = catalog
        self._identity = identity
        self._sessions = sessions
        self._results = results
        self._monotonic = clock.monotonic
        self._now = clock.now
        self._most = most
        self._tasks = tasks
        self._keep_alive = keep_alive
        self._open: dict[str, dict[_Open, None]] = {}
        self._held: Counter[tuple[str, str, str]] = Counter()
        self._count = 0
        self._waiting: OrderedDict[_Open, None] = OrderedDict()
        self._looking: asyncio.TimerHandle | None = None
        self._draining = False
        notices.listen(self._noticed)
        sessions.on_end(self._session_ended)

    @property
    def methods(self) -> dict[str, Callable[[Turn, Principal, dict[str, Any]], Awaitable[bytes]]]:
        """What it adds to the modern table."""
        return {"subscriptions/listen": self.listen}

    @property
    def count(self) -> int:
        """Streams open now."""
        return self._count

    async def listen(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        """subscriptions/listen: acknowledge, tell, and in the end say that it is over (basic/patterns/subscriptions)."""
        if turn.back is None:
            raise wire.Fault("invalid_request", "subscriptions/listen needs Accept: text/event-stream")
        wanted = self._honoured(turn, principal, params.get("notifications"))
        meta = {revisions.SUBSCRIPTION_KEY: turn.identity}
        one = self._begin(principal, None, wanted)
        try:
            said: dict[str, Any] = {_MEMBERS[kind]: True for kind in sorted(wanted.lists)}
            said |= {"resourceSubscriptions": sorted(wanted.uris)} if wanted.uris else {}
            said |= {"taskIds": sorted(wanted.tasks)} if wanted.tasks else {}
            acknowledged = {"_meta": meta, "notifications": said}
            await turn.back.emit(_notification("notifications/subscriptions/acknowledged", acknowledged))
            await self._serve(one, turn.back, turn.headers, meta)
        finally:
            self._over(one)
        return self._results.tagged(meta)

    async def get(self, principal: Principal, session: Session, headers: Headers, stream: Stream) -> None:
        """A 2025-x client's stream. What changed since its session began is told at once: it may have missed it on another replica."""
        one = self._begin(principal, session, Wanted(frozenset(_MEMBERS)))
        try:
            await stream.start()
            for kind, then, now in zip(_MEMBERS, _thirds(session.shown), _digests(one.shown), strict=True):
                if then != now:
                    one.mark(kind)
            await self._serve(one, stream, headers, None)
        finally:
            self._over(one)

    def catalog_changed(self) -> None:
        """Tell those whose own view is another than before, and nobody else."""
        for streams in self._open.values():
            for one in streams:
                self._show(one)

    def task_changed(self, tenant: str, task: str) -> None:
        """Tell those who follow the task."""
        for one in self._open.get(tenant, ()):
            if task in one.wanted.tasks:
                one.mark("task", task)

    def open(self) -> None:
        """Take streams."""
        self._draining = False

    def close(self) -> None:
        """Take no more, and end those there are with their final words; clients open them again elsewhere."""
        self._draining = True
        for streams in self._open.values():
            for one in streams:
                one.end()

    # their lives

    def _begin(self, principal: Principal, session: Session | None, wanted: Wanted) -> _Open:
        if self._draining:
            raise Refusal("draining", retry_after=1)
        caller = (principal.tenant, principal.subject, principal.client)
        mine = self._open.get(principal.tenant, {})
        if self._count >= self._most or len(mine) >= max(1, self._most // 4) or self._held[caller] >= SHARE:
            raise Refusal("too_many_streams", retry_after=self._keep_alive)
        one = _Open(principal, session, wanted, self._catalog.shown(principal))
        self._open.setdefault(principal.tenant, {})[one] = None
        self._held[caller] += 1
        self._count += 1
        one.due_at = self._monotonic() + self._keep_alive
        self._waiting[one] = None
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK, self._look)
        return one

    def _over(self, one: _Open) -> None:
        caller = one.caller
        one.ended = True
        del self._waiting[one]
        mine = self._open[caller[0]]
        del mine[one]
        if not mine:
            del self._open[caller[0]]
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        self._count -= 1

    async def _serve(self, one: _Open, back: Back, headers: Headers, meta: dict[str, Any] | None) -> None:
        """Until it is ended: by us, or because the credential it was opened with is good no longer."""
        while not one.ended:
            await one.stirred.wait()
            one.stirred.clear()
            if one.silent:
                one.silent = False
                if not await self._still(one, headers):
                    return
                if not one.marks and not one.ended:
                    await back.alive()
            while one.marks and not one.ended:
                mark = next(iter(one.marks))
                del one.marks[mark]
                message = await self._message(one, mark, meta)
                if message is not None:
                    await back.emit(message)

    async def _still(self, one: _Open, headers: Headers) -> bool:
        if one.session is not None and not self._sessions.lives(one.session):
            return False
        try:
            principal = await self._identity.principal(headers)
        except Refusal as refusal:
            return refusal.code == "identity_unavailable" and one.principal.expires_at > self._now()
        if principal.tenant != one.principal.tenant or principal.subject != one.principal.subject:
            return False
        self._seen_as(one, principal)
        return True

    def _seen_as(self, one: _Open, principal: Principal) -> None:
        """Who is calling may see more or less than before: another scope, another list of tools."""
        one.principal = principal
        self._show(one)
        if one.wanted.uris:
            one.wanted = replace(one.wanted, uris=frozenset(uri for uri in one.wanted.uris if self._sees(principal, uri)))

    def _show(self, one: _Open) -> None:
        shown = self._catalog.shown(one.principal)
        for kind, then, now in zip(_MEMBERS, _digests(one.shown), _digests(shown), strict=True):
            if then != now and kind in one.wanted.lists:
                one.mark(kind)
        one.shown = shown

    async def _message(self, one: _Open, mark: Mark, meta: dict[str, Any] | None) -> bytes | None:
        kind, name = mark
        if kind == "task":
            return None if self._tasks is None else await self._tasks.told(one.principal, name, meta or {})
        params: dict[str, Any] = {} if meta is None else {"_meta": meta}
        return _notification(_METHODS[kind], {**params, "uri": name} if kind == "resource" else params)

    def _look(self) -> None:
        """Stir the streams whose time has come: they stand in line, for all wait equally long."""
        now = self._monotonic()
        for _ in range(max(_AT_ONCE, int(len(self._waiting) * 2 * _LOOK / self._keep_alive))):
            one = next(iter(self._waiting), None)
            if one is None or one.due_at > now:
                break
            one.due_at = now + self._keep_alive
            self._waiting.move_to_end(one)
            one.silent = True
            one.stirred.set()
        self._looking = asyncio.get_running_loop().call_later(_LOOK, self._look) if self._waiting else None

    def _session_ended(self, tenant: str, nonce: str) -> None:
        for one in self._open.get(tenant, ()):
            if one.session is not None and one.session.nonce == nonce:
                one.end()

    # what they are told

    def _noticed(self, notice: Notice) -> None:
        tenants = list(self._open) if notice.tenant is None else [notice.tenant]
        for tenant in tenants:
            for one in self._open.get(tenant, ()):
                if notice.kind != "resource":
                    if notice.kind in one.wanted.lists:
                        one.mark(notice.kind)
                elif notice.uri in one.wanted.uris or (one.session is not None and self._sessions.watches(one.session, notice.uri)):
                    one.mark("resource", notice.uri)

    def _honoured(self, turn: Turn, principal: Principal, asked: object) -> Wanted:
        """The subset of the filter this server can keep: lists it has, resources this caller can see."""
        if not is_object(asked):
            raise wire.Fault("invalid_params", "params.notifications must be an object")
        offered = self._catalog.offers
        has = {"tools": True, "prompts": offered.prompts, "resources": offered.resources}
        lists = frozenset(kind for kind, member in _MEMBERS.items() if has[kind] and _flag(asked, member))
        uris = [uri for uri in _texts(asked, "resourceSubscriptions") if self._sees(principal, uri)]
        tasks = [task for task in _texts(asked, "taskIds") if len(task) <= _LONGEST_TASK]
        if tasks and not turn.capabilities.tasks:
            raise undeclared({"extensions": {TASKS: {}}})
        return Wanted(lists, frozenset(uris), frozenset(tasks if self._tasks is not None else ()))

    def _sees(self, principal: Principal, uri: str) -> bool:
        found = self._catalog.resource(principal, uri)
        return found is not None and found[0].tool.scopes <= principal.scopes


def _flag(asked: dict[str, Any], member: str) -> bool:
    value: object = asked.get(member, False)
    if type(value) is not bool:
        raise wire.Fault("invalid_params", f"params.notifications.{member} must be true or false")
    return value


def _texts(asked: dict[str, Any], member: str) -> list[str]:
    value: object = asked.get(member, [])
    found = cast("list[object]", value) if isinstance(value, list) else [None]
    texts = [one for one in found if type(one) is str]
    if len(texts) != len(found) or len(texts) > MOST_WATCHED or sum(map(len, texts)) > _LONGEST_FILTER:
        raise wire.Fault(
            "invalid_params",
            f"params.notifications.{member} must be a list of {MOST_WATCHED} texts of {_LONGEST_FILTER} characters at most",
        )
    return texts


def _notification(method: str, params: dict[str, Any]) -> bytes:
    body: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    return encode({**body, "params": params} if params else body)


def _digests(shown: Shown) -> tuple[bytes, bytes, bytes]:
    return shown.tools, shown.prompts, shown.resources


def _thirds(digests: bytes) -> tuple[bytes, bytes, bytes]:
    size = len(digests) // 3
    return digests[:size], digests[size : 2 * size], digests[2 * size :]
