"""The map of doors: path to endpoint, plus the lifespan. Pure ASGI; no middleware."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager

from freehold.core.refusals import Refusal
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.web.answers import refusal_answer, send
from freehold.web.edges import Receive, Scope, Send

_log = logging.getLogger("freehold.web")

Endpoint = Callable[[Scope, Receive, Send], Awaitable[None]]
Running = Callable[[], AbstractAsyncContextManager[None]]


class Asgi:
    """The application a server runs, or a SaaS mounts into its own."""

    def __init__(self, routes: Mapping[str, Endpoint], *, running: Running, start: Callable[[], Awaitable[None]]) -> None:
        """`start` is called before the first request when no lifespan was seen (a mounted application gets none)."""
        self._routes = dict(routes)
        self._running = running
        self._start = start
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send_: Send) -> None:
        """One connection of any kind; websockets are refused."""
        if scope["type"] == "http":
            await self._http(scope, receive, send_)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send_)
        elif scope["type"] == "websocket":
            await send_({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send_: Send) -> None:
        if not self._started:
            await self._start()
            self._started = True
        path = scope["path"]
        root = scope.get("root_path", "")
        if root and path.startswith(root):
            path = path[len(root) :]
        endpoint = self._routes.get(path)
        try:
            if endpoint is None:
                raise Refusal("not_found", endpoint="/mcp")  # noqa: TRY301  the same way out as an endpoint's own refusal
            await endpoint(scope, receive, send_)
        except Refusal as refusal:
            status, body = refusal_answer(refusal, None, modern=True)
            await send(send_, status, body)

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
