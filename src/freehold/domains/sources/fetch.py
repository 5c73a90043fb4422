"""Where a source's document comes from: a file, a URL through the guarded client, or the last good copy."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

from freehold.core.refusals import Refusal
from freehold.domains.sources import store
from freehold.domains.sources.releases import Release, Serving
from freehold.domains.sources.store import Standing
from freehold.kit.clock import Clock
from freehold.kit.db import Database, Scope
from freehold.kit.http import Outbound, Request, SendFailed

LARGEST: Final = 64 * 1024 * 1024
"""Bytes a document may have."""
_SECONDS: Final = 30.0
_OK: Final = 200


class Announcer(Protocol):
    """What this room needs to tell other replicas that a document changed."""

    async def bump(self, scope: Scope) -> None:
        """Count the change in the writer's own transaction."""
        ...

    async def announce(self) -> None:
        """Tell the others after the commit."""
        ...


class Documents:
    """Reads documents, and keeps every release of each source that somebody is served."""

    def __init__(self, db: Database, outbound: Outbound, announcer: Announcer, clock: Clock) -> None:
        """`outbound` is the guarded client; files are read only when the operator's settings name them."""
        self._db = db
        self._outbound = outbound
        self._announcer = announcer
        self._clock = clock

    async def stored(self, name: str, location: str) -> Release | None:
        """The document that is served, if it came from the same place."""
        async with self._db.system() as scope:
            kept = await store.current(scope, name)
        return kept if kept is not None and kept.location == location else None

    async def keep(self, name: str, location: str, base_url: str, document: bytes) -> Release:
        """Put this in place of the document that is served, and let every replica know: for sources that have no releases."""
        digest, now = hashlib.sha256(document).hexdigest(), self._clock.now()
        made = Release(number=1, location=location, base_url=base_url, document=document, digest=digest, fetched_at=now)
        async with self._writing() as scope:
            await store.replace_current(scope, name, made)
        return made

    async def confirm(self, name: str, location: str, digest: str) -> bool:
        """Whether the document that is served is this one; then it is as good as fetched now, and nobody need be told."""
        async with self._db.system(write=True) as scope:
            return await store.confirm(scope, name, location, digest, self._clock.now())

    async def digests(self) -> dict[str, str]:
        """What every replica should be serving: a fingerprint by source name."""
        async with self._db.system() as scope:
            return {name: one.fingerprint for name, one in (await store.standings(scope)).items()}

    # releases

    async def standing(self, name: str) -> Standing | None:
        """Who is served which release of a source."""
        async with self._db.system() as scope:
            return (await store.standings(scope, name)).get(name)

    async def releases(self, name: str, numbers: Collection[int] | None = None) -> list[Release]:
        """These releases, with their documents; all for None."""
        async with self._db.system() as scope:
            return await store.releases(scope, name, numbers)

    async def kept(self, name: str) -> list[int]:
        """The numbers of the releases there are, the oldest first."""
        async with self._db.system() as scope:
            return await store.numbers(scope, name)

    async def add(self, name: str, release: Release, serving: Serving, *, forget_but: Collection[int]) -> bool:
        """Keep one more release, serve it so, and let every replica know; false where another process was first."""
        async with self._writing() as scope:
            if not await store.add(scope, name, release):
                return False
            await store.serve(scope, name, serving)
            await store.forget(scope, name, but=forget_but)
        return True

    async def serve(self, name: str, serving: Serving) -> None:
        """Serve the releases of a source so from now on, everywhere."""
        async with self._writing() as scope:
            await store.serve(scope, name, serving)

    async def pin(self, tenant: str, name: str, number: int | None) -> bool:
        """The tenant stays with this release, or with none; whether that is another than before."""
        async with self._db.tenant(tenant, write=True) as scope:
            if number is None and not await store.unpin(scope, name):
                return False
            if number is not None:
                await store.pin(scope, name, number)
            await self._announcer.bump(scope)
        await self._announcer.announce()
        return True

    @property
    def now(self) -> float:
        """Unix seconds."""
        return self._clock.now()

    @asynccontextmanager
    async def _writing(self) -> AsyncGenerator[Scope]:
        """A transaction every replica hears of."""
        async with self._db.system(write=True) as scope:
            yield scope
            await self._announcer.bump(scope)
        await self._announcer.announce()

    async def read(self, location: str) -> bytes:
        """The document as it is now at its file or URL, or `Refusal`."""
        return await read(location, self._outbound)


async def read(location: str, outbound: Outbound) -> bytes:
    """The bytes at a file path or an http(s) URL, or `Refusal` with the reason and the mend."""
    if location.startswith(("http://", "https://")):
        return await _download(location, outbound)
    return await asyncio.to_thread(_from_file, Path(location))


def _from_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise _invalid(f"{path} is larger than {LARGEST} bytes", "Split the document, or leave out what agents do not need.")
        return path.read_bytes()
    except OSError as fault:
        raise _invalid(f"{path} cannot be read ({fault.strerror})", "Check the path and its permissions.") from None


async def _download(url: str, outbound: Outbound) -> bytes:
    try:
        answer = await outbound.send(
            Request(method="GET", url=url, headers=(("accept", "application/json, application/yaml, */*"),)), seconds=_SECONDS, cap=LARGEST
        )
    except SendFailed as fault:
        mend = (
            "Add its host to outbound_allow if it is yours."
            if fault.failure == "address_refused"
            else "Check the address, or download the document and name the file."
        )
        raise _invalid(f"it could not be fetched ({fault.failure})", mend) from None
    if answer.status != _OK:
        raise _invalid(f"its server answered {answer.status}", "Check the address; redirects are not followed.")
    return answer.body


def _invalid(why: str, mend: str) -> Refusal:
    return Refusal("document_invalid", why=why, mend=mend)
