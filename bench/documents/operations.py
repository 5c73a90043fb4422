"""A second reading of OpenAPI and Swagger documents, written from the specifications and sharing nothing with the compiler it judges."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

Json = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
PLACES = ("path", "query", "header", "cookie")
UNSENT_HEADERS = frozenset({"accept", "content-type", "authorization"})
"""Header parameters the specification says to ignore."""
_COLLECTIONS = {
    "multi": ("form", True),
    "ssv": ("spaceDelimited", False),
    "tsv": ("tabDelimited", False),
    "pipes": ("pipeDelimited", False),
}
_DEEPEST = 8
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True)
class Parameter:
    """One parameter, or one field of a form."""

    name: str
    place: str
    required: bool = False
    style: str = "form"
    explode: bool = True
    is_json: bool = False
    """Described by `content` instead of `schema`."""
    binary: bool = False


@dataclass(frozen=True)
class Described:
    """One operation as its document describes it."""

    label: str
    method: str
    path: str
    prefixes: frozenset[str]
    """Where its path may begin, given that the document's own base was moved."""
    parameters: tuple[Parameter, ...]
    bodies: dict[str, dict[str, Parameter]] = field(default_factory=dict[str, dict[str, Parameter]])
    """Media type -> how its form fields are written (empty unless it is a form)."""
    body_required: bool = False
    secrets: frozenset[tuple[str, str]] = frozenset()
    """Place and lower-case name of credentials, which are Freehold's to send."""


def load(path: Path) -> Json:
    """The document as it stands in the file."""
    text = path.read_text(encoding="utf-8-sig")
    if text.lstrip().startswith("{"):
        return json.loads(text)
    return _from_yaml(text)


