"""XML request bodies, written as the document's XML Objects ask. What has no form in XML is refused, never changed or left out.

Nothing here reads XML, so there are no entities to expand. Which form a value has is `bodies_shapes.py`'s."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

from msgspec import UNSET, Struct
from msgspec.structs import replace

from freehold.core.refusals import Refusal
from freehold.domains.sources.openapi.bodies import Content, Sent
from freehold.domains.sources.openapi.bodies_shapes import Shape, Xml, is_name, whole
from freehold.domains.sources.openapi.parameters import refuse, scalar

DEEPEST: Final = 64
"""Steps from the body to the innermost value."""
LARGEST: Final = 1024 * 1024
"""Characters of one body, half a second's work at worst: short arguments may have long names in XML."""

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL: Final = re.compile('[&<>"\t\n\r]')
_IN_ATTRIBUTE: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_IN_TEXT: Final = {**_IN_ATTRIBUTE, '"': '"', "\t": "\t", "\n": "\n"}
_RESERVED: Final = frozenset({"xml", "xmlns", "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"})
"""Prefixes and namespaces that no document may declare (Namespaces in XML 1.0, 3)."""
_LONGEST_WAY: Final = 100


class XmlBody(Struct, frozen=True):
    """application/xml and its relatives (`+xml`)."""

    content: Content
    media_type: str
    name: str
    """Of the root element; empty when the body's only field is the root."""
    shape: Shape
    components: Mapping[str, Shape]

    def encode(self, arguments: Mapping[str, Any], boundary: str) -> Sent | None:
        """One element in UTF-8: the document's fields in its order, then others as given."""
        value = self.content.given(arguments)
        if value is UNSET:
            return None
        writer = _Writer(self.content, self.components)
        if self.name:
            writer.write(self.name, value, self.shape, _At())
        else:
            writer.only(value, self.shape)
        return self.media_type, f"{_DECLARATION}{''.join(writer.pieces)}".encode()


class XmlTextBody(Struct, frozen=True):
    """XML that the agent wrote itself: one string argument, without a document type, so that no entity is defined in it (OA-06)."""

    content: Content
    media_type: str

    def encode(self, arguments: Mapping[str, Any], boundary: str) -> Sent | None:
        """UTF-8."""
        value = self.content.given(arguments)
        if value is UNSET:
            return None
        said = scalar(value)
        if "<!DOCTYPE" in said:
            raise refuse(self.content.whole, "a document type (DOCTYPE) is not sent, because it can define entities")
        if _FORBIDDEN.search(said):
            raise refuse(self.content.whole, "it holds a character that XML cannot hold")
        return f"{self.media_type}; charset=utf-8", said.encode()


class _At(NamedTuple):
    """Where the writer is: the way through the value, and the prefixes that mean something there."""

    way: tuple[str | int, ...] = ()
    prefixes: frozenset[str] = frozenset({"xml"})

    def inside(self, step: str | int) -> "_At":
        return self._replace(way=(*self.way, step))


class _Tag(NamedTuple):
    prefix: str
    local: str

    def __str__(self) -> str:
        return f"{self.prefix}:{self.local}" if self.prefix else self.local


class _Child(NamedTuple):
    """One field of an object; its shape is whole."""

    name: str
    value: Any
    shape: Shape
    at: _At


