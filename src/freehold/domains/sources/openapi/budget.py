"""Keeps a tool's input schema within its bytes: the nearest components whole, the far ones by their type alone."""

from typing import Any, Final, NamedTuple, cast

import msgspec

from freehold.domains.sources.openapi.document import Json, mapping
from freehold.domains.sources.openapi.schemas import LOCAL, Refs, Schema, Schemas

_INLINE_SHARE: Final = 0.7
"""Part of the budget that what stands in the tool itself may take before it is pruned."""
_SHAPE: Final = frozenset(
    {"type", "description", "required", "deprecated", "format", "enum", "const", "items", "$ref", "default", "minimum", "maximum"}
)
_INNER: Final = frozenset({"items", "additionalProperties", "allOf", "anyOf", "oneOf", "prefixItems"})


class Fitted(NamedTuple):
    """A schema within the budget."""

    schema: Json
    cut: bool
    """Whether something was left out, so that the description can say so."""


def fit(top: Json, refs: Refs, schemas: Schemas, budget: int) -> Fitted:
    """Add the `$defs` that `top` reaches, leaving out what does not fit."""
    size = len(msgspec.json.encode(top))
    room = int(budget * _INLINE_SHARE)
    pruned = size > room
    if pruned:
        top = _pruned(top, room)
        size, refs = len(msgspec.json.encode(top)), references(top)
    if not refs:
        return Fitted(top, pruned)
    defs, cut = _gathered(refs, schemas, budget - size)
    return Fitted({**top, "$defs": defs}, pruned or cut)


def _gathered(refs: Refs, schemas: Schemas, room: int) -> tuple[dict[str, Schema], bool]:
    """Breadth first, so that what is nearest to the arguments is kept."""
    defs: dict[str, Schema] = {}
    waiting = list(refs)
    met = set(refs)
    left_out = 0
    room -= sum(len(name) + 24 for name in waiting)
    for name in waiting:  # grows while it is walked
        component = schemas.component(name) if room > 0 else None
        cost = component.size + sum(len(each) + 24 for each in component.refs if each not in met) if component else 0
        if component is None or cost > room:
            defs[name] = schemas.kind(name)
            left_out += 1
            continue
        defs[name] = component.schema
        room -= cost
        for each in component.refs:
            if each not in met:
                met.add(each)
                waiting.append(each)
    return defs, left_out > 0


def _pruned(top: Json, room: int) -> Json:
    """The same arguments with less and less said about what is inside them."""
    for depth, prose in ((3, 120), (2, 80), (1, 60), (1, 0)):
        fields = {name: _shallow(each, depth, prose) for name, each in top["properties"].items()}
        smaller = {**top, "properties": fields}
        if len(msgspec.json.encode(smaller)) <= room:
            return smaller
    bare = {name: {word: value for word, value in mapping(each).items() if word == "type"} for name, each in top["properties"].items()}
    return {**top, "properties": bare}


def _shallow(schema: Any, depth: int, prose: int) -> Any:
    if isinstance(schema, list):
        return [_shallow(each, depth, prose) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    node = cast("Json", schema)
    kept = {word: value for word, value in node.items() if word in _SHAPE or (depth > 0 and word != "examples")}
    if depth <= 0:
        kept.pop("required", None)
    if "description" in kept:
        kept["description"] = kept["description"][:prose]
    if not kept.get("description", True):
        del kept["description"]
    if "properties" in kept:
        kept["properties"] = {name: _shallow(each, depth - 1, prose) for name, each in kept["properties"].items()}
    for word in _INNER & kept.keys():
        kept[word] = _shallow(kept[word], depth - (word == "items"), prose)
    return kept


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
