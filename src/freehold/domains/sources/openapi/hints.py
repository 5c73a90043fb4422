"""What a document says to Freehold itself, in words of its operations that begin with `x-freehold-`.

A slip in a name, a description or a cost is told and otherwise ignored; one in what guards a tool costs the tool, never its guard."""

import re
from collections.abc import Callable
from typing import Any, Final, cast

from msgspec import Struct

from freehold.domains.sources.openapi.document import Inexpressible, Json
from freehold.domains.sources.openapi.texts import plain

DEAREST: Final = 1_000_000
"""Units one call may cost."""
_DESCRIPTION: Final = 1024
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")
_PREFIX: Final = "x-freehold-"
_KNOWN: Final = frozenset({"name", "description", "scopes", "cost", "hide"})


class Hints(Struct, frozen=True, kw_only=True):
    """What one operation says of its tool."""

    name: str = ""
    """Empty: none is asked for."""
    description: str = ""
    scopes: frozenset[str] | None = None
    """None: the default for its kind."""
    cost: int = 1


def hints(item: Json, operation: Json, tell: Callable[[str], None]) -> Hints:
    """The hints of an operation; `tell` is given a sentence about each that is ignored. Raises `Inexpressible` for one that is hidden."""
    said = {word.removeprefix(_PREFIX): value for word, value in operation.items() if word.startswith(_PREFIX)}
    if said.get("hide", item.get(f"{_PREFIX}hide", False)) is not False:
        hide = said.get("hide", item.get(f"{_PREFIX}hide"))
        raise Inexpressible("hidden by x-freehold-hide" if hide is True else "its x-freehold-hide is neither true nor false")
    if not said:
        return _NONE
    for word in sorted(said.keys() - _KNOWN):
        tell(f"x-freehold-{word[:40]} is no hint; there are {', '.join(sorted(_KNOWN))}")
    looked = {word: value for word, look in _LOOKS.items() if word in said and (value := look(said[word], tell)) is not None}
    return Hints(**looked, scopes=_scopes(said["scopes"]) if "scopes" in said else None)


_NONE: Final = Hints()


def _name(value: object, tell: Callable[[str], None]) -> str | None:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    return tell("x-freehold-name is not 1 to 64 of A-Z a-z 0-9 _ and -")


def _description(value: object, tell: Callable[[str], None]) -> str | None:
    spoken = plain(value, _DESCRIPTION) if isinstance(value, str) else ""
    return spoken or tell("x-freehold-description is no text")


def _cost(value: object, tell: Callable[[str], None]) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= DEAREST:
        return value
    return tell(f"x-freehold-cost is no whole number from 0 to {DEAREST}; a call costs 1")


def _scopes(value: object) -> frozenset[str]:
    """A slip here would open the tool to more callers than its author meant, so the tool goes."""
    listed = cast("list[object]", value) if isinstance(value, list) else []
    named = frozenset(scope for scope in listed if isinstance(scope, str) and _SCOPE.fullmatch(scope))
    if not listed or len(named) != len(listed):
        raise Inexpressible("its x-freehold-scopes is no list of distinct scopes")
    return named


_LOOKS: Final[dict[str, Callable[[object, Callable[[str], None]], Any]]] = {"name": _name, "description": _description, "cost": _cost}
