"""Reads pages to their end, or to the first bound: rows, bytes, time, a page that fails, a page that leads nowhere.

What has been read when it stops is kept. Only the first page's failure is the export's own: then there is nothing to keep."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from freehold.core.call import Call, Outcome
from freehold.core.refusals import Refusal
from freehold.core.tool import Paging, Tool
from freehold.domains.exports.model import Ended, Gathered, Terms, Wanted
from freehold.domains.exports.pages import Calling, Page, read, why
from freehold.kit.clock import Clock

_DELIVERING: Final = 5.0
"""Seconds of a call that are left for writing the file (50,000 rows take two), but a fifth of it at most."""
_BUSY: Final = frozenset({"rate_limited", "overloaded"})
"""Refusals that pass while one waits."""
_LONGEST_WAIT: Final = 5.0
_PATIENCE: Final = 20
"""Times one page is asked for before the limits are taken for a no."""

Sleep = Callable[[float], Awaitable[None]]


class Spool:
    """The records so far, within their bounds."""

    def __init__(self, *, rows: int, cap: int) -> None:
        """`cap` is in bytes."""
        self.records: list[bytes] = []
        self.capped = ""
        self._rows = rows
        self._cap = cap
        self._size = 0

    def take(self, records: list[bytes]) -> None:
        """As many as fit; `capped` says why others did not."""
        for record in records:
            if len(self.records) >= self._rows:
                self.capped = f"There are more than {self._rows} rows, as many as were wanted at most."
            elif self._size + len(record) > self._cap:
                self.capped = f"The records are more than {self._cap} bytes, as many as one export may have."
            if self.capped:
                return
            self.records.append(record)
            self._size += len(record) + 1

    @property
    def full(self) -> bool:
        """Whether it has as many rows as are wanted."""
        return len(self.records) >= self._rows

    def ended(self, ended: Ended) -> Gathered:
        """All of it."""
        return Gathered(records=self.records, ended=ended)


class Gatherer:
    """Reads as the principal of a call, page after page; every page is a call of its own."""

    def __init__(self, calling: Calling, terms: Terms, *, clock: Clock, sleep: Sleep) -> None:
        """`sleep` waits for limits that pass."""
        self._calling = calling
        self._terms = terms
        self._clock = clock
        self._sleep = sleep

    def tool(self, call: Call, name: str) -> Tool:
        """The tool that may be exported. Raises `Refusal`, for one the caller does not have as if there were none."""
        tool = self._calling.find(call.principal, name)
        if tool is None:
            raise Refusal("unknown_tool")
        fault = _unfit(tool, call.tool.source)
        if fault:
            raise Refusal("not_exportable", tool=tool.name, why=fault)
        return tool

    async def gather(self, call: Call, wanted: Wanted) -> Gathered | Outcome:
        """What there is; the outcome of the first page where that was none. Raises `Refusal`, also that of the first page."""
        started = _from_the_start(self.tool(call, wanted.tool), wanted.arguments)
        until = self._until(call)
        spool = Spool(rows=wanted.most, cap=self._terms.cap)
        following: dict[str, Any] | None = wanted.arguments
        seen: set[bytes] = set()
        while following is not None:
            seen.add(_mark(following))
            page = await self._page(call, wanted.tool, following, until)
            if isinstance(page, Outcome):
                return self._first(page, wanted.tool) if len(seen) == 1 else spool.ended(self._stopped(page, len(seen), until))
            spool.take(page.records)
            await call.channel.progress(len(spool.records), page.total, f"{len(spool.records)} rows read")
            ended = _ended(page, spool, seen)
            if ended is not None:
                return spool.ended(ended)
            following = page.following
            if following is None and started and page.total is not None and page.total > len(spool.records):
                return spool.ended(Ended("incomplete", f"The API says that there are {page.total}, and names no further page."))
        return spool.ended(Ended("complete"))

    def _until(self, call: Call) -> float:
        now = self._clock.monotonic()
        return min(call.deadline - min(_DELIVERING, (call.deadline - now) / 5), now + self._terms.seconds)

    async def _page(self, call: Call, name: str, arguments: dict[str, Any], until: float) -> Page | Outcome:
        """The next page, or the outcome that is none; a page refused for a moment is asked for again."""
        outcome = await self._called(call, name, arguments, until)
        for _ in range(_PATIENCE):
            wait = _passes(outcome)
            if wait is None or self._clock.monotonic() + wait >= until:
                break
            await self._sleep(wait)
            outcome = await self._called(call, name, arguments, until)
        page = read(outcome) if outcome.status == "ok" else None
        return outcome if page is None else page

    async def _called(self, call: Call, name: str, arguments: dict[str, Any], until: float) -> Outcome:
        """The tool is looked up for each page: what the caller may call can change meanwhile, and so can the time."""
        left = until - self._clock.monotonic()
        if left <= 0:
            return Outcome(status="refused", refusal=Refusal("deadline_exceeded", seconds=f"{self._terms.seconds:g}"))
        if self._clock.now() >= call.principal.expires_at:
            return Outcome(status="refused", refusal=Refusal("invalid_token"))
        try:
            tool = self.tool(call, name)
        except Refusal as refusal:
            return Outcome(status="refused", refusal=refusal)
        return await self._calling.page(call, tool, arguments, min(left, self._terms.page_seconds))

    def _first(self, outcome: Outcome, name: str) -> Outcome:
        if outcome.refusal is not None and outcome.refusal.code == "deadline_exceeded":
            raise Refusal("deadline_exceeded", seconds=f"{self._terms.page_seconds:g}")
        if outcome.refusal is not None:
            raise outcome.refusal
        if outcome.status == "ok":
            raise Refusal("not_exportable", tool=name, why="its answer has no list of records")
        return outcome

    def _stopped(self, outcome: Outcome, number: int, until: float) -> Ended:
        if outcome.status == "ok":
            return Ended("incomplete", f"Page {number} has no list of records.")
        if outcome.refusal is None or outcome.refusal.code != "deadline_exceeded":
            return Ended("incomplete", f"Page {number} could not be read: {why(outcome)}")
        if self._clock.monotonic() >= until:
            return Ended("deadline", "The time an export may take was over before the last page.")
        return Ended("incomplete", f"Page {number} took longer than {self._terms.page_seconds:g} seconds.")


def _ended(page: Page, spool: Spool, seen: set[bytes]) -> Ended | None:
    """Why no further page is read; None where there is none, or it is to be read."""
    if spool.capped:
        return Ended("cap", spool.capped)
    if page.following is None:
        return None
    if not page.records:
        return Ended("incomplete", f"Page {len(seen)} is empty, and yet names a next one.")
    if _mark(page.following) in seen:
        return Ended("incomplete", f"Page {len(seen)} names a page as the next one that was read before.")
    if spool.full:
        return Ended("cap", f"There are more than {len(spool.records)} rows, as many as were wanted at most.")
    return None


def _passes(outcome: Outcome) -> float | None:
    """Seconds after which what refuses it now is over; None for what does not pass soon."""
    refusal = outcome.refusal
    if refusal is None or refusal.code not in _BUSY or refusal.retry_after is None or refusal.retry_after > _LONGEST_WAIT:
        return None
    return refusal.retry_after


def _unfit(tool: Tool, own: str) -> str:
    """Why a tool the caller has is not one to export; empty when it is."""
    if tool.source == own:
        return "it is one of Freehold's own"
    if not tool.read_only:
        return "it does more than read"
    return "it runs as a task only" if tool.task == "required" else ""


def _from_the_start(tool: Tool, arguments: dict[str, Any]) -> bool:
    """Whether the first page that is read is the first there is, so that the API's total is that of the export."""
    paging = tool.paging or Paging()
    return not {paging.cursor, paging.after, paging.page, paging.offset} & arguments.keys()


def _mark(arguments: dict[str, Any]) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(arguments, order="sorted"), digest_size=16).digest()
