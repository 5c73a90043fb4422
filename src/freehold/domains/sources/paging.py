"""What an answer shows of how much, and exactly which arguments give the next page. Nothing is followed; a hint is never a guess.

Reads the arguments' names at import and the real answer at each call: cursors, links, page numbers, offsets, last ids and totals."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlsplit

from freehold.core import records
from freehold.core.tool import Paging

_CURSORS: Final = (
    "cursor pagetoken nextpagetoken nexttoken continuationtoken continue paginationtoken pagecursor startcursor nextcursor marker after"
)
_PAGES: Final = "page pagenumber pageno pagenum currentpage pageindex"
_OFFSETS: Final = "offset skip startat startindex start"
_SIZES: Final = "limit pagesize perpage maxresults max count size top take first pagelimit itemsperpage resultsperpage"
_COUNTED: Final = {"page": frozenset(_PAGES.split()), "offset": frozenset(_OFFSETS.split()), "size": frozenset(_SIZES.split())}
"""Roles of arguments that are whole numbers, and the names they have."""
_NAMED: Final = {"cursor": frozenset(_CURSORS.split()), "after": frozenset({"startingafter"})}
_NEXT: Final = ("nextcursor", "nextpagetoken", "nexttoken", "nextcontinuationtoken", "continue", "nextmarker", "nextpage", "next")
_PERHAPS: Final = ("endcursor", "continuationtoken", "after")
"""Some APIs name these on the last page too: believed only beside a member that says there is more."""
_LINKED: Final = ("next", "nextlink", "nextpageurl", "nexturl", "odatanextlink", "nextpage")
_SPEAKING: Final = "meta metadata pagination paging pageinfo page links responsemetadata cursors cursor listmetadata"
_WITHIN: Final = frozenset(_SPEAKING.split())
_TOTAL: Final = ("totalcount", "total", "totalitems", "totalresults", "totalrecords", "totalelements", "totalsize", "count")
_MORE: Final = ("hasmore", "hasnextpage", "hasnext", "more", "istruncated")
_REL_NEXT: Final = re.compile(r'<([^<>]{1,4096})>\s*;[^<]*\brel="?next"?')
_WORD: Final = re.compile(r"[^a-z0-9]")
_DIGITS: Final = re.compile(r"[0-9]{1,15}")
_DEEPEST: Final = 2
_LONGEST: Final = 4_096


def plan(schema: Mapping[str, Any], sent: Mapping[str, str]) -> Paging | None:
    """How a tool pages, by its arguments; `sent` is the argument by the name the API knows it under. None when none of them pages."""
    named: Mapping[str, Any] = schema.get("properties", {})
    roles: dict[str, str] = {}
    for name, argument in sent.items():
        if argument in named and (role := _role(_plain(name), mapping(named[argument]))):
            roles.setdefault(role, argument)
    if not roles.keys() & {"cursor", "after", "page", "offset"}:
        return None
    page, size = mapping(named.get(roles.get("page", ""))), mapping(named.get(roles.get("size", "")))
    return Paging(
        arguments=dict(sent),
        cursor=roles.get("cursor"),
        after=roles.get("after"),
        page=roles.get("page"),
        first_page=0 if page.get("default", page.get("minimum")) == 0 else 1,
        offset=roles.get("offset"),
        size=roles.get("size"),
        default_size=_whole(size.get("default")),
    )


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _role(name: str, schema: Mapping[str, Any]) -> str:
    """A date called `start` counts nothing."""
    kind = schema.get("type")
    kinds = cast("list[object]", kind) if isinstance(kind, list) else [kind]
    roles = _COUNTED if {"integer", "number"} & {each for each in kinds if isinstance(each, str)} else _NAMED
    return next((role for role, names in roles.items() if name in names), "")


def hint(value: object, headers: Mapping[str, str], arguments: Mapping[str, Any], paging: Paging) -> dict[str, Any] | None:
    """What to say of this answer; None when it has no records to count."""
    found = records.find(value)
    if found is None:
        return None
    shown = found[1]
    total = _total(value, headers)
    changed = _next(value, shown, total, headers, arguments, paging)
    of = {} if total is None or total < len(shown) or (changed and total == len(shown)) else {"of": total}
    return {"shown": len(shown), **of, "next": None if changed is None else {**arguments, **changed}}


def sentence(said: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """The same in words, naming only the arguments that change."""
    of = f" of {said['of']}" if "of" in said else ""
    following = said["next"]
    if following is None:
        return f"{said['shown']}{of} shown."
    changed = ", ".join(f"{name}={value!r}" for name, value in following.items() if arguments.get(name) != value)
    return f"{said['shown']}{of} shown. For the next page call again with the same arguments and {changed}."


def _next(
    value: object, shown: list[Any], total: int | None, headers: Mapping[str, str], arguments: Mapping[str, Any], paging: Paging
) -> dict[str, Any] | None:
    """The arguments that change for the next page; None where the answer does not show that there is one."""
    link = _link(value, headers)
    if link is not None and (changed := _from_link(link, arguments, paging)):
        return changed
    more = _named(value, _MORE, bool)
    if more is False or _ended(value):
        return None
    if paging.cursor is not None:
        cursor = _named(value, (*_NEXT, *_PERHAPS) if more else _NEXT, str)
        if cursor and cursor != arguments.get(paging.cursor) and "://" not in cursor:
            return {paging.cursor: cursor}
    if not shown:
        return None
    if paging.after is not None and more:
        last = mapping(shown[-1]).get("id")
        return {paging.after: last} if isinstance(last, str | int) else None
    return _counted(len(shown), total, arguments, paging, more=more is True)


def _counted(shown: int, total: int | None, arguments: Mapping[str, Any], paging: Paging, *, more: bool) -> dict[str, Any] | None:
    if paging.offset is not None:
        reached = (_whole(arguments.get(paging.offset, 0)) or 0) + shown
        return {paging.offset: reached} if more or (total is not None and reached < total) else None
    if paging.page is None:
        return None
    given = _whole(arguments.get(paging.page))
    page = paging.first_page if given is None else given
    size = (_whole(arguments.get(paging.size)) if paging.size is not None else None) or paging.default_size
    beyond = total is not None and size is not None and (page - paging.first_page + 1) * size < total
    return {paging.page: page + 1} if more or beyond else None


def _from_link(link: str, arguments: Mapping[str, Any], paging: Paging) -> dict[str, Any]:
    """The link's query as arguments of the tool; its host and path mean nothing here."""
    try:
        query = parse_qsl(urlsplit(link).query, max_num_fields=100)
    except ValueError:
        return {}
    paged = {paging.cursor, paging.after, paging.page, paging.offset, paging.size} - {None}
    found = {paging.arguments[name]: text for name, text in query if paging.arguments.get(name) in paged}
    counts = {paging.page, paging.offset, paging.size}
    made = {name: _whole(text) if name in counts and _whole(text) is not None else text for name, text in found.items()}
    changed = {name: each for name, each in made.items() if arguments.get(name) != each}
    return changed if changed.keys() - {paging.size} else {}