class _Writer:
    """One body in the making; `pieces` are what is written so far."""

    def __init__(self, content: Content, components: Mapping[str, Shape]) -> None:
        self.pieces: list[str] = []
        self._content = content
        self._components = components
        self._room = LARGEST
        self._wholes: dict[int, tuple[Shape, Shape | None]] = {}

    def only(self, value: object, shape: Shape) -> None:
        """An object whose one field is the root element."""
        given = list(cast("dict[str, Any]", value).items()) if isinstance(value, dict) else []
        if len(given) != 1:
            raise refuse(self._content.argument(next(iter(shape.fields))), "the body is this one element and nothing besides")
        ((name, each),) = given
        if isinstance(each, list):
            raise refuse(self._content.argument(name), "the body is a single element")
        self.write(name, each, shape.fields.get(name, Shape()), _At((name,)))

    def write(self, name: str, value: object, shape: Shape, at: _At) -> None:
        """One element for a value, one per item for an array."""
        found = self._whole(shape, at)
        if isinstance(value, list):
            self._array(name, cast("list[object]", value), found, at)
        else:
            self._element(name, value, found, at)

    def _array(self, name: str, values: list[object], shape: Shape, at: _At) -> None:
        wrapper: _Tag | None = None
        if shape.xml.wrapped:
            name = shape.xml.name or name
            wrapper, at = self._open(name, shape.xml, [], at)
        elif not at.way or isinstance(at.way[-1], int):
            raise self._refused(at, "an array needs an element around it here, and the API's document asks for none")
        items = self._whole(shape.items or Shape(), at)
        for position, each in enumerate(values):
            self.write(name, each, items, at.inside(position))
        if wrapper is not None:
            self._add(f"</{wrapper}>", at)

    def _element(self, name: str, value: object, shape: Shape, at: _At) -> None:
        children = list(self._children(cast("dict[str, Any]", value), shape, at)) if isinstance(value, dict) else []
        tag, inside = self._open(name, shape.xml, [child for child in children if child.shape.xml.attribute], at)
        for child in children:
            if not child.shape.xml.attribute:
                self.write(child.name, child.value, child.shape, inside._replace(way=child.at.way))
        if not isinstance(value, dict):
            self._add(self._text(value, _IN_TEXT, at), at)
        self._add(f"</{tag}>", at)

    def _children(self, value: dict[str, Any], shape: Shape, at: _At) -> Iterator[_Child]:
        known = {name: value[name] for name in shape.fields if name in value}
        for name, each in known.items():
            yield _Child(name, each, self._whole(shape.fields[name], at.inside(name)), at.inside(name))
        for name, each in value.items():
            if name not in known:
                rest = self._whole(shape.rest or Shape(), at.inside(name))
                yield _Child(name, each, replace(rest, xml=replace(rest.xml, name="")), at.inside(name))

    def _open(self, name: str, xml: Xml, attributes: list[_Child], at: _At) -> tuple[_Tag, _At]:
        """Write the start tag: the namespaces that it and its attributes declare, then the attributes."""
        if len(at.way) > DEEPEST:
            raise self._refused(at, f"it is nested more than {DEEPEST} deep")
        if not attributes and not xml.namespace:
            tag = self._tag(name, xml, at)
            self._add(f"<{tag}>", at)
            return tag, at
        declared = self._declared([(name, xml, at), *((child.name, child.shape.xml, child.at) for child in attributes)])
        inside = at._replace(prefixes=at.prefixes | declared.keys())
        tag = self._tag(name, xml, inside)
        said = {f"xmlns:{prefix}" if prefix else "xmlns": self._text(uri, _IN_ATTRIBUTE, at) for prefix, uri in declared.items()}
        for child in attributes:
            key = str(self._tag(child.name, child.shape.xml, inside._replace(way=child.at.way)))
            if key in said:
                raise self._refused(child.at, "its element has another attribute of that name")
            said[key] = self._text(child.value, _IN_ATTRIBUTE, child.at)
        self._add("".join([f"<{tag}", *(f' {key}="{each}"' for key, each in said.items()), ">"]), at)
        return tag, inside

    def _declared(self, named: list[tuple[str, Xml, _At]]) -> dict[str, str]:
        """Prefix -> namespace; the first name is the element's, whose prefix may be empty."""
        declared: dict[str, str] = {}
        for position, (name, xml, at) in enumerate(named):
            prefix = _split(name, xml).prefix
            if not xml.namespace:
                continue
            if position and not prefix:
                raise self._refused(at, "an attribute in a namespace needs a prefix, and the API's document names none")
            allowed = not prefix or is_name(prefix)
            if not allowed or {prefix, xml.namespace} & _RESERVED or declared.setdefault(prefix, xml.namespace) != xml.namespace:
                raise self._refused(at, "the API's document gives it a namespace that XML does not allow there")
        return declared

    def _tag(self, name: str, xml: Xml, at: _At) -> _Tag:
        tag = _split(name, xml)
        if not is_name(tag.local):
            raise self._refused(at, "what it is called cannot be a name in XML")
        if tag.prefix and tag.prefix not in at.prefixes:
            raise self._refused(at, "the API's document does not say what the prefix of its name means")
        return tag

    def _text(self, value: object, written: Mapping[str, str], at: _At) -> str:
        if value is None:
            raise self._refused(at, "XML has no null")
        if isinstance(value, dict | list):
            raise self._refused(at, "it is an attribute in XML, which holds a single value")
        said = scalar(value)
        if _FORBIDDEN.search(said):
            raise self._refused(at, "it holds a character that XML cannot hold")
        return _SPECIAL.sub(lambda found: written[found[0]], said)

    def _add(self, piece: str, at: _At) -> None:
        self._room -= len(piece)
        if self._room < 0:
            raise self._refused(at, f"with it the body is longer than {LARGEST} characters of XML")
        self.pieces.append(piece)

    def _whole(self, shape: Shape, at: _At) -> Shape:
        if not shape.composed:
            return shape
        known = self._wholes.get(id(shape))
        if known is None:  # the shape is kept with its answer, so that its id stays its own
            known = self._wholes[id(shape)] = (shape, whole(shape, self._components))
        if known[1] is None:
            raise self._refused(at, "the API's document gives it more than one form in XML")
        return known[1]

    def _refused(self, at: _At, why: str) -> Refusal:
        """Names the argument and the way inside it."""
        first, *steps = at.way or ("body",)
        named = [self._content.whole, *at.way] if self._content.whole else [self._content.argument(str(first)), *steps]
        said = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in named)
        return refuse(said[1 : _LONGEST_WAY + 1], why)


def _split(name: str, xml: Xml) -> _Tag:
    """The name that counts; some documents write its prefix into it."""
    name = xml.name or name
    prefix, colon, local = name.partition(":")
    return _Tag(prefix, local) if colon and xml.prefix in {"", prefix} else _Tag(xml.prefix, name)
