"""The roof's side of exports: whose pages they read, when they are offered, and that they stand beside the search in one source.

Part of the roof: a page is a call down the same corridor as any, in the name of whoever exports."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from freehold.core.call import Call, Outcome
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool, View
from freehold.domains.calls.run import Asked, Calls
from freehold.domains.catalog.resolve import Catalog
from freehold.domains.exports.exports import Exports
from freehold.domains.exports.model import Terms
from freehold.domains.sources.port import Source
from freehold.kit.clock import Clock
from freehold.kit.crypto import Seal
from freehold.kit.db import Database

_WHOLE = View(whole=True)


class Exporting:
    """The room of exports, put in its place."""

    def __init__(
        self,
        db: Database,
        seal: Seal,
        catalog: Catalog,
        calls: Callable[[], Calls],
        *,
        terms: Terms,
        clock: Clock,
        randomness: Callable[[int], bytes],
    ) -> None:
        """`calls` is asked at the first page, for the corridor is built after its sources."""
        self._catalog = catalog
        self._calls = calls
        self.room = Exports(db, seal, self, terms, clock=clock, randomness=randomness)

    def offered(self, sources: Sequence[Source]) -> Sequence[Source]:
        """With the exports, where one of the sources has pages to be read; a tool of the same name would have to give it up."""
        tools = [tool for source in sources for tool in source.tools]
        paged = any(tool.read_only and tool.paging is not None for tool in tools)
        taken = {tool.name for tool in tools} & {tool.name for tool in self.room.tools}
        return [*sources, self.room] if paged and not taken else sources

    def beside(self, standing: Source) -> Source:
        """Both sources of Freehold's own as the one they are called by."""
        return _House(standing, self.room)

    def find(self, principal: Principal, name: str) -> Tool | None:
        """As the catalog."""
        return self._catalog.find(principal, name)

    async def page(self, call: Call, tool: Tool, arguments: dict[str, Any], seconds: float) -> Outcome:
        """One call of the tool for that call's principal, under its request id."""
        outcomes: list[Outcome] = []

        def encode(outcome: Outcome) -> bytes:
            outcomes.append(outcome)
            return _counted(outcome)

        asked = Asked(
            principal=call.principal,
            name=tool.name,
            tool=tool,
            arguments=arguments,
            request_id=call.request_id,
            revision=call.revision,
            bytes_in=len(msgspec.json.encode(arguments)),
            traceparent=call.traceparent,
            seconds=seconds,
            view=_WHOLE,
        )
        try:
            await self._calls().run(asked, encode)
        except Refusal as refusal:
            return Outcome(status="refused", refusal=refusal)
        return outcomes[0]


def _counted(outcome: Outcome) -> bytes:
    """What the ledger counts as the answer's bytes."""
    return bytes(outcome.structured) if isinstance(outcome.structured, msgspec.Raw) else msgspec.json.encode(outcome.content)


class _House:
    """What is offered is each source's own; calls come here, for a tool of either names this source."""

    tools: Sequence[Tool] = ()
    resources: Sequence[Resource] = ()
    prompts: Sequence[Prompt] = ()

    def __init__(self, standing: Source, exports: Exports) -> None:
        self.name = standing.name
        self._standing = standing
        self._exports = exports

    async def invoke(self, call: Call) -> Outcome:
        """Run the tool where it belongs."""
        return await (self._exports if call.tool.operation in self._exports.operations else self._standing).invoke(call)

    async def check(self) -> None:
        """There is nothing that could be wrong with it."""

    async def close(self) -> None:
        """Forget what is kept in memory."""
        await self._standing.close()
