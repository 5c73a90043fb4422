"""The roster: which sources this server offers. Builds what the settings and the SaaS's code name, and follows refreshed documents.

Part of the roof: the one place where OpenAPI documents, Python functions and in-process applications come together."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from msgspec import Struct

from freehold.core.refusals import Refusal
from freehold.domains.sources.fetch import Documents
from freehold.domains.sources.functions import Functions
from freehold.domains.sources.load import Loader, OpenApiSpec
from freehold.domains.sources.port import Source
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.kit.http import Request
from freehold.kit.inprocess import InProcess
from freehold.kit.json import strict

_log = logging.getLogger("freehold.roster")
_DOCUMENT_SECONDS: Final = 30.0


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


NamedSource = OpenApiSpec | PythonSpec


class KnownSource(Struct, frozen=True):
    """A source as the operator's listing shows it."""

    name: str
    kind: str
    location: str
    digest: str
    read_at: float | None


class Roster:
    """Loads all sources together: either every one is built, or what was offered before stays."""

    def __init__(
        self,
        loader: Loader,
        documents: Documents,
        *,
        named: Mapping[str, NamedSource],
        functions: Sequence[Functions],
        apis: Sequence[InProcessApi],
        offer: Callable[[Sequence[Source]], None],
        cap: int,
    ) -> None:
        """`offer` takes the sources once they are built; `cap` bounds an in-process application's document."""
        self._loader = loader
        self._documents = documents
        self._named = named
        self._functions = functions
        self._apis = apis
        self._offer = offer
        self._cap = cap
        self._sources: tuple[Source, ...] = ()
        self._in_process_apis: dict[str, Source] = {}
        self._digests: dict[str, str] = {}
        self._following: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Build and offer. Raises `Refusal` or `Misconfigured` for the first source that cannot be had."""
        digests: dict[str, str] = {}
        built: list[Source] = [source for source in self._functions if source.tools]
        built += [await self._in_process(api) for api in self._apis]
        for spec in self._named.values():
            if isinstance(spec, PythonSpec):
                built += await self._from_python(spec)
            else:
                source, digests[spec.name] = await self._loader.openapi(spec)
                built.append(source)
        self._sources, self._digests = tuple(built), digests
        self._offer(self._sources)

    def follow(self) -> None:
        """Look, in the background, whether another process refreshed a document, and load again if so."""
        if self._following is None or self._following.done():
            self._following = asyncio.get_running_loop().create_task(self._follow())

    async def close(self) -> None:
        """Stop following and close every source."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        for source in self._sources:
            await source.close()

    async def refresh(self, name: str) -> int:
        """Read a source's document again and keep it for every replica; how many tools it offers."""
        spec = self._named.get(name)
        if not isinstance(spec, OpenApiSpec):
            raise Refusal("source_unknown", source=name)
        source, _ = await self._loader.refresh(spec)
        return len(source.tools)

    async def known(self) -> list[KnownSource]:
        """What the settings name, and when each document was last read."""
        found: list[KnownSource] = []
        for spec in self._named.values():
            if isinstance(spec, PythonSpec):
                found.append(KnownSource(spec.name, "python", spec.place, "", None))
                continue
            kept = await self._documents.stored(spec.name, spec.location)
            found.append(KnownSource(spec.name, "openapi", spec.location, kept.digest if kept else "", kept.fetched_at if kept else None))
        return found

    async def check(self, name: str) -> None:
        """Raise `Refusal` or `Misconfigured` when a named source could not be loaded now."""
        spec = self._named[name]
        if isinstance(spec, PythonSpec):
            _imported(spec)
        elif await self._documents.stored(spec.name, spec.location) is None:
            await self._documents.read(spec.location)

    async def _follow(self) -> None:
        try:
            current = await self._documents.digests()
            if any(current.get(name) != digest for name, digest in self._digests.items()):
                await self.load()
        except (Unavailable, Misconfigured, Refusal) as fault:
            _log.warning("sources not followed", extra={"code": "source_stale", "error": type(fault).__name__})

    async def _from_python(self, spec: PythonSpec) -> list[Source]:
        found = _imported(spec)
        sources: list[Source] = [found.functions] if found.functions.tools else []
        return sources + [await self._in_process(api) for api in found.apis]

    async def _in_process(self, api: InProcessApi) -> Source:
        """Built once: its document is part of this process, and its lifespan must not begin twice."""
        if api.name not in self._in_process_apis:
            self._in_process_apis[api.name] = await self._build_in_process(api)
        return self._in_process_apis[api.name]

    async def _build_in_process(self, api: InProcessApi) -> Source:
        outbound = InProcess(api.app, host=f"{api.name}.internal")
        document = api.document or (api.app.openapi() if hasattr(api.app, "openapi") else None)
        if document is None:
            asked = Request(method="GET", url=f"http://{api.name}.internal/openapi.json")
            document = strict((await outbound.send(asked, seconds=_DOCUMENT_SECONDS, cap=self._cap)).body)
        return self._loader.in_process(api.name, document, outbound)


def _imported(spec: PythonSpec) -> Any:
    module, _, attribute = spec.place.partition(":")
    try:
        return getattr(import_module(module), attribute or "app")
    except (ImportError, AttributeError) as fault:
        raise Misconfigured(f"sources.{spec.name}: {spec.place} cannot be imported ({fault}). Write it as package.module:name.") from None
