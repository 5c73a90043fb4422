"""What operators do with the catalog: edits made, taken back and looked at, definitions approved. Each is recorded as a deed.

The sibling of `administration.py`; needs the sources to be loaded, for edits speak of tools there are."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from freehold.administration import operator
from freehold.arranging import Arranging
from freehold.core.deed import Deed
from freehold.core.refusals import Refusal
from freehold.domains.catalog.definitions import digest
from freehold.domains.catalog.edits import Edit
from freehold.domains.catalog.pins import Pending
from freehold.domains.catalog.report import Seen
from freehold.domains.oauth.claims import check_scopes
from freehold.kit.clock import Clock

HOUSE: Final = "system"
"""Whose deeds concern all tenants: no tenant can have this id."""


class Recorder(Protocol):
    """What this needs of the ledger."""

    async def deed(self, deed: Deed) -> None:
        """Return once the deed is committed."""
        ...


class Curation:
    """What an operator may do. Every method raises `Refusal` with a sentence when it cannot."""

    def __init__(
        self,
        arranging: Arranging,
        *,
        tenant: Callable[[str], Awaitable[object]],
        recorder: Recorder,
        clock: Clock,
        plans: Sequence[str],
    ) -> None:
        """`tenant` refuses one there is not."""
        self._arranging = arranging
        self._edits = arranging.edits
        self._pins = arranging.pins
        self._tenant = tenant
        self._recorder = recorder
        self._clock = clock
        self._plans = tuple(plans)

    async def edit(self, edit: Edit, *, tenant: str | None = None, whole: bool = False, actor: str = "") -> Edit:
        """Change what tools are for everybody or for one tenant; `whole` replaces an earlier edit of the pattern, else it is added to."""
        await self._check(tenant)
        for plan in sorted(edit.plans or ()):
            if plan not in self._plans:
                raise Refusal("plan_unknown", plan=plan, plans=", ".join(self._plans))
        check_scopes(edit.scopes or ())
        await self._arranging.heed()
        offers = self._arranging.offers(tenant)
        made = await self._edits.edit(edit, tenant=tenant, offers=offers, whole=whole)
        await self._done("catalog.edited", edit.pattern, tenant, actor)
        return made

    async def reset(self, pattern: str, *, tenant: str | None = None, actor: str = "") -> None:
        """Take an edit back."""
        await self._check(tenant)
        await self._edits.reset(pattern, tenant=tenant)
        await self._done("catalog.reset", pattern, tenant, actor)

    async def stored(self, pattern: str, tenant: str) -> Edit:
        """The tenant's edit of exactly this pattern. Refuses `edit_unknown`."""
        await self._check(tenant)
        await self._arranging.heed()
        found = self._edits.of(tenant, pattern)
        if found is None:
            raise Refusal("edit_unknown", pattern=pattern)
        return found

    async def seen(self, tenant: str) -> list[Seen]:
        """Every tool of the sources as this tenant has it, also those it does not have any more."""
        await self._check(tenant)
        await self._arranging.heed()
        offers = self._arranging.offers(tenant)
        listed = self._edits.seen(tenant, offers)
        originals = [(offer.name, tool) for offer in offers for tool in offer.tools]
        return [Seen(edited=one, source=source, digest=digest(tool)) for one, (source, tool) in zip(listed, originals, strict=True)]

    async def pending(self, tenant: str | None = None) -> list[Pending]:
        """Definitions that wait for a person, for everybody or beyond what the tenant approved for itself."""
        await self._check(tenant)
        await self._arranging.heed()
        return self._pins.pending(tenant)

    async def approve(
        self, tool: str, *, source: str | None = None, tenant: str | None = None, digest: str | None = None, actor: str = ""
    ) -> list[Pending]:
        """Let agents have the definition a source has now; with `digest`, only if it is that one. Refuses `nothing_pending`."""
        await self._check(tenant)
        await self._arranging.heed()
        approved = await self._pins.approve(tool, source=source, tenant=tenant, digest=digest)
        for one in approved:
            await self._done("catalog.approved", f"{one.source}/{one.tool}", tenant, actor)
        return approved

    async def _check(self, tenant: str | None) -> None:
        if tenant is not None:
            await self._tenant(tenant)

    async def _done(self, act: str, on: str, tenant: str | None, actor: str) -> None:
        await self._recorder.deed(Deed(tenant=tenant or HOUSE, act=act, on=on, actor=actor or operator(), at=self._clock.now()))
        await self._arranging.heed()
