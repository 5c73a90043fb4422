"""What an upstream's tools, prompts and resources are called here: behind the source's name, and back again exactly.

`search` of the source `notion` is `notion_search`: a source's name has no `_`, so the first one parts the two. A name that cannot
stand as it is gets a digest behind it, and whoever made it keeps the table. A resource's URI becomes `mcp://notion/` and the URI."""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

LONGEST: Final = 64
"""Characters every known client takes."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")
_ODD: Final = re.compile(r"[^A-Za-z0-9_-]+")
_DIGITS: Final = 8


def names(source: str, theirs: Iterable[str]) -> dict[str, str]:
    """Our name for each of theirs; the same whatever their order, as long as no two digests are alike."""
    every = sorted(set(theirs))
    ours = {name: f"{source}_{name}" for name in every if _fits(source, name)}
    taken = set(ours.values())
    for name in every:
        if name not in ours:
            ours[name] = _digested(source, name, taken)
            taken.add(ours[name])
    return ours


def plainly(source: str, ours: str) -> str | None:
    """Their name, when ours was made of it without a digest; None when it is another source's."""
    front, parted, theirs = ours.partition("_")
    return theirs if parted and front == source else None


def _fits(source: str, name: str) -> bool:
    return _PLAIN.fullmatch(name) is not None and len(source) + 1 + len(name) <= LONGEST


def _digested(source: str, name: str, taken: set[str]) -> str:
    tries = 0
    while True:
        digest = hashlib.sha256(f"{name}\n{tries}".encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
        front = f"{source}_{_ODD.sub('-', name)}"[: LONGEST - _DIGITS - 1]
        if (chosen := f"{front}_{digest}") not in taken:
            return chosen
        tries += 1


def uri(source: str, theirs: str) -> str:
    """Their URI, or URI template, as ours."""
    return f"mcp://{source}/{theirs}"


def uri_back(source: str, ours: str) -> str | None:
    """Theirs of ours; None when it is another source's."""
    front = f"mcp://{source}/"
    return ours[len(front) :] if ours.startswith(front) else None
