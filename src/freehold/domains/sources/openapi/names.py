"""Names of tools: `verb_noun` in snake case from the operationId when it is a good one, else from method and path.

A name depends on its own operation only. Where two want the same, the one with the simpler path keeps it and
the others get a hash of method and path, so the order of the document never matters."""

import hashlib
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

LONGEST: Final = 64
"""Characters a tool's name may have."""
_HASH: Final = 6

_CAMEL: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PARAMETER: Final = re.compile(r"\{[^{}]*\}")
_VERSION: Final = re.compile(r"v?\d+(?:[._-]\d+)*(?:(?:alpha|beta|rc)\d*)?", re.IGNORECASE)

_WRITTEN_VERBS: Final = (
    "abort accept acknowledge activate add allocate analyze append apply approve archive assign associate attach authenticate "
    "authorize batch block build buy calculate cancel capture change charge check claim clear clone close collect complete "
    "compute configure confirm connect convert copy count create deactivate decline decrypt delete deny deploy deregister describe "
    "destroy detach detect disable disassociate discover dismiss download drop duplicate edit enable encrypt enqueue estimate "
    "evaluate execute export extract fetch filter find finish follow force generate get give grant import increment index initiate "
    "insert install invite invoke issue join kill leave link list lock login logout lookup mark match merge migrate modify mount "
    "move mute notify open order parse patch pause pay pin ping place poll post preview process provision publish pull purge push "
    "put query queue read rebuild receive recover redeem redeliver refresh refund regenerate register reject release reload remove "
    "rename render renew reopen replace replay report request rerun resend reserve reset resize resolve restart restore resume "
    "retrieve retry return revert review revoke rollback rotate run save scan schedule search select send set share show sign "
    "simulate skip snooze sort split star start stop store stream submit subscribe suggest suspend swap sync tag take terminate "
    "test track transfer translate trigger unarchive unassign unblock undelete unfollow uninstall unlink unlock unmark unmute "
    "unpin unpublish unregister unshare unstar unsubscribe unsuspend untag update upgrade upload upsert validate verify view void "
    "vote watch withdraw"
)
_VERBS: Final = frozenset(_WRITTEN_VERBS.split())
_NOUNS_TOO: Final = frozenset(
    {
        "order",
        "report",
        "request",
        "review",
        "schedule",
        "share",
        "stream",
        "tag",
        "test",
        "track",
        "list",
        "match",
        "view",
        "vote",
        "charge",
    }
)
_PREPOSITIONS: Final = frozenset({"for", "in", "by", "from", "to", "on", "with", "as", "of"})
_SINGULARS: Final = {"people": "person", "children": "child", "statuses": "status", "aliases": "alias", "series": "series", "news": "news"}
_ARGUMENT: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Wish(NamedTuple):
    """An operation that wants a name."""

    method: str
    path: str
    operation_id: str
    many: bool
    """Whether its answer is a list, which makes a GET a `list_`."""
    given: str = ""
    """The name its document gives it."""


def assign(wishes: Iterable[Wish]) -> list[str]:
    """One unique name of `[A-Za-z0-9_-]{1,64}` per operation, in their order."""
    wished = list(wishes)
    wanted = [wanted_name(wish) for wish in wished]
    holders: dict[str, int] = {}
    for index, name in enumerate(wanted):
        if name not in holders or _simpler(wished[index], wished[holders[name]]):
            holders[name] = index
    taken = set(holders)
    return [name if holders[name] == index else _apart(name, wished[index], taken) for index, name in enumerate(wanted)]


def _simpler(one: Wish, other: Wish) -> bool:
    return (not one.given, one.path.count("/"), one.path, one.method) < (not other.given, other.path.count("/"), other.path, other.method)


def _apart(name: str, wish: Wish, taken: set[str]) -> str:
    for length in range(_HASH, 40):
        apart = _with_hash(name, wish, length)
        if apart not in taken:
            taken.add(apart)
            return apart
    raise AssertionError("unreachable: a 40-digit hash is unique")


def _with_hash(name: str, wish: Wish, length: int = _HASH) -> str:
    digest = hashlib.sha256(f"{wish.method} {wish.path}".encode("utf-8", "replace")).hexdigest()[:length]
    return f"{name[: LONGEST - length - 1].rstrip('_')}_{digest}"


def wanted_name(wish: Wish) -> str:
    """The name the operation would have if it were alone."""
    if wish.given:
        return wish.given
    words = _from_id(wish) or _from_path(wish)
    name = "_".join(words)
    return name if len(name) <= LONGEST else _with_hash(_shortened(words, LONGEST - _HASH - 1), wish)


