"""Prose of a document, made short and plain for an agent: no markup, no invisible characters, cut where a sentence ends."""

import re
from typing import Final

from freehold.domains.sources.openapi.unseen import visible

_HTML: Final = re.compile(
    r"</?(?:a|b|i|u|p|br|hr|em|li|ol|ul|dl|dt|dd|tt|div|pre|sup|sub|span|code|note|para|strong|table|thead|tbody|tr|td|th|h[1-6]|img"
    r"|blockquote|important|simpara|summary|details)\b[^<>]{0,400}>",
    re.IGNORECASE,
)
_LINK: Final = re.compile(r"!?\[([^\[\]]{0,200})\]\([^()\s]{0,800}\)")
_POINTERS: Final = re.compile(
    r"(?:^|(?<=[.!?] ))(?:For (?:more|further) (?:information|details)|Learn more)\b[^.]{0,400}(?:\.[\"')]?(?= [A-Z]|$)|$)"
)
_ENDS: Final = (". ", "! ", "? ", "; ")
_LOOKED_AT: Final = 8
"""Characters looked at per byte of the budget: bounds the time an endless description takes."""
_SENTENCE: Final = 16
"""Characters before which a full stop belongs to a number or an abbreviation."""


def plain(prose: str, budget: int) -> str:
    """The prose in at most `budget` bytes of UTF-8, ending with a sentence when one ends in the second half.

    Sentences that only point elsewhere go: their links went, too.
    """
    short = prose[: budget * _LOOKED_AT]
    if "<" in short:
        short = _HTML.sub(" ", short)
    if "](" in short:
        short = _LINK.sub(r"\1", short)
    short = " ".join(short.split())
    if " more " in short or " further " in short:
        short = " ".join(_POINTERS.sub("", short).split())
    if not (short.isascii() and short.isprintable()):
        short = visible(short)
    return short if len(short) <= budget // 4 else _cut(short, budget)


def _cut(prose: str, budget: int) -> str:
    encoded = prose.encode("utf-8", "replace")
    if len(encoded) <= budget:
        return prose
    kept = encoded[: budget - 3].decode("utf-8", "ignore")
    end = max(kept.rfind(mark) for mark in _ENDS)
    if end >= len(kept) // 2:
        return kept[: end + 1]
    word = kept.rfind(" ")
    return f"{kept[:word] if word > len(kept) // 2 else kept}…"


def first_sentence(prose: str) -> str:
    """What stands before the first end of a sentence that has a sentence's length."""
    end = prose.find(". ", _SENTENCE)
    return prose[: end + 1] if end > 0 else prose


def described(summary: str, description: str, budget: int) -> str:
    """Summary and description as one text, without saying the same twice."""
    first = plain(summary, budget).rstrip(".")
    second = plain(description, budget)
    if not first or second.startswith(first):
        return second or first
    if not second:
        return f"{first}."
    return plain(f"{first}. {second}", budget)
