"""Arguments of a root field as JSON Schema 2020-12. Input objects become `$defs`; what is too large for its room is left open."""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from graphql import GraphQLArgument, GraphQLEnumType, GraphQLInputObjectType, is_required_argument, is_required_input_field

from freehold.domains.sources.graphql.kinds import Given, default, input_type, items, may_be_null, speakable, written
from freehold.domains.sources.openapi.document import Inexpressible, Json
from freehold.domains.sources.openapi.texts import plain

ROOM: Final = 20 * 1024
"""Bytes the schema of one tool's arguments may take."""
_COMPONENT: Final = 6 * 1024
_ENUM: Final = 1024
_DESCRIPTION: Final = 200
_DEFAULT: Final = 100
_NAMED: Final = 3
_LOCAL: Final = "#/$defs/"
_TEXTS: Final = "DateTime Date Time ISO8601DateTime Timestamp URI URL UUID Email EmailAddress Base64String GitObjectID HTML Duration"
_SCALARS: Final[dict[str, Json]] = {
    "Int": {"type": "integer"},
    "Float": {"type": "number"},
    "String": {"type": "string"},
    "Boolean": {"type": "boolean"},
    "ID": {"type": "string"},
    **{name: {"type": "string"} for name in _TEXTS.split()},
}

Refs = dict[str, GraphQLInputObjectType]


class Arguments(NamedTuple):
    """What an operation takes, and how the tool's arguments become its variables."""

    schema: Json
    types: dict[str, str]
    """GraphQL type of each variable, by name."""
    owners: dict[str, str]
    """The variable that an argument is a field of, for arguments that are not variables themselves."""
    rest: str
    """The variable that arguments outside the schema are fields of; empty when there are none."""
    always: tuple[str, ...]
    """Variables of that kind that the schema requires."""
    cut: bool
    """Whether something is left out of the schema."""


class _Component(NamedTuple):
    schema: Json
    refs: Refs
    size: int


