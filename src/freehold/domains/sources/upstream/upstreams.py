"""Use case: offer other MCP servers as the operator named them, from the last good catalog, and follow what changes in it.

A catalog is kept as documents are, so that a start needs no network and every replica follows the one that saw the change."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Final

from msgspec import Struct

from freehold.core.refusals import Refusal
from freehold.domains.sources.fetch import Documents
from freehold.domains.sources.upstream.exchange import Bounds
from freehold.domains.sources.upstream.link import Link
from freehold.domains.sources.upstream.offered import offered
from freehold.domains.sources.upstream.snapshot import EMPTY, Snapshot, decode, encode, listed
from freehold.domains.sources.upstream.source import UpstreamSource
from freehold.kit.clock import Clock
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.kit.http import StreamingOutbound
from freehold.protocol.client import Headers, Note

_log = logging.getLogger("freehold.upstreams")
_EVERY: Final = 300.0
"""Seconds between two looks at a catalog whose server does not say how long it is good."""
_SOONEST: Final = 30.0
_BURST: Final = 1.0
"""Changes within so many seconds are looked at once."""
_LONGEST_BREAK: Final = 300.0


class UpstreamSpec(Struct, frozen=True, kw_only=True):
    """An MCP server as the operator named it."""

    name: str
    location: str
    """The URL of its endpoint."""
    headers: Headers = ()
    """Sent with every request: the operator's credential."""
    scopes: dict[str, tuple[str, ...]] = {}
    trusted: bool = False
    """Whether what it says of its tools' harmlessness counts."""
    relays: bool = False
    """Whether its questions go on to the caller's client."""

    def __repr__(self) -> str:
        """Which; its headers stay out of logs."""
        return f"UpstreamSpec({self.name!r})"


class Standing(Struct, frozen=True):
    """How an upstream is: whether it answered last, and when its catalog was last seen whole (Unix seconds)."""

    away: bool
    seen_at: float | None


