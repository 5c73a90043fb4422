"""The methods of both eras as two tables, the same for every transport; whoever has a parsed message answers it here."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Protocol

from freehold.core.channel import LEVELS
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal, short_of
from freehold.domains.catalog.resolve import Catalog, ListKind
from freehold.protocol import capabilities, handshake, stateless, wire
from freehold.protocol.methods import LISTS, Offered, Results
from freehold.web.calling import Calling
from freehold.web.remarks import MOST_WATCHED
from freehold.web.sessions import Sessions
from freehold.web.turn import Turn

Method = Callable[[Turn, Principal, dict[str, Any]], Awaitable[bytes]]

LASTING: Final = frozenset(
    {"tools/call", "resources/read", "prompts/get", "completion/complete", "subscriptions/listen", "tasks/get", "tasks/update"}
)
"""Methods a client may give up waiting for."""

_KINDS: Final[dict[str, ListKind]] = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "templates",
    "prompts/list": "prompts",
}
_RESOURCES: Final = frozenset(
    {"resources/list", "resources/templates/list", "resources/read", "resources/subscribe", "resources/unsubscribe"}
)
_PROMPTS: Final = frozenset({"prompts/list", "prompts/get"})
_LONGEST_URI: Final = 8_192


class More(Protocol):
    """Methods of one more part: name to method, for 2026-07-28."""

    @property
    def methods(self) -> dict[str, Method]:
        """The table."""
        ...


class Methods:
    """Both tables. Keeps nothing between requests but which legacy calls are running."""

    def __init__(
        self, *, catalog: Catalog, results: Results, sessions: Sessions, calling: Calling, more: tuple[More, ...] = (), tasks: bool = False
    ) -> None:
        """`more` adds methods to the modern table; `tasks` says that the tasks extension is among them."""
        self._catalog = catalog
        self._results = results
        self._sessions = sessions
        self._tasks = tasks
        self._running: dict[tuple[str, wire.Id], _Running] = {}
        sessions.on_cancel(self._cancel)
        lists: dict[str, Method] = {method: partial(self._list, method) for method in LISTS}
        runs: dict[str, Method] = {
            "tools/call": calling.tool,
            "resources/read": calling.resource,
            "prompts/get": calling.prompt,
            "completion/complete": calling.complete,
        }
        self._modern: dict[str, Method] = {"server/discover": self._discover, **lists, **runs}
        for part in more:
            self._modern |= part.methods
        self._legacy: dict[str, Method] = {
            "initialize": self._initialize,
            "ping": self._ping,
            "logging/setLevel": self._set_level,
            "resources/subscribe": partial(self._watch, on=True),
            "resources/unsubscribe": partial(self._watch, on=False),
            **lists,
            **{name: partial(self._cancellable, method) for name, method in runs.items()},
        }

    @property
    def offered(self) -> Offered:
        """What this server has now."""
        offers = self._catalog.offers
        return Offered(resources=offers.resources, prompts=offers.prompts, completions=offers.completions, tasks=self._tasks)

    def find(self, turn: Turn, asked: wire.Message) -> Method:
        """The method of a request whose era is decided. A modern one's metadata and mirrored headers are checked first.

        Raises `Fault` and `Refusal`.
        """
        if turn.modern:
            headers = turn.headers
            stateless.check(
                asked, version=headers.get(b"mcp-protocol-version"), method=headers.get(b"mcp-method"), name=headers.get(b"mcp-name")
            )
            return self.modern(asked.method)
        stateless.check_unneeded(asked, method=turn.headers.get(b"mcp-method"), name=turn.headers.get(b"mcp-name"))
        return self.legacy(asked.method)

    def modern(self, method: str) -> Method:
        """A method of 2026-07-28, or `Refusal("method_not_found")`."""
        return self._served(self._modern, method)

    def legacy(self, method: str) -> Method:
        """A method of the 2025 revisions, likewise."""
        return self._served(self._legacy, method)

    async def notified(self, turn: Turn, principal: Principal, asked: wire.Message) -> None:
        """A notification. Only a legacy session can cancel, and only its own requests."""
        if turn.session is None or asked.method != "notifications/cancelled":
            return
        request = wire.readable_id({"id": asked.params.get("requestId")})
        if request is not None:
            await self._sessions.say(turn.session, "cancel", request)

    def _served(self, table: dict[str, Method], method: str) -> Method:
        """What is not advertised is not there (basic/versioning, Capabilities)."""
        found = table.get(method)
        if found is None or (method in _UNSURE and not self._has(method)):
            raise Refusal("method_not_found")
        return found

    def _has(self, method: str) -> bool:
        offered = self.offered
        if method in _RESOURCES:
            return offered.resources
        return offered.prompts if method in _PROMPTS else offered.completions

    # both eras

    async def _list(self, method: str, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        cursor = params.get("cursor")
        if cursor is not None and type(cursor) is not str:
            raise Refusal("invalid_cursor")
        page = self._catalog.page(principal, _KINDS[method], cursor)
        return self._results.page(LISTS[method], page.items, page.following, modern=turn.modern)

    # 2026-07-28

    async def _discover(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        return self._results.discover(self.offered)

    # the 2025 revisions

    async def _initialize(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        answer = handshake.initialized(params, offered=self.offered, server=self._results.server, instructions=self._results.instructions)
        turn.serve(answer["protocolVersion"])
        shown = self._catalog.shown(principal)
        declared = capabilities.read(params.get("capabilities"))
        turn.begun = self._sessions.begin(principal, turn.revision, declared, shown.tools + shown.prompts + shown.resources)
        return wire.encode(answer)

    async def _ping(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        return b"{}"

    async def _set_level(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        level: object = params.get("level")
        if level not in LEVELS:
            raise wire.Fault("invalid_params", "params.level is not a level there is")
        if turn.session is not None:
            await self._sessions.say(turn.session, "level", LEVELS.index(level))
        return b"{}"

    async def _watch(self, turn: Turn, principal: Principal, params: dict[str, Any], *, on: bool) -> bytes:
        uri: object = params.get("uri")
        if type(uri) is not str or len(uri) > _LONGEST_URI:
            raise wire.Fault("invalid_params", "params.uri must be a URI")
        found = self._catalog.resource(principal, uri)
        if on and found is None:
            raise Refusal("unknown_resource", data={"uri": uri})
        if on and found is not None and not found[0].tool.scopes <= principal.scopes:
            raise short_of(found[0].tool.scopes)
        if turn.session is not None:
            if on and self._sessions.watching(turn.session) >= MOST_WATCHED:
                raise wire.Fault("invalid_params", f"a session watches {MOST_WATCHED} resources at most")
            await self._sessions.say(turn.session, "watch" if on else "unwatch", uri)
        return b"{}"

    async def _cancellable(self, method: Method, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        """A legacy client cancels by a message of its own; without a session nobody could tell whose request is meant."""
        if turn.session is None or turn.identity is None:
            return await method(turn, principal, params)
        key, running = (turn.session.nonce, turn.identity), _Running()
        self._running[key] = running
        try:
            return await method(turn, principal, params)
        except asyncio.CancelledError:
            if running.ended():
                raise Refusal("cancelled") from None
            raise
        finally:
            if self._running.get(key) is running:
                del self._running[key]

    def _cancel(self, session: str, request: str | int) -> None:
        running = self._running.get((session, request))
        if running is not None:
            running.end()


class _Running:
    """A call its client may cancel."""

    __slots__ = ("_ended", "_task")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._ended = False

    def end(self) -> None:
        """Once, however often it is asked for: a replica hears itself too."""
        if not self._ended and self._task is not None:
            self._task.cancel()
        self._ended = True

    def ended(self) -> bool:
        """Whether the cancellation was the client's alone; then it goes no further."""
        return self._ended and self._task is not None and self._task.uncancel() == 0


_UNSURE: Final = _RESOURCES | _PROMPTS | {"completion/complete"}
