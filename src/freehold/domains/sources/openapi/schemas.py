"""Schemas of one document as JSON Schema 2020-12: each component is translated once, shared by every tool, and kept a `$ref`."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

import jsonschema_rs
import msgspec
from msgspec import UNSET

from freehold.domains.sources.openapi import words
from freehold.domains.sources.openapi.allowance import allowance
from freehold.domains.sources.openapi.document import Document, Json, mapping, sequence, text
from freehold.domains.sources.openapi.texts import plain

Schema = Json | bool
Refs = dict[str, None]
"""Names of components in the order they were met."""
Trim = Callable[[Any], Any]
"""A translated schema, or a list of them, made smaller."""

LOCAL: Final = "#/$defs/"
_FIELDS: Final = 160
"""Bytes of the sentence that names the fields of a component left out."""
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class Component(NamedTuple):
    """One `$defs` entry."""

    schema: Schema
    refs: tuple[str, ...]
    """Names of the components it refers to directly."""
    size: int
    """Bytes as JSON, its name included."""


class Schemas:
    """What arguments may be. `translate` rewrites references to `#/$defs/<name>`; `component` is what such a name means."""

    def __init__(self, document: Document) -> None:
        """Nothing is translated before a tool needs it."""
        self._document = document
        self._siblings = not text(document.raw.get("openapi")).startswith("3.0")
        self._allowance = allowance(document.raw)
        self._components: dict[tuple[str, Trim | None], Component] = {}
        self._kinds: dict[str, Json] = {}
        self._alone = _alone(document.raw)
        self._names: dict[str, str] = {}
        self._pointers: dict[str, str] = {}
        self._patterns: dict[str, bool] = {}

    def component(self, name: str, trim: Trim | None = None) -> Component:
        """The component behind a name that `translate` gave out, whole or trimmed; tools that ask for the same share it."""
        known = self._components.get((name, trim))
        if known is None:
            known = self._components[name, trim] = self._component(name, trim)
        return known

    def _component(self, name: str, trim: Trim | None) -> Component:
        if trim is None:
            refs: Refs = {}
            schema = self.translate(self._document.find(self._pointers[name]), refs)
        else:
            whole = self.component(name)
            schema, refs = trim(whole.schema), dict.fromkeys(whole.refs)
        return Component(schema, tuple(refs), len(msgspec.json.encode(schema)) + len(name) + 4)

    def kind(self, name: str) -> Json:
        """A few bytes that stand for a component left out: its type and the names of its fields, everything allowed."""
        known = self._kinds.get(name)
        if known is None:
            known = self._kinds[name] = self._kind(mapping(self._document.find(self._pointers[name])))
        return known

    @staticmethod
    def _kind(raw: Json) -> Json:
        fields = [name for name, each in mapping(raw.get("properties")).items() if mapping(each).get("readOnly") is not True]
        kind = words.type_word(raw.get("type"))
        if raw.get("nullable") is True or raw.get("x-nullable") is True:
            kind = UNSET
        shown: Json = {} if kind is UNSET else {"type": kind}
        return {**shown, "description": plain(f"JSON with {', '.join(fields)}", _FIELDS)} if fields else shown

    def prose(self, value: object) -> Any:
        """A description, as long as this document may have it."""
        return words.prose(value, self._allowance.argument, one_sentence=self._allowance.one_sentence)

    def translate(self, raw: object, refs: Refs) -> Schema:
        """One schema; what it refers to is added to `refs`. Remote references raise `Inexpressible`."""
        if isinstance(raw, bool):
            return raw
        node = mapping(raw)
        reference = node.get("$ref")
        if isinstance(reference, str):
            return self._reference(reference, node, refs)
        schema: Json = {}
        for word, value in node.items():
            kept = self._word(word, value, refs)
            if kept is not UNSET:
                schema[word] = kept
        return self._finished(node, schema)

    def _word(self, word: str, value: object, refs: Refs) -> Any:
        look = words.PLAIN_WORDS.get(word)
        if look is not None:
            return look(value)
        if word == "description":
            return self.prose(value)
        if word == "pattern":
            return value if isinstance(value, str) and self._matches(value) else UNSET
        compose = _COMPOSED.get(word)
        return UNSET if compose is None else compose(self, value, refs)

    def _finished(self, node: Json, schema: Json) -> Schema:
        words.exclusive(node, schema)
        words.choices_as_text(schema)
        words.long_choices(node.get("enum"), schema)
        words.without_meaningless(schema)
        if "required" in schema and "properties" in schema:
            self._without_answers_only(node, schema)
        if not schema.keys() & {"enum", "const", "default"}:
            shown = words.example(node.get("example", node.get("examples")))
            if shown is not UNSET:
                schema["examples"] = shown
        if isinstance(node.get("items"), list) and "items" in schema:
            schema["prefixItems"] = schema.pop("items")
        schema = _unwrapped(schema)
        return words.nullable(schema) if node.get("nullable") is True or node.get("x-nullable") is True else schema

    @staticmethod
    def _without_answers_only(node: Json, schema: Json) -> None:
        dropped = {name for name in mapping(node.get("properties")) if name not in schema["properties"]}
        schema["required"] = [name for name in schema["required"] if name not in dropped]
        if not schema["required"]:
            del schema["required"]

    def _reference(self, reference: str, node: Json, refs: Refs) -> Schema:
        if not isinstance(self._document.find(reference), dict | bool):
            return {}
        name = self._named(reference)
        refs[name] = None
        target = f"{LOCAL}{name}"
        spoken = self.prose(node.get("description"))
        if self._siblings and len(node) > 1:
            beside = self.translate({word: value for word, value in node.items() if word != "$ref"}, refs)
            return {"$ref": target, **beside} if isinstance(beside, dict) else {"$ref": target}
        return {"$ref": target} if spoken is UNSET else {"$ref": target, "description": spoken}

    def _named(self, reference: str) -> str:
        name = self._names.get(reference)
        if name is None:
            name = reference.rpartition("/")[2]
            last = name.rpartition(".")[2]
            if last in self._alone:
                name = last
            if not _NAME.fullmatch(name) or name in self._pointers:
                digest = hashlib.sha256(reference.encode("utf-8", "replace")).hexdigest()[:6]
                name = f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', name)[:80]}_{digest}"
            self._names[reference] = name
            self._pointers[name] = reference
        return name

    def _matches(self, pattern: str) -> bool:
        """Whether the validator can run the pattern; one it cannot would cost the whole tool."""
        known = self._patterns.get(pattern)
        if known is None:
            try:
                jsonschema_rs.validator_for({"pattern": pattern}, offline=True)
                known = True
            except ValueError:
                known = False
            self._patterns[pattern] = known
        return known

    def fields(self, value: object, refs: Refs) -> Any:
        """`properties`, without those that only answers carry."""
        return {
            name: self.translate(each, refs)
            for name, each in mapping(value).items()
            if isinstance(each, bool) or mapping(each).get("readOnly") is not True
        }

    def patterned(self, value: object, refs: Refs) -> Any:
        """`patternProperties`."""
        return {name: self.translate(each, refs) for name, each in mapping(value).items() if self._matches(name)} or UNSET

    def dependent(self, value: object, refs: Refs) -> Any:
        """`dependentSchemas`."""
        return {name: self.translate(each, refs) for name, each in mapping(value).items()} or UNSET

    def branches(self, value: object, refs: Refs) -> Any:
        """`allOf`, `anyOf`, `oneOf`, `prefixItems`."""
        return [self.translate(each, refs) for each in sequence(value)] or UNSET

    def one(self, value: object, refs: Refs) -> Any:
        """A word that holds one schema."""
        return self.translate(cast("object", value), refs) if isinstance(value, dict | bool) else UNSET

    def open(self, value: object, refs: Refs) -> Any:
        """`additionalProperties`: an empty schema says no more than true."""
        return True if value == {} else self.one(value, refs)

    def items(self, value: object, refs: Refs) -> Any:
        """`items`; the list form of older drafts is renamed later."""
        return self.branches(cast("list[object]", value), refs) if isinstance(value, list) else self.one(value, refs)


def _alone(raw: Json) -> frozenset[str]:
    """Last words of dotted component names (`io.k8s.api.core.v1.Pod`) that mean one component only."""
    names = mapping(mapping(raw.get("components")).get("schemas"))
    found = Counter(name.rpartition(".")[2] for name in names)
    return frozenset(last for last, times in found.items() if times == 1)


def _unwrapped(schema: Json) -> Json:
    """`allOf` around a single schema, which is how 3.0 puts a description beside a reference, says no more than that schema."""
    only = schema.get("allOf", ())
    if len(only) != 1 or not isinstance(only[0], dict) or not schema.keys() <= {"allOf", "description", "deprecated", "default"}:
        return schema
    return {**only[0], **{word: value for word, value in schema.items() if word != "allOf"}}


_Compose = Callable[[Schemas, object, Refs], Any]

_COMPOSED: Final[dict[str, _Compose]] = {
    "properties": Schemas.fields,
    "patternProperties": Schemas.patterned,
    "dependentSchemas": Schemas.dependent,
    "additionalProperties": Schemas.open,
    "unevaluatedProperties": Schemas.one,
    "propertyNames": Schemas.one,
    "items": Schemas.items,
    "prefixItems": Schemas.branches,
    "contains": Schemas.one,
    "unevaluatedItems": Schemas.one,
    "allOf": Schemas.branches,
    "anyOf": Schemas.branches,
    "oneOf": Schemas.branches,
    "not": Schemas.one,
    "if": Schemas.one,
    "then": Schemas.one,
    "else": Schemas.one,
}
