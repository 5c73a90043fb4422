"""How many nodes an operation may come to: page sizes multiplied along the selection, as GitHub counts its node limit.

Arithmetic only; `cost.py` finds the lists in a document."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

MAX_NODES: Final = 10_000
"""More than an agent can read (a megabyte at a hundred bytes each), a fiftieth of what GitHub allows."""
ASSUMED: Final = 100
"""Items of a connection whose size nothing says."""


class Pages(Struct, frozen=True):
    """A list that comes page by page, and the lists in each of its items."""

    name: str
    sizes: tuple[int | str, ...]
    """What says its size: numbers, and names of variables."""
    otherwise: int
    """Its size when none of them does."""
    inside: tuple["Pages", ...] = ()

    def size(self, variables: Mapping[str, Any]) -> int:
        """Items it may have with these variables."""
        said = [variables.get(one) if isinstance(one, str) else one for one in self.sizes]
        return max((max(one, 0) for one in said if isinstance(one, int)), default=self.otherwise)


def nodes(pages: Iterable[Pages], variables: Mapping[str, Any]) -> int:
    """Nodes of all lists together with these variables."""
    return sum(one.size(variables) * (1 + nodes(one.inside, variables)) for one in pages)
