"""Keeps a tool's input schema within its bytes: prose far from the arguments goes first, then what is far is told by its type alone."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, cast

import msgspec

from freehold.domains.sources.openapi.document import Json, mapping
from freehold.domains.sources.openapi.schemas import LOCAL, Component, Refs, Schema, Schemas, Trim
from freehold.domains.sources.openapi.trimming import inside, looser, quieter, shallow

_KIB: Final = 1024
_INLINE_SHARE: Final = 0.7
"""Part of the budget that what stands in the tool itself may take before it is pruned."""
_BESIDE: Final = 24
"""Bytes that an entry of `$defs` takes beside its name and schema, generously."""


def _short(schema: Any) -> Any:
    return quieter(schema, 80)


def _shorter(schema: Any) -> Any:
    return quieter(schema, 40)


def _silent(schema: Any) -> Any:
    return quieter(schema, 0)


def _loose(schema: Any) -> Any:
    return looser(quieter(schema, 0))


_STEPS: Final[tuple[tuple[Trim, int], ...]] = ((_short, 5 * _KIB), (_shorter, 8 * _KIB))
"""What is inside the arguments says less when the schema would be larger than this."""
_WHOLE: Final = 3 * _KIB
"""Bytes of a schema that says all it has to say."""


class Fitted(NamedTuple):
    """A schema within the budget."""

    schema: Json
    cut: bool
    """Whether fields were left out, so that the description can say so."""
    quieter: bool
    """Whether prose inside the arguments was left out."""


def fit(top: Json, refs: Refs, schemas: Schemas, budget: int) -> Fitted:
    """Add the `$defs` that `top` reaches, saying less where that is too long and leaving out what does not fit then."""
    whole = _closed(top, refs, schemas, None, min(_WHOLE, budget))
    if whole is not None:
        return Fitted(whole, cut=False, quieter=False)
    for trim, most in (*_STEPS, (_silent, budget)):
        said = _closed(_trimmed(top, trim), refs, schemas, trim, min(most, budget))
        if said is not None:
            return Fitted(said, cut=False, quieter=said != _closed(top, refs, schemas, None, budget))
    fields = {name: looser(each) for name, each in top["properties"].items()}
    loose = {**top, "properties": fields, "additionalProperties": looser(top["additionalProperties"])}
    return Fitted(_cut(_trimmed(loose, _silent), schemas, budget), cut=True, quieter=True)


def _trimmed(top: Json, trim: Trim) -> Json:
    """The arguments keep their own prose."""
    fields = {name: inside(cast("Json", each), trim) if isinstance(each, dict) else each for name, each in top["properties"].items()}
    return {**top, "properties": fields, "additionalProperties": trim(top["additionalProperties"])}


def _closed(top: Json, refs: Refs, schemas: Schemas, trim: Trim | None, room: int) -> Json | None:
    """The schema with everything it reaches, None when that is more than `room` bytes."""
    room -= _size(top) + _BESIDE
    defs: dict[str, Schema] = {}
    waiting = list(refs)
    met = set(refs)
    for name in waiting:  # grows while it is walked
        if room < 0:
            return None
        component = schemas.component(name, trim)
        room -= component.size
        defs[name] = component.schema
        for each in component.refs:
            if each not in met:
                met.add(each)
                waiting.append(each)
    return None if room < 0 else {**top, "$defs": defs} if defs else top


def _cut(top: Json, schemas: Schemas, budget: int) -> Json:
    room = int(budget * _INLINE_SHARE)
    if _size(top) > room:
        top = _pruned(top, room)
    refs = references(top)
    made = {**top, "$defs": _gathered(refs, schemas, budget - _size(top))} if refs else top
    return made if _size(made) <= budget else _bare(top, budget)


def _gathered(refs: Refs, schemas: Schemas, room: int) -> dict[str, Schema]:
    """Breadth first, so that what is nearest to the arguments is kept; what is left out is told by its type and its fields' names."""
    defs: dict[str, Schema] = {}
    waiting = list(refs)
    met = set(refs)
    room -= _told(refs, schemas)
    for name in waiting:  # grows while it is walked
        component = _within(name, schemas, met, room)
        if component is None:
            defs[name] = schemas.kind(name)
            continue
        defs[name] = component.schema
        fresh = [each for each in component.refs if each not in met]
        room -= component.size + _told(fresh, schemas)
        met.update(fresh)
        waiting.extend(fresh)
    return defs


def _within(name: str, schemas: Schemas, met: set[str], room: int) -> Component | None:
    if room <= 0:
        return None
    component = schemas.component(name, _loose)
    return component if component.size + _told((each for each in component.refs if each not in met), schemas) <= room else None


def _told(names: Iterable[str], schemas: Schemas) -> int:
    """Bytes these components take when they are left out."""
    return sum(len(name) + _BESIDE + _size(schemas.kind(name)) for name in names)


def _pruned(top: Json, room: int) -> Json:
    """The same arguments with less and less said about what is inside them."""
    for depth, prose in ((3, 120), (2, 80), (1, 60), (1, 0)):
        fields = {name: shallow(each, depth, prose) for name, each in top["properties"].items()}
        smaller = {**top, "properties": fields, "additionalProperties": shallow(top["additionalProperties"], 1, 0)}
        if _size(smaller) <= room:
            return smaller
    return _bare(top, room)


def _bare(top: Json, room: int) -> Json:
    """The arguments by their types alone, or by their names where even that is too long; names are never left out."""
    fields = {name: {word: value for word, value in mapping(each).items() if word == "type"} for name, each in top["properties"].items()}
    typed = {**top, "properties": fields, "additionalProperties": top["additionalProperties"] is not False}
    return typed if _size(typed) <= room else {**typed, "properties": {name: {} for name in fields}}


def _size(schema: Schema) -> int:
    return len(msgspec.json.encode(schema))


def references(value: object) -> Refs:
    """Every component a translated schema names."""
    found: Refs = {}
    waiting: list[object] = [value]
    for each in waiting:  # grows while it is walked
        if isinstance(each, dict):
            node = cast("Json", each)
            target = node.get("$ref")
            if isinstance(target, str) and target.startswith(LOCAL):
                found[target[len(LOCAL) :]] = None
            waiting.extend(node.values())
        elif isinstance(each, list):
            waiting.extend(cast("list[object]", each))
    return found
