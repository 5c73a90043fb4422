"""The catalog: what all sources offer, and each caller's view of it.

A view depends only on scopes, `allowed_tools` and, where something asks for them, plan and roles.
Callers who may see the same share one."""

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.resource import Prompt, Resource
from freehold.core.tool import Tool
from freehold.domains.catalog.cursors import Cursors
from freehold.domains.catalog.edition import Edition, Entry, ListKind, Offer, Offers, edition
from freehold.domains.catalog.listing import encoded
from freehold.domains.catalog.uris import Found
from freehold.protocol.mirrors import Mirrored

_VIEWS: Final = 1_000
"""Views kept; beyond that the oldest go. A view is rebuilt from encoded entries, cheaply."""
_VIEW_BYTES: Final = 64 << 20
"""Bytes of pages kept in all views together, but for the newest."""
_TENANTS: Final = 20_000
"""Tenants whose edition is known without asking the arrangements."""
_EDITIONS: Final = 64
"""Editions kept beside the one without arrangements; beyond that the oldest go and are worked out again when somebody looks."""


_Rights = tuple[Edition, frozenset[str], frozenset[str] | None, str, frozenset[str]]
"""What a view depends on: the edition, and the scopes, tools, plan and roles of whoever looks."""


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


class Arrangement(Protocol):
    """One way in which tenants see the same sources differently: edits, versions, a budget. Its owner says `rearrange` when it changes."""

    def key(self, tenant: str) -> Hashable:
        """Tenants with equal keys are shown the same; None where nothing is different. A lookup in memory."""
        ...

    def arranged(self, tenant: str, offers: Sequence[Offer]) -> Sequence[Offer]:
        """What this tenant is shown of these offers; a tool that is not changed stays the same object."""
        ...