def _shortened(words: list[str], budget: int) -> str:
    """The verb and as many of the last, most telling words as fit."""
    verb, rest = words[0][: budget // 2], words[1:]
    while rest and len(verb) + sum(len(word) + 1 for word in rest) > budget:
        rest = rest[1:]
    return "_".join([verb, *rest])


def words_of(identifier: str) -> list[str]:
    """The lower-case words of `camelCase`, `snake_case`, `HTTPServer2` and the like."""
    return [word.lower() for word in _CAMEL.findall(identifier)]


def _from_id(wish: Wish) -> list[str]:
    identifier = _without_path(wish)
    if not identifier or "{" in identifier or not any(len(word) > 1 and word.isalpha() for word in words_of(identifier)):
        return []
    groups = [words for part in re.split(r"[/._:#]+", identifier) if (words := words_of(part))]
    flat = [word for group in groups for word in group]
    if flat[0] in _VERBS:
        return flat
    scope, last = [word for group in groups[:-1] for word in group], groups[-1]
    if last[0] in _VERBS:
        verbs = 3 if last[1:2] == ["or"] and len(last) > 2 and last[2] in _VERBS else 1  # noqa: PLR2004  create or update
        return [*last[:verbs], *_about(scope, last[verbs:], wish, last[0])]
    if len(flat) > 1 and last[-1] in _VERBS - _NOUNS_TOO:  # `billsUpdate`, `teams/bulk-add`
        return [last[-1], *_about(scope, last[:-1], wish, last[-1])]
    return [_verb(wish), *_unrepeated(scope, last)]


def _about(scope: list[str], rest: list[str], wish: Wish, verb: str) -> list[str]:
    """`gists` + `comments` are gist comments; what is created, or named by the path, is one thing."""
    if rest:
        kept = _unrepeated(scope, rest)[: -len(rest)]
        plural = not kept or (verb == "list" and rest[0] in _PREPOSITIONS)
        return [*kept, *rest] if plural else [*kept[:-1], singular(kept[-1]), *rest]
    one = verb != "list" and (verb == "create" or "{" in "".join(wish.path.split("/")[-2:]))
    return [*scope[:-1], singular(scope[-1])] if one else scope


def _without_path(wish: Wish) -> str:
    """The operationId without the path and method some generators append (`list_items_v1_items_get`)."""
    identifier = wish.operation_id.strip()
    if wish.path.strip("/") and wish.path in identifier:
        return ""
    fixed = [segment for segment in wish.path.split("/") if segment and not _VERSION.fullmatch(segment)]
    if words_of(identifier) == [wish.method, *words_of(" ".join(fixed))]:
        return ""
    tail = f"{re.sub(r'[^A-Za-z0-9]', '_', wish.path)}_{wish.method}".lower()
    if len(tail) < len(identifier) and identifier.lower().endswith(tail):
        return identifier[: -len(tail)].rstrip("_")
    return identifier


def _unrepeated(scope: list[str], rest: list[str]) -> list[str]:
    """`codes of conduct` + `all codes of conduct` says it once."""
    start = 0
    for size in range(len(scope), 0, -1):
        tail = [singular(word) for word in scope[-size:]]
        if any([singular(word) for word in rest[at : at + size]] == tail for at in range(len(rest) - size + 1)):
            start = size
            break
    return scope[: len(scope) - start] + rest


def _from_path(wish: Wish) -> list[str]:
    nouns, ends_with_parameter = _nouns(wish.path.partition("?")[0].partition("#")[0])
    last = nouns[-1] if nouns else []
    if wish.method in {"post", "put", "patch"} and len(nouns) > 1 and not ends_with_parameter and last[0] in _VERBS:
        return [*last, *_joined(nouns[:-1], one=True)]
    plural = bool(last) and singular(last[-1]) != last[-1]
    if wish.method == "get" and not ends_with_parameter and (plural or wish.many):
        return ["list", *_joined(nouns, one=False)]
    one = ends_with_parameter or (wish.method == "post" and plural)
    verbs = {"put": "replace", "post": "update"} if ends_with_parameter else {"post": "create"} if plural else {}
    return [verbs.get(wish.method) or _verb(wish), *(_joined(nouns, one=one) or ["root"])]


def _nouns(path: str) -> tuple[list[list[str]], bool]:
    """The words of each fixed segment, parents of a parameter in the singular, and whether a parameter ends the path."""
    segments = [segment for segment in path.split("/") if segment]
    nouns: list[list[str]] = []
    parameter = False
    for segment in segments:
        parameter = bool(_PARAMETER.search(segment))
        if parameter and nouns:
            nouns[-1] = [*nouns[-1][:-1], singular(nouns[-1][-1])]
        words = words_of(_PARAMETER.sub(" ", segment))
        if words and not _VERSION.fullmatch(segment) and words not in (["api"], ["json"]):
            nouns.append(words)
            parameter = False
    if not nouns:
        nouns = [words for name in _PARAMETER.findall(path) if (words := words_of(name))]
    return nouns, parameter


def _joined(nouns: list[list[str]], *, one: bool) -> list[str]:
    words = [word for noun in nouns for word in noun]
    if one and words:
        words[-1] = singular(words[-1])
    return words


def _verb(wish: Wish) -> str:
    return {"get": "get", "head": "check", "put": "set", "post": "post", "patch": "update", "delete": "delete"}.get(
        wish.method, wish.method
    )


def singular(word: str) -> str:
    """A plain English guess; words that are no plural stay."""
    if word in _SINGULARS:
        return _SINGULARS[word]
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is", "as", "os")):  # noqa: PLR2004  too short to be a plural
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("sses", "xes", "ches", "shes")) else word[:-1]


def argument_names(wire: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """A property name of `[A-Za-z0-9_.-]{1,64}` for each (place, name); the first place keeps the plain name."""
    given: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for place, name in wire:
        plain = name if _ARGUMENT.fullmatch(name) else _sanitised(name)
        if plain in taken:
            plain = f"{plain[:48]}_{place}"
        if plain in taken:
            plain = f"{plain[:48]}_{_digest(place, name)}"
        taken.add(plain)
        given[place, name] = plain
    return given


def _sanitised(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_")
    return plain if name.isascii() and 0 < len(plain) <= LONGEST else f"{plain[:48] or 'value'}_{_digest(name)}"


def _digest(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode("utf-8", "replace")).hexdigest()[:_HASH]