def _link(value: object, headers: Mapping[str, str]) -> str | None:
    found = _REL_NEXT.search(headers.get("link", "")[: 4 * _LONGEST])
    if found is not None:
        return found.group(1)
    said = _named(value, _LINKED, str) or mapping(_named(value, ("next",), dict)).get("href")
    return said if isinstance(said, str) and ("?" in said or "://" in said) else None


def _total(value: object, headers: Mapping[str, str]) -> int | None:
    said = headers.get("x-total-count") or headers.get("x-total") or ""
    return int(said) if _DIGITS.fullmatch(said) else _named(value, _TOTAL, int)


def _ended(value: object, depth: int = 0) -> bool:
    """Whether the answer names a next page and says that there is none."""
    node = {_plain(name): each for name, each in mapping(value).items()}
    if any(name in node and node[name] in (None, "", False) for name in (*_NEXT, *_LINKED)):
        return True
    return depth < _DEEPEST and any(_ended(node[name], depth + 1) for name in node if name in _WITHIN)


def _named(value: object, names: tuple[str, ...], kind: type[Any], depth: int = 0) -> Any:
    """The first member of that name and kind, at the top or within the members that speak of pages."""
    if not isinstance(value, dict):
        return None
    node = {_plain(name): each for name, each in cast("dict[str, Any]", value).items() if not isinstance(each, list)}
    for name in names:
        if type(node.get(name)) is kind and node[name] != "":
            return node[name]
    inner = (_named(node[name], names, kind, depth + 1) for name in node if name in _WITHIN and depth < _DEEPEST)
    return next((each for each in inner if each is not None), None)


def _plain(name: str) -> str:
    return _WORD.sub("", name.lower())


def _whole(value: object) -> int | None:
    if isinstance(value, str):
        return int(value) if _DIGITS.fullmatch(value) else None
    return value if type(value) is int else None
