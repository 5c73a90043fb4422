"""Use case: build sources from what the operator named. A source keeps serving its last good document until a refresh."""

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.core.refusals import Refusal
from freehold.domains.sources.fetch import Documents
from freehold.domains.sources.openapi.invoke import OpenApiSource
from freehold.domains.sources.openapi.read import read
from freehold.domains.sources.openapi.readable import with_resources
from freehold.domains.sources.openapi.tools import Compiled, compile_tools
from freehold.domains.sources.port import Source
from freehold.kit.errors import Misconfigured
from freehold.kit.http import Outbound


class OpenApiSpec(Struct, frozen=True, kw_only=True):
    """An OpenAPI source as the operator named it."""

    name: str
    location: str
    base_url: str | None = None
    audience: str | None = None
    scopes: dict[str, tuple[str, ...]] = {}
    resources: dict[str, str] = {}
    """URI or URI template by the name of the tool that reads it."""


class Loader:
    """Builds sources; every document passes through here on its way in."""

    def __init__(self, documents: Documents, outbound: Outbound, *, seconds: float, cap: int) -> None:
        """`seconds` and `cap` bound one request to an API and its answer."""
        self._documents = documents
        self._outbound = outbound
        self._seconds = seconds
        self._cap = cap

    async def openapi(self, spec: OpenApiSpec) -> tuple[Source, str]:
        """The source and its document's digest, from the last good copy if there is one, else freshly read and kept."""
        kept = await self._documents.stored(spec.name, spec.location)
        if kept is None:
            return await self.refresh(spec)
        return self._built(spec, kept.document, self._outbound), kept.digest

    async def refresh(self, spec: OpenApiSpec) -> tuple[Source, str]:
        """Read the document again; only one that imports replaces the last good copy."""
        document = await self._documents.read(spec.location)
        source = self._built(spec, document, self._outbound)
        kept = await self._documents.keep(spec.name, spec.location, spec.base_url or "", document)
        return source, kept.digest

    async def check(self, spec: OpenApiSpec) -> None:
        """Read and build it, and keep nothing of it; raises what `refresh` would."""
        self._built(spec, await self._documents.read(spec.location), self._outbound)

    def in_process(self, name: str, document: dict[str, Any], outbound: Outbound) -> Source:
        """A source over the SaaS's own ASGI application; its tokens are made out to `urn:freehold:NAME`."""
        spec = OpenApiSpec(name=name, location="", base_url=f"http://{name}.internal", audience=f"urn:freehold:{name}")
        return self._built(spec, msgspec.json.encode(document), outbound)

    def _built(self, spec: OpenApiSpec, document: bytes, outbound: Outbound) -> Source:
        location = spec.location if spec.location.startswith(("http://", "https://")) else None
        compiled = compile_tools(read(document), source=spec.name, base_url=spec.base_url, location=location)
        if not compiled.tools:
            why = compiled.skipped[0].why if compiled.skipped else "it has no operations"
            raise Refusal("document_invalid", why=f"no operation of it can be offered ({why})", mend="See `freehold source preview`.")
        compiled = with_resources(_adjusted(compiled, spec), spec.name, spec.resources)
        return OpenApiSource(spec.name, compiled, outbound, seconds=self._seconds, cap=self._cap)


def _adjusted(compiled: Compiled, spec: OpenApiSpec) -> Compiled:
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