class Upstreams:
    """Every upstream of this process: its link, its catalog, and who looks at it."""

    def __init__(
        self,
        documents: Documents,
        outbound: StreamingOutbound,
        *,
        seconds: float,
        cap: int,
        clock: Clock,
        randomness: Callable[[int], bytes],
    ) -> None:
        """`seconds` and `cap` (bytes) bound one answer; by `randomness` the looks of many replicas do not come all at once."""
        self._documents = documents
        self._outbound = outbound
        self._bounds = Bounds(seconds, cap)
        self._clock = clock
        self._randomness = randomness
        self._links: dict[str, Link] = {}
        self._standing: dict[str, Standing] = {}
        self._fresh: dict[str, float | None] = {}
        self._watching: list[asyncio.Task[None]] = []

    async def load(self, spec: UpstreamSpec) -> tuple[UpstreamSource, str | None]:
        """The source from the last good catalog, without any network; of one that was never reached, an empty one."""
        kept = await self._documents.stored(spec.name, spec.location)
        if kept is None:
            return self._built(spec, EMPTY), None
        self._standing.setdefault(spec.name, Standing(away=False, seen_at=kept.fetched_at))
        return self._built(spec, decode(kept.document)), kept.digest

    async def refresh(self, spec: UpstreamSpec) -> tuple[UpstreamSource, str]:
        """List everything again; only a catalog that came whole takes the place of the last good one. Raises `Refusal`."""
        found = await listed(self._link(spec))
        source, document = self._built(spec, found.snapshot), encode(found.snapshot)
        digest = sha256(document).hexdigest()
        if not await self._documents.confirm(spec.name, spec.location, digest):
            await self._documents.keep(spec.name, spec.location, "", document)
        self._fresh[spec.name] = found.fresh
        self._standing[spec.name] = Standing(away=False, seen_at=self._clock.now())
        return source, digest

    async def check(self, spec: UpstreamSpec) -> None:
        """Raise `Refusal` when it could not be listed now."""
        await listed(self._link(spec))

    def told(self) -> dict[str, dict[str, object]]:
        """By source name: whether it answered last, and how old the catalog is that is offered (seconds; None: there is none)."""
        now = self._clock.now()
        return {
            name: {
                "status": "away" if one.away else "ok",
                "catalog_age_seconds": None if one.seen_at is None else max(0, round(now - one.seen_at)),
            }
            for name, one in self._standing.items()
        }

    def watch(self, specs: Sequence[UpstreamSpec]) -> None:
        """Look at each now and then, and whenever it says that something has changed."""
        loop = asyncio.get_running_loop()
        for spec in specs:
            changed = asyncio.Event()
            self._watching.append(loop.create_task(self._look_again_and_again(spec, changed), name=f"upstream {spec.name}"))
            self._watching.append(loop.create_task(self._listen(spec, changed), name=f"changes of {spec.name}"))

    async def close(self) -> None:
        """Watch no more, and end what was begun at the servers."""
        watching, self._watching = self._watching, []
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        links, self._links = self._links, {}
        await asyncio.gather(*(link.close() for link in links.values()), return_exceptions=True)

    def _link(self, spec: UpstreamSpec) -> Link:
        if spec.name not in self._links:
            self._links[spec.name] = Link(self._outbound, spec.location, spec.headers, self._bounds)
        return self._links[spec.name]

    def _built(self, spec: UpstreamSpec, snapshot: Snapshot) -> UpstreamSource:
        found = offered(snapshot, spec.name, trusted=spec.trusted, scopes=spec.scopes)
        for one in found.skipped:
            _log.warning("not offered", extra={"code": "upstream_skipped", "source": spec.name, "entry": one.name, "why": one.why})
        unknown = set(spec.scopes) - {tool.name for tool in found.tools}
        if unknown and found.tools:  # no reason to refuse a start: what a stranger offers may change at any time
            said = {"code": "upstream_scopes_unknown", "source": spec.name, "tools": sorted(unknown)}
            _log.warning("scopes name tools that are not offered", extra=said)
        return UpstreamSource(spec.name, found, self._link(spec), relays=spec.relays)

    # watching

    async def _look_again_and_again(self, spec: UpstreamSpec, changed: asyncio.Event) -> None:
        while True:
            await self._look(spec)
            wanted = self._fresh.get(spec.name)
            every = _EVERY if not wanted else max(_SOONEST, min(wanted, _EVERY))
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), self._about(every))
                await asyncio.sleep(_BURST)
            changed.clear()

    def _about(self, seconds: float) -> float:
        """A fifth more or less."""
        return seconds * (0.8 + 0.4 * self._randomness(1)[0] / 255)

    async def _look(self, spec: UpstreamSpec) -> None:
        before = self._standing.get(spec.name)
        try:
            await self.refresh(spec)
        except Refusal as refused:
            seen_at = before.seen_at if before is not None else None
            self._standing[spec.name] = Standing(away=True, seen_at=seen_at)
            if before is None or not before.away:
                age = None if seen_at is None else round(self._clock.now() - seen_at)
                said = {"code": "upstream_stale", "source": spec.name, "why": refused.code, "age_seconds": age}
                _log.warning("an upstream cannot be listed; its last good catalog stays", extra=said)
        except (Unavailable, Misconfigured) as fault:
            _log.warning("an upstream's catalog cannot be kept", extra={"code": "upstream_stale", "error": type(fault).__name__})

    async def _listen(self, spec: UpstreamSpec, changed: asyncio.Event) -> None:
        """Follow the server's own stream; where there is none, ask for one now and then, for it may be another server by then."""
        wait = _BURST
        while True:
            statuses: list[int] = []
            with suppress(Refusal):
                async for one in self._link(spec).changes(statuses.append):
                    if isinstance(one, Note) and one.method.endswith("/list_changed"):
                        changed.set()
            wait = _BURST if statuses == [200] else min(wait * 2, _LONGEST_BREAK)
            await asyncio.sleep(self._about(wait))
