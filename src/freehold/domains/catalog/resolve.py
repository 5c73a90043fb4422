"""The catalog: all sources' tools under unique names, and each caller's view of them.

A view depends only on scopes and `allowed_tools`, so callers who may see the same share one."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.catalog.cursors import Cursors
from freehold.domains.catalog.listing import encoded

_VIEWS: Final = 1_000
"""Views kept; beyond that the oldest go. A view is rebuilt from encoded tools, cheaply."""


_LONGEST: Final = 64
"""Characters of a tool name that every known client takes."""


class Offer(Protocol):
    """What the catalog needs of a source."""

    @property
    def name(self) -> str:
        """The source's name."""
        ...

    @property
    def tools(self) -> Sequence[Tool]:
        """Its tools, in order."""
        ...


class Page(Struct, frozen=True):
    """A JSON array of tools and the cursor of the next page."""

    tools: bytes
    following: str | None


class Catalog:
    """Immutable tools under a version; `replace` swaps the whole at once."""

    def __init__(self, cursors: Cursors, *, page_size: int) -> None:
        """Empty until the first `replace`."""
        self._cursors = cursors
        self._page_size = page_size
        self._tools: dict[str, Tool] = {}
        self._encoded: dict[str, bytes] = {}
        self._asked: frozenset[str] = frozenset()
        self._pages: dict[tuple[frozenset[str], frozenset[str] | None], tuple[bytes, ...]] = {}
        self.version = ""
        """Digest of all tools: equal on every replica that offers the same."""

    def replace(self, sources: Sequence[Offer]) -> None:
        """Offer these sources' tools from now on. Two sources with one name: both get their source's name in front."""
        tools = _unique(sources)
        self._encoded = {tool.name: encoded(tool) for tool in tools}
        self._tools = {tool.name: tool for tool in tools}
        self._asked = frozenset[str]().union(*(tool.scopes for tool in tools))
        self._pages = {}
        self.version = hashlib.sha256(b"\n".join(self._encoded.values())).hexdigest()

    @property
    def tools(self) -> Sequence[Tool]:
        """Every tool, in listing order."""
        return tuple(self._tools.values())

    def find(self, principal: Principal, name: str) -> Tool | None:
        """The named tool unless `allowed_tools` hides it; scopes are the caller's to check."""
        if principal.tools is not None and name not in principal.tools:
            return None
        return self._tools.get(name)

    def page(self, principal: Principal, cursor: str | None) -> Page:
        """One page of what this caller may call. Raises `Refusal` for a cursor that is not theirs."""
        pages = self._view(principal)
        at = 0 if cursor is None else self._cursors.open(principal.tenant, self.version, cursor)
        if not 0 <= at < len(pages):
            raise Refusal("invalid_cursor")
        following = self._cursors.seal(principal.tenant, self.version, at + 1) if at + 1 < len(pages) else None
        return Page(pages[at], following)

    def _view(self, principal: Principal) -> tuple[bytes, ...]:
        """Kept by the scopes that some tool asks for: others make no difference, and a token may carry any number of them."""
        key = (principal.scopes & self._asked, principal.tools)
        pages = self._pages.get(key)
        if pages is None:
            if len(self._pages) >= _VIEWS:
                self._pages.pop(next(iter(self._pages)))
            pages = self._pages[key] = self._paged(principal)
        return pages

    def _paged(self, principal: Principal) -> tuple[bytes, ...]:
        seen = [self._encoded[tool.name] for tool in self._tools.values() if _visible(tool, principal)]
        size = self._page_size
        cuts = [seen[start : start + size] for start in range(0, len(seen), size)] or [[]]
        return tuple(b"[" + b",".join(part) + b"]" for part in cuts)


def _visible(tool: Tool, principal: Principal) -> bool:
    return tool.scopes <= principal.scopes and (principal.tools is None or tool.name in principal.tools)


def _unique(sources: Sequence[Offer]) -> list[Tool]:
    """Every tool under a name of its own; one whose name nobody else has keeps it."""
    counts = Counter(tool.name for source in sources for tool in source.tools)
    taken = {name for name, count in counts.items() if count == 1}
    unique: list[Tool] = []
    for source in sources:
        for tool in source.tools:
            named = tool if counts[tool.name] == 1 else replace(tool, name=_prefixed(source.name, tool.name, taken))
            taken.add(named.name)
            unique.append(named)
    return unique


def _prefixed(source: str, name: str, taken: AbstractSet[str]) -> str:
    """The source's name in front; with a digest behind where that is too long or another's name."""
    joined = chosen = f"{source}_{name}"
    tries = 0
    while len(chosen) > _LONGEST or chosen in taken:
        digest = hashlib.sha256(f"{source} {name} {tries}".encode()).hexdigest()[:8]
        chosen = f"{joined[: _LONGEST - 9]}_{digest}"
        tries += 1
    return chosen
