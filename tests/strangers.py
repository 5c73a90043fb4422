"""A source whose definitions are somebody else's word: tools that change under one's hands, and a count of the calls that reached it."""

from collections.abc import Sequence

from msgspec.structs import replace

from freehold.core.tool import Tool
from freehold.domains.sources.functions import Functions
from tests.served import Served


class Stranger(Functions):
    """Offers untrusted tools by name and description, each answering with its name."""

    def __init__(self, name: str = "stranger", **described: str) -> None:
        """Begin with these tools."""
        super().__init__(name)
        self.reached: list[str] = []
        self.offer(**described)

    def offer(self, **described: str) -> None:
        """Have these tools from now on; a server learns of it by `changed`."""
        made = Functions(self.name)
        for name, text in described.items():
            made.add(self._answering(name), name=name, description=text, read_only=True)
        self._offered = tuple(replace(tool, trusted=False) for tool in made.tools)

    def _answering(self, name: str) -> object:
        async def answer() -> str:
            """Say one's name."""
            self.reached.append(name)
            return name

        return answer

    @property
    def empty(self) -> bool:
        """It is offered, whatever it has."""
        return False

    @property
    def tools(self) -> Sequence[Tool]:
        """As they were last offered."""
        return self._offered

    async def changed(self, server: Served, **described: str) -> None:
        """Offer other tools, and have the server see it."""
        self.offer(**described)
        await server.application.roster.load()
