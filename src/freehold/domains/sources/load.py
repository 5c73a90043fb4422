"""Use case: build sources from what the operator named. A source keeps serving its last good document until a refresh."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.core.refusals import Refusal
from freehold.domains.sources.fetch import Documents
from freehold.domains.sources.graphql.invoke import GraphQlSource
from freehold.domains.sources.importing import Importing, Read, Reread
from freehold.domains.sources.openapi.invoke import OpenApiSource
from freehold.domains.sources.openapi.read import File, read_overlaid
from freehold.domains.sources.openapi.readable import with_resources
from freehold.domains.sources.openapi.tools import Compiled, compile_tools
from freehold.domains.sources.port import Source
from freehold.domains.sources.releases import Naming
from freehold.domains.sources.specs import GraphQlSpec, OpenApiSpec
from freehold.domains.sources.upstream.upstreams import Upstreams, UpstreamSpec
from freehold.kit.errors import Misconfigured
from freehold.kit.http import Outbound

_log = logging.getLogger("freehold.sources")

_SCHEMA_FILES: Final = (".graphql", ".graphqls", ".gql", ".json")


SUNSET: Final = 90 * 86_400.0
"""Seconds, unless the settings say another time."""
_COMPILED: Final = 8
"""Documents of one source that stay compiled."""

DocumentSpec = OpenApiSpec | GraphQlSpec | UpstreamSpec


class _Known(Struct, frozen=True):
    """What one source's documents were compiled to."""

    spec: OpenApiSpec | GraphQlSpec
    by_digest: dict[str, Compiled]


class Loader:
    """Builds sources; every document passes through here on its way in."""

    def __init__(
        self,
        documents: Documents,
        outbound: Outbound,
        *,
        seconds: float,
        cap: int,
        upstreams: Upstreams | None = None,
        sunset: float = SUNSET,
    ) -> None:
        """`seconds` and `cap` bound one request to an API and its answer; `upstreams` are the other MCP servers, if there are any.

        `sunset`: seconds an earlier version of a tool stays beside its successor.
        """
        self._upstreams = upstreams
        self._documents = documents
        self._outbound = outbound
        self._seconds = seconds
        self._cap = cap
        self._importing = Importing(documents, self, sunset=sunset)
        self._compiled: dict[str, _Known] = {}

    async def load(self, spec: DocumentSpec) -> tuple[Source, str | None]:
        """The source and its fingerprint, from the kept releases if there are any, else freshly read and kept.

        An MCP server that was never reached offers nothing yet and has no digest: that it is away must not keep others from theirs.
        """
        if isinstance(spec, UpstreamSpec):
            return await self._upstream().load(spec)
        return await self._importing.load(spec)

    async def refresh(self, spec: DocumentSpec, *, share: int | None = None) -> Reread:
        """Read the document again; only one that imports is kept. With a `share`, it is served to so many tenants of a hundred."""
        if isinstance(spec, UpstreamSpec):
            source, _ = await self._upstream().refresh(spec)
            return Reread(release=0, tools=source.tools, differences=(), naming=Naming(), kept=True)
        return await self._importing.refresh(spec, share=share)

    async def compare(self, spec: OpenApiSpec | GraphQlSpec) -> Reread:
        """What a refresh would change."""
        return await self._importing.compare(spec)

    async def check(self, spec: DocumentSpec) -> None:
        """Read and build it, and keep nothing of it; raises what `refresh` would."""
        if isinstance(spec, UpstreamSpec):
            await self._upstream().check(spec)
            return
        await self.build(spec, await self.read(spec))

    def in_process(self, name: str, document: dict[str, Any], outbound: Outbound) -> Source:
        """A source over the SaaS's own ASGI application; its tokens are made out to `urn:freehold:NAME`."""
        spec = OpenApiSpec(name=name, location="", base_url=f"http://{name}.internal", audience=f"urn:freehold:{name}")
        return self._source(spec, _adjusted(_openapi(spec, Read(msgspec.json.encode(document))), spec), outbound)

    def _upstream(self) -> Upstreams:
        if self._upstreams is None:
            raise Misconfigured("This process reaches no other MCP servers. Name them in freehold.toml.")
        return self._upstreams

    # the workshop of imports

    async def read(self, spec: OpenApiSpec | GraphQlSpec) -> Read:
        """The document and its overlays as they are now."""
        if isinstance(spec, GraphQlSpec) and is_endpoint(spec.location):
            from freehold.domains.sources.graphql.introspect import introspected

            return Read(await introspected(spec.location, self._outbound))
        return Read(await self._documents.read(spec.location), await self.beside(spec))

    async def beside(self, spec: OpenApiSpec | GraphQlSpec) -> Sequence[File]:
        """As they are now: they belong to the settings, so no last good copy of them is kept."""
        named = spec.overlays if isinstance(spec, OpenApiSpec) else ()
        return [File(place, await self._documents.read(place)) for place in named]

    async def build(self, spec: OpenApiSpec | GraphQlSpec, read: Read, *, lenient: bool = False) -> OpenApiSource | GraphQlSource:
        """Compiled in a thread, once for each document: calls go on meanwhile, and a rollback waits for nothing."""
        known = self._compiled.get(spec.name)
        if known is None or known.spec != spec:
            known = self._compiled[spec.name] = _Known(spec, {})
        compiled = known.by_digest.get(read.digest)
        if compiled is None:
            compiled = await asyncio.to_thread(_compiled, spec, read)
            if not (isinstance(spec, GraphQlSpec) and spec.operations):  # the operator's own operations are read every time
                while len(known.by_digest) >= _COMPILED:
                    del known.by_digest[next(iter(known.by_digest))]
                known.by_digest[read.digest] = compiled
        return self._source(spec, _adjusted(compiled, spec, lenient=lenient), self._outbound, lenient=lenient)

    def _source(
        self, spec: OpenApiSpec | GraphQlSpec, compiled: Compiled, outbound: Outbound, *, lenient: bool = False
    ) -> OpenApiSource | GraphQlSource:
        if isinstance(spec, GraphQlSpec):
            return GraphQlSource(spec.name, compiled, outbound, seconds=self._seconds, cap=self._cap)
        made = compiled if lenient else with_resources(compiled, spec.name, spec.resources)
        return OpenApiSource(spec.name, made, outbound, seconds=self._seconds, cap=self._cap)


