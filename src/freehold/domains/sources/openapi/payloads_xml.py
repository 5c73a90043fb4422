"""From the schema of an XML body to its form: which element is the root, and how everything in it is written."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from freehold.domains.sources.openapi.bodies_shapes import Shape, Xml, is_name, whole
from freehold.domains.sources.openapi.document import Document, Json, mapping, sequence, text
from freehold.domains.sources.openapi.schemas import Refs

_NAMED_PLACES: Final = ("#/components/schemas/", "#/definitions/")
_FOLLOWED: Final = 20


class Root(NamedTuple):
    """The form of one body."""

    name: str
    """Empty when the body's only field is the root element."""
    shape: Shape


class Shapes:
    """The forms of one document's schemas; those of `components` are made once and shared by its operations."""

    def __init__(self, document: Document) -> None:
        """Nothing is made before a body needs it."""
        self._document = document
        self._siblings = not text(document.raw.get("openapi")).startswith("3.0")
        self._components: dict[str, Shape] = {}

    @property
    def components(self) -> Mapping[str, Shape]:
        """Reference -> its form; whatever a form that `root` gave out refers to is in it."""
        return self._components

    def root(self, raw: object) -> Root | None:
        """The form of a body; None when no XML follows from its schema, because it is text or names no root element."""
        shape = self._shaped(raw)
        found = whole(shape, self._components)
        if found is None or self._type(raw) == "string" or (self._type(raw) == "array" and not found.xml.wrapped):
            return None
        name = found.xml.name or self._component_name(raw)
        if name:
            return Root(name, found) if is_name(name.rpartition(":")[2]) else None
        only = next(iter(found.fields.values())) if len(found.fields) == 1 and found.rest is None else Shape()
        inner = whole(only, self._components)
        return Root("", found) if inner and (inner.fields or inner.rest) and found.xml == Xml() else None

    def _shaped(self, raw: object) -> Shape:
        """The form of one schema, when everything it refers to is known."""
        met: Refs = {}
        shape = self._shape(raw, met)
        found: dict[str, Shape] = {}
        waiting = list(met)
        for reference in waiting:  # grows while it is walked
            if reference not in self._components and reference not in found:
                more: Refs = {}
                found[reference] = self._shape(self._document.find(reference), more)
                waiting.extend(more)
        self._components.update(found)
        return shape

    def _shape(self, raw: object, met: Refs) -> Shape:
        node = mapping(raw)
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return self._own(node, met, ())
        met[reference] = None
        return self._own(node if self._siblings else {}, met, (reference,))

    def _own(self, node: Json, met: Refs, referred: tuple[str, ...]) -> Shape:
        items, rest = node.get("items"), node.get("additionalProperties")
        return Shape(
            xml=_xml(node.get("xml")),
            fields={name: self._shape(each, met) for name, each in mapping(node.get("properties")).items()},
            items=self._one_of([*sequence(items), *sequence(node.get("prefixItems")), items], met),
            rest=self._one_of([*mapping(node.get("patternProperties")).values(), rest], met),
            parts=(*referred, *(self._shape(each, met) for each in sequence(node.get("allOf")))),
            choices=tuple(self._shape(each, met) for each in _choices(node)),
        )

    def _one_of(self, raw: list[object], met: Refs) -> Shape | None:
        shapes = tuple(self._shape(each, met) for each in raw if mapping(each))
        return Shape(choices=shapes) if len(shapes) > 1 else next(iter(shapes), None)

    def _type(self, raw: object) -> str:
        node = self._plain(raw)[0]
        kinds = [each for each in [node.get("type"), *sequence(node.get("type"))] if isinstance(each, str) and each != "null"]
        return kinds[0] if kinds else "array" if "items" in node and "properties" not in node else ""

    def _component_name(self, raw: object) -> str:
        return self._plain(raw)[1]

    def _plain(self, raw: object) -> tuple[Json, str]:
        """The schema behind references and an `allOf` around one reference, and the name of the first component on the way."""
        node, name = mapping(raw), ""
        for _ in range(_FOLLOWED):
            only = [each for each in sequence(node.get("allOf")) if "$ref" in mapping(each)]
            reference = text(node.get("$ref")) or (text(only[0]["$ref"]) if len(only) == 1 and "properties" not in node else "")
            if not reference:
                break
            place, _, last = reference.rpartition("/")
            name = name or (unquote(last) if f"{place}/" in _NAMED_PLACES else "")
            node = mapping(self._document.find(reference))
        return node, name


def _choices(node: Json) -> list[object]:
    """What a value may be besides null."""
    given = [*sequence(node.get("oneOf")), *sequence(node.get("anyOf")), *(node[word] for word in ("then", "else") if word in node)]
    return [each for each in given if mapping(each).get("type") != "null"]


def _xml(raw: object) -> Xml:
    said = mapping(raw)
    flags = {word: said[word] for word in ("attribute", "wrapped") if isinstance(said.get(word), bool)}
    return Xml(name=text(said.get("name")), prefix=text(said.get("prefix")), namespace=text(said.get("namespace")), **flags)
