"""The catalog with everything by which tenants see it differently, and how this process follows what others change about it.

Part of the roof: stands between the roster, which says what is offered, and the doors, which tell those who listen."""

import asyncio
import logging
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from freehold.core.call import Call, Outcome
from freehold.domains.catalog import edits_file, store
from freehold.domains.catalog.budget import Budget, Shortlist
from freehold.domains.catalog.cursors import Cursors
from freehold.domains.catalog.editing import Edits
from freehold.domains.catalog.edition import Offer
from freehold.domains.catalog.edits import Edit
from freehold.domains.catalog.pins import Pins
from freehold.domains.catalog.resolve import Catalog
from freehold.domains.catalog.standing import READING, Standing
from freehold.domains.catalog.versions import Versions
from freehold.domains.sources.functions import Functions
from freehold.domains.sources.port import Source
from freehold.kit.changes import Changes
from freehold.kit.clock import Clock
from freehold.kit.crypto import Seal
from freehold.kit.db import Database
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.kit.turns import Turns

_log = logging.getLogger("freehold.catalog")


class Arranging:
    """One process's catalog. Which release a tenant is shown comes first, then pins: what nobody approved is there for nobody to edit."""

    def __init__(
        self,
        db: Database,
        changes: Changes,
        seal: Seal,
        clock: Clock,
        shortlist: Shortlist | None = None,
        *,
        read: Callable[[Call], Awaitable[Outcome]],
        folder: Path,
        page_size: int,
        new: Literal["approve", "allow"],
    ) -> None:
        """`folder` may hold a catalog.toml; `new` is the setting `pin_new`. Raises `Misconfigured` for a catalog.toml that is none.

        A `shortlist` bounds the list last of all, when names and words are what agents read; `read` gives the rest of cut answers.
        """
        self._db = db
        self._changed: Callable[[], None] | None = None
        self.edits = Edits(db, changes, clock, file=_file_edits(folder / "catalog.toml"))
        self.versions = Versions()
        self.pins = Pins(db, changes, clock, new=new)
        bounded = () if shortlist is None else (Budget(shortlist),)
        self.catalog = Catalog(Cursors(seal), page_size=page_size, arrangements=(self.versions, self.pins, self.edits, *bounded))
        self.standing = Standing(self.catalog, read)
        self.sources: Sequence[Source] = ()
        self._following: asyncio.Task[None] | None = None
        self._heard = False
        self._reading = Turns()

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` when somebody may see other lists than before."""
        self._changed = changed

    def offer(self, sources: Sequence[Source]) -> None:
        """These are the sources from now on."""
        self.sources = tuple(sources)
        self.versions.look(sources)
        self.pins.look(sources)
        self.catalog.replace(sources, owed=(replace(READING, listed=not all(isinstance(source, Functions) for source in sources)),))
        self.standing.forget()
        self._tell()

    def offers(self, tenant: str | None) -> Sequence[Offer]:
        """What there is for a tenant to edit; for None, for everybody."""
        return self.pins.arranged(tenant, self.versions.arranged(tenant, self.sources))

    async def imported(self, sources: Sequence[Source]) -> None:
        """Before these are offered: what is seen for the first time is approved."""
        async with self._reading.here:
            await self.pins.imported(sources)

    async def heed(self) -> None:
        """Read edits and approvals again; one reading after another, so that none brings back what is older."""
        async with self._reading.here:
            kept = await store.everything(self._db)
            if any([self.edits.learn(kept.edits), self.pins.learn(kept.approvals)]):
                self.catalog.rearrange()
                self._tell()

    def follow(self) -> None:
        """Read again in the background; what is heard of while reading is read afterwards."""
        self._heard = True
        if self._following is None or self._following.done():
            self._following = asyncio.get_running_loop().create_task(self._follow(), name="catalog")

    async def close(self) -> None:
        """Follow no more."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed()

    async def _follow(self) -> None:
        while self._heard:
            self._heard = False
            try:
                await self.heed()
            except (Unavailable, Misconfigured) as fault:
                _log.warning("edits not followed", extra={"code": "catalog_stale", "error": type(fault).__name__})


def _file_edits(path: Path) -> tuple[Edit, ...]:
    """The `[tools.NAME]` tables of catalog.toml, if there is one."""
    if not path.exists():
        return ()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("tools", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise Misconfigured(f"{path} cannot be read: {fault}. Correct it and start again.") from None
    return edits_file.edits(tables, str(path))
