"""A large answer as pages: which of its content is cut, what goes with which page, and what is said of each. Pure."""

from collections.abc import Sequence
from typing import Any, Final

import jsonschema_rs
import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.structs import replace

from freehold.core.call import Outcome
from freehold.core.content import Block, attached, utf8
from freehold.core.records import PAGE_KEY
from freehold.core.tool import READ_MORE, Tool
from freehold.domains.answers.cutting import Cut, cut, listed

_LARGE: Final = "This answer is too large to show at once"
_ASK_FOR_LESS: Final = "The rest is not available: ask for less at once, by a narrower filter or a smaller page."
_WIDEST: Final = 4
"""Bytes a character may take."""


class Page(Struct, frozen=True, kw_only=True, array_like=True):
    """One page as it is kept and shown."""

    content: tuple[Block, ...]
    json: bool
    """Whether the first block is JSON, shown as structured content too."""
    start: int
    """Records or bytes on the pages before."""
    shown: int
    of: int
    unit: str
    alone: bool
    """Whether one record alone is too large, so that the answer is cut as text."""
    tool: str
    """Whose answer it is."""
    onward: dict[str, Any] | None = None
    """Of the last page: the tool's own arguments for what follows this answer."""

    @property
    def ends(self) -> bool:
        """Whether it is the last one."""
        return self.start + self.shown >= self.of


class _Sorted(Struct, frozen=True, kw_only=True):
    """The parts of an answer by what becomes of them."""

    before: tuple[Block, ...]
    main: bytes
    after: tuple[Block, ...]
    closing: tuple[Block, ...]
    """Goes with the last page: the source's words about what follows this answer."""

    def room(self, cap: int) -> int:
        """What the blocks around the main text leave of the cap."""
        return cap - sum(_weight(block, cap) for block in (*self.before, *self.after))


def fits(outcome: Outcome, cap: int) -> bool:
    """Whether text and structured content are each within the cap. Nearly all are, so what is cheap to see is looked at first."""
    texts = [block["text"] for block in outcome.content if block["type"] == "text"]
    if sum(map(len, texts)) * _WIDEST > cap and sum(len(utf8(text)) for text in texts) > cap:
        return False
    return len(_written(outcome.structured)) <= cap


def paged(outcome: Outcome, tool: Tool, cap: int) -> tuple[Outcome, Sequence[Page]] | None:
    """The answer as its first page shows it, and all pages; None where what cannot be cut takes most of the room."""
    parts = _sorted(outcome, cap)
    if parts.room(cap) < cap // 2:
        parts = _joined(parts)
    if not parts.main or parts.room(cap) < cap // 2:
        return None
    made = cut(parts.main, first=parts.room(cap), room=cap)
    found = _pages(made, parts, tool, outcome)
    return replace(outcome, content=found[0].content, structured=_structured(outcome, made, parts.main, tool, cap)), found


def told(outcome: Outcome, page: Page, continuation: str | None) -> Outcome:
    """The same, saying what it shows of how much, and how to go on; `continuation` is None at the end and where the rest is not kept."""
    said: dict[str, Any] = {"shown": page.shown, "of": page.of}
    if page.unit == "bytes":
        said["unit"] = page.unit
    if continuation is not None:
        said |= {"tool": READ_MORE, "next": {"continuation": continuation}}
    elif page.ends and page.onward is not None:
        said |= {"tool": page.tool, "next": page.onward}
    else:
        said["next"] = None
    return replace(outcome, meta={**(outcome.meta or {}), PAGE_KEY: said}, notice=f"{_LARGE}: {_what(page)}. {_then(page, continuation)}")


def _what(page: Page) -> str:
    reached = f"{page.start + 1} to {page.start + page.shown} of {page.of}"
    if page.unit == "bytes":
        return f"bytes {reached} are shown{', as text, for one record alone is too large' if page.alone else ''}"
    if not page.json:
        return f"a part of record {page.start + 1} of {page.of} is shown, as text"
    return f"records {reached} are shown" if page.shown else f"none of its {page.of} records is shown yet"


