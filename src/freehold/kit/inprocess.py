"""`Outbound` into an ASGI application in this process: the SaaS's own FastAPI or Starlette app as an upstream.

Nothing touches a socket, so nothing is judged by address; only URLs of the one origin it stands for are answered."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import unquote

from freehold.kit.http import BODILESS, Answer, Request, SendFailed, as_answer, with_defaults

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], _Receive, _Send], Awaitable[None]]

_ASGI: Final = {"version": "3.0", "spec_version": "2.3"}
_log = logging.getLogger(__name__)


class InProcess:
    """Calls `app` as a server would. Its lifespan begins with the first `send` and ends with `close`.

    Each request runs in a task of its own, so that what the app does after its answer (background tasks) keeps nobody waiting.
    """

    def __init__(self, app: AsgiApp, *, scheme: str = "http", host: str = "in-process", lifespan: bool = True) -> None:
        """Stand for `scheme://host`. `lifespan=False` when somebody else already runs the app's lifespan."""
        self._app = app
        self._scheme = scheme
        self._host = host
        self._origin = f"{scheme}://{host}"
        self._life = _Lifespan(app) if lifespan else None
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, request: Request, *, seconds: float, cap: int) -> Answer:
        """Give the request to the app; its exceptions are `SendFailed("broken")`."""
        if not (request.url + "/").startswith((self._origin + "/", self._origin + "?")):
            raise SendFailed("address_refused", delivered=False)
        delivered = False
        exchange = _Exchange(request, cap)
        try:
            async with asyncio.timeout(seconds):
                state = await self._life.started() if self._life else {}
                delivered = True
                return await self._run(exchange, {**self._scope(request), "state": state.copy()})
        except TimeoutError:
            raise SendFailed("timeout", delivered=delivered) from None

    async def close(self) -> None:
        """Stop what still runs, then end the app's lifespan."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._life:
            await self._life.end()

    async def _run(self, exchange: "_Exchange", scope: dict[str, Any]) -> Answer:
        task = asyncio.ensure_future(self._app(scope, exchange.receive, exchange.send))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(exchange.over)
        try:
            return await exchange.answered
        except BaseException:
            task.cancel()
            raise

    def _scope(self, request: Request) -> dict[str, Any]:
        target = request.url[len(self._origin) :]
        raw_path, _, query = target.partition("?")
        raw_path = raw_path or "/"
        bodiless = request.body is None and request.method in BODILESS
        length = [] if bodiless else [("Content-Length", str(len(request.body or b"")))]
        headers = [("Host", self._host), *with_defaults(request), *length]
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "1.1",
            "method": request.method,
            "scheme": self._scheme,
            "path": unquote(raw_path),
            "raw_path": raw_path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            "client": None,
            "server": (self._host, None),
        }


class _Exchange:
    """One request and its answer, from the server's side of the ASGI conversation."""

    def __init__(self, request: Request, cap: int) -> None:
        self.answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._request = request
        self._cap = cap
        self._taken = False
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._size = 0

    async def receive(self) -> _Message:
        """The body once; afterwards only the news that the client is gone."""
        if not self._taken:
            self._taken = True
            return {"type": "http.request", "body": self._request.body or b"", "more_body": False}
        await asyncio.wait([self.answered])
        return {"type": "http.disconnect"}

    async def send(self, message: _Message) -> None:
        """Take a part of the answer; what comes after the end is dropped, as a server does."""
        if self.answered.done():
            return
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            part = b"" if self._request.method == "HEAD" else bytes(message.get("body", b""))
            self._body(part, more=message.get("more_body", False))

    def over(self, task: asyncio.Task[None]) -> None:
        """The app returned or raised."""
        failed = None if task.cancelled() else task.exception()
        if not self.answered.done():
            self.answered.set_exception(SendFailed("broken", delivered=True))
        elif failed is not None:
            _log.error("the application failed after its answer", extra={"error_class": type(failed).__name__})

    def _body(self, part: bytes, *, more: bool) -> None:
        self._size += len(part)
        self._parts.append(part)
        if self._size > self._cap:
            self.answered.set_exception(SendFailed("too_large", delivered=True))
        elif not more:
            self._finish()

    def _finish(self) -> None:
        try:
            self.answered.set_result(as_answer(self._status, self._headers, b"".join(self._parts), self._cap))
        except SendFailed as failed:
            self.answered.set_exception(failed)


class _Lifespan:
    """The app's start and stop, in one task that lives as long as the app is used."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._state: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None
        self._up: asyncio.Future[bool] | None = None
        self._end = asyncio.Event()
        self._begun = False

    async def started(self) -> dict[str, Any]:
        """Start the app unless it has started; raises `SendFailed` when it says it cannot."""
        if self._up is None:
            self._up = asyncio.get_running_loop().create_future()
            scope = {"type": "lifespan", "asgi": _ASGI, "state": self._state}
            self._task = asyncio.ensure_future(self._app(scope, self._receive, self._send))
            self._task.add_done_callback(self._over)
        if not await asyncio.shield(self._up):
            raise SendFailed("unreachable", delivered=False)
        return self._state

    async def end(self) -> None:
        """Let the app shut down, if it was started."""
        if self._task is not None:
            self._end.set()
            await asyncio.wait([self._task])

    async def _receive(self) -> _Message:
        if not self._begun:
            self._begun = True
            return {"type": "lifespan.startup"}
        await self._end.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: _Message) -> None:
        if message["type"] in ("lifespan.startup.complete", "lifespan.startup.failed"):
            self._settle(up=message["type"] == "lifespan.startup.complete")

    def _over(self, task: asyncio.Task[None]) -> None:
        """An app that returns or raises before it answers has no lifespan, says ASGI; it is used as it is."""
        failed = None if task.cancelled() else task.exception()
        if failed is not None and self._end.is_set():
            _log.error("the application failed while shutting down", extra={"error_class": type(failed).__name__})
        self._settle(up=True)

    def _settle(self, *, up: bool) -> None:
        if self._up is not None and not self._up.done():
            self._up.set_result(up)
