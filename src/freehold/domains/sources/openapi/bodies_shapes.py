"""The form that XML bodies have: what a document's XML Objects say, schema by schema, and how composed schemas come to one form.

Made by `payloads_xml.py`, followed by `bodies_xml.py`."""

import re
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Final, NamedTuple

from msgspec import Struct

_START: Final = (
    "A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff"
    "\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_NAME: Final = re.compile(f"[{_START}][{_START}.0-9\xb7\u0300-\u036f\u203f\u2040-]{{0,255}}")
_MOST_PARTS: Final = 100
"""Components that one schema may be composed of."""


class Xml(Struct, frozen=True):
    """An XML Object (OpenAPI 3.1, 4.8.26); what it does not say is empty or None."""

    name: str = ""
    prefix: str = ""
    namespace: str = ""
    attribute: bool | None = None
    wrapped: bool | None = None

    def over(self, other: "Xml") -> "Xml":
        """This one, with what it leaves open taken from the other."""
        return Xml(
            name=self.name or other.name,
            prefix=self.prefix or other.prefix,
            namespace=self.namespace or other.namespace,
            attribute=other.attribute if self.attribute is None else self.attribute,
            wrapped=other.wrapped if self.wrapped is None else self.wrapped,
        )


class Shape(Struct, frozen=True):
    """How the values of one schema are written; an empty one leaves it to the value."""

    xml: Xml = Xml()
    fields: Mapping[str, "Shape"] = {}
    items: "Shape | None" = None
    rest: "Shape | None" = None
    """Of the fields that are not listed."""
    parts: tuple["str | Shape", ...] = ()
    """What else it is made of (`$ref`, `allOf`): shapes, and references to components."""
    choices: tuple["str | Shape", ...] = ()
    """What it may be (`oneOf`, `anyOf`)."""

    @property
    def composed(self) -> bool:
        """Whether `whole` has anything to do."""
        return bool(self.parts or self.choices)


class _Laid(NamedTuple):
    shape: Shape
    distance: int
    """References on the way to it: what a schema says itself wins over what it refers to."""
    chosen: bool
    """Whether it is only one of several choices."""


def whole(shape: Shape, components: Mapping[str, Shape]) -> Shape | None:
    """The shape with everything it is made of laid into it; None when its choices ask for different XML or it has too many parts."""
    if not shape.composed:
        return shape
    laid = _laid(shape, components)
    if laid is None:
        return None
    for each in laid:
        if len({_facts(choice, components) for choice in each.shape.choices}) > 1:
            return None
    names = dict.fromkeys(name for each in laid for name in each.shape.fields)
    return Shape(
        xml=_nearest(laid),
        fields={name: _joined((each, each.shape.fields.get(name)) for each in laid) or Shape() for name in names},
        items=_joined((each, each.shape.items) for each in laid),
        rest=_joined((each, each.shape.rest) for each in laid),
    )


def _laid(shape: "str | Shape", components: Mapping[str, Shape]) -> list[_Laid] | None:
    """Everything a shape is made of, in the document's order: what it extends, then its own."""
    found: list[_Laid] = []
    met: set[str] = set()

    def walk(part: "str | Shape", distance: int, *, chosen: bool) -> None:
        if isinstance(part, str):
            if part in met or len(met) > _MOST_PARTS:
                return
            met.add(part)
            part, distance = components[part], distance + 1
        for each in part.parts:
            walk(each, distance, chosen=chosen)
        for each in part.choices:
            walk(each, distance, chosen=True)
        found.append(_Laid(part, distance, chosen))

    walk(shape, 0, chosen=False)
    return None if len(met) > _MOST_PARTS else found


def _facts(shape: "str | Shape", components: Mapping[str, Shape]) -> Xml | None:
    laid = _laid(shape, components)
    return None if laid is None else _nearest(laid)


def _nearest(laid: list[_Laid]) -> Xml:
    farthest_first = sorted(laid, key=lambda each: -each.distance)
    return reduce(lambda found, each: each.shape.xml.over(found), farthest_first, Xml())


def _joined(given: Iterable[tuple[_Laid, Shape | None]]) -> Shape | None:
    """What several parts say about one field or about their items."""
    said = [(each.chosen, shape) for each, shape in given if shape is not None]
    if len(said) <= 1:
        return said[0][1] if said else None
    return Shape(parts=tuple(shape for chosen, shape in said if not chosen), choices=tuple(shape for chosen, shape in said if chosen))


def is_name(text: str) -> bool:
    """Whether an element, an attribute or a prefix can be called that (Namespaces in XML 1.0, 3: NCName), and is not endless."""
    return _NAME.fullmatch(text) is not None
