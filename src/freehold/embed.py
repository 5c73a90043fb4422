"""The server as a Python object: a SaaS writes its tools here, adds sources, and serves or mounts the result."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, overload

from freehold.app import Application, build
from freehold.core.channel import Level
from freehold.domains.sources.functions import Function, Functions, Task
from freehold.domains.sources.upstream.handlers import Answerer, Handlers
from freehold.roster import InProcessApi
from freehold.settings import Settings, load
from freehold.speaking import Server


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
        task: Task = "never",
        asks_first: bool = False,
        input_schema: dict[str, Any] | None = None,
    ) -> Callable[[Function], Function]: ...

    def tool(self, function: Function | None = None, /, **said: Any) -> Function | Callable[[Function], Function]:
        """Offer a typed function as a tool: `@app.tool` or `@app.tool(read_only=True, scopes=("billing:read",))`.

        A parameter annotated `Caller` receives who is calling, one annotated `Context` the way back to the client; neither
        is an argument. Without `scopes`, a read-only tool needs mcp:read, a destructive one mcp:admin, any other mcp:write.
        `task` says whether a call may, or must, go on as a task, `asks_first` that its first questions come before the task
        begins; `input_schema` is shown as it is, and the function then
        takes all arguments as `arguments: dict[str, Any]`. Raises ValueError for a function that cannot be a tool.
        """

        def offer(one: Function) -> Function:
            self.functions.add(one, **said)
            return one

        return offer if function is None else offer(function)

    def resource(
        self,
        uri: str,
        /,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        scopes: tuple[str, ...] | None = None,
        complete: Mapping[str, Function] | None = None,
    ) -> Callable[[Function], Function]:
        """Offer a function as what is at `uri`: `@app.resource("invoice://{id}", complete={"id": numbers})`.

        Each `{name}` (one segment) or `{+name}` (several) is a parameter; its text becomes what the annotation says. The function
        gives text, bytes, a JSON value, `Embedded` or a list of it; None when there is nothing. Without `scopes`, mcp:read.
        """

        def offer(one: Function) -> Function:
            self.functions.add_resource(
                one, uri, name=name, title=title, description=description, mime_type=mime_type, scopes=scopes, complete=complete
            )
            return one

        return offer

    @overload
    def prompt(self, function: Function, /) -> Function: ...

    @overload
    def prompt(
        self,
        /,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        scopes: tuple[str, ...] | None = None,
        complete: Mapping[str, Function] | None = None,
    ) -> Callable[[Function], Function]: ...

    def prompt(self, function: Function | None = None, /, **said: Any) -> Function | Callable[[Function], Function]:
        """Offer a function as a prompt: it gives text, a `Message`, content, or a list of them. Without `scopes`, mcp:read.

        `complete` names, by argument, a function from what was typed (and a second parameter: the other arguments given so far)
        to a list of texts; a Literal or Enum completes by itself.
        """

        def offer(one: Function) -> Function:
            self.functions.add_prompt(one, **said)
            return one

        return offer if function is None else offer(function)

    def api(self, name: str, app: Any, *, document: dict[str, Any] | None = None) -> None:
        """Offer the operations of your own ASGI application (FastAPI, Starlette...), called in this process.

        `document` is its OpenAPI document; without it, `app.openapi()` when there is one, else its `/openapi.json`.
        """
        self.apis.append(InProcessApi(name=name, app=app, document=document))

    @asynccontextmanager
    async def upstream(
        self,
        tenant: str,
        source: str,
        *,
        sampling: Answerer | None = None,
        roots: Answerer | None = None,
        elicitation: Answerer | None = None,
        log: Callable[[Level, Any, str | None], Awaitable[None]] | None = None,
        progress: Callable[[float, float | None, str | None], Awaitable[None]] | None = None,
    ) -> AsyncGenerator[Server]:
        """Speak with an MCP server among the sources as one of the tenants, while this server runs.

        `async with app.upstream("acme", "notion") as server: await server.call("search", {...})`. Calls count in the tenant's plan and
        stand in its ledger, with client `saas`. What the server asks is answered by the functions given, from a question's params to
        its result; without one it is not asked. Raises `Refusal` for a tenant or source there is not.
        """
        handlers = Handlers(sampling=sampling, roots=roots, elicitation=elicitation, on_log=log, on_progress=progress)
        yield await self.application.speaking.upstream(tenant, source, handlers)

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
