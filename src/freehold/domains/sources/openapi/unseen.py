"""Characters nobody sees: taken out of everything of a document that an agent reads, without harm to scripts and emoji that need some."""

import re
from typing import Any, Final, cast

import msgspec

from freehold.domains.sources.openapi.document import Json, mapping

_NEVER: Final = (
    (0x00, 0x1F),  # controls
    (0x7F, 0x9F),
    (0xAD, 0xAD),  # soft hyphen
    (0x34F, 0x34F),
    (0x61C, 0x61C),  # marks and controls of writing direction
    (0x115F, 0x1160),  # fillers
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200B),
    (0x200E, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0D),  # variants of letters
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF9, 0xFFFB),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),  # tags, which spell out ASCII unseen, and more variants
)
_CLASS: Final = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in _NEVER)
_JOINERS: Final = "\u200c\u200d"
_VARIANTS: Final = "\ufe0e\ufe0f"
_UNSEEN: Final = re.compile(
    f"[{_CLASS}]"
    f"|(?<![^\\x00-\\x7f{_JOINERS}])[{_JOINERS}]|[{_JOINERS}](?![^\\x00-\\x7f{_JOINERS}])"  # they join letters of scripts and emoji only
    f"|(?<=[A-Za-z\\s{_VARIANTS}])[{_VARIANTS}]"
)
_PERHAPS: Final = re.compile(f"[{_CLASS}{_JOINERS}{_VARIANTS}]")
"""Quick to look for: where there is none, nothing is unseen."""
_BY_NAME: Final = frozenset({"properties", "patternProperties", "dependentSchemas", "dependentRequired", "$defs"})
_LITERAL: Final = frozenset({"enum", "const", "default", "examples", "pattern", "format"})
"""Words whose value means something else once a character is gone: they go whole, which only ever accepts more."""


def visible(prose: str) -> str:
    """The prose without them; line breaks and tabs count as unseen, too."""
    return prose if prose.isascii() and prose.isprintable() else _UNSEEN.sub("", prose)


def hides(prose: str) -> bool:
    """Whether there is one in it beside tabs and ends of lines."""
    return not prose.isascii() and _PERHAPS.search(prose) is not None and any(found[0] not in "\t\r\n" for found in _UNSEEN.finditer(prose))


def seen(schema: Json) -> Json:
    """The schema itself when nothing in it is unseen, else a copy without; what it accepts is never less."""
    written = msgspec.json.encode(schema)
    if b"\\u00" not in written and (written.isascii() or not _PERHAPS.search(written.decode())):
        return schema
    return cast("Json", _seen(schema))


def _seen(value: Any) -> Any:
    if isinstance(value, list):
        return [_seen(each) for each in cast("list[Any]", value)]
    if isinstance(value, str):
        return visible(value)
    if not isinstance(value, dict):
        return value
    made: Json = {}
    for word, each in cast("Json", value).items():
        if word in _BY_NAME:
            made[word] = {name: _seen(inner) for name, inner in mapping(each).items() if name == visible(name)}
        elif word == "required":
            made[word] = [name for name in each if name == visible(name)]
        elif word not in _LITERAL or not _hidden_in(each):
            made[word] = each if word in _LITERAL else _seen(each)
    return made


def _hidden_in(value: Any) -> bool:
    if isinstance(value, list | dict):
        held = cast("list[Any]", value) if isinstance(value, list) else [*cast("Json", value), *cast("Json", value).values()]
        return any(_hidden_in(each) for each in held)
    return isinstance(value, str) and value != visible(value)
