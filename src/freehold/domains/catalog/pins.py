"""Pins: definitions that are somebody else's word reach agents once a person has approved them, and no longer once they change.

The first definitions of a source are approved by importing it. One arrangement of the catalog; the refusal itself is the guard's."""

import logging
from collections.abc import Hashable, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.catalog import store
from freehold.domains.catalog.definitions import canonical, difference, digest
from freehold.domains.catalog.editing import Arranged
from freehold.domains.catalog.edition import Offer
from freehold.domains.catalog.lookalikes import near, reserved, skeleton
from freehold.domains.catalog.store import Approval
from freehold.kit.changes import Changes
from freehold.kit.clock import Clock
from freehold.kit.db import Database

_IMPORTED: Final = ""
"""In place of a tool's name: the source was imported once."""
_log = logging.getLogger("freehold.catalog")

Why = Literal["new", "changed", "lookalike"]
_Place = tuple[str, str]
"""Source and the tool's name in it."""


class Pending(Struct, frozen=True, kw_only=True):
    """A definition that waits for a person, or that is not offered whoever approves it (`lookalike`)."""

    source: str
    tool: str
    why: Why
    digest: str
    difference: dict[str, str]
    """By member of the definition, word by word; everything, where nothing was approved before."""
    remark: str = ""


class _Found(Struct, frozen=True, kw_only=True):
    """A tool of an untrusted source as it is now."""

    source: str
    tool: Tool
    digest: str
    remark: str
    """Not empty: what is odd about its name."""
    refused: bool
    """Its name looks like another's."""


