"""What an upstream says of itself, made fit to be shown: without characters nobody sees, within bounds. Its words are a stranger's."""

import re
from typing import Final

_LONGEST: Final = 2_048
"""Characters of a description."""
_LONGEST_TITLE: Final = 128

_CONTROLS: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
)
_TAGS: Final = "\U000e0000-\U000e0fff\U0001d173-\U0001d17a"
_SURROGATES: Final = "\ud800-\udfff"
_HIDDEN: Final = re.compile(f"[{_CONTROLS}{_INVISIBLE}{_TAGS}{_SURROGATES}]")
_JOINERS: Final = re.compile(
    "(?<![^\x00-\x7f])[\u200c\u200d\ufe00-\ufe0f]|[\u200c\u200d](?![^\x00-\x7f])|(?<=[\ufe00-\ufe0f])[\ufe00-\ufe0f]+"
)
"""Joiners and variation selectors where no script and no emoji has them."""


def hides(text: str) -> bool:
    """Whether the text has characters that a reader does not see and a model does."""
    return _HIDDEN.search(text) is not None or _JOINERS.search(text) is not None


def shown(text: object, longest: int = _LONGEST) -> str:
    """The text without them, cut at a bound; empty for what is no text."""
    if not isinstance(text, str):
        return ""
    clean = _JOINERS.sub("", _HIDDEN.sub("", text[: longest * 4])).strip()
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def titled(text: object) -> str | None:
    """Likewise for a title, on one line; None for none."""
    return " ".join(shown(text, _LONGEST_TITLE).split()) or None


def attributed(source: str, text: object) -> str:
    """A description, saying whose words it is."""
    said = shown(text)
    return f"[{source}] {said}" if said else f"[{source}]"
