"""What operators do with the releases of a source: look, import, promote, roll back, and keep a tenant at one. Each deed is recorded.

The sibling of `administration.py` and `curation.py`; running servers follow what is committed here."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from msgspec import Struct

from freehold.administration import operator
from freehold.core.deed import Deed
from freehold.core.refusals import Refusal
from freehold.curation import HOUSE
from freehold.domains.sources.fetch import Documents
from freehold.domains.sources.importing import Reread
from freehold.domains.sources.releases import Release, Serving
from freehold.kit.clock import Clock
from freehold.roster import Roster

DAY: Final = 86_400.0
"""Seconds."""
_USAGE_DAYS: Final = 30


class Recorder(Protocol):
    """What this needs of the ledger."""

    async def deed(self, deed: Deed) -> None:
        """Return once the deed is committed."""
        ...


class Usage(Protocol):
    """What this needs of the book."""

    async def calls_since(self, at: float) -> dict[str, int]:
        """Calls by the tool's name."""
        ...


class Version(Struct, frozen=True, kw_only=True):
    """A tool that stands beside its successor, and who still calls it."""

    tool: str
    successor: str
    until: float
    calls: int
    """In the last thirty days, of all tenants."""
    successor_calls: int


class Seen(Struct, frozen=True, kw_only=True):
    """A release and who is served it."""

    release: Release
    role: str
    """`current`, `canary`, `previous`, or nothing."""
    share: int
    """Tenants of a hundred, of a canary."""
    pinned: Sequence[str]
    """Tenants that stay with it."""
    versions: Sequence[Version]


class Releases:
    """What an operator may do. Every method raises `Refusal` with a sentence when it cannot."""

    def __init__(
        self,
        roster: Roster,
        documents: Documents,
        *,
        tenant: Callable[[str], Awaitable[object]],
        usage: Usage,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        """`tenant` refuses one there is not."""
        self._roster = roster
        self._documents = documents
        self._tenant = tenant
        self._usage = usage
        self._recorder = recorder
        self._clock = clock

    async def compare(self, source: str) -> Reread:
        """What a refresh would change."""
        return await self._roster.compare(source)

    async def refresh(self, source: str, *, share: int | None = None) -> Reread:
        """Read the document again. Compatible changes flow; a breaking one makes a later version beside the tool it breaks."""
        reread = await self._roster.refresh(source, share=share)
        if reread.kept:
            await self._done("source.refreshed", f"{source}@{reread.release}" if reread.release else source)
        return reread

    async def seen(self, source: str) -> list[Seen]:
        """Every release that is kept, the oldest first."""
        serving, pins = await self._standing(source)
        calls = await self._usage.calls_since(self._clock.now() - _USAGE_DAYS * DAY)
        return [_seen(release, serving, pins, calls) for release in await self._documents.releases(source)]

    async def promote(self, source: str, *, release: int | None = None) -> int:
        """Serve the canary, or the named release, to everybody who is not pinned; which it is. Refuses `release_unknown`."""
        serving, _ = await self._standing(source)
        chosen = serving.canary if release is None else release
        if chosen is None or chosen not in await self._documents.kept(source):
            raise Refusal("release_unknown", source=source, release="canary" if chosen is None else chosen)
        if chosen != serving.current:
            await self._documents.serve(source, Serving(current=chosen, previous=serving.current))
        await self._done("source.promoted", f"{source}@{chosen}")
        return chosen

    async def roll_back(self, source: str) -> int:
        """Take back the canary, or else the current release; which one is current now. Refuses `nothing_to_roll_back`."""
        serving, _ = await self._standing(source)
        if serving.canary is not None:
            after = Serving(current=serving.current, previous=serving.previous)
        elif serving.previous is not None:
            after = Serving(current=serving.previous)
        else:
            raise Refusal("nothing_to_roll_back", source=source)
        await self._documents.serve(source, after)
        await self._done("source.rolled_back", f"{source}@{after.current}")
        return after.current

    async def pin(self, source: str, tenant: str, *, release: int | None = None) -> int:
        """The tenant stays with this release, or with the current one, whatever is imported; which it is. Refuses `release_unknown`."""
        await self._tenant(tenant)
        serving, _ = await self._standing(source)
        chosen = serving.current if release is None else release
        if chosen not in await self._documents.kept(source):
            raise Refusal("release_unknown", source=source, release=chosen)
        await self._documents.pin(tenant, source, chosen)
        await self._done("source.pinned", f"{source}@{chosen}", tenant)
        return chosen

    async def unpin(self, source: str, tenant: str) -> None:
        """The tenant goes with the others again. Refuses `nothing_pinned`."""
        await self._tenant(tenant)
        self._roster.released(source)
        if not await self._documents.pin(tenant, source, None):
            raise Refusal("nothing_pinned", source=source, tenant=tenant)
        await self._done("source.unpinned", source, tenant)

    async def _standing(self, source: str) -> tuple[Serving, dict[str, int]]:
        self._roster.released(source)
        standing = await self._documents.standing(source)
        if standing is None:
            raise Refusal("release_unknown", source=source, release=1)
        return standing.serving, standing.pins

    async def _done(self, act: str, on: str, tenant: str | None = None) -> None:
        await self._recorder.deed(Deed(tenant=tenant or HOUSE, act=act, on=on, actor=operator(), at=self._clock.now()))


def _seen(release: Release, serving: Serving, pins: dict[str, int], calls: dict[str, int]) -> Seen:
    roles = {serving.previous: "previous", serving.canary: "canary", serving.current: "current"}
    versions = [
        Version(
            tool=one.name,
            successor=one.successor,
            until=one.until,
            calls=calls.get(one.name, 0),
            successor_calls=calls.get(one.successor, 0),
        )
        for one in release.naming.retiring
    ]
    return Seen(
        release=release,
        role=roles.get(release.number, ""),
        share=serving.share if release.number == serving.canary else 0,
        pinned=sorted(tenant for tenant, number in pins.items() if number == release.number),
        versions=versions,
    )
