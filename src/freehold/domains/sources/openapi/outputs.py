"""What an answer looks like, told to the agent where it is short: names and types, never a demand.

A declared answer that the API does not keep to must not turn a call that worked into an error, so nothing is
required, everything may be null, and `answers.py` still looks before it claims conformance."""

from typing import Any, Final, cast

import msgspec

from freehold.domains.sources.openapi import words
from freehold.domains.sources.openapi.allowance import allowance
from freehold.domains.sources.openapi.document import Document, Inexpressible, Json, mapping, sequence
from freehold.domains.sources.openapi.unseen import seen

LARGEST: Final = 1024
"""Bytes an output schema may take in the smallest document."""
_NODES: Final = 64
_DEEPEST: Final = 6


class _TooLarge(Exception):
    pass


class Outputs:
    """The output schemas of one document; operations that answer with the same component share one."""

    def __init__(self, document: Document) -> None:
        """The raw document must outlive this: answers are known by their identity in it."""
        self._document = document
        self._most = min(LARGEST, allowance(document.raw).output)
        self._known: dict[int, Json | None] = {}

    def schema(self, answer: Json) -> Json | None:
        """A loose schema of type object, or None when the answer is not an object or takes too many words."""
        key = id(answer)
        if key not in self._known:
            self._known[key] = _output_schema(self._document, answer, self._most)
        return self._known[key]


def _output_schema(document: Document, raw: Json, most: int) -> Json | None:
    try:
        schema = _Loose(document).node(raw, 0)
    except (_TooLarge, Inexpressible):
        return None
    if "object" not in schema.get("type", ()) or not schema.get("properties"):
        return None
    schema = seen({**schema, "type": "object"})
    return schema if len(msgspec.json.encode(schema)) <= most else None


class _Loose:
    """One walk over one answer; counts what it has said."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes = 0

    def node(self, raw: object, depth: int) -> Json:
        self._nodes += 1
        if self._nodes > _NODES or depth > _DEEPEST:
            raise _TooLarge
        seen = self._document.follow(raw)
        schema: Json = {}
        kind = words.type_word(seen.get("type", "object" if "properties" in seen else None))
        if isinstance(kind, str | list):
            schema["type"] = list(dict.fromkeys([*([kind] if isinstance(kind, str) else cast("list[str]", kind)), "null"]))
        schema.update(self._inner(seen, depth + 1))
        return schema

    def _inner(self, seen: Json, depth: int) -> dict[str, Any]:
        inner: Json = {}
        if fields := mapping(seen.get("properties")):
            inner["properties"] = {
                name: self.node(each, depth) for name, each in fields.items() if mapping(each).get("writeOnly") is not True
            }
        if isinstance(seen.get("items"), dict):
            inner["items"] = self.node(seen["items"], depth)
        for branch in sequence(seen.get("allOf")):
            found = self.node(branch, depth)
            inner.setdefault("properties", {}).update(found.get("properties", {}))
            inner.setdefault("type", found.get("type", ["object", "null"]))
        return inner