class Catalog:
    """One edition for all, and one for each way tenants see it differently; `replace` swaps the whole at once."""

    def __init__(self, cursors: Cursors, *, page_size: int, arrangements: Sequence[Arrangement] = ()) -> None:
        """Empty until the first `replace`. Each of the `arrangements` is given what the one before it made."""
        self._cursors = cursors
        self._page_size = page_size
        self._arrangements = tuple(arrangements)
        self.replace(())

    def replace(self, sources: Sequence[Offer], owed: Sequence[Tool] = ()) -> None:
        """Offer from now on what these sources have. Two with one name: both get their source's name in front.

        Tools that are `owed` come last, and no arrangement touches them.

        Of two resources with one URI the first is offered. Raises ValueError for a URI template that is none, and changes nothing.
        """
        base = edition(sources, encoded, owed)
        self._owed = owed
        self._sources = tuple(sources)
        self._base = base
        self._encodings = {entry.tool: entry.json for entry in base.lists["tools"]}
        self.rearrange()

    def rearrange(self) -> None:
        """Ask the arrangements again, for every tenant; the sources stay."""
        self._editions: dict[Hashable, Edition] = {}
        self._by_tenant: dict[str, Edition] = {}
        self._views: dict[_Rights, _View] = {}
        self._viewed = 0

    def edition(self, tenant: str) -> Edition:
        """What there is for a tenant, whoever asks. Worked out at the first look, then kept; tenants who are shown the same share one."""
        known = self._by_tenant.get(tenant)
        if known is None:
            _make_room(self._by_tenant, _TENANTS)
            known = self._by_tenant[tenant] = self._arranged(tenant)
        return known

    def _arranged(self, tenant: str) -> Edition:
        keys = tuple(each.key(tenant) for each in self._arrangements)
        if all(key is None for key in keys):
            return self._base
        known = self._editions.get(keys)
        if known is None:
            offers: Sequence[Offer] = self._sources
            for each in self._arrangements:
                offers = each.arranged(tenant, offers)
            _make_room(self._editions, _EDITIONS)
            known = self._editions[keys] = edition(offers, self._encoded, self._owed)
        return known

    def _encoded(self, tool: Tool) -> bytes:
        """Editions share the bytes of tools that are the same in them."""
        return self._encodings.get(tool) or encoded(tool)

    @property
    def offers(self) -> Offers:
        """What there is for anybody at all."""
        return self._base.offers

    @property
    def tools(self) -> Sequence[Tool]:
        """Every tool of the sources, in listing order, before any arrangement."""
        return tuple(tool for tool in self._base.tools.values() if not tool.owed)

    # one of them

    def find(self, principal: Principal, name: str) -> Tool | None:
        """The named tool unless `allowed_tools`, plan or roles hide it; scopes are the caller's to check."""
        found = self.edition(principal.tenant).tools.get(name)
        return None if found is None or _hidden(found, principal) else found

    def seen(self, principal: Principal) -> tuple[Hashable, Sequence[Tool]]:
        """What marks this caller's view until the catalog changes, and every tool of it, listed or not.

        Not the version: editions that list the same may differ in tools that are not listed.
        """
        there = self.edition(principal.tenant)
        visible = tuple(tool for tool in there.tools.values() if _visible(tool, principal) and not tool.quarantined)
        return _rights(there, principal), visible

    def mirrored(self, principal: Principal, name: str) -> tuple[Mirrored, ...]:
        """What calls of the named tool must repeat in headers: nothing, for nearly all."""
        return self.edition(principal.tenant).mirrored.get(name, ())

    def resource(self, principal: Principal, uri: str) -> Found | None:
        """The resource this URI belongs to and its template's values; hidden as tools are, scopes are the caller's to check.

        A URI belongs to one resource whoever asks: where that one is hidden, no other answers instead.
        """
        found = self.edition(principal.tenant).uris.find(uri)
        return None if found is None or _hidden(found[0].tool, principal) else found

    def template(self, principal: Principal, uri: str) -> Resource | None:
        """The template of exactly this text, likewise."""
        found = self.edition(principal.tenant).uris.template(uri)
        return None if found is None or _hidden(found.tool, principal) else found

    def prompt(self, principal: Principal, name: str) -> Prompt | None:
        """The named prompt, likewise."""
        found = self.edition(principal.tenant).prompts.get(name)
        return None if found is None or _hidden(found.tool, principal) else found

    # all of them

    def page(self, principal: Principal, kind: ListKind, cursor: str | None) -> Page:
        """One page of what this caller may use. Raises `Refusal` for a cursor that is not theirs, also for an empty one."""
        version, pages = self.edition(principal.tenant).version, self._view(principal).pages[kind]
        at = 0 if cursor is None else self._cursors.open(principal.tenant, version, kind, cursor)
        if at >= len(pages):
            raise Refusal("invalid_cursor")
        following = self._cursors.seal(principal.tenant, version, kind, at + 1) if at + 1 < len(pages) else None
        return Page(pages[at], following)

    def shown(self, principal: Principal) -> Shown:
        """Tells whether two looks at the lists show this caller the same."""
        return self._view(principal).shown

    def _view(self, principal: Principal) -> _View:
        """Kept by the scopes, plan and roles that something asks for: others make no difference, and a token may carry many."""
        seen = self.edition(principal.tenant)
        key = _rights(seen, principal)
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self._seen(seen, principal)
            self._viewed += view.size
            while len(self._views) > _VIEWS or (self._viewed > _VIEW_BYTES and len(self._views) > 1):
                self._viewed -= self._views.pop(next(iter(self._views))).size
        return view

    def _seen(self, seen: Edition, principal: Principal) -> _View:
        lists: dict[ListKind, Sequence[Entry]] = {**seen.lists, "tools": self._tools(seen, principal)}
        pages: dict[ListKind, tuple[bytes, ...]] = {kind: self._paged(entries, principal) for kind, entries in lists.items()}
        shown = Shown(
            tools=_digest(pages["tools"]),
            prompts=_digest(pages["prompts"]),
            resources=_digest((*pages["resources"], *pages["templates"])),
        )
        return _View(pages, shown)

    def _tools(self, seen: Edition, principal: Principal) -> Sequence[Entry]:
        """To whom nothing else is listed, what is owed to everybody is of no use."""
        listed = self._listed(seen, principal)
        return listed if any(_visible(entry.tool, principal) and not entry.tool.owed for entry in listed) else ()

    def _listed(self, seen: Edition, principal: Principal) -> Sequence[Entry]:
        """What is not listed is shown to a caller with `allowed_tools` that name it and nothing that would find it."""
        listed = seen.lists["tools"]
        if principal.tools is None or any(_visible(entry.tool, principal) and entry.tool.stands_in is not None for entry in listed):
            return listed
        known = {entry.tool.name: entry for entry in listed}
        named = [tool for name in principal.tools if (tool := seen.tools.get(name)) is not None and not tool.quarantined]
        if all(tool.name in known for tool in named):
            return listed
        order = {name: at for at, name in enumerate(seen.tools)}
        named.sort(key=lambda tool: order[tool.name])
        owed = [entry for entry in listed if entry.tool.owed]
        return [*(known.get(tool.name) or Entry(tool, self._encoded(tool)) for tool in named if not tool.owed), *owed]

    def _paged(self, entries: Sequence[Entry], principal: Principal) -> tuple[bytes, ...]:
        seen = [entry.json for entry in entries if _visible(entry.tool, principal)]
        size = self._page_size
        cuts = [seen[start : start + size] for start in range(0, len(seen), size)] or [[]]
        return tuple(b"[" + b",".join(part) + b"]" for part in cuts)


def _rights(seen: Edition, principal: Principal) -> _Rights:
    plan = principal.plan if seen.planned else ""
    return (seen, principal.scopes & seen.asked, principal.tools, plan, principal.roles & seen.roles)


def _make_room(kept: dict[Any, Any], most: int) -> None:
    while len(kept) >= most:
        del kept[next(iter(kept))]


def _hidden(tool: Tool, principal: Principal) -> bool:
    return (
        not _allowed(tool, principal.tools)
        or bool(tool.plans and principal.plan not in tool.plans)
        or bool(tool.roles and not tool.roles & principal.roles)
    )


def _allowed(tool: Tool, names: frozenset[str] | None) -> bool:
    """Whether a caller with these `allowed_tools` may know of it."""
    return names is None or tool.name in names or (tool.owed and bool(names))


def _visible(tool: Tool, principal: Principal) -> bool:
    return tool.scopes <= principal.scopes and not _hidden(tool, principal)


def _digest(pages: Sequence[bytes]) -> bytes:
    return hashlib.blake2b(b"\n".join(pages), digest_size=16).digest()
