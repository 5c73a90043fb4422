"""`freehold catalog compile`: a budget tried out on the configured sources, with its report."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from freehold.cli.asking import opened
from freehold.core.tool import BYTES_PER_TOKEN, Brief, Tool
from freehold.domains.catalog.budget import Shortlist, chosen
from freehold.domains.catalog.edition import Edition, edition
from freehold.domains.catalog.listing import encoded
from freehold.domains.catalog.recall import Question, recall
from freehold.domains.catalog.recall import questions as made
from freehold.domains.catalog.standing import READING, TOOLS, kind
from freehold.domains.sources.port import Source
from freehold.domains.sources.released import Released
from freehold.kit.errors import Misconfigured

_DAY: Final = 86_400.0
_FIRST: Final = 40
"""Names proposed for `catalog_first`."""
_KINDS: Final = ("reads", "writes", "destroys")


async def compiled(
    config: Path | None, *, tokens: int, tags: Sequence[str], kinds: Sequence[str], days: int | None, questions: Path | None
) -> dict[str, Any]:
    """The report, as `--json` prints it. Raises `Misconfigured` for names that nothing has."""
    async with opened(config) as application:
        await application.roster.load()
        offers = application.roster.offered
        whole = edition(offers, encoded)
        _check(whole, tags, kinds)
        used = {} if days is None else await application.book.calls_since(application.clock.now() - days * _DAY)
        first = application.settings.catalog_first
    shortlist = Shortlist(tokens=tokens, first=first, tags=frozenset(tags), kinds=frozenset(kinds), usage=used)
    tools = list(whole.tools.values())
    found = chosen(offers, shortlist)
    names = dict(zip((tool for offer in offers for tool in offer.tools), (tool.name for tool in tools), strict=True))
    trimmed = [{"tool": names[tool], "what": what} for tool, what in _trimmed(offers)]
    listed = {names[tool]: brief for tool, brief in found.items()} if found is not None else {}
    searched = recall(tools, listed, [*made(tools), *_given(questions, whole)])
    found_again = msgspec.to_builtins(searched) | {"kept": searched.kept}
    shown = _shown(tools, listed) if found is not None else [_row(tool, encoded(tool)) for tool in (*tools, READING)]
    return {
        "listed": shown,
        "trimmed": trimmed,
        "total": _total(tools, shown, searching=found is not None),
        "recall": found_again,
        "settings": _settings(shortlist, used),
    }


def _trimmed(sources: Sequence[Source]) -> Iterator[tuple[Tool, str]]:
    """Tools whose definition says less than the document they come from, and what is missing."""
    for source in sources:
        if isinstance(source, Released):
            yield from source.trimmed


def _shown(tools: Sequence[Tool], listed: Mapping[str, Brief]) -> list[dict[str, Any]]:
    """The tools of the list, the dearest first."""
    brief = [replace(tool, brief=listed[tool.name]) for tool in tools if tool.name in listed]
    shown = [_row(tool, encoded(tool)) for tool in (*TOOLS, READING, *brief)]
    return sorted(shown, key=lambda row: (-row["tokens"], row["tool"]))


def _row(tool: Tool, entry: bytes) -> dict[str, Any]:
    """`left_out` counts arguments that the list does not show."""
    area = tool.tags[0] if tool.tags else None
    left_out = 0 if tool.brief is None else _arguments(tool.input_schema) - _arguments(tool.brief.input_schema)
    return {
        "tool": tool.name,
        "tokens": _tokens(len(entry)),
        "bytes": len(entry),
        "kind": kind(tool),
        "area": area,
        "left_out": left_out,
    }


def _arguments(schema: Mapping[str, Any]) -> int:
    """How many it names; a tool that takes none need not say so."""
    return len(schema.get("properties", ()))


def _total(tools: Sequence[Tool], shown: Sequence[dict[str, Any]], *, searching: bool) -> dict[str, int]:
    listed = len(shown) - (len(TOOLS) if searching else 0) - 1  # reading on is listed beside what is counted
    return {
        "tools": len(tools),
        "listed": listed,
        "searched": len(tools) - listed,
        "tokens": _tokens(sum(row["bytes"] + 1 for row in shown)),
        "tokens_of_all": _tokens(sum(len(encoded(tool)) + 1 for tool in (*tools, READING))),
    }


def _tokens(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN)


def _settings(shortlist: Shortlist, used: Mapping[str, int]) -> str:
    first = [*shortlist.first, *sorted((name for name in used if name not in shortlist.first), key=lambda name: (-used[name], name))][
        :_FIRST
    ]
    lines = [f"catalog_tokens = {shortlist.tokens}"]
    if first:
        lines.append(f"catalog_first = {json.dumps(first)}")
    for setting, chosen_ones in (("catalog_tags", shortlist.tags), ("catalog_kinds", shortlist.kinds)):
        if chosen_ones:
            lines.append(f"{setting} = {json.dumps(sorted(chosen_ones))}")
    return "\n".join(lines)


def _check(whole: Edition, tags: Sequence[str], kinds: Sequence[str]) -> None:
    known = {tag for tool in whole.tools.values() for tag in tool.tags}
    for tag in tags:
        if tag not in known:
            raise Misconfigured(f"No tool is of the area {tag!r}. There are: {', '.join(sorted(known)) or 'none'}.")
    for one in kinds:
        if one not in _KINDS:
            raise Misconfigured(f"{one!r} is no kind of tool. Use one of: {', '.join(_KINDS)}.")


def _given(path: Path | None, whole: Edition) -> list[Question]:
    """The operator's own questions, one a line."""
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"{path} cannot be read as text. Check the path and its permissions.") from None
    return [_question(path, number, line, whole) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]


def _question(path: Path, number: int, line: str, whole: Edition) -> Question:
    text, arrow, tool = (part.strip() for part in line.partition("=>"))
    if not arrow or not text:
        raise Misconfigured(f"{path}:{number} is no question. Write it as `what somebody asks => tool_name`.")
    if tool not in whole.tools:
        raise Misconfigured(f"{path}:{number} names {tool!r}, and there is no such tool. See `freehold source preview`.")
    return Question(text, tool)
