"""Use case: documents become releases, and the releases of a source what it is now. Nothing is kept of a document that does not import."""

import hashlib
import logging
from collections.abc import Awaitable, Collection, Sequence
from typing import Final, Protocol

from msgspec import Struct

from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.sources.differences import Difference, differences
from freehold.domains.sources.fetch import Documents
from freehold.domains.sources.openapi.read import File
from freehold.domains.sources.port import Source
from freehold.domains.sources.released import Built, OfDocument, Released
from freehold.domains.sources.releases import Naming, Release, Serving, succeeding
from freehold.domains.sources.specs import GraphQlSpec, OpenApiSpec
from freehold.domains.sources.store import Standing
from freehold.kit.errors import Misconfigured, Unavailable

_log = logging.getLogger("freehold.sources")
_KEPT: Final = 5
"""Newest releases that stay, whoever is served them."""
_TRIES: Final = 3

Spec = OpenApiSpec | GraphQlSpec


class Read(Struct, frozen=True):
    """A source's document as it is now, and what is beside it."""

    document: bytes
    overlays: Sequence[File] = ()

    @property
    def digest(self) -> str:
        """Of all of it."""
        return hashlib.sha256(b"".join((self.document, *(each.data for each in self.overlays)))).hexdigest()


class Reread(Struct, frozen=True, kw_only=True):
    """What reading a document again came to."""

    release: int
    """0 for an MCP server, which has none."""
    tools: Sequence[Tool]
    differences: Sequence[Difference]
    """From the release that was served."""
    naming: Naming
    kept: bool
    """False where the document is the one that is served."""


class Workshop(Protocol):
    """What reads and compiles documents."""

    def read(self, spec: Spec) -> Awaitable[Read]:
        """The document as it is now."""
        ...

    def beside(self, spec: Spec) -> Awaitable[Sequence[File]]:
        """The overlays as they are now."""
        ...

    def build(self, spec: Spec, read: Read, *, lenient: bool = False) -> Awaitable[OfDocument]:
        """The source of one document. `lenient`: what the settings say of tools it does not have is not held against it."""
        ...


class Importing:
    """Loads and refreshes the sources that have documents."""

    def __init__(self, documents: Documents, workshop: Workshop, *, sunset: float) -> None:
        """`sunset`: seconds an earlier version of a tool stays beside its successor."""
        self._documents = documents
        self._workshop = workshop
        self._sunset = sunset

    async def load(self, spec: Spec) -> tuple[Released, str]:
        """The source and its fingerprint, from the kept releases if its document is among them, else freshly read."""
        for _ in range(_TRIES):
            standing = await self._documents.standing(spec.name)
            if standing is None or standing.location != spec.location:
                await self.refresh(spec)
                continue
            built = await self._built(spec, standing)
            if standing.serving.current in built:  # else it was forgotten meanwhile
                return Released(built, standing.serving, pins=standing.pins, now=self._documents.now), standing.fingerprint
        raise Unavailable(f"The releases of {spec.name} change faster than they can be read. Start again.")

    async def refresh(self, spec: Spec, *, share: int | None = None) -> Reread:
        """Read the document again; one that imports is the next release, served to all or as a canary to a `share` of a hundred tenants."""
        read = await self._workshop.read(spec)
        source = await self._workshop.build(spec, read)
        for _ in range(_TRIES):
            standing = await self._documents.standing(spec.name)
            reread = await self._compared(spec, read, source, standing)
            if not reread.kept or await self._keep(spec, read, reread, standing, share):
                return reread
        raise Refusal("document_invalid", why="another process is importing it", mend="Look at `freehold source releases`, and try again.")

    async def compare(self, spec: Spec) -> Reread:
        """What a refresh would do, and do nothing."""
        read = await self._workshop.read(spec)
        source = await self._workshop.build(spec, read)
        return await self._compared(spec, read, source, await self._documents.standing(spec.name))

    async def _compared(self, spec: Spec, read: Read, source: Source, standing: Standing | None) -> Reread:
        if standing is None:
            return Reread(release=1, tools=source.tools, differences=(), naming=Naming(), kept=True)
        found = await self._documents.releases(spec.name, (standing.serving.current,))
        if not found:
            return Reread(release=standing.newest + 1, tools=source.tools, differences=(), naming=Naming(), kept=True)
        (served,) = found
        if served.digest == read.digest and await self._documents.confirm(spec.name, spec.location, read.digest):
            return Reread(release=served.number, tools=source.tools, differences=(), naming=served.naming, kept=False)
        before = await self._leniently(spec, served, read.overlays)
        now, naming = self._documents.now, served.naming
        if before is not None:
            naming = succeeding(served.number, before.tools, naming, source.tools, now=now, until=now + self._sunset)
        told = differences(before.tools if before is not None else (), source.tools)
        return Reread(release=standing.newest + 1, tools=source.tools, differences=told, naming=naming, kept=True)

    async def _keep(self, spec: Spec, read: Read, reread: Reread, standing: Standing | None, share: int | None) -> bool:
        release = Release(
            number=reread.release,
            location=spec.location,
            base_url=spec.base_url or "",
            document=read.document,
            digest=read.digest,
            fetched_at=self._documents.now,
            naming=reread.naming,
        )
        serving = _serving(release.number, standing, share)
        return await self._documents.add(spec.name, release, serving, forget_but=await self._needed(spec.name, release, serving, standing))

    async def _needed(self, name: str, release: Release, serving: Serving, standing: Standing | None) -> Collection[int]:
        """The releases that somebody is served, or may be again soon."""
        served = {release.number, serving.current, serving.previous, serving.canary, *(standing.pins.values() if standing else ())}
        namings = [release.naming, *(each.naming for each in await self._documents.releases(name) if each.number in served)]
        retiring = {one.release for naming in namings for one in naming.retiring}
        return {*(number for number in served if number is not None), *retiring, *range(release.number - _KEPT + 1, release.number)}

    async def _built(self, spec: Spec, standing: Standing) -> dict[int, Built]:
        """Every release somebody is served. Only the current one has to import under today's settings."""
        overlays = await self._workshop.beside(spec)
        built: dict[int, Built] = {}
        serving = standing.serving
        wanted: set[int] = {serving.current, *standing.pins.values(), *(() if serving.canary is None else (serving.canary,))}
        while wanted:
            for release in await self._documents.releases(spec.name, wanted):
                if release.number == serving.current:
                    source = await self._workshop.build(spec, Read(release.document, overlays))
                else:
                    source = await self._leniently(spec, release, overlays)
                if source is not None:
                    built[release.number] = Built(source, release.naming)
            needed = {one.release for each in built.values() for one in each.naming.retiring}
            wanted = needed - built.keys() - wanted
        return built

    async def _leniently(self, spec: Spec, release: Release, overlays: Sequence[File]) -> OfDocument | None:
        try:
            return await self._workshop.build(spec, Read(release.document, overlays), lenient=True)
        except (Misconfigured, Refusal) as fault:
            facts = {"code": "release_unservable", "source": spec.name, "release": release.number, "error": str(fault)}
            _log.warning("an earlier release cannot be served any more", extra=facts)
            return None


def _serving(number: int, standing: Standing | None, share: int | None) -> Serving:
    if standing is None:
        return Serving(current=number)
    if share is None:
        return Serving(current=number, previous=standing.serving.current)
    return Serving(current=standing.serving.current, previous=standing.serving.previous, canary=number, share=share)
