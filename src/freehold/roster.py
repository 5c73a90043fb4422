"""The roster: which sources this server offers. Builds what the settings and the SaaS's code name, and follows refreshed documents.

Part of the roof: the one place where OpenAPI documents, GraphQL schemas, Python functions and in-process applications come together."""

import asyncio
import logging
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol, cast, runtime_checkable

from msgspec import Struct

from freehold.core.refusals import Refusal
from freehold.domains.sources.fetch import Documents
from freehold.domains.sources.functions import Functions
from freehold.domains.sources.importing import Reread
from freehold.domains.sources.load import DocumentSpec, Loader
from freehold.domains.sources.port import Source
from freehold.domains.sources.released import Released
from freehold.domains.sources.specs import GraphQlSpec, OpenApiSpec
from freehold.domains.sources.upstream.upstreams import Upstreams, UpstreamSpec
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.kit.http import Request, SendFailed
from freehold.kit.inprocess import InProcess
from freehold.kit.json import NotStrict, strict

_log = logging.getLogger("freehold.roster")
_DOCUMENT_SECONDS: Final = 30.0
_OK: Final = 200
_DAY: Final = 86_400.0
RESERVED: Final = "freehold"
_KINDS: Final = {OpenApiSpec: "openapi", GraphQlSpec: "graphql", UpstreamSpec: "mcp"}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class InProcessApi(Struct, frozen=True, kw_only=True):
    """The SaaS's own ASGI application, offered as a source."""

    name: str
    app: Any
    document: dict[str, Any] | None = None


class PythonSpec(Struct, frozen=True, kw_only=True):
    """A `freehold.Freehold` somewhere, whose tools are offered."""

    name: str
    place: str
    """`package.module:name`."""


NamedSource = DocumentSpec | PythonSpec


@runtime_checkable
class Offering(Protocol):
    """What this needs of a `freehold.Freehold`."""

    functions: Functions
    apis: list[InProcessApi]


class KnownSource(Struct, frozen=True):
    """A source as the operator's listing shows it."""

    name: str
    kind: str
    location: str
    digest: str
    read_at: float | None


