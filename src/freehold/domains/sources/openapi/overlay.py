"""Overlays (OpenAPI Initiative, Overlay Specification 1.0): changes to a document that stay in a file of their own.

Applied to the raw document before anything else looks at it. Where a specification leaves room, what is unclear is refused."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec

from freehold.core.refusals import Refusal
from freehold.domains.sources.openapi.document import Json, mapping
from freehold.domains.sources.openapi.paths import BadPath, Place, places

MOST: Final = 1_000
"""Actions one overlay may have."""
_GROWN: Final = 64 * 1024 * 1024
"""Bytes that updates may add to a document."""


class Overlay(NamedTuple):
    """One overlay, by the name its sentences use."""

    name: str
    content: object
    """As parsed."""


def overlaid(document: Json, overlays: Sequence[Overlay]) -> tuple[Json, list[tuple[str, str]]]:
    """A changed copy of the document, and a (where, what) for every action that changed nothing; or `Refusal("document_invalid")`."""
    changed = cast("Json", _copied(document))  # aliases of YAML become values of their own
    unmet: list[tuple[str, str]] = []
    room = _GROWN
    for overlay in overlays:
        for at, action in enumerate(_actions(overlay), 1):
            where = f"{overlay.name}, action {at}"
            try:
                found, added = _applied(changed, action, room)
            except BadPath as fault:
                raise _refusal(where, str(fault)) from None
            room -= added
            if not found:
                unmet.append((where, f"its target {str(action.get('target'))[:200]} matches nothing"))
    return changed, unmet


def _actions(overlay: Overlay) -> list[Json]:
    content = mapping(overlay.content)
    version = str(content.get("overlay", ""))
    if not version.startswith("1.0"):
        raise _refusal(overlay.name, f"it is {f'Overlay {version[:20]}' if version else 'no overlay'}, and only Overlay 1.0 is known")
    actions = content.get("actions")
    if not isinstance(actions, list) or not actions or not all(isinstance(each, dict) for each in cast("list[object]", actions)):
        raise _refusal(overlay.name, "its `actions` are not a list of objects")
    if len(cast("list[object]", actions)) > MOST:
        raise _refusal(overlay.name, f"it has more than {MOST} actions")
    return cast("list[Json]", actions)


def _applied(document: Json, action: Json, room: int) -> tuple[int, int]:
    """How many places the action met, and how many bytes it added at most."""
    target = action.get("target")
    if not isinstance(target, str):
        raise BadPath("its `target` is no text")
    remove = action.get("remove", False)
    if not isinstance(remove, bool):
        raise BadPath("its `remove` is neither true nor false")
    if not remove and "update" not in action:
        raise BadPath("it has neither `update` nor `remove`")
    found = places(target, document)
    if remove:
        _remove(found)
        return len(found), 0
    added = len(msgspec.json.encode(action["update"])) * len(found)
    if added > room:
        raise BadPath(f"its update would add more than {_GROWN} bytes")
    for place in found:
        _update(place, action["update"])
    return len(found), added


def _remove(found: list[Place]) -> None:
    """Later items of a list first, so that the places of the others stay what they were."""
    if any(place.holder is None for place in found):
        raise BadPath("it would remove the whole document")
    for place in sorted(found, key=lambda place: place.key if isinstance(place.key, int) else -1, reverse=True):
        del place.holder[place.key]


def _update(place: Place, update: object) -> None:
    if isinstance(place.value, list):
        cast("list[object]", place.value).append(_copied(update))
    elif not isinstance(place.value, dict):
        raise BadPath("its target is a single value; update the object that holds it")
    elif not isinstance(update, dict):
        raise BadPath("its target is an object and its update is none")
    else:
        _merge(cast("Json", place.value), cast("Json", _copied(cast("object", update))))


def _merge(into: Json, update: Json) -> None:
    """Objects merge, lists grow, anything else is replaced."""
    waiting = [(into, update)]
    while waiting:
        old, new = waiting.pop()
        for key, value in new.items():
            known: Any = old.get(key)
            if isinstance(known, dict) and isinstance(value, dict):
                waiting.append((cast("Json", known), cast("Json", value)))
            elif isinstance(known, list) and isinstance(value, list):
                cast("list[object]", known).extend(cast("list[object]", value))
            else:
                old[key] = value


def _copied(value: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(value))


def _refusal(where: str, why: str) -> Refusal:
    return Refusal("document_invalid", why=f"the overlay {where}: {why}", mend="Correct the overlay, or leave it out.")