class Inputs:
    """The input types of one schema, each translated once."""

    def __init__(self) -> None:
        """Nothing is translated before a tool needs it."""
        self._components: dict[str, _Component] = {}

    def arguments(self, given: Mapping[str, GraphQLArgument]) -> Arguments:
        """Arguments flat: fields of an input object are arguments where nothing is lost by it. Raises `Inexpressible`."""
        kept = {name: one for name, one in given.items() if one.deprecation_reason is None or is_required_argument(one)}
        flat = _flattened(kept)
        only = input_type(kept[flat[0]]) if flat and len(kept) == 1 else None
        refs: Refs = {}
        schema, cut = self._object(_spread(kept, flat), refs, ROOM // 2, nulls=only is None or not only.is_one_of)
        if cut and flat and only is None:
            flat, refs = [], {}
            schema, cut = self._object(kept, refs, ROOM // 2)
        if only is not None and only.is_one_of:
            schema |= {"minProperties": 1, "maxProperties": 1}
        if only is not None and cut:
            del schema["additionalProperties"]
        left_open = self._defined(schema, refs)
        return Arguments(
            schema,
            {name: _variable(one) for name, one in kept.items() if name in flat or name in schema["properties"]},
            {field: name for name in flat for field in input_type(kept[name]).fields},
            flat[0] if only is not None else "",
            tuple(name for name in flat if is_required_argument(kept[name])),
            cut or left_open,
        )

    def variables(self, declared: Mapping[str, GraphQLArgument]) -> tuple[Json, bool]:
        """The schema of an operation's variables, and whether something is left out of it. Raises `Inexpressible`."""
        refs: Refs = {}
        schema, cut = self._object(declared, refs, ROOM // 2)
        return schema, self._defined(schema, refs) or cut

    def argument(self, one: GraphQLArgument) -> Json:
        """The schema of one argument that is no object."""
        return self._property(one, {}, nulls=True)

    def _defined(self, schema: Json, refs: Refs) -> bool:
        """Give the schema the definitions it refers to; whether some of them are left open."""
        definitions, left_open = self._definitions(refs, ROOM - len(msgspec.json.encode(schema)))
        if definitions:
            schema["$defs"] = definitions
        return left_open

    def _definitions(self, refs: Refs, room: int) -> tuple[Json, bool]:
        """What the references mean, nearest first; what no longer fits is any object."""
        made: Json = {}
        waiting, cut = deque(refs.items()), False
        while waiting:
            name, kind = waiting.popleft()
            if name in made:
                continue
            component = self._component(kind)
            fits = component.size <= min(room, _COMPONENT)
            made[name] = component.schema if fits else {"type": "object"}
            if fits:
                room -= component.size
                waiting.extend(component.refs.items())
            cut = cut or not fits
        return made, cut

    def _component(self, kind: GraphQLInputObjectType) -> _Component:
        known = self._components.get(kind.name)
        if known is None:
            refs: Refs = {}
            schema, cut = self._object(kind.fields, refs, _COMPONENT, nulls=not kind.is_one_of)
            if kind.is_one_of:
                schema |= {"minProperties": 1, "maxProperties": 1}
            size = _COMPONENT + 1 if cut else len(msgspec.json.encode(schema)) + len(kind.name) + 4
            known = self._components[kind.name] = _Component(schema, refs, size)
        return known

    def _object(self, fields: Mapping[str, Given], refs: Refs, room: int, *, nulls: bool = True) -> tuple[Json, bool]:
        """An object of these fields, the required ones first in line for the room. Raises `Inexpressible` when those do not fit.

        `nulls`: what may be left out may be null, which is not the same: null often empties a field, or asks for what has none.
        """
        required = [name for name, one in fields.items() if _is_required(one)]
        optional = [name for name, one in fields.items() if not _is_required(one) and name != "clientMutationId"]
        properties: Json = {}
        cut = False
        for name in (*required, *optional):
            one_refs: Refs = {}
            shape = self._property(fields[name], one_refs, nulls=nulls) if speakable(name) else None
            size = len(msgspec.json.encode(shape)) + len(name) + 4
            if shape is None or size > room:
                if _is_required(fields[name]):
                    raise Inexpressible("what it needs does not fit into one tool")
                cut = True
                continue
            properties[name] = shape
            refs.update(one_refs)
            room -= size
        schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
        return (schema | {"required": required} if required else schema), cut

    def _property(self, one: Given, refs: Refs, *, nulls: bool) -> Json:
        shape = self._shape(input_type(one), refs)
        if nulls and may_be_null(one):
            shape = _or_null(shape)
        said = plain(one.description, _DESCRIPTION) if one.description else ""
        if one.deprecation_reason is not None:
            said = f"Deprecated. {said}".strip()
        return {**shape, **({"description": said} if said else {}), **_default(default(one))}

    def _shape(self, kind: Any, refs: Refs) -> Json:
        inner = items(kind)
        if inner is not None:
            return {"type": "array", "items": self._shape(inner, refs)}
        if isinstance(kind, GraphQLEnumType):
            return _enumerated(kind)
        if not isinstance(kind, GraphQLInputObjectType):
            return _SCALARS.get(kind.name) or {"description": plain(f"{kind.name}. {kind.description or ''}", _DESCRIPTION)}
        if not speakable(kind.name):
            raise Inexpressible("the name of a type it takes is no GraphQL name")
        refs[kind.name] = kind
        return {"$ref": f"{_LOCAL}{kind.name}"}


def _flattened(given: Mapping[str, GraphQLArgument]) -> list[str]:
    """Arguments whose fields can stand in their place: required objects, or the only one there is, and no name twice.

    An object left out is not the same as an empty one, so that of an optional object nothing may be required.
    """
    objects = [name for name, one in given.items() if isinstance(input_type(one), GraphQLInputObjectType)]
    if len(given) == 1:
        return [name for name in objects if is_required_argument(given[name]) or not _some_required(input_type(given[name]))]
    found = [name for name in objects if is_required_argument(given[name]) and not input_type(given[name]).is_one_of]
    names = [*(name for name in given if name not in found), *(field for name in found for field in input_type(given[name]).fields)]
    return found if len(set(names)) == len(names) else []


def _some_required(kind: GraphQLInputObjectType) -> bool:
    return any(map(is_required_input_field, kind.fields.values()))


def _spread(given: Mapping[str, GraphQLArgument], flat: list[str]) -> dict[str, Given]:
    """The arguments, fields of the flattened ones in their place."""
    spread: dict[str, Given] = {}
    for name, one in given.items():
        spread.update(input_type(one).fields if name in flat else {name: one})
    return spread


def _is_required(one: Given) -> bool:
    return is_required_argument(one) if isinstance(one, GraphQLArgument) else is_required_input_field(one)


def _variable(one: GraphQLArgument) -> str:
    """A variable left out lets the argument's own default stand only when it may be null (specification 5.8.5)."""
    return written(one, nullable=not _is_required(one))


def _enumerated(kind: GraphQLEnumType) -> Json:
    names = [name for name, value in kind.values.items() if value.deprecation_reason is None] or list(kind.values)
    if len(msgspec.json.encode(names)) <= _ENUM:
        return {"type": "string", "enum": names}
    return {"type": "string", "description": f"One of the {len(names)} values of {kind.name}, such as {', '.join(names[:_NAMED])}."[:_ENUM]}


def _or_null(shape: Json) -> Json:
    if "$ref" in shape:
        return {"anyOf": [shape, {"type": "null"}]}
    if "type" not in shape:
        return shape
    return {**shape, "type": [shape["type"], "null"], **({"enum": [*shape["enum"], None]} if "enum" in shape else {})}


def _default(value: Any) -> Json:
    """A default that is short."""
    return {"default": value} if value is not None and len(msgspec.json.encode(value)) <= _DEFAULT else {}
