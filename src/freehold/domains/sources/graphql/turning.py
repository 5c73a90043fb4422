"""How a tool's pages are turned: which connection, by which arguments, and the words for it."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from graphql import GraphQLField

from freehold.domains.sources.graphql.bounds import Pages
from freehold.domains.sources.graphql.inputs import Arguments, Inputs
from freehold.domains.sources.graphql.kinds import fields, is_connection, named, written
from freehold.domains.sources.graphql.operation import PAGE
from freehold.domains.sources.graphql.selection import Opened, Selections
from freehold.domains.sources.openapi.document import Json

LARGEST_PAGE: Final = 100
_NAMED: Final = 4


class Turning(NamedTuple):
    """Page arguments of a root field or of the connection nearest below it."""

    size: str = ""
    cursor: str = ""
    path: tuple[str, ...] = ()
    """Response keys from the root field's value; empty when the value is the connection, or there is none."""
    turnable: bool = False
    types: Mapping[str, str] = {}
    """Variables of the document that only these arguments are."""
    opened: Opened | None = None


def turning(field: GraphQLField, inputs: Arguments, kinds: Inputs, selections: Selections, usual: int) -> Turning:
    """Make the page arguments known to the tool's schema, with `usual` as the size when none is given."""
    if is_connection(named(field)):
        return _of_root(field, inputs, usual)
    path = selections.nearest(field)
    return _of_nested(field, path, inputs, kinds, usual) if path else Turning()


def _of_root(field: GraphQLField, inputs: Arguments, usual: int) -> Turning:
    properties: Json = inputs.schema["properties"]
    sized = {"first", "last"} & inputs.types.keys() & properties.keys()
    for name in sized:
        properties[name] = _sized(properties[name])
    if "first" in sized:
        properties["first"].setdefault("default", usual)
        _not_required("first", inputs.schema)
    page = fields(named(fields(named(field))["pageInfo"]))
    turnable = {"hasNextPage", "endCursor"} <= page.keys() and "after" in inputs.types and "after" in properties
    return Turning("first" if "first" in sized else "", "after" if turnable else "", (), turnable=turnable)


def _of_nested(field: GraphQLField, path: tuple[str, ...], inputs: Arguments, kinds: Inputs, usual: int) -> Turning:
    properties: Json = inputs.schema["properties"]
    taken = properties.keys() | inputs.types.keys() | field.args.keys()
    size, cursor = (_free(name, path[-1], taken) for name in ("first", "after"))
    at = field
    for step in path:
        at = fields(named(at))[step]
    known = (at.args["first"], at.args["after"])
    properties[size] = {**_sized(kinds.argument(known[0])), "default": usual, "description": f"How many of {path[-1]}."}
    properties[cursor] = {**kinds.argument(known[1]), "description": f"Those of {path[-1]} after this pageInfo.endCursor."}
    types = {size: written(known[0]), cursor: written(known[1])}
    return Turning(size, cursor, path, turnable=True, types=types, opened=Opened(path, f"(first: ${size}, after: ${cursor})"))


def _free(name: str, owner: str, taken: Iterable[str]) -> str:
    """The name, or one with the list's own before it where the field has such an argument itself."""
    wanted = name
    while wanted in taken:
        wanted = f"{owner}{name.capitalize()}" if wanted == name else f"{wanted}_"
    return wanted


def _sized(shape: Json) -> Json:
    return {**shape, "minimum": 1, "maximum": LARGEST_PAGE}


def _not_required(name: str, schema: Json) -> None:
    """The usual size is sent when it is left out."""
    required = [one for one in schema.get("required", ()) if one != name]
    schema.pop("required", None)
    if required:
        schema["required"] = required


def told(turned: Turning, pages: tuple[Pages, ...], *, usual: int = PAGE) -> str:
    """What an agent should know about the lists in the answer; empty when there is nothing to say."""
    said: list[str] = []
    if turned.turnable:
        of = f" of {turned.path[-1]}" if turned.path else ""
        size = f" (`{turned.size}`, else {usual})" if turned.size else ""
        said.append(f"Answers a page{of}{size}; the next begins `{turned.cursor}` pageInfo.endCursor.")
    few = list(dict.fromkeys(_fixed(pages)))
    if few:
        names = ", ".join(few[:_NAMED]) + (" and others" if len(few) > _NAMED else "")
        said.append(f"Of {names} only the first few are shown, with totalCount where there is one.")
    return " ".join(said)


def _fixed(pages: tuple[Pages, ...]) -> Iterable[str]:
    """Lists whose size the document fixes."""
    for one in pages:
        if one.sizes and all(isinstance(size, int) for size in one.sizes):
            yield one.name
        yield from _fixed(one.inside)
