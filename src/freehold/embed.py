"""The server as a Python object: a SaaS writes its tools here, adds sources, and serves or mounts the result."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, overload

from freehold.app import Application, build
from freehold.domains.sources.functions import Functions
from freehold.roster import InProcessApi
from freehold.settings import Settings, load

Function = Callable[..., Any]


class Freehold:
    """One MCP server. Register tools and sources first; the first of `asgi`, `running` and `serve` freezes them."""

    def __init__(self, name: str = "python", *, settings: Settings | None = None, config: str | Path | None = None) -> None:
        """`name` is the source's name for the functions; settings come from `settings`, else from the file `config`,
        else from FREEHOLD_* alone. Raises `Misconfigured` when they are unsafe."""
        self._given = settings
        self._config = Path(config) if config is not None else None
        self.functions = Functions(name)
        self.apis: list[InProcessApi] = []
        self._application: Application | None = None

    @overload
    def tool(self, function: Function, /) -> Function: ...

    @overload
    def tool(
        self,
        /,
        *,
        name: str | None = None,
        description: str | None = None,
        title: str | None = None,
        read_only: bool = False,
        destructive: bool = False,
        idempotent: bool = False,
        scopes: tuple[str, ...] | None = None,
    ) -> Callable[[Function], Function]: ...

    def tool(self, function: Function | None = None, /, **said: Any) -> Function | Callable[[Function], Function]:
        """Offer a typed function as a tool: `@app.tool` or `@app.tool(read_only=True, scopes=("billing:read",))`.

        A parameter annotated `Caller` receives who is calling and is not an argument. Without `scopes`, a read-only
        tool needs mcp:read, a destructive one mcp:admin, any other mcp:write. Raises ValueError for a function that
        cannot be a tool.
        """

        def offer(one: Function) -> Function:
            self.functions.add(one, **said)
            return one

        return offer if function is None else offer(function)

    def api(self, name: str, app: Any, *, document: dict[str, Any] | None = None) -> None:
        """Offer the operations of your own ASGI application (FastAPI, Starlette...), called in this process.

        `document` is its OpenAPI document; without it, `app.openapi()` when there is one, else its `/openapi.json`.
        """
        self.apis.append(InProcessApi(name=name, app=app, document=document))

    @property
    def application(self) -> Application:
        """The built server; made at the first use."""
        if self._application is None:
            settings = self._given if self._given is not None else load(self._config)
            self._application = build(settings, functions=[self.functions], apis=self.apis)
        return self._application

    @property
    def asgi(self) -> Any:
        """The ASGI application: give it to a server, or mount it at the root path of your own application.

        A mounted application gets no lifespan from its host: enter `running()` in the host's own, or it starts
        at the first request and is never closed.
        """
        return self.application.asgi

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Application]:
        """Started on entry, drained and closed on exit."""
        async with self.application.running():
            yield self.application

    def serve(self) -> None:
        """Listen on the settings' host and port until SIGTERM or Ctrl-C."""
        from freehold.cli.serving import listen

        listen(self.application)