def _from_yaml(text: str) -> Json:
    """YAML 1.2, where `on` and `2024-05-06` are text."""
    import yaml

    class Core(yaml.SafeLoader):
        yaml_implicit_resolvers = {  # noqa: RUF012  the library's own table, by first letter
            letter: [(tag, look) for tag, look in looks if tag.rpartition(":")[2] not in {"bool", "timestamp"}]
            for letter, looks in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    Core.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
    return yaml.load(text, Core)  # noqa: S506  it is a safe loader


def operations(raw: Json, moved_to: str) -> Iterator[Described]:
    """Every operation in the document's order, for an API whose base path was moved to `moved_to`."""
    reading = _Reading(raw, moved_to)
    for path, item in (raw.get("paths") or {}).items():
        if not path.startswith("x-"):
            whole = reading.follow(item)
            yield from (reading.operation(path, method, whole, each) for method, each in whole.items() if _is_operation(method, each))


def _is_operation(method: str, value: object) -> bool:
    return method in METHODS and isinstance(value, dict)


class _Reading:
    def __init__(self, raw: Json, moved_to: str) -> None:
        self._raw = raw
        self._moved_to = moved_to
        self._old = "swagger" in raw
        schemes = raw.get("securityDefinitions") if self._old else (raw.get("components") or {}).get("securitySchemes")
        keys = [self.follow(each) for each in (schemes or {}).values()]
        self._secrets = frozenset((key.get("in", ""), str(key.get("name", "")).lower()) for key in keys if key.get("type") == "apiKey")

    def follow(self, node: Any) -> Json:
        for _ in range(30):
            if not isinstance(node, dict):
                return {}
            if not isinstance(node.get("$ref"), str):
                return node
            node = self._find(node["$ref"])
        return {}

    def _find(self, reference: str) -> Any:
        at: Any = self._raw
        for part in reference.partition("#")[2].split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            at = at[int(key)] if isinstance(at, list) and key.isdigit() else at.get(key) if isinstance(at, dict) else None
        return at

    def operation(self, path: str, method: str, item: Json, raw: Json) -> Described:
        listed = [self.follow(each) for each in [*(item.get("parameters") or ()), *(raw.get("parameters") or ())]]
        unique = {(each.get("in"), each.get("name")): each for each in listed}
        bodies, required = self._old_bodies(raw, list(unique.values())) if self._old else self._bodies(raw)
        return Described(
            label=f"{method.upper()} {path}",
            method=method.upper(),
            path=path,
            prefixes=self._prefixes(item, raw),
            parameters=tuple(self._parameter(each) for (place, name), each in unique.items() if place in PLACES and name),
            bodies=bodies,
            body_required=required,
            secrets=self._secrets,
        )

    def _prefixes(self, item: Json, raw: Json) -> frozenset[str]:
        """A server of the operation's own keeps its path relative to the document's."""
        own = [each for owner in (raw, item) for each in owner.get("servers") or ()]
        if not own:
            return frozenset({self._moved_to})
        root = urlsplit(_address((self._raw.get("servers") or [{}])[0])).path.rstrip("/")
        paths = [urlsplit(_address(each)).path.rstrip("/") for each in own]
        return frozenset(self._moved_to + path[len(root) :] if path.startswith(root) else path for path in paths)

    def _parameter(self, raw: Json) -> Parameter:
        place, name, required = raw["in"], str(raw["name"]), raw["in"] == "path" or raw.get("required") is True
        style = raw.get("style") or ("form" if place in {"query", "cookie"} else "simple")
        explode = raw.get("explode", style == "form") is True
        if self._old:
            style, explode = _old_style(raw, place)
        return Parameter(name, place, required, style, explode, bool(raw.get("content")))

    def _bodies(self, raw: Json) -> tuple[dict[str, dict[str, Parameter]], bool]:
        body = self.follow(raw.get("requestBody"))
        content = body.get("content") or {}
        return {kind.lower(): self._fields(kind.lower(), media or {}) for kind, media in content.items()}, body.get("required") is True

    def _fields(self, kind: str, media: Json) -> dict[str, Parameter]:
        if kind.partition(";")[0].strip() not in _FORMS:
            return {}
        encodings = media.get("encoding") or {}
        return {name: self._field(name, each, encodings.get(name) or {}) for name, each in self._properties(media.get("schema"))}

    def _properties(self, schema: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
        node = self.follow(schema)
        for branch in (node.get("allOf") or ()) if depth < _DEEPEST else ():
            yield from self._properties(branch, depth + 1)
        yield from (node.get("properties") or {}).items()

    def _field(self, name: str, schema: Any, encoding: Json) -> Parameter:
        node = self.follow(schema)
        inner = self.follow(node.get("items")) if node.get("type") == "array" else node
        style = encoding.get("style") or ("form" if "explode" in encoding else "")
        explode = encoding.get("explode", style in {"", "form"}) is True
        return Parameter(name, "form", style=style, explode=explode, binary=_is_binary(inner))

    def _old_bodies(self, raw: Json, parameters: list[Json]) -> tuple[dict[str, dict[str, Parameter]], bool]:
        consumes = [str(each).lower() for each in raw.get("consumes", self._raw.get("consumes")) or ()]
        body = next((each for each in parameters if each.get("in") == "body"), None)
        if body is not None:
            return {kind: {} for kind in consumes or ["application/json"]}, body.get("required") is True
        fields = {each["name"]: each for each in parameters if each.get("in") == "formData"}
        if not fields:
            return {}, False
        read = {name: _old_field(each) for name, each in fields.items()}
        kinds = [kind for kind in consumes if kind.partition(";")[0] in _FORMS] or list(_FORMS)
        return dict.fromkeys(kinds, read), any(each.get("required") for each in fields.values())


def _address(server: Json) -> str:
    url = str(server.get("url", ""))
    for name, variable in (server.get("variables") or {}).items():
        url = url.replace(f"{{{name}}}", str((variable or {}).get("default", "")))
    return url


def _old_style(raw: Json, place: str) -> tuple[str, bool]:
    if place in {"path", "header"}:
        return "simple", False
    return _COLLECTIONS.get(raw.get("collectionFormat", "csv"), ("form", raw.get("type") != "array"))


def _old_field(raw: Json) -> Parameter:
    style, explode = _old_style(raw, "query")
    return Parameter(raw["name"], "form", style=style, explode=explode, binary=raw.get("type") == "file")


def _is_binary(schema: Json) -> bool:
    media = str(schema.get("contentMediaType", ""))
    return schema.get("format") == "binary" or bool(media and "json" not in media and not media.startswith("text/"))
