"""Does a shorter list still lead to the right tool? Questions made from what tools say, asked of two catalogs, and the tools that lost.

Needs no model. It shows whether words lead to a tool, not whether a model would choose it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.tool import Brief, Tool
from freehold.domains.catalog.search import VERBS, Index, stem, words

AT: Final = 5
"""A tool counts as found when it is among so many."""
MARGIN: Final = 0.95
"""What the shorter list's recall must be of the whole one's."""
QUESTIONS: Final = 400
_LEAST: Final = 3
_MOST: Final = 8
_OTHER: Final = {stem(verb): verbs for verbs in VERBS.values() for verb in verbs}


class Question(Struct, frozen=True):
    """What somebody might ask, and the tool that answers it."""

    text: str
    tool: str


class Recall(Struct, frozen=True, kw_only=True):
    """How often the right tool was found, and what was lost on the way to the shorter list."""

    questions: int
    whole: float
    """Part of the questions whose tool the whole catalog's search finds among the first five."""
    compiled: float
    """The same, searching what the shorter list says."""
    lost: tuple[Question, ...]
    """Found in the whole catalog, not in the shorter one."""

    @property
    def kept(self) -> bool:
        """Whether the margin holds; with nothing to ask there is nothing to lose."""
        return self.compiled >= MARGIN * self.whole


def questions(tools: Sequence[Tool], most: int = QUESTIONS) -> list[Question]:
    """The same for the same tools: a spread of at most `most` of them, each asked for in other words than its own.

    Of a description the words that mean something, some left out, verbs in place of others of the same meaning; a tool that says
    too little, or just what another says, is not asked for.
    """
    saying: dict[tuple[str, ...], list[str]] = {}
    for tool in tools:
        said = tuple(word for word in dict.fromkeys(words(tool.description)) if len(word) > 1)
        if len(said) >= _LEAST:
            saying.setdefault(said, []).append(tool.name)
    asked = [Question(_in_other_words(names[0], said), names[0]) for said, names in saying.items() if len(names) == 1]
    return sorted(asked, key=lambda one: _draw(one.tool))[:most]


def _in_other_words(name: str, said: Sequence[str]) -> str:
    kept = [word for word in said if len(said) == _LEAST or _draw(f"{name} {word}") % 4]
    return " ".join(_said_otherwise(name, word) for word in kept[:_MOST])


def _said_otherwise(name: str, word: str) -> str:
    verbs = _OTHER.get(stem(word))
    return word if verbs is None else verbs[_draw(f"{name} {word} verb") % len(verbs)]


def _draw(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:4], "big")


def recall(tools: Sequence[Tool], listed: Mapping[str, Brief], asked: Sequence[Question]) -> Recall:
    """Ask both: all `tools` as they are, and with those `listed` (by name) saying only what their briefs say."""
    whole = Index(tools)
    compiled = Index([_shortened(tool, listed.get(tool.name)) for tool in tools])
    before = [_found(whole, one) for one in asked]
    after = [_found(compiled, one) for one in asked]
    lost = tuple(one for one, was, now in zip(asked, before, after, strict=True) if was and not now)
    count = max(len(asked), 1)
    return Recall(questions=len(asked), whole=sum(before) / count, compiled=sum(after) / count, lost=lost)


def _shortened(tool: Tool, brief: Brief | None) -> Tool:
    return tool if brief is None else replace(tool, description=brief.description, input_schema=brief.input_schema)


def _found(index: Index, question: Question) -> bool:
    return any(tool.name == question.tool for tool in index.search(question.text, AT))
