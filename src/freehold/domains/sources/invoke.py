"""The innermost end of the corridor: hands the call to the source its tool came from."""

from collections.abc import Sequence

from freehold.core.call import Call, Outcome
from freehold.domains.sources.port import Source


class Sources:
    """The sources by name. `replace` swaps the whole; calls in flight finish on the source they began with."""

    def __init__(self) -> None:
        """Empty until the first `replace`."""
        self._by_name: dict[str, Source] = {}

    def replace(self, sources: Sequence[Source]) -> None:
        """Serve these from now on."""
        self._by_name = {source.name: source for source in sources}

    @property
    def all(self) -> Sequence[Source]:
        """Every source, in the operator's order."""
        return tuple(self._by_name.values())

    async def invoke(self, call: Call) -> Outcome:
        """Run the call's tool."""
        return await self._by_name[call.tool.source].invoke(call)
