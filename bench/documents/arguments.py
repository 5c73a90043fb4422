"""Arguments that a tool's input schema accepts: what is required, a few of the rest, and text that is hard to carry.

Deliberately plain: a schema it finds nothing for is counted, not forced."""

import json
import random
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jsonschema_rs
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import HypothesisException
from hypothesis.strategies import from_regex

Json = dict[str, Any]

_HARD = (
    "plain", "two words", "a/b", "../up", "x&y=z", "50%", "q?r#s", "a+b", "é ü", "日本語", 'say "hi"', "a,b;c", "back\\slash", "[x]", "{y}",
    "%2F", "tab\tbed", "~!*'()", "🙂",
)  # fmt: skip
_SHAPED = (
    "a", "A", "1", "12", "123", "1234", "abc", "ABC", "a1", "aa", "en", "en-US", "USD", "us-east-1", "2024-05-06", "12:30", "12:30:00",
    "2024-05-06T07:08:09Z", "00000000-0000-4000-8000-000000000000", "https://example.com/a", "a@example.com", "+14155550100",
    "4155550100", "example.com", "127.0.0.1", "#a1b2c3", "1.0.0", "v1", "P1D", "PT1H", "true", "/a", "a/b", "a-b", "a_b", "a:b",
    "0" * 8, "a" * 3, "a" * 8, "a" * 12, "a" * 16, "0" * 20, "a" * 24, "a" * 32, "a" * 36, "a" * 40, "a" * 64,
)  # fmt: skip
_FORMATS = {
    "date": "2024-05-06",
    "date-time": "2024-05-06T07:08:09Z",
    "time": "07:08:09Z",
    "duration": "P1D",
    "email": "ada@example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.com/a?b=c",
    "url": "https://example.com/a?b=c",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "aGk=",
}
_PREFIXED = re.compile(r"\^\(?([A-Za-z]{1,8})\)?\[[^]]*\]\{(\d+)")
_DEEPEST = 6
_ATTEMPTS = 24


class _Hopeless(Exception):
    """Nothing was found for a part of the schema."""


