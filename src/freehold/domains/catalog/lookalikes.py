"""Names that could be mistaken for one another: by eye, by an agent, or by nobody but a typist. Pure."""

import unicodedata
from typing import Final

from freehold.domains.catalog.standing import TOOLS

RESERVED: Final = frozenset(tool.name for tool in TOOLS)
"""Names Freehold keeps for tools of its own, beside whatever begins with `freehold`."""
LONG: Final = 8
"""Characters from which two names one keystroke apart are worth a remark."""

_HOMOGLYPHS: Final = dict(
    zip(
        map(
            ord,
            "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458\u0501\u051b\u051d"
            "\u03b1\u03b2\u03b5\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0131\u0251\u0261\u0578\u0585",
        ),
        "abekmhopctyxsijdqwabenlkvoptuxlagno",
        strict=True,
    )
)
"""Cyrillic, Greek, Armenian and Latin letters, folded to lower case, that are drawn like one of a-z."""
_ONE_LOOK: Final = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "5": "s", "_": None, "-": None, ".": None, " ": None})
_PAIRS: Final = (("rn", "m"), ("vv", "w"))


def skeleton(name: str) -> str:
    """Equal for names that look alike: whatever the case, the alphabet, the separators, and whether l, 1, I, O or 0 was written."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    bare = "".join(character for character in unicodedata.normalize("NFD", folded) if unicodedata.category(character) not in {"Mn", "Cf"})
    drawn = bare.translate(_HOMOGLYPHS).translate(_ONE_LOOK)
    for pair, letter in _PAIRS:
        drawn = drawn.replace(pair, letter)
    return drawn


def reserved(name: str) -> bool:
    """Whether it looks like a name Freehold keeps for tools of its own."""
    drawn = skeleton(name)
    return drawn.startswith(skeleton("freehold")) or drawn in map(skeleton, RESERVED)


def near(one: str, other: str) -> bool:
    """Whether two long names are exactly one inserted, missing or other character apart."""
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < LONG or len(longer) - len(shorter) > 1 or one == other:
        return False
    at = next((place for place, character in enumerate(shorter) if character != longer[place]), len(shorter))
    return shorter[at:] == longer[at + 1 :] or (len(shorter) == len(longer) and shorter[at + 1 :] == longer[at + 1 :])