def _then(page: Page, continuation: str | None) -> str:
    if continuation is not None:
        return f'For what follows call {READ_MORE} with the continuation "{continuation}".'
    return f"That is the end of the answer of {page.tool}." if page.ends else _ASK_FOR_LESS


def _sorted(outcome: Outcome, cap: int) -> _Sorted:
    """The largest text is the main one; where all texts fit, the structured content is, shown as text behind them."""
    blocks = outcome.content
    closing = blocks[-1:] if len(blocks) > 1 and PAGE_KEY in (outcome.meta or {}) and blocks[-1]["type"] == "text" else ()
    blocks = blocks[: len(blocks) - len(closing)]
    texts = {at: utf8(block["text"]) for at, block in enumerate(blocks) if block["type"] == "text"}
    if sum(map(len, texts.values())) <= cap < len(_written(outcome.structured)):
        return _Sorted(before=blocks, main=_written(outcome.structured), after=(), closing=closing)
    at = max(texts, key=lambda at: len(texts[at]), default=len(blocks))
    return _Sorted(before=blocks[:at], main=texts.get(at, b""), after=blocks[at + 1 :], closing=closing)


def _joined(parts: _Sorted) -> _Sorted:
    """All texts as one, behind everything else."""
    blocks = (*parts.before, _text(parts.main.decode()), *parts.after)
    texts = [block["text"] for block in blocks if block["type"] == "text"]
    others = tuple(block for block in blocks if block["type"] != "text")
    return _Sorted(before=others, main=utf8("\n".join(texts)), after=(), closing=parts.closing)


def _pages(made: Cut, parts: _Sorted, tool: Tool, outcome: Outcome) -> list[Page]:
    onward = (outcome.meta or {}).get(PAGE_KEY, {}).get("next")
    found: list[Page] = []
    start = 0
    for at, part in enumerate(made.parts):
        first, last = at == 0, at == len(made.parts) - 1
        content = (_text(part.text), *(parts.closing if last else ()))
        page = Page(
            content=(*parts.before, content[0], *parts.after, *content[1:]) if first else content,
            json=part.json,
            start=start,
            shown=part.shown,
            of=made.of,
            unit=made.unit,
            alone=made.alone,
            tool=tool.name,
            onward=onward if last else None,
        )
        found.append(page)
        start += part.shown
    return found


def _structured(outcome: Outcome, made: Cut, main: bytes, tool: Tool, cap: int) -> Any:
    """Cut like the text where it holds the same records and keeps its promise; else as it is, and the guard drops what is too large."""
    written = _written(outcome.structured)
    if len(written) <= cap or made.records is None:
        return outcome.structured
    same = made.records
    if written != main:
        same = listed(written)
        if same is None or _values(same.records) != _values(made.records.records):
            return outcome.structured
    value = same.around(same.records[: made.parts[0].shown])
    return Raw(value) if len(value) <= cap and _keeps(value, tool, outcome) else outcome.structured


def _keeps(value: bytes, tool: Tool, outcome: Outcome) -> bool:
    """A client holds a good answer to the tool's output schema."""
    if tool.output_schema is None or outcome.status != "ok":
        return True
    return jsonschema_rs.validator_for(tool.output_schema, offline=True).is_valid(msgspec.json.decode(value))


def _values(records: Sequence[Raw]) -> list[Any]:
    return [msgspec.json.decode(record) for record in records]


def _weight(block: Block, cap: int) -> int:
    """What it takes of the cap; the guard leaves out what is larger than all of it."""
    if block["type"] == "text":
        return len(utf8(block["text"]))
    size = attached(block)
    return size if size <= cap else 0


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _written(structured: Any | UnsetType) -> bytes:
    if structured is UNSET:
        return b""
    return bytes(structured) if isinstance(structured, Raw) else msgspec.json.encode(structured)
