"""Use case: build sources from what the operator named. A source keeps serving its last good document until a refresh."""

import logging
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.core.refusals import Refusal
from freehold.domains.sources.fetch import Documents
from freehold.domains.sources.graphql.bounds import MAX_NODES
from freehold.domains.sources.graphql.invoke import GraphQlSource
from freehold.domains.sources.openapi.invoke import OpenApiSource
from freehold.domains.sources.openapi.read import File, read_overlaid
from freehold.domains.sources.openapi.readable import with_resources
from freehold.domains.sources.openapi.tools import Compiled, compile_tools
from freehold.domains.sources.port import Source
from freehold.domains.sources.upstream.upstreams import Upstreams, UpstreamSpec
from freehold.kit.errors import Misconfigured
from freehold.kit.http import Outbound

_log = logging.getLogger("freehold.sources")

_SCHEMA_FILES: Final = (".graphql", ".graphqls", ".gql", ".json")


class OpenApiSpec(Struct, frozen=True, kw_only=True):
    """An OpenAPI source as the operator named it."""

    name: str
    location: str
    base_url: str | None = None
    audience: str | None = None
    scopes: dict[str, tuple[str, ...]] = {}
    overlays: tuple[str, ...] = ()
    """Files or URLs of overlays, in the order they are applied."""
    resources: dict[str, str] = {}
    """URI or URI template by the name of the tool that reads it."""


class GraphQlSpec(Struct, frozen=True, kw_only=True):
    """A GraphQL source as the operator named it."""

    name: str
    location: str
    """A file or URL of the schema, or the endpoint itself, which is then asked for it."""
    base_url: str | None = None
    """The endpoint; None: the location is it."""
    audience: str | None = None
    scopes: dict[str, tuple[str, ...]] = {}
    operations: str | None = None
    """A file or folder of the operator's own operations, read whenever the source is built."""
    operations_only: bool = False
    """Whether the schema's root fields are no tools."""
    max_nodes: int = MAX_NODES


DocumentSpec = OpenApiSpec | GraphQlSpec | UpstreamSpec


