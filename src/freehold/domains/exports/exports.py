"""Source: exports a tool's pages as a file, and gives the file to its owner. One per process.

What is another's, over or never was is refused alike, as a resource there is not."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from freehold.core.call import Call, Outcome
from freehold.core.content import Link
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool
from freehold.domains.exports import export
from freehold.domains.exports.files import Files
from freehold.domains.exports.gather import Gatherer, Sleep
from freehold.domains.exports.model import Ended, Export, Gathered, Terms, Wanted, Written
from freehold.domains.exports.pages import Calling
from freehold.domains.exports.writing import write
from freehold.kit.clock import Clock
from freehold.kit.crypto import Seal
from freehold.kit.db import Database
from freehold.kit.errors import Unavailable

AT_ONCE: Final = 16
"""Exports one process has under way, for each may hold a few times `Terms.cap` in memory; one tenant may have a quarter of them."""
_ID_BYTES: Final = 20
_ID: Final = re.compile(r"[0-9a-f]{40}", re.ASCII)
_AGAIN: Final = 1.0


class Exports:
    """Both ways of a file: made by a call, read by its URI. Every use may raise `Refusal("exports_unavailable")`."""

    def __init__(
        self,
        db: Database,
        seal: Seal,
        calling: Calling,
        terms: Terms,
        *,
        clock: Clock,
        randomness: Callable[[int], bytes],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`calling` calls the exported tools; `sleep` waits for limits that pass."""
        self.name = export.SOURCE
        self.tools: Sequence[Tool] = (export.tool(terms.rows),)
        self.resources: Sequence[Resource] = (export.resource(),)
        self.prompts: Sequence[Prompt] = ()
        self.operations = frozenset({export.EXPORT, export.READ})
        self._files = Files(db, seal)
        self._gatherer = Gatherer(calling, terms, clock=clock, sleep=sleep)
        self._terms = terms
        self._now = clock.now
        self._randomness = randomness
        self._under_way: Counter[str] = Counter()

    async def invoke(self, call: Call) -> Outcome:
        """Export, or read what was exported."""
        if call.tool.operation == export.READ:
            return await self._read(call)
        with self._place(call.principal.tenant):
            return await self._export(call)

    async def check(self) -> None:
        """There is nothing that could be wrong with it."""

    async def close(self) -> None:
        """Nothing to give back."""

    async def sweep(self) -> None:
        """Forget files whose time is over."""
        await self._files.sweep(self._now())

    @contextmanager
    def _place(self, tenant: str) -> Generator[None]:
        if self._under_way.total() >= AT_ONCE or self._under_way[tenant] >= AT_ONCE // 4:
            raise Refusal("overloaded", retry_after=_AGAIN)
        self._under_way[tenant] += 1
        try:
            yield
        finally:
            self._under_way[tenant] -= 1
            if not self._under_way[tenant]:
                del self._under_way[tenant]

    async def _export(self, call: Call) -> Outcome:
        """Whether there is room for the file is asked before anything is read."""
        wanted = _wanted(call.arguments, self._terms.rows)
        with _reached():
            if await self._files.count(call.principal, self._now()) >= self._terms.per_caller:
                self._too_many()
        gathered = await self._gatherer.gather(call, wanted)
        if isinstance(gathered, Outcome):
            return gathered
        written = await asyncio.to_thread(write, gathered.records, wanted.format, wanted.fields, self._terms.cap)
        kept = self._new(call.principal, wanted)
        with _reached():
            if not await self._files.add(kept, written.data, now=self._now(), most=self._terms.per_caller):
                self._too_many()
        return _delivered(kept, wanted, written, self._ended(gathered, written))

    async def _read(self, call: Call) -> Outcome:
        named = call.arguments["id"]
        with _reached():
            found = await self._files.read(call.principal, named, self._now()) if _ID.fullmatch(named) else None
        if found is None:
            raise Refusal("unknown_resource", data={"uri": call.asked})
        return Outcome(status="ok", content=({"text": found[1].decode(), "mimeType": export.MIME[found[0]]},))

    def _too_many(self) -> None:
        raise Refusal("too_many_exports", limit=self._terms.per_caller, minutes=f"{self._terms.keep_seconds / 60:.0f}")

    def _new(self, principal: Principal, wanted: Wanted) -> Export:
        return Export(
            id=self._randomness(_ID_BYTES).hex(),
            tenant=principal.tenant,
            subject=principal.subject,
            client=principal.client,
            format=wanted.format,
            expires_at=self._now() + self._terms.keep_seconds,
        )

    def _ended(self, gathered: Gathered, written: Written) -> Ended:
        if written.rows < len(gathered.records):
            return Ended("cap", f"The file would have more than {self._terms.cap} bytes, as many as one export may have.")
        return gathered.ended


def _wanted(arguments: dict[str, Any], rows: int) -> Wanted:
    return Wanted(
        tool=arguments["tool"],
        arguments=arguments.get("arguments", {}),
        format=arguments.get("format", "csv"),
        most=min(int(arguments.get("max_rows", rows)), rows),
        fields=tuple(arguments.get("fields", ())),
    )


@contextmanager
def _reached() -> Generator[None]:
    try:
        yield
    except Unavailable:
        raise Refusal("exports_unavailable", retry_after=_AGAIN) from None


def _delivered(kept: Export, wanted: Wanted, written: Written, ended: Ended) -> Outcome:
    """A short text, the link, and the same for programs."""
    uri = f"{export.SCHEME}{kept.id}"
    expires = datetime.fromtimestamp(kept.expires_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    size = len(written.data)
    said = f"{written.rows} rows of {wanted.tool} in {size} bytes of {wanted.format.upper()}, {ended.reason}. Read {uri} until {expires}."
    unknown = f"No record has: {', '.join(written.unknown)}." if written.unknown else ""
    link = Link(uri=uri, name=f"{wanted.tool}.{wanted.format}", mime_type=export.MIME[wanted.format], size=size)
    return Outcome(
        status="ok",
        content=({"type": "text", "text": " ".join(part for part in (said, ended.why, unknown) if part)}, link.block()),
        structured={
            "rows": written.rows,
            "reason": ended.reason,
            "why": ended.why,
            "format": wanted.format,
            "bytes": size,
            "uri": uri,
            "expires_at": expires,
        },
    )