class Generator:
    """Arguments for one tool; the same seed makes the same ones."""

    def __init__(self, schema: Json, seed: str) -> None:
        """`schema` is the tool's input schema as a client listed it."""
        self._schema = schema
        self._random = random.Random(seed)  # noqa: S311  a sample, not a secret
        self._valid = jsonschema_rs.Draft202012Validator(schema, offline=True).is_valid

    def arguments(self) -> Json | None:
        """Valid arguments, None when none were found; later attempts take fewer liberties."""
        for attempt in range(_ATTEMPTS):
            few = 0 if attempt >= _ATTEMPTS // 2 else self._random.randint(0, 4)
            try:
                made = self._object(self._schema, few, 0)
            except _Hopeless:
                continue
            if self._valid(made):
                return made
        return None

    def _value(self, schema: object, depth: int) -> Any:
        node = self._resolved(schema, 0) if isinstance(schema, dict) else {"type": "string"}
        if "const" in node or "enum" in node:
            return self._random.choice(node.get("enum") or [node["const"]])
        kind = self._kind(node)
        if kind == "object":
            return self._object(node, self._random.randint(0, 2) if depth < _DEEPEST else 0, depth)
        if kind == "array":
            return self._array(node, depth)
        return self._scalar(node, kind)

    def _scalar(self, node: Json, kind: str) -> Any:
        if kind == "string":
            return self._text(node)
        if kind in {"integer", "number"}:
            return self._number(node, whole=kind == "integer")
        return self._random.choice((True, False)) if kind == "boolean" else None

    def _kind(self, node: Json) -> str:
        kinds = node.get("type")
        if isinstance(kinds, str):
            return kinds
        if isinstance(kinds, list):
            return self._random.choice(kinds)
        return "object" if "properties" in node else "array" if "items" in node else "string"

    def _resolved(self, schema: Json, depth: int) -> Json:
        """One flat schema: references followed, `allOf` merged, one branch of each choice taken."""
        if depth > 4 * _DEEPEST:
            raise _Hopeless
        node = {word: value for word, value in schema.items() if word not in {"$ref", "allOf", "anyOf", "oneOf"}}
        parts: list[Any] = list(schema.get("allOf", ()))
        if "$ref" in schema:
            parts.append(self._target(schema["$ref"]))
        parts += [self._random.choice(schema[word]) for word in ("anyOf", "oneOf") if schema.get(word)]
        for part in parts:
            if isinstance(part, dict):
                node = _merged(self._resolved(part, depth + 1), node)
        return node

    def _target(self, reference: str) -> Any:
        at: Any = self._schema
        for part in reference.removeprefix("#/").split("/"):
            at = at[part.replace("~1", "/").replace("~0", "~")]
        return at

    def _object(self, node: Json, few: int, depth: int) -> Json:
        if depth > 2 * _DEEPEST:
            raise _Hopeless
        fields: Json = node.get("properties", {})
        required = list(node.get("required", ()))
        optional = [name for name in fields if name not in required]
        wanted = max(few, node.get("minProperties", 0) - len(required))
        chosen = [*required, *self._random.sample(optional, min(wanted, len(optional)))]
        needed = [other for name in chosen for other in node.get("dependentRequired", {}).get(name, ())]
        made = {name: self._value(fields.get(name, True), depth + 1) for name in dict.fromkeys([*chosen, *needed])}
        rest = node.get("additionalProperties", False)
        if rest is not False and (few > 1 or len(made) < node.get("minProperties", 0)):
            made[f"extra{self._random.randint(1, 99)}"] = self._value(rest, depth + 1)
        return made

    def _array(self, node: Json, depth: int) -> list[Any]:
        least = max(node.get("minItems", 1), 1)
        most = max(min(node.get("maxItems", least + 2), least + 2), least)
        first = list(node.get("prefixItems", ()))
        made = [self._value(each, depth + 1) for each in first]
        for _ in range(self._random.randint(least, most) - len(first)):
            value = self._value(node.get("items", True), depth + 1)
            if not node.get("uniqueItems") or json.dumps(value) not in [json.dumps(each) for each in made]:
                made.append(value)
        return made

    def _number(self, node: Json, *, whole: bool) -> float:
        low = node.get("minimum", node.get("exclusiveMinimum", -3 if "maximum" not in node else node["maximum"] - 9))
        high = node.get("maximum", node.get("exclusiveMaximum", low + 1000))
        step = node.get("multipleOf", 1 if whole else 0.25)
        steps = max(int((high - low) // step), 0)
        made = (low // step + self._random.randint(0, min(steps, 10_000)) + ("exclusiveMinimum" in node)) * step
        return int(made) if whole else made

    def _text(self, node: Json) -> str:
        least, most = node.get("minLength", 0), node.get("maxLength", 10_000)
        for made in self._texts(node):
            if len(made) <= most and (not node.get("pattern") or _fits(made, node["pattern"])):
                return made if len(made) >= least else made + "x" * (least - len(made))
        raise _Hopeless

    def _texts(self, node: Json) -> Iterator[str]:
        if node.get("contentEncoding") == "base64":
            yield self._random.choice(("aGVsbG8=", "/+8AAQ==", "iVBORw0KGgo="))
        if node.get("format") in _FORMATS:
            yield _FORMATS[node["format"]]
        if not node.get("pattern"):
            yield self._random.choice(_HARD)
        if begun := _PREFIXED.match(node.get("pattern", "")):
            yield begun[1] + "a" * int(begun[2])
            yield begun[1] + "0" * int(begun[2])
        yield from (str(each) for each in (node.get("default"), *node.get("examples", ())) if isinstance(each, str))
        yield from _SHAPED
        if (simplest := _simplest(node.get("pattern", ""), node.get("minLength", 0))) is not None:
            yield simplest


@lru_cache
def _simplest(pattern: str, least: int) -> str | None:
    """The first text a search finds for a pattern, always the same one; None for what Python's patterns cannot say."""
    plain = settings(
        database=None,
        derandomize=True,
        deadline=None,
        max_examples=60,
        phases=[Phase.generate],  # a simpler text would cost seconds to look for
        suppress_health_check=list(HealthCheck),
    )
    try:
        return find(from_regex(pattern), lambda made: len(made) >= least, settings=plain)
    except (re.error, HypothesisException, OverflowError):
        return None


def _merged(under: Json, over: Json) -> Json:
    """Both at once, as far as one flat schema can say it; `over` wins."""
    both = {**under, **over}
    if "properties" in under and "properties" in over:
        both["properties"] = {**under["properties"], **over["properties"]}
    if "required" in under and "required" in over:
        both["required"] = list(dict.fromkeys([*under["required"], *over["required"]]))
    if "enum" in under and "enum" in over:
        both["enum"] = [each for each in over["enum"] if each in under["enum"]] or over["enum"]
    return both


def _fits(text: str, pattern: str) -> bool:
    return jsonschema_rs.Draft202012Validator({"pattern": pattern}, offline=True).is_valid(text)
