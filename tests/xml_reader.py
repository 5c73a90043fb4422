"""Reads XML back into values: the standard library's parser and a schema's XML Objects, apart from all that writes XML."""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

_SCALARS: dict[str, Callable[[str], Any]] = {"string": str, "integer": int, "boolean": {"true": True, "false": False}.__getitem__}


def parsed(body: bytes) -> Element:
    """The root element of well-formed XML; `ParseError` for anything else."""
    return ET.fromstring(body)  # noqa: S314  # a test's own bytes


def read(element: Element, schema: dict[str, Any], default: str = "", *, name: str = "") -> Any:
    """The value an element holds; `AssertionError` when it is not called as the schema asks or holds anything besides."""
    said = schema.get("xml", {})
    assert element.tag == expanded(said, name, default)
    if said.get("namespace") and not said.get("prefix"):
        default = said["namespace"]
    if schema["type"] == "object":
        return _fields(element, schema["properties"], default)
    assert not element.attrib
    if schema["type"] == "array":
        inner = said.get("name") or name
        return [read(each, schema["items"], default, name=inner) for each in element]
    assert not len(element)
    return _SCALARS[schema["type"]](element.text or "")


def expanded(said: dict[str, Any], name: str, default: str) -> str:
    """The name with its namespace in front: its own, or the one its surroundings give to names without a prefix."""
    namespace = said.get("namespace") or default
    return f"{{{namespace}}}{said.get('name') or name}" if namespace else said.get("name") or name


def _fields(element: Element, properties: dict[str, Any], default: str) -> dict[str, Any]:
    children, attributes = list(element), dict(element.attrib)
    found: dict[str, Any] = {}
    for name, schema in properties.items():
        said = schema.get("xml", {})
        if said.get("attribute"):
            found[name] = _SCALARS[schema["type"]](attributes.pop(expanded(said, name, "")))
        elif schema["type"] == "array" and not said.get("wrapped"):
            tag = expanded(schema["items"].get("xml", {}), name, default)
            mine = [child for child in children if child.tag == tag]
            children = [child for child in children if child.tag != tag]
            found[name] = [read(each, schema["items"], default, name=name) for each in mine]
        else:
            found[name] = read(children.pop(0), schema, default, name=name)
    assert not children
    assert not attributes
    return found