class Pins:
    """What was approved, in memory. What it changes is committed, and announced to every replica, when it returns."""

    def __init__(self, db: Database, changes: Changes, clock: Clock, *, new: Literal["approve", "allow"] = "approve") -> None:
        """`new` says what becomes of tools that an imported source did not have before."""
        self._db = db
        self._changes = changes
        self._clock = clock
        self._new = new
        self._approved: dict[str | None, dict[_Place, Approval]] = {}
        self._found: dict[Tool, _Found] = {}

    def learn(self, approvals: Sequence[Approval]) -> bool:
        """Heed these from now on; whether they differ from those before."""
        heeded: dict[str | None, dict[_Place, Approval]] = {}
        for one in approvals:
            heeded.setdefault(one.tenant, {})[one.source, one.tool] = one
        before, self._approved = self._approved, heeded
        return before != heeded

    def look(self, sources: Sequence[Offer]) -> None:
        """These are the sources now: digests are taken once, and names compared."""
        self._found = {found.tool: found for found in _looked(sources)}
        for found in self._found.values():
            if found.remark:
                facts = {"code": "tool_name_confusable", "source": found.source, "tool": found.tool.name}
                _log.warning("a tool's name is confusable: %s", found.remark, extra=facts)

    async def imported(self, sources: Sequence[Offer]) -> None:
        """Approve what a source has when it is seen for the first time; later ones wait, unless new tools are allowed."""
        untrusted = [source for source in sources if any(not tool.trusted for tool in source.tools)]
        if not untrusted:
            return
        self.learn((await store.everything(self._db)).approvals)
        fresh = [one for source in untrusted for one in self._fresh(source)]
        if fresh:
            await self._keep(fresh, tenant=None, first=True)
            self.learn((await store.everything(self._db)).approvals)

    def _fresh(self, source: Offer) -> list[Approval]:
        """What this source's import approves by itself."""
        known = self._approved.get(None, {})
        first = (source.name, _IMPORTED) not in known
        tools = [tool for tool in source.tools if not tool.trusted and (first or self._new == "allow")]
        approvals = [_approval(source.name, tool) for tool in tools if (source.name, tool.name) not in known]
        return [Approval(source=source.name, tool=_IMPORTED, digest="", definition=""), *approvals] if first else approvals

    # an arrangement of the catalog

    def key(self, tenant: str) -> Hashable:
        """What the tenant approved for itself; None where every definition is the operator's own."""
        return frozenset((*place, one.digest) for place, one in self._approved.get(tenant, {}).items()) if self._found else None

    def arranged(self, tenant: str | None, offers: Sequence[Offer]) -> Sequence[Offer]:
        """Without what nobody approved; what is another than approved is not listed, and refuses."""
        return [self._offer(tenant, offer) for offer in offers] if self._found else offers

    def _offer(self, tenant: str | None, offer: Offer) -> Offer:
        pairs = [(tool, self._why(tenant, tool)) for tool in offer.tools]
        if not any(why for _, why in pairs):
            return offer
        kept = [tool if why is None else replace(tool, listed=False, quarantined=True) for tool, why in pairs if why in {None, "changed"}]
        return Arranged(name=offer.name, tools=tuple(kept), resources=offer.resources, prompts=offer.prompts)

    def _why(self, tenant: str | None, tool: Tool) -> Why | None:
        """Why the tool is not as its source has it; None when it is."""
        found = self._found.get(tool)
        if found is None:
            return None if tool.trusted else "new"
        if found.refused:
            return "lookalike"
        place = (found.source, tool.name)
        approved = [one for one in (self._of(None, place), self._of(tenant, place)) if one is not None]
        if any(one.digest == found.digest for one in approved):
            return None
        return "changed" if approved else "new"

    def _of(self, tenant: str | None, place: _Place) -> Approval | None:
        return self._approved.get(tenant, {}).get(place)

    # what people do

    def pending(self, tenant: str | None) -> list[Pending]:
        """What waits, in the sources' order; for None, what is not approved for everybody."""
        return [self._pending(tenant, one, why) for one in self._found.values() if (why := self._why(tenant, one.tool)) is not None]

    def _pending(self, tenant: str | None, found: _Found, why: Why) -> Pending:
        place = (found.source, found.tool.name)
        before = self._of(tenant, place) or self._of(None, place)
        return Pending(
            source=found.source,
            tool=found.tool.name,
            why=why,
            digest=found.digest,
            difference=difference("" if before is None else before.definition, canonical(found.tool).decode()),
            remark=found.remark,
        )

    async def approve(self, tool: str, *, source: str | None, tenant: str | None, digest: str | None = None) -> list[Pending]:
        """Approve the definition that is there now, and only it: with `digest`, only the one that was looked at.

        Refuses `nothing_pending`, also for a name that looks like another's.
        """
        chosen = [one for one in self.pending(tenant) if one.tool == tool and source in {None, one.source} and digest in {None, one.digest}]
        if not chosen or any(one.why == "lookalike" for one in chosen):
            raise Refusal("nothing_pending", tool=tool)
        places = {(one.source, one.tool) for one in chosen}
        approvals = [_approval(one.source, one.tool) for one in self._found.values() if (one.source, one.tool.name) in places]
        await self._keep(approvals, tenant=tenant)
        return chosen

    async def _keep(self, approvals: Sequence[Approval], *, tenant: str | None, first: bool = False) -> None:
        async with self._db.system(write=True) if tenant is None else self._db.tenant(tenant, write=True) as scope:
            await store.put_approvals(scope, approvals, tenant=tenant, at=self._clock.now(), first=first)
            await self._changes.bump(scope)
        await self._changes.announce()


def _approval(source: str, tool: Tool) -> Approval:
    return Approval(source=source, tool=tool.name, digest=digest(tool), definition=canonical(tool).decode())


def _looked(sources: Sequence[Offer]) -> list[_Found]:
    """Untrusted tools in order; of two that look alike, the trusted one counts, and else the first."""
    names: dict[str, tuple[str, str]] = {}
    for trusted in (True, False):
        for source in sources:
            for tool in source.tools:
                if tool.trusted is trusted:
                    names.setdefault(skeleton(tool.name), (source.name, tool.name))
    return [_one(source.name, tool, names) for source in sources for tool in source.tools if not tool.trusted]


def _one(source: str, tool: Tool, names: Mapping[str, tuple[str, str]]) -> _Found:
    drawn = skeleton(tool.name)
    owner, name = names[drawn]
    remark = refused = ""
    if reserved(tool.name):
        refused = f"{tool.name} looks like a name Freehold keeps for itself"
    elif owner != source:
        refused = f"{tool.name} looks like {name} of {owner}"
    else:
        close = sorted(other for other_source, other in names.values() if other_source != source and near(other, tool.name))
        remark = f"{tool.name} is one character away from {close[0]}" if close else ""
    return _Found(source=source, tool=tool, digest=digest(tool), remark=refused or remark, refused=bool(refused))
