"""The catalog: what all sources offer, and each caller's view of it.

A view depends only on scopes and `allowed_tools`, so callers who may see the same share one."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool
from freehold.domains.catalog.cursors import Cursors
from freehold.domains.catalog.edition import ListKind, Offer, Offers, edition
from freehold.domains.catalog.uris import Found
from freehold.protocol.mirrors import Mirrored

_VIEWS: Final = 1_000
"""Views kept; beyond that the oldest go. A view is rebuilt from encoded entries, cheaply."""
_VIEW_BYTES: Final = 64 << 20
"""Bytes of pages kept in all views together, but for the newest."""


class Page(Struct, frozen=True):
    """A JSON array of what a list shows, and the cursor of the next page."""

    items: bytes
    following: str | None


class Shown(Struct, frozen=True, kw_only=True):
    """Digests, 16 bytes each, of all pages one caller sees: equal on every replica, different when a list is."""

    tools: bytes
    prompts: bytes
    resources: bytes
    """Templates too."""


class _View(Struct, frozen=True):
    """What callers with the same rights see."""

    pages: Mapping[ListKind, tuple[bytes, ...]]
    shown: Shown

    @property
    def size(self) -> int:
        """Bytes of its pages."""
        return sum(len(page) for pages in self.pages.values() for page in pages)


class Catalog:
    """One edition at a time; `replace` swaps the whole at once."""

    def __init__(self, cursors: Cursors, *, page_size: int) -> None:
        """Empty until the first `replace`."""
        self._cursors = cursors
        self._page_size = page_size
        self.replace(())

    def replace(self, sources: Sequence[Offer]) -> None:
        """Offer from now on what these sources have. Two with one name: both get their source's name in front.

        Of two resources with one URI the first is offered. Raises ValueError for a URI template that is none, and changes nothing.
        """
        self._edition = edition(sources)
        self._views: dict[tuple[frozenset[str], frozenset[str] | None], _View] = {}
        self._viewed = 0

    @property
    def version(self) -> str:
        """Digest of every list: equal on every replica that offers the same."""
        return self._edition.version

    @property
    def offers(self) -> Offers:
        """What there is for anybody at all."""
        return self._edition.offers

    @property
    def tools(self) -> Sequence[Tool]:
        """Every tool, in listing order."""
        return tuple(self._edition.tools.values())

    # one of them

    def find(self, principal: Principal, name: str) -> Tool | None:
        """The named tool unless `allowed_tools` hides it; scopes are the caller's to check."""
        if principal.tools is not None and name not in principal.tools:
            return None
        return self._edition.tools.get(name)

    def mirrored(self, name: str) -> tuple[Mirrored, ...]:
        """What calls of the named tool must repeat in headers: nothing, for nearly all."""
        return self._edition.mirrored.get(name, ())

    def resource(self, principal: Principal, uri: str) -> Found | None:
        """The resource this URI belongs to and its template's values; hidden as tools are, scopes are the caller's to check.

        A URI belongs to one resource whoever asks: where that one is hidden, no other answers instead.
        """
        found = self._edition.uris.find(uri)
        return None if found is None or _hidden(found[0].tool, principal) else found

    def template(self, principal: Principal, uri: str) -> Resource | None:
        """The template of exactly this text, likewise."""
        found = self._edition.uris.template(uri)
        return None if found is None or _hidden(found.tool, principal) else found

    def prompt(self, principal: Principal, name: str) -> Prompt | None:
        """The named prompt, likewise."""
        found = self._edition.prompts.get(name)
        return None if found is None or _hidden(found.tool, principal) else found

    # all of them

    def page(self, principal: Principal, kind: ListKind, cursor: str | None) -> Page:
        """One page of what this caller may use. Raises `Refusal` for a cursor that is not theirs, also for an empty one."""
        version, pages = self.version, self._view(principal).pages[kind]
        at = 0 if cursor is None else self._cursors.open(principal.tenant, version, kind, cursor)
        if at >= len(pages):
            raise Refusal("invalid_cursor")
        following = self._cursors.seal(principal.tenant, version, kind, at + 1) if at + 1 < len(pages) else None
        return Page(pages[at], following)

    def shown(self, principal: Principal) -> Shown:
        """Tells whether two looks at the lists show this caller the same."""
        return self._view(principal).shown

    def _view(self, principal: Principal) -> _View:
        """Kept by the scopes that something asks for: others make no difference, and a token may carry any number of them."""
        key = (principal.scopes & self._edition.asked, principal.tools)
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self._seen(principal)
            self._viewed += view.size
            while len(self._views) > _VIEWS or (self._viewed > _VIEW_BYTES and len(self._views) > 1):
                self._viewed -= self._views.pop(next(iter(self._views))).size
        return view

    def _seen(self, principal: Principal) -> _View:
        pages: dict[ListKind, tuple[bytes, ...]] = {kind: self._paged(kind, principal) for kind in self._edition.lists}
        shown = Shown(
            tools=_digest(pages["tools"]),
            prompts=_digest(pages["prompts"]),
            resources=_digest((*pages["resources"], *pages["templates"])),
        )
        return _View(pages, shown)

    def _paged(self, kind: ListKind, principal: Principal) -> tuple[bytes, ...]:
        seen = [entry.json for entry in self._edition.lists[kind] if _visible(entry.tool, principal)]
        size = self._page_size
        cuts = [seen[start : start + size] for start in range(0, len(seen), size)] or [[]]
        return tuple(b"[" + b",".join(part) + b"]" for part in cuts)


def _hidden(tool: Tool, principal: Principal) -> bool:
    return principal.tools is not None and tool.name not in principal.tools


def _visible(tool: Tool, principal: Principal) -> bool:
    return tool.scopes <= principal.scopes and not _hidden(tool, principal)


def _digest(pages: Sequence[bytes]) -> bytes:
    return hashlib.blake2b(b"\n".join(pages), digest_size=16).digest()
