"""Edits as they are kept and heeded: written through to the store, read whole into memory, one arrangement of the catalog.

Whether a tenant or a plan exists, and the ledger's note of the deed, are the caller's."""

from collections.abc import Hashable, Sequence

from msgspec import Struct

from freehold.core.refusals import Refusal
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool
from freehold.domains.catalog import store
from freehold.domains.catalog.edition import Offer
from freehold.domains.catalog.edits import Edit, Edited, Told, check_name, checked, edited, merged
from freehold.domains.catalog.names import unique_tools
from freehold.kit.changes import Changes
from freehold.kit.clock import Clock
from freehold.kit.db import Database


class Arranged(Struct, frozen=True, kw_only=True):
    """A source as one tenant is shown it."""

    name: str
    tools: tuple[Tool, ...]
    resources: Sequence[Resource] = ()
    prompts: Sequence[Prompt] = ()


class Edits:
    """The edits of the operator and of every tenant. What it changes is committed, and announced to every replica, when it returns."""

    def __init__(self, db: Database, changes: Changes, clock: Clock, *, file: Sequence[Edit] = ()) -> None:
        """`file` are the edits of catalog.toml. Nothing stored is known before `learn`."""
        self._db = db
        self._changes = changes
        self._clock = clock
        self._file = tuple(Told("file", edit) for edit in file)
        self._stored: dict[str | None, tuple[Edit, ...]] = {}

    def learn(self, stored: dict[str | None, tuple[Edit, ...]]) -> bool:
        """Heed these from now on; whether they differ from those before."""
        before, self._stored = self._stored, stored
        return before != stored

    # an arrangement of the catalog

    def key(self, tenant: str) -> Hashable:
        """The edits themselves; None where there are none."""
        told = (self._operators, self._of(tenant))
        return None if told == ((), ()) else told

    def arranged(self, tenant: str, offers: Sequence[Offer]) -> Sequence[Offer]:
        """The same sources with the tools that are offered, as they were edited."""
        named = _named(offers)
        seen = {one.was: one for one in self.seen(tenant, offers)}
        return [
            Arranged(
                name=offer.name,
                tools=tuple(seen[tool.name].tool for tool in tools if seen[tool.name].offered),
                resources=offer.resources,
                prompts=offer.prompts,
            )
            for offer, tools in zip(offers, named, strict=True)
        ]

    def seen(self, tenant: str | None, offers: Sequence[Offer]) -> list[Edited]:
        """Every tool of the sources in order, what edits made of it, and which; for None, what the operator's edits alone make."""
        tools = [tool for tools in _named(offers) for tool in tools]
        return edited(tools, self._operators, () if tenant is None else self._of(tenant))

    # what people do

    async def edit(self, edit: Edit, *, tenant: str | None, offers: Sequence[Offer], whole: bool = False) -> Edit:
        """Keep an edit; what it leaves open stays as an earlier one of the same pattern said, unless it is the `whole`.

        Refuses `edit_invalid` also for a name that is taken.
        """
        before = [] if whole else [one for one in self._stored.get(tenant, ()) if one.pattern == edit.pattern]
        made = checked(merged([*before, edit]))
        check_name(made, [tool for tools in _named(offers) for tool in tools], self.seen(tenant, offers))
        async with self._db.system(write=True) if tenant is None else self._db.tenant(tenant, write=True) as scope:
            await store.put_edit(scope, made, tenant=tenant, at=self._clock.now())
            await self._changes.bump(scope)
        await self._changes.announce()
        return made

    async def reset(self, pattern: str, *, tenant: str | None) -> None:
        """Forget the stored edit of exactly this pattern. Refuses `edit_unknown`."""
        async with self._db.system(write=True) if tenant is None else self._db.tenant(tenant, write=True) as scope:
            if not await store.drop_edit(scope, pattern, tenant=tenant):
                raise Refusal("edit_unknown", pattern=pattern)
            await self._changes.bump(scope)
        await self._changes.announce()

    def of(self, tenant: str | None, pattern: str) -> Edit | None:
        """The stored edit of exactly this pattern."""
        return next((one for one in self._stored.get(tenant, ()) if one.pattern == pattern), None)

    @property
    def _operators(self) -> tuple[Told, ...]:
        return (*self._file, *(Told("operator", edit) for edit in self._stored.get(None, ())))

    def _of(self, tenant: str) -> tuple[Told, ...]:
        return tuple(Told("tenant", edit) for edit in self._stored.get(tenant, ()))


def _named(offers: Sequence[Offer]) -> list[list[Tool]]:
    """Each source's tools under the names the catalog gives them, so that edits speak of what people see."""
    names = iter(unique_tools([(offer.name, tool) for offer in offers for tool in offer.tools]))
    return [[next(names) for _ in offer.tools] for offer in offers]
