"""Prose of a document that speaks to a model rather than about an API. Flagged for a person to look at, never judged here.

A handful of fixed phrases: what it finds deserves a look, what it does not find is not thereby harmless."""

import re
from typing import Final

from freehold.domains.sources.openapi.unseen import hides

_PHRASES: Final[tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...]] = tuple(
    (why, needed, re.compile(pattern))
    for why, needed, pattern in (
        (
            "it tells a model to ignore instructions",
            ("instruction", "prompt", "guideline"),
            (
                r"\b(?:ignore|disregard|forget|override|bypass)\b[^.]{0,40}\b(?:previous|prior|above|earlier|all|any|your|system)\b"
                r"[^.]{0,30}\b(?:instruction|prompt|guideline)"
            ),
        ),
        (
            "it keeps something from the user",
            ("tell ", "telling", "mention", "inform ", "informing", "reveal", "alert ", "alerting"),
            (
                r"\b(?:do not|don't|never|without)\s+(?:tell|telling|mention|mentioning|inform|informing|reveal|revealing|alert|alerting)\b"
                r"[^.]{0,40}\b(?:user|human)\b"
            ),
        ),
        (
            "it poses as a system's or a speaker's own words",
            ("<system", "<|", "[inst", "<assistant", "human:", "assistant:"),
            (
                r"</?system(?:[-_ ](?:prompt|message|reminder)s?)?>|</?assistant>|<\|(?:im_start|im_end|system|user|assistant|endoftext)\|>"
                r"|\[/?inst\]|(?:\\n|\n){2}(?:human|assistant):"
            ),
        ),
        (
            "it has a picture whose address can carry data away",
            ("](", "<img"),
            r"!\[[^\[\]]{0,200}\]\(\s*https?:[^()\s]{0,400}[?{$<]|<img\b[^<>]{0,200}\bsrc=\\?[\"']?https?:[^\s\"'<>]{0,400}[?{$<]",
        ),
        (
            "it asks for keys or for files of the user's machine",
            ("ssh/", "id_rsa", "mcp.json", "etc/passwd", "aws/credentials"),
            r"~/\.ssh/|\bid_rsa\b|\.cursor/mcp\.json|/etc/passwd\b|\.aws/credentials\b",
        ),
        (
            "it says when to call tools of others",
            ("tool",),
            r"\b(?:before|instead of|prior to)\s+(?:using|calling|invoking|running)\s+(?:any|other|every|all|this)\b[^.]{0,20}\btool",
        ),
    )
)
_HIDDEN: Final = "it has characters nobody sees, which are left out"


def reasons(written: str) -> list[str]:
    """Why this text deserves a look; each completes the sentence "it is flagged because ..."."""
    lower = written.lower()
    found = [why for why, needed, pattern in _PHRASES if any(word in lower for word in needed) and pattern.search(lower)]
    return [*found, _HIDDEN] if hides(written) else found