def _compiled(spec: OpenApiSpec | GraphQlSpec, read: Read) -> Compiled:
    return _graphql(spec, read) if isinstance(spec, GraphQlSpec) else _openapi(spec, read)


def _graphql(spec: GraphQlSpec, read: Read) -> Compiled:
    from freehold.domains.sources.graphql.documents import read_documents
    from freehold.domains.sources.graphql.read import read as schema_of
    from freehold.domains.sources.graphql.tools import compile_schema

    return _offering(
        compile_schema(
            schema_of(read.document),
            source=spec.name,
            endpoint=spec.base_url or spec.location,
            operations=None if spec.operations is None else read_documents(spec.operations),
            only_operations=spec.operations_only,
            max_nodes=spec.max_nodes,
        )
    )


def _openapi(spec: OpenApiSpec, read: Read) -> Compiled:
    location = spec.location if spec.location.startswith(("http://", "https://")) else None
    raw, unmet = read_overlaid(read.document, read.overlays)
    for where, what in unmet:
        _log.warning("overlay changed nothing", extra={"code": "overlay_unmet", "source": spec.name, "where": where, "what": what})
    return _offering(compile_tools(raw, source=spec.name, base_url=spec.base_url, location=location))


def is_endpoint(location: str) -> bool:
    """Whether a GraphQL source's location is a URL to ask for the schema, not one where the schema lies as a document."""
    return location.startswith(("http://", "https://")) and not urlsplit(location).path.endswith(_SCHEMA_FILES)


def _offering(compiled: Compiled) -> Compiled:
    """The same, when there is anything to offer in it."""
    if not compiled.tools:
        why = compiled.skipped[0].why if compiled.skipped else "it has no operations"
        raise Refusal("document_invalid", why=f"no operation of it can be offered ({why})", mend="See `freehold source preview`.")
    return compiled


def _adjusted(compiled: Compiled, spec: OpenApiSpec | GraphQlSpec, *, lenient: bool = False) -> Compiled:
    """With the operator's audience and scopes in place of the compiled ones; scopes for a tool that is not there are refused.

    An earlier release (`lenient`) may lack tools that the settings speak of.
    """
    if spec.audience is None and not spec.scopes:
        return compiled
    unknown = sorted(set(spec.scopes) - {tool.name for tool in compiled.tools})
    if unknown and not lenient:
        mend = "Correct or remove it: the tool that was meant would be open to everyone with its default scope."
        raise Misconfigured(f"sources.{spec.name}.scopes names {', '.join(unknown)}, which it does not offer. {mend}")
    tools = tuple(
        replace(tool, audience=spec.audience or tool.audience, scopes=frozenset(spec.scopes.get(tool.name, tool.scopes)))
        for tool in compiled.tools
    )
    return replace(compiled, tools=tools)
