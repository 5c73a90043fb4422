"""Source: the releases of one document together. Each tenant is shown one of them.

Calls of earlier tools run as later ones where the two documents say for certain what is meant."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.call import Call, Outcome
from freehold.core.records import PAGE_KEY
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool
from freehold.domains.sources.adapted import Adapted, adapter
from freehold.domains.sources.differences import pairs
from freehold.domains.sources.openapi.tools import Trimmed
from freehold.domains.sources.port import Source
from freehold.domains.sources.releases import Naming, Retiring, Serving, named

_HUNDRED: Final = 100


class Choice(Struct, frozen=True):
    """One way to see a source."""

    release: int
    pinned: bool
    """As it was, whatever became of it; else with its later versions and their sunsets."""


class Shown(Struct, frozen=True, kw_only=True):
    """A source as it is chosen."""

    name: str
    tools: Sequence[Tool]
    resources: Sequence[Resource]
    prompts: Sequence[Prompt]


class OfDocument(Source, Protocol):
    """A source of one document."""

    @property
    def trimmed(self) -> Sequence[Trimmed]:
        """Tools whose definition says less than the document."""
        ...


class Built(Struct, frozen=True):
    """A release that can be served."""

    source: OfDocument
    naming: Naming


class Released:
    """A source of several releases; on its own it is the current one."""

    def __init__(self, built: Mapping[int, Built], serving: Serving, *, pins: Mapping[str, int], now: float) -> None:
        """`built` has the current release and all others served; `pins` are releases by tenant; `now` tells what is past its sunset."""
        self._built = dict(built)
        self._serving = serving
        self._pins = {tenant: number for tenant, number in pins.items() if number in built}
        self._now = now
        self._current = built[serving.current].source
        self._shown: dict[Choice, Shown] = {}
        self.tools: Sequence[Tool] = self.offer(Choice(serving.current, pinned=False)).tools
        until = [one.until for each in built.values() for one in each.naming.retiring if one.until > now]
        self.lapses: float | None = min(until, default=None)
        """When it has to be built again, for a sunset is due."""

    @property
    def name(self) -> str:
        """The operator's name for it."""
        return self._current.name

    @property
    def resources(self) -> Sequence[Resource]:
        """Of the current release, for everybody: the operator's settings name them."""
        return self._current.resources

    @property
    def prompts(self) -> Sequence[Prompt]:
        """Likewise."""
        return self._current.prompts

    @property
    def trimmed(self) -> Sequence[tuple[Tool, str]]:
        """Tools of the current release whose definition says less than the document, and what is missing."""
        shown = dict(zip((tool.name for tool in self._current.tools), self.tools, strict=False))  # earlier versions come behind
        return [(shown[trim.tool], trim.what) for trim in self._current.trimmed]

    # what a tenant is shown

    def choice(self, tenant: str) -> Choice | None:
        """Which release this tenant is shown; None: the current one."""
        pinned = self._pins.get(tenant)
        if pinned is not None:
            return Choice(pinned, pinned=True)
        canary = self._serving.canary
        if canary in self._built and in_share(self.name, canary, tenant, self._serving.share):
            return Choice(canary, pinned=False)
        return None

    def offer(self, choice: Choice) -> Shown:
        """That release, as the source it is for whoever is shown it."""
        known = self._shown.get(choice)
        if known is None:
            resources, prompts = self._current.resources, self._current.prompts
            known = self._shown[choice] = Shown(name=self.name, tools=self._tools(choice), resources=resources, prompts=prompts)
        return known

    def _tools(self, choice: Choice) -> tuple[Tool, ...]:
        built = self._built[choice.release]
        own = built.source.tools
        if choice.pinned and choice.release != self._serving.current:
            own = [self._adapted(tool, self._serving.current) for tool in own]
        retiring = [self._retiring(one, choice) for one in built.naming.retiring if choice.pinned or one.until > self._now]
        return (*named(own, built.naming), *(tool for tool in retiring if tool is not None))

    def _retiring(self, one: Retiring, choice: Choice) -> Tool | None:
        if one.release not in self._built:
            return None
        tool = next((each for each in self._built[one.release].source.tools if each.name == one.tool), None)
        if tool is None:
            return None
        day = datetime.fromtimestamp(one.until, UTC).date().isoformat()
        said = f"Deprecated. Use {one.successor}: this version goes away on {day}. {tool.description.removeprefix('Deprecated. ')}"
        root = self._built[choice.release].naming.roots.get(one.name)
        adapted = self._adapted(tool, self._serving.current if choice.pinned else choice.release)
        return replace(adapted, name=one.name, description=said, version_of=root)

    def _adapted(self, tool: Tool, release: int) -> Tool:
        """The same to look at; it runs as what became of it in that release, if that is certain."""
        later = next((pair.after for pair in pairs([tool], self._built[release].source.tools) if pair.before is not None), None)
        found = None if later is None else adapter(tool, later)
        if later is None or found is None:
            return tool
        runs = replace(tool, operation=later.operation, audience=later.audience, paging=later.paging)
        return replace(tool, operation=Adapted(found, runs), audience=later.audience)

    # a source

    async def invoke(self, call: Call) -> Outcome:
        """Run the call's tool, of whichever release; what an answer says of the next page is said in the tool's own arguments."""
        operation = call.tool.operation
        if isinstance(operation, Adapted):
            return _before(await self._current.invoke(_as(call, operation)), operation)
        return await self._current.invoke(call)

    async def check(self) -> None:
        """Say what is wrong with the current release."""
        await self._current.check()

    async def close(self) -> None:
        """Give everything back."""
        for built in self._built.values():
            await built.source.close()


def in_share(source: str, release: int, tenant: str, share: int) -> bool:
    """Whether a tenant is among the `share` of a hundred that are shown this release: always the same ones, other ones for each release."""
    digest = hashlib.sha256(f"{source} {release} {tenant}".encode()).digest()
    return int.from_bytes(digest[:8]) % _HUNDRED < share


def _as(call: Call, operation: Adapted) -> Call:
    return replace(call, tool=operation.runs, arguments=operation.adapter.arguments(call.arguments))


def _before(outcome: Outcome, operation: Adapted) -> Outcome:
    page = (outcome.meta or {}).get(PAGE_KEY)
    if page is None or page.get("next") is None:
        return outcome
    told = {**page, "next": operation.adapter.before(page["next"])}
    return replace(outcome, meta={**(outcome.meta or {}), PAGE_KEY: told})
