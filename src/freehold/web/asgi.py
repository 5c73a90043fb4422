"""The map of doors: path to endpoint, plus the lifespan. Pure ASGI; no middleware."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager

from freehold.core.refusals import Refusal
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.kit.turns import Turns
from freehold.web.answers import refusal_answer, send
from freehold.web.edges import Receive, Scope, Send
from freehold.web.websocket import refuse

_log = logging.getLogger("freehold.web")

Endpoint = Callable[[Scope, Receive, Send], Awaitable[None]]
Running = Callable[[], AbstractAsyncContextManager[None]]


class Asgi:
    """The application a server runs, or a SaaS mounts into its own."""

    def __init__(
        self,
        routes: Mapping[str, Endpoint],
        *,
        sockets: Mapping[str, Endpoint],
        running: Running,
        start: Callable[[], Awaitable[None]],
    ) -> None:
        """`routes` for HTTP, one that ends with `/` for everything below it; `sockets` for WebSockets.

        `start` is called before the first request when no lifespan was seen (a mounted
        application gets none)."""
        self._routes = dict(routes)
        self._sockets = dict(sockets)
        self._running = running
        self._start = start
        self._started = False
        self._starting = Turns()

    async def __call__(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """One connection of any kind."""
        if scope["type"] == "http":
            await self._http(scope, receive, send_)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send_)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send_)

    async def _websocket(self, scope: Scope, receive: Receive, send_: Send) -> None:
        try:
            if not self._started:
                await self._begin()
            endpoint = self._endpoint(self._sockets, scope)
        except Refusal as refusal:
            await refuse(scope, send_, refusal)
        else:
            await endpoint(scope, receive, send_)

    async def _http(self, scope: Scope, receive: Receive, send_: Send) -> None:
        try:
            if not self._started:
                await self._begin()
            await self._endpoint(self._routes, scope)(scope, receive, send_)
        except Refusal as refusal:
            status, body = refusal_answer(refusal, None, modern=True)
        except Exception as fault:  # noqa: BLE001  # door: nothing may reach the server's own error page
            _log.error("request failed", extra={"code": "internal", "error": type(fault).__name__})
            status, body = refusal_answer(Refusal("internal", request_id="-"), None, modern=True)
        else:
            return
        await send(send_, status, body)

    async def _begin(self) -> None:
        """Start once, however many requests come first together; one that fails leaves it to the next."""
        async with self._starting.here:
            if self._started:
                return
            try:
                await self._start()
            except (Misconfigured, Unavailable, Refusal) as fault:
                _log.error("not started: %s", fault, extra={"code": "not_started", "error": type(fault).__name__})
                raise Refusal("internal", request_id="-") from None
            self._started = True

    def _endpoint(self, routes: Mapping[str, Endpoint], scope: Scope) -> Endpoint:
        path: str = scope["path"]
        root: str = scope.get("root_path", "")
        if root and path.startswith(root):
            path = path[len(root) :]
        endpoint = routes.get(path) or next((one for below, one in routes.items() if below[-1] == "/" and path.startswith(below)), None)
        if endpoint is None or b"%" in (scope.get("raw_path") or b""):  # no path here has a second spelling that a rule in front would miss
            raise Refusal("not_found", endpoint="/mcp")
        return endpoint

    async def _lifespan(self, receive: Receive, send_: Send) -> None:
        await receive()
        try:
            async with self._running():
                self._started = True
                await send_({"type": "lifespan.startup.complete"})
                await receive()
        except (Misconfigured, Unavailable, Refusal) as fault:
            await send_({"type": "lifespan.startup.failed", "message": str(fault)})
            return
        await send_({"type": "lifespan.shutdown.complete"})
