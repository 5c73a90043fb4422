"""What this room needs of the ledger: that an act is in the book before anybody hears of it (law 2)."""

from typing import Protocol

from freehold.core.deed import Deed


class Recorder(Protocol):
    """The book."""

    async def deed(self, deed: Deed, /) -> None:
        """Return once the deed is committed."""
        ...
