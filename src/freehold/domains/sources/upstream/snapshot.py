"""An upstream's catalog as it was when listed: the whole of it or nothing, within bounds, and as bytes that can be kept."""

import asyncio
from typing import Any, Final, Protocol

import msgspec
from msgspec import Raw, Struct

from freehold.core.refusals import Refusal
from freehold.domains.sources.upstream.exchange import Wrong

MOST: Final = 5_000
"""Entries of one list."""
_MOST_PAGES: Final = 200
_MOST_BYTES: Final = 32 << 20
_SECONDS: Final = 60.0
"""For all lists together."""
_METHOD_NOT_FOUND: Final = -32601

_MEMBERS: Final = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}


class Snapshot(Struct, frozen=True, kw_only=True):
    """What was listed, each entry as it came."""

    tools: tuple[Raw, ...] = ()
    resources: tuple[Raw, ...] = ()
    templates: tuple[Raw, ...] = ()
    prompts: tuple[Raw, ...] = ()
    reads: bool = False
    """Whether it declares resources at all."""
    completes: bool = False
    """Whether it completes arguments."""
    format: int = 1


EMPTY: Final = Snapshot()


class Asked(Protocol):
    """What this needs of the link."""

    async def ask(self, method: str, params: dict[str, Any], /) -> Raw:
        """The result of a request."""
        ...

    async def offers(self) -> dict[str, Any]:
        """The server's capabilities."""
        ...


class Listed(Struct, frozen=True):
    """A snapshot, and for how long the server says it is good (seconds; None: it does not say)."""

    snapshot: Snapshot
    fresh: float | None


class _Page(Struct):
    tools: list[Raw] = []
    resources: list[Raw] = []
    resourceTemplates: list[Raw] = []  # noqa: N815  the wire's own name
    prompts: list[Raw] = []
    nextCursor: str | None = None  # noqa: N815  the wire's own name
    ttlMs: float | None = None  # noqa: N815  the wire's own name


async def listed(link: Asked) -> Listed:
    """All its lists. Raises `Refusal` for one that cannot be had whole: half a list is none."""
    try:
        async with asyncio.timeout(_SECONDS):
            return await _listed(link)
    except TimeoutError:
        raise _unfit("its lists take too long") from None
    except Wrong as wrong:
        raise _unfit(f"it answers a list with error {wrong.failure.code}") from None


async def _listed(link: Asked) -> Listed:
    offers = await link.offers()
    room = _Room()
    tools, fresh = await room.every(link, "tools/list", offers.get("tools"))
    resources, _ = await room.every(link, "resources/list", offers.get("resources"))
    templates, _ = await room.every(link, "resources/templates/list", offers.get("resources"))
    prompts, _ = await room.every(link, "prompts/list", offers.get("prompts"))
    found = Snapshot(
        tools=tools,
        resources=resources,
        templates=templates,
        prompts=prompts,
        reads="resources" in offers,
        completes="completions" in offers,
    )
    return Listed(found, fresh)


class _Room:
    """The bytes that all lists together may still have."""

    def __init__(self) -> None:
        self._left = _MOST_BYTES

    async def every(self, link: Asked, method: str, offered: object) -> tuple[tuple[Raw, ...], float | None]:
        """Every entry of one list, in an order of our own so that equal lists are equal bytes, and its shortest time to live in seconds."""
        entries: list[Raw] = []
        fresh: float | None = None
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(_MOST_PAGES if offered is not None else 0):
            page = await self._page(link, method, cursor)
            if page is None:
                break
            entries += getattr(page, _MEMBERS[method])
            if len(entries) > MOST:
                raise _unfit(f"{method} has more than {MOST} entries")
            fresh = page.ttlMs if fresh is None else min(fresh, page.ttlMs or 0)
            cursor = page.nextCursor
            if cursor is None:
                break
            if cursor in seen:
                raise _unfit(f"{method} goes round in circles")
            seen.add(cursor)
        else:
            if offered is not None:
                raise _unfit(f"{method} has more than {_MOST_PAGES} pages")
        return tuple(sorted(entries, key=bytes)), None if fresh is None else max(0.0, fresh / 1000)

    async def _page(self, link: Asked, method: str, cursor: str | None) -> _Page | None:
        """One page; None where templates are not known of, which a server with resources may say."""
        try:
            answer = await link.ask(method, {} if cursor is None else {"cursor": cursor})
        except Wrong as wrong:
            if wrong.failure.code == _METHOD_NOT_FOUND and method == "resources/templates/list":
                return None
            raise
        self._left -= len(memoryview(answer))
        if self._left < 0:
            raise _unfit(f"its lists have more than {_MOST_BYTES} bytes")
        try:
            return msgspec.json.decode(answer, type=_Page)
        except (msgspec.MsgspecError, RecursionError):
            raise _unfit(f"its answer to {method} is no list") from None


def encode(snapshot: Snapshot) -> bytes:
    """As a document to keep: the same bytes for the same lists."""
    return msgspec.json.encode(snapshot)


def decode(document: bytes) -> Snapshot:
    """A kept document."""
    try:
        return msgspec.json.decode(document, type=Snapshot)
    except msgspec.MsgspecError:
        raise _unfit("the kept catalog cannot be read") from None


def _unfit(why: str) -> Refusal:
    return Refusal("document_invalid", why=why, mend="See whether the URL is an MCP endpoint; what was offered before stays.")