class Loader:
    """Builds sources; every document passes through here on its way in."""

    def __init__(self, documents: Documents, outbound: Outbound, *, seconds: float, cap: int, upstreams: Upstreams | None = None) -> None:
        """`seconds` and `cap` bound one request to an API and its answer; `upstreams` are the other MCP servers, if there are any."""
        self._upstreams = upstreams
        self._documents = documents
        self._outbound = outbound
        self._seconds = seconds
        self._cap = cap

    async def load(self, spec: DocumentSpec) -> tuple[Source, str | None]:
        """The source and its document's digest, from the last good copy if there is one, else freshly read and kept.

        An MCP server that was never reached offers nothing yet and has no digest: that it is away must not keep others from theirs.
        """
        if isinstance(spec, UpstreamSpec):
            return await self._upstream().load(spec)
        kept = await self._documents.stored(spec.name, spec.location)
        if kept is None:
            return await self.refresh(spec)
        return self._built(spec, kept.document, self._outbound, await self._overlays(spec)), kept.digest

    async def refresh(self, spec: DocumentSpec) -> tuple[Source, str]:
        """Read the document again; only one that imports replaces the last good copy."""
        if isinstance(spec, UpstreamSpec):
            return await self._upstream().refresh(spec)
        document, overlays = await self._read(spec), await self._overlays(spec)
        source = self._built(spec, document, self._outbound, overlays)
        beside = tuple(each.data for each in overlays)
        kept = await self._documents.keep(spec.name, spec.location, spec.base_url or "", document, beside=beside)
        return source, kept.digest

    async def check(self, spec: DocumentSpec) -> None:
        """Read and build it, and keep nothing of it; raises what `refresh` would."""
        if isinstance(spec, UpstreamSpec):
            await self._upstream().check(spec)
            return
        self._built(spec, await self._read(spec), self._outbound, await self._overlays(spec))

    def in_process(self, name: str, document: dict[str, Any], outbound: Outbound) -> Source:
        """A source over the SaaS's own ASGI application; its tokens are made out to `urn:freehold:NAME`."""
        spec = OpenApiSpec(name=name, location="", base_url=f"http://{name}.internal", audience=f"urn:freehold:{name}")
        return self._built(spec, msgspec.json.encode(document), outbound, ())

    def _upstream(self) -> Upstreams:
        if self._upstreams is None:
            raise Misconfigured("This process reaches no other MCP servers. Name them in freehold.toml.")
        return self._upstreams

    async def _read(self, spec: OpenApiSpec | GraphQlSpec) -> bytes:
        if isinstance(spec, GraphQlSpec) and is_endpoint(spec.location):
            from freehold.domains.sources.graphql.introspect import introspected

            return await introspected(spec.location, self._outbound)
        return await self._documents.read(spec.location)

    async def _overlays(self, spec: OpenApiSpec | GraphQlSpec) -> Sequence[File]:
        """As they are now: they belong to the settings, so no last good copy of them is kept."""
        named = spec.overlays if isinstance(spec, OpenApiSpec) else ()
        return [File(place, await self._documents.read(place)) for place in named]

    def _built(self, spec: OpenApiSpec | GraphQlSpec, document: bytes, outbound: Outbound, overlays: Sequence[File]) -> Source:
        return self._graphql(spec, document) if isinstance(spec, GraphQlSpec) else self._openapi(spec, document, outbound, overlays)

    def _graphql(self, spec: GraphQlSpec, document: bytes) -> Source:
        from freehold.domains.sources.graphql.documents import read_documents
        from freehold.domains.sources.graphql.read import read as schema_of
        from freehold.domains.sources.graphql.tools import compile_schema

        compiled = compile_schema(
            schema_of(document),
            source=spec.name,
            endpoint=spec.base_url or spec.location,
            operations=None if spec.operations is None else read_documents(spec.operations),
            only_operations=spec.operations_only,
            max_nodes=spec.max_nodes,
        )
        compiled = _adjusted(_offering(compiled), spec)
        return GraphQlSource(spec.name, compiled, self._outbound, seconds=self._seconds, cap=self._cap)

    def _openapi(self, spec: OpenApiSpec, document: bytes, outbound: Outbound, overlays: Sequence[File]) -> Source:
        location = spec.location if spec.location.startswith(("http://", "https://")) else None
        raw, unmet = read_overlaid(document, overlays)
        for where, what in unmet:
            _log.warning("overlay changed nothing", extra={"code": "overlay_unmet", "source": spec.name, "where": where, "what": what})
        compiled = compile_tools(raw, source=spec.name, base_url=spec.base_url, location=location)
        compiled = with_resources(_adjusted(_offering(compiled), spec), spec.name, spec.resources)
        return OpenApiSource(spec.name, compiled, outbound, seconds=self._seconds, cap=self._cap)


def is_endpoint(location: str) -> bool:
    """Whether a GraphQL source's location is a URL to ask for the schema, not one where the schema lies as a document."""
    return location.startswith(("http://", "https://")) and not urlsplit(location).path.endswith(_SCHEMA_FILES)


def _offering(compiled: Compiled) -> Compiled:
    """The same, when there is anything to offer in it."""
    if not compiled.tools:
        why = compiled.skipped[0].why if compiled.skipped else "it has no operations"
        raise Refusal("document_invalid", why=f"no operation of it can be offered ({why})", mend="See `freehold source preview`.")
    return compiled


def _adjusted(compiled: Compiled, spec: OpenApiSpec | GraphQlSpec) -> Compiled:
    """With the operator's audience and scopes in place of the compiled ones; scopes for a tool that is not there are refused."""
    if spec.audience is None and not spec.scopes:
        return compiled
    unknown = sorted(set(spec.scopes) - {tool.name for tool in compiled.tools})
    if unknown:
        mend = "Correct or remove it: the tool that was meant would be open to everyone with its default scope."
        raise Misconfigured(f"sources.{spec.name}.scopes names {', '.join(unknown)}, which it does not offer. {mend}")
    tools = tuple(
        replace(tool, audience=spec.audience or tool.audience, scopes=frozenset(spec.scopes.get(tool.name, tool.scopes)))
        for tool in compiled.tools
    )
    return replace(compiled, tools=tools)
