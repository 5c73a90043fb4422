"""Finds tools by words: BM25 over what each one says of itself. Pure; who may see which tool is decided before.

Weighed by field, with light stemming and one table of verbs that APIs use for the same thing."""

import math
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from typing import Any, Final, cast

from freehold.core.tool import Tool

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")
"""A word of prose or of a name in any of the usual spellings: `list_pullRequests`, `HTTPServer2`."""
_SATURATION: Final = 1.2
_LENGTH: Final = 0.5
_NAME: Final = 4.0
_TITLE: Final = 3.0
_DESCRIPTION: Final = 2.0
_TAG: Final = 1.0
_PARAMETER: Final = 1.0
_PROSE: Final = 0.4
"""Weight of one word in each field; the last is what is said of a parameter."""
_VERB: Final = 0.6
"""Weight of a verb's meaning beside the verb itself, so that the very word still counts for more."""
_SPELLED: Final = 0.4
"""Weight of a query's verb as it is spelled, beside its meaning."""
_DESCRIBED: Final = 2_000
_SAID: Final = 160
_PARAMETERS: Final = 64
_LONGEST_QUERY: Final = 64
"""Bounds of what is read: characters of a description and of a parameter's, parameters of a tool, words of a query."""

_STOP: Final = (
    "a an and any are as at be been but by can do does for from given has have how i if in into is it its me my of on or our please so "
    "some such than that the their them then there these this those to us using via want was we what when where which who will with "
    "you your"
)
STOP_WORDS: Final = frozenset(_STOP.split())
VERBS: Final[Mapping[str, Sequence[str]]] = {
    "get": ("get", "fetch", "show", "read", "retrieve", "view"),
    "list": ("list", "all", "search", "find", "query"),
    "create": ("create", "add", "new", "make", "insert", "open"),
    "update": ("update", "edit", "change", "modify", "patch"),
    "delete": ("delete", "remove", "destroy", "erase"),
}
"""What a verb means -> the verbs that mean it."""


class Index:
    """The searchable form of some tools. Immutable; the same tools in the same order give the same answers."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        """Reads every tool: about 0.1 ms each."""
        self._tools = tuple(tools)
        words = _Words()
        counted = [_counted(tool, words) for tool in self._tools]
        lengths = [sum(each.values()) for each in counted]
        mean = (sum(lengths) / len(lengths) if lengths else 0.0) or 1.0
        self._postings: dict[str, tuple[array[int], array[float]]] = {}
        for number, (counts, length) in enumerate(zip(counted, lengths, strict=True)):
            norm = _SATURATION * (1 - _LENGTH + _LENGTH * length / mean)
            for term, weight in counts.items():
                numbers, gains = self._postings.setdefault(term, (array("I"), array("f")))
                numbers.append(number)
                gains.append(weight * (_SATURATION + 1) / (weight + norm))
        self._names = [[(term, meaning) for term, meaning in words.terms(tool.name)] for tool in self._tools]
        self.size = sum(len(numbers) for numbers, _ in self._postings.values())
        """Pairs of word and tool, eight bytes each and their tables."""

    def search(self, query: str, limit: int) -> list[Tool]:
        """At most `limit` tools, the best first; of equal ones the first by name. Nothing for a query without a word of theirs."""
        scores: dict[int, float] = {}
        asked = _asked(query)
        for term, weight in asked.items():
            numbers, gains = self._postings.get(term, ((), ()))
            rarity = weight * math.log(1 + (len(self._tools) - len(numbers) + 0.5) / (len(numbers) + 0.5))
            for number, gain in zip(numbers, gains, strict=True):
                scores[number] = scores.get(number, 0.0) + rarity * gain
        ranked = {number: score * (1 + self._named(number, asked)) for number, score in scores.items()}
        best = nsmallest(limit, ranked.items(), key=lambda one: (-one[1], self._tools[one[0]].name))
        return [self._tools[number] for number, _ in best]

    def _named(self, number: int, asked: Mapping[str, float]) -> float:
        """Which part of a tool's name was asked for: `create_issue` comes before `create_issue_comment` when a comment was not."""
        names = self._names[number]
        return sum(term in asked or meaning in asked for term, meaning in names) / len(names) if names else 0.0


def words(text: str) -> list[str]:
    """The words of a text in lower case, names split, stop words left out."""
    return [word for found in _WORD.findall(text) if (word := found.casefold()) not in STOP_WORDS]


def stem(word: str) -> str:
    """The same for `issue`, `issues`, and for `created`, `creating`, `create`; rough, and the same everywhere."""
    if len(word) > _SHORT:
        word = _singular(word)
    word = _IN_FULL.get(word, word)
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORT:
            word = word[: -len(ending)]
            word = word[:-1] if word[-1] == word[-2] and word[-1] not in "ls" else word
            break
    return word[:-1] if len(word) > _SHORT and word.endswith("e") else word


_SHORT: Final = 3
_IN_FULL: Final = {"repo": "repository", "org": "organization", "config": "configuration", "info": "information", "doc": "document"}
"""Short forms of names, as prose has them."""


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


_MEANING: Final = {stem(verb): f"~{meaning}" for meaning, verbs in VERBS.items() for verb in verbs}
"""Meanings are terms of their own, which no text can spell."""


class _Words:
    """Texts as terms, each word worked out once."""

    def __init__(self) -> None:
        self._terms: dict[str, tuple[str, str | None]] = {}

    def terms(self, text: str) -> Iterator[tuple[str, str | None]]:
        """Each word's stem, and its meaning where it is one of the verbs."""
        known = self._terms
        for word in _WORD.findall(text):
            found = known.get(word)
            if found is None:
                lowered = word.casefold()
                root = "" if lowered in STOP_WORDS else stem(lowered)
                found = known[word] = (root, _MEANING.get(root))
            if found[0]:
                yield found


def _asked(query: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for count, (term, meaning) in enumerate(_Words().terms(query[: _LONGEST_QUERY * 32])):
        if count == _LONGEST_QUERY:
            break
        found[term] = 1.0 if meaning is None else _SPELLED
        if meaning is not None:
            found[meaning] = 1.0
    return found


def _counted(tool: Tool, words: _Words) -> dict[str, float]:
    """The weight each term has in a tool."""
    counts: dict[str, float] = {}
    for text, weight in _fields(tool):
        for term, meaning in words.terms(text):
            counts[term] = counts.get(term, 0.0) + weight
            if meaning is not None and weight > _PROSE:
                counts[meaning] = counts.get(meaning, 0.0) + weight * _VERB
    return counts


def _fields(tool: Tool) -> Iterator[tuple[str, float]]:
    yield tool.name, _NAME
    if tool.title:
        yield tool.title, _TITLE
    yield tool.description[:_DESCRIBED], _DESCRIPTION
    for tag in tool.tags:
        yield tag, _TAG
    for name, said in list(arguments(tool.input_schema).items())[:_PARAMETERS]:
        yield name, _PARAMETER
        prose = said.get("description")
        if isinstance(prose, str):
            yield prose[:_SAID], _PROSE


def arguments(schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The named arguments of an input schema and what it says of each; `{}` where that is no object."""
    named = schema.get("properties")
    if not isinstance(named, dict):
        return {}
    said = cast("dict[str, object]", named)
    return {name: cast("dict[str, Any]", each) if isinstance(each, dict) else {} for name, each in said.items()}