class Roster:
    """Loads all sources together: either every one is built, or what was offered before stays."""

    def __init__(  # noqa: PLR0913  parts of its own, each by its name
        self,
        loader: Loader,
        documents: Documents,
        *,
        named: Mapping[str, NamedSource],
        functions: Sequence[Functions],
        apis: Sequence[InProcessApi],
        offer: Callable[[Sequence[Source]], None],
        cap: int,
        folder: Path | None = None,
        upstreams: Upstreams | None = None,
        imported: Callable[[Sequence[Source]], Awaitable[None]] | None = None,
    ) -> None:
        """`imported` sees them first; `cap` bounds an in-process application's document.

        Modules of Python sources are looked for in `folder` too, after every other place.
        """
        self._loader = loader
        self._documents = documents
        self._named = named
        self._functions = functions
        self._apis = apis
        self._offer = offer
        self._before = imported
        self._cap = cap
        self._upstreams = upstreams
        self._folder = "" if folder is None else str(folder)
        self._sources: tuple[Source, ...] = ()
        self._in_process_apis: dict[str, Source] = {}
        self._in_process_clients: list[InProcess] = []
        self._digests: dict[str, str | None] = {}
        self._following: asyncio.Task[None] | None = None
        self._sunset: asyncio.TimerHandle | None = None
        self._heard = False

    async def load(self) -> None:
        """Build and offer. Raises `Refusal` or `Misconfigured` for the first source that cannot be had."""
        digests: dict[str, str | None] = {}
        built: list[Source] = [source for source in self._functions if not source.empty]
        built += [await self._in_process(api) for api in self._apis]
        for spec in self._named.values():
            if isinstance(spec, PythonSpec):
                built += await self._from_python(spec)
            else:
                source, digests[spec.name] = await self._loader.load(spec)
                built.append(source)
        _check_names(built)
        if self._before is not None:
            await self._before(built)
        self._sources, self._digests = tuple(built), digests
        self._offer(self._sources)
        self._await_sunset()

    @property
    def offered(self) -> Sequence[Source]:
        """What the last load built, in the operator's order."""
        return self._sources

    def follow(self) -> asyncio.Task[None]:
        """Look, in the background, whether another process refreshed a document, and load again if so.

        What is heard of while looking is looked at afterwards: the look may have passed it already.
        """
        self._heard = True
        if self._following is None or self._following.done():
            self._following = asyncio.get_running_loop().create_task(self._follow())
        return self._following

    def watch(self) -> None:
        """Look at other MCP servers from now on, and follow what changes there."""
        if self._upstreams is not None:
            self._upstreams.watch([spec for spec in self._named.values() if isinstance(spec, UpstreamSpec)])

    def _await_sunset(self) -> None:
        """Load again when the next tool is past its sunset; a day at most, for the clock may be set."""
        if self._sunset is not None:
            self._sunset.cancel()
        due = [source.lapses for source in self._sources if isinstance(source, Released) and source.lapses is not None]
        seconds = min(max(min(due) - self._documents.now, 1.0), _DAY) if due else None
        self._sunset = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self.follow)

    def _past_sunset(self) -> bool:
        now = self._documents.now
        return any(source.lapses is not None and source.lapses <= now for source in self._sources if isinstance(source, Released))

    async def close(self) -> None:
        """Stop following, close every source and end the lifespans of in-process applications."""
        if self._sunset is not None:
            self._sunset.cancel()
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        for source in self._sources:
            await source.close()
        clients, self._in_process_clients, self._in_process_apis = self._in_process_clients, [], {}
        for client in clients:
            await client.close()

    async def refresh(self, name: str, *, share: int | None = None) -> Reread:
        """Read a source's document again and keep it for every replica; with a `share`, for so many tenants of a hundred."""
        return await self._loader.refresh(self._document(name), share=share)

    async def compare(self, name: str) -> Reread:
        """What a refresh would change about a source that has a document of its own."""
        return await self._loader.compare(self.released(name))

    def released(self, name: str) -> OpenApiSpec | GraphQlSpec:
        """The source of this name that has releases. Refuses `source_unknown`."""
        spec = self._document(name)
        if isinstance(spec, UpstreamSpec):
            raise Refusal("source_unknown", source=name)
        return spec

    def _document(self, name: str) -> DocumentSpec:
        spec = self._named.get(name)
        if spec is None or isinstance(spec, PythonSpec):
            raise Refusal("source_unknown", source=name)
        return spec

    async def known(self) -> list[KnownSource]:
        """What the settings name, and when each document was last read."""
        found: list[KnownSource] = []
        for spec in self._named.values():
            if isinstance(spec, PythonSpec):
                found.append(KnownSource(spec.name, "python", spec.place, "", None))
                continue
            kept = await self._documents.stored(spec.name, spec.location)
            kind = _KINDS[type(spec)]
            found.append(KnownSource(spec.name, kind, spec.location, kept.digest if kept else "", kept.fetched_at if kept else None))
        return found

    async def check(self, name: str) -> None:
        """Raise `Refusal` or `Misconfigured` when a named source could not be loaded now."""
        spec = self._named[name]
        if isinstance(spec, PythonSpec):
            self._imported(spec)
            return
        kept = None
        with suppress(Unavailable, Misconfigured):  # the database's own check says what is wrong with it
            kept = await self._documents.stored(spec.name, spec.location)
        if kept is None:
            await self._loader.check(spec)

    async def _follow(self) -> None:
        while self._heard:
            self._heard = False
            await self._look()

    async def _look(self) -> None:
        try:
            current = await self._documents.digests()
            if any(current.get(name) != digest for name, digest in self._digests.items()) or self._past_sunset():
                await self.load()
            else:
                self._await_sunset()
        except (Unavailable, Misconfigured, Refusal) as fault:
            _log.warning("sources not followed", extra={"code": "source_stale", "error": type(fault).__name__})

    async def _from_python(self, spec: PythonSpec) -> list[Source]:
        found = self._imported(spec)
        sources: list[Source] = [] if found.functions.empty else [found.functions.named(spec.name)]
        return sources + [await self._in_process(api) for api in found.apis]

    def _imported(self, spec: PythonSpec) -> Offering:
        if self._folder and self._folder not in sys.path:
            sys.path.append(self._folder)
        module, _, attribute = spec.place.partition(":")
        try:
            found: object = getattr(import_module(module), attribute or "app")
        except (ImportError, AttributeError) as fault:
            why = f"{spec.place} cannot be imported ({fault}). Write it as package.module:name, a module beside freehold.toml or installed."
            raise Misconfigured(f"sources.{spec.name}: {why}") from None
        if not isinstance(found, Offering):
            raise Misconfigured(f"sources.{spec.name}: {spec.place} is not a freehold.Freehold. Name the object that has the tools.")
        return found

    async def _in_process(self, api: InProcessApi) -> Source:
        """Built once: its document is part of this process, and its lifespan must not begin twice."""
        if api.name not in self._in_process_apis:
            self._in_process_apis[api.name] = await self._build_in_process(api)
        return self._in_process_apis[api.name]

    async def _build_in_process(self, api: InProcessApi) -> Source:
        if not _NAME.fullmatch(api.name):
            mend = "Use 1 to 32 of a-z 0-9 and -, beginning with a letter or digit."
            raise Misconfigured(f"{api.name!r} cannot be a source's name. {mend}")
        outbound = InProcess(api.app, host=f"{api.name}.internal")
        self._in_process_clients.append(outbound)
        document = api.document or (api.app.openapi() if hasattr(api.app, "openapi") else await self._asked(api.name, outbound))
        return self._loader.in_process(api.name, document, outbound)

    async def _asked(self, name: str, outbound: InProcess) -> dict[str, Any]:
        asked = Request(method="GET", url=f"http://{name}.internal/openapi.json")
        try:
            answer = await outbound.send(asked, seconds=_DOCUMENT_SECONDS, cap=self._cap)
            found: object = strict(answer.body) if answer.status == _OK else None
        except (SendFailed, NotStrict):
            found = None
        if not isinstance(found, dict):
            mend = "Pass it as app.api(name, application, document=...)."
            raise Misconfigured(f"The application {name} gives no OpenAPI document at /openapi.json. {mend}")
        return cast("dict[str, Any]", found)


def _check_names(sources: Sequence[Source]) -> None:
    """A call finds its source by name."""
    names = [source.name for source in sources]
    if RESERVED in names:
        raise Misconfigured(f"A source cannot be named {RESERVED!r}: the tools that search a long list are of it. Choose another name.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        mend = f"Give [sources.{twice[0]}], Freehold(name=...) or app.api(...) another name."
        raise Misconfigured(f"Two sources are named {twice[0]!r}. {mend}")
