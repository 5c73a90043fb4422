"""Where a source's document comes from: a file, a URL through the guarded client, or the last good copy."""

import asyncio
import hashlib
from pathlib import Path
from typing import Final, Protocol

from freehold.core.refusals import Refusal
from freehold.domains.sources import store
from freehold.domains.sources.store import StoredDocument
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
    """Reads documents and keeps the last good one of each source."""

    def __init__(self, db: Database, outbound: Outbound, announcer: Announcer, clock: Clock) -> None:
        """`outbound` is the guarded client; files are read only when the operator's settings name them."""
        self._db = db
        self._outbound = outbound
        self._announcer = announcer
        self._clock = clock

    async def stored(self, name: str, location: str) -> StoredDocument | None:
        """The last good copy, if it came from the same place."""
        async with self._db.system() as scope:
            kept = await store.find(scope, name)
        return kept if kept is not None and kept.location == location else None

    async def keep(self, name: str, location: str, base_url: str, document: bytes, *, beside: tuple[bytes, ...] = ()) -> StoredDocument:
        """Make this the last good copy, and let every replica know; also when only what was read `beside` it changed."""
        digest = hashlib.sha256(b"".join((document, *beside))).hexdigest()
        made = StoredDocument(name, location, base_url, document, digest, self._clock.now())
        async with self._db.system(write=True) as scope:
            await store.put(scope, made)
            await self._announcer.bump(scope)
        await self._announcer.announce()
        return made

    async def confirm(self, name: str, location: str, digest: str) -> bool:
        """Whether the last good copy is this one; then it is as good as fetched now, and nobody need be told."""
        async with self._db.system(write=True) as scope:
            return await store.confirm(scope, name, location, digest, self._clock.now())

    async def digests(self) -> dict[str, str]:
        """What every replica should be serving: digest by source name."""
        async with self._db.system() as scope:
            return await store.digests(scope)

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
