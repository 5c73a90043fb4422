"""What a spreadsheet must not take for a formula. Pure.

A cell is looked at whole and at every place where a reader with other separators would begin a new one: behind `;`, a tab and a
line's end. There an apostrophe goes in front of what could be a formula, and nothing else of the text is touched."""

import re
from typing import Final

_LEADS: Final = r"=+\-@|\uff1d\uff0b\uff0d\uff20\uff5c\ufe66\ufe62\ufe63\ufe6b\u2212\u207a\u207b"
"""First characters of a formula or a DDE call, and what is drawn or normalised like them."""
_PASSED_OVER: Final = (
    r"\s\x00-\x20\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufe00-\ufe0f\ufeff\"'`\u2018-\u201f\xab\xbb"
)
"""White space, what nobody sees, and quotes: importers drop these before they look at the first character."""
_RISKY: Final = re.compile(f"[{_PASSED_OVER}]*[{_LEADS}]")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BEGINS_ANEW: Final = re.compile(r"([;\t\r\n])")
_BREAKS: Final = ("\t", "\r", "\n")


def guarded(text: str) -> str:
    """The text as a cell may hold it. A plain number, signed or not, is left as it is: there is nothing in it that could run."""
    made = "".join(map(_part, _BEGINS_ANEW.split(text))) if _BEGINS_ANEW.search(text) else _part(text)
    return f"'{made}" if text.startswith(_BREAKS) else made


def _part(text: str) -> str:
    return f"'{text}" if _RISKY.match(text) and not _NUMBER.fullmatch(text) else text
