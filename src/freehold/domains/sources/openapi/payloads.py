"""From a request body's description to the arguments it takes and the `Body` that writes it."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

from freehold.domains.sources.openapi.bodies import Body, BytesBody, Content, Encoding, FormBody, JsonBody, MultipartBody, TextBody
from freehold.domains.sources.openapi.bodies_xml import XmlBody, XmlTextBody
from freehold.domains.sources.openapi.budget import references
from freehold.domains.sources.openapi.document import Document, Json, mapping, sequence, text
from freehold.domains.sources.openapi.names import argument_names
from freehold.domains.sources.openapi.payloads_xml import Shapes
from freehold.domains.sources.openapi.schemas import LOCAL, Refs, Schema, Schemas

_FLAT_WORDS: Final = frozenset(
    {"type", "properties", "required", "additionalProperties", "description", "examples", "default", "deprecated"}
)
_DEEPEST_MERGE: Final = 8
_MULTIPART: Final = ("multipart/form-data", "multipart/mixed", "multipart/related")
_MEDIA_TYPE: Final = re.compile(r"[\w.+*-]+/[\w.+*-]+(?: *; *[\w.-]+=[\w.\"/-]+)* *;? *", re.ASCII)
_TEXTUAL: Final = frozenset(
    {"application/x-ndjson", "application/yaml", "application/x-yaml", "application/graphql", "application/sql", "application/jwt"}
)

_RANGES: Final = {"multipart/*": "multipart/form-data", "text/*": "text/plain"}
"""The type that stands for a range."""
_EXAMPLES: Final = {"audio": "audio/mpeg", "font": "font/woff2", "image": "image/png", "model": "model/gltf-binary", "video": "video/mp4"}
_DATA_RANGE: Final = re.compile(rf"({'|'.join(_EXAMPLES)})/\*")


class Payload(NamedTuple):
    """What a body adds to a tool."""

    properties: dict[str, Schema]
    required: list[str]
    body: Body
    open: Schema
    """What else the body may hold: False, True or a schema."""
    needs: Mapping[str, list[str]] = {}
    """Argument -> those without which it means nothing."""


class Flat(NamedTuple):
    """An object schema whose fields can stand beside the parameters.

    What it requires the tool requires, also when the body is not marked as required: documents forget the mark far more
    often than they mean a body with required fields that may be left out.
    """

    properties: dict[str, Schema]
    required: list[str]
    open: Schema


class Payloads:
    """Compiles the request bodies of one document."""

    def __init__(self, document: Document, schemas: Schemas) -> None:
        """Shares the document's translated schemas."""
        self._document = document
        self._schemas = schemas
        self._shapes = Shapes(document)

    def payload(self, raw: object, taken: Collection[str], refs: Refs) -> Payload | None:
        """The body of one operation, None when it has none; `taken` are the parameters' argument names."""
        described = self._document.follow(raw)
        content = mapping(described.get("content"))
        if not content:
            return None
        chosen = _chosen(content)
        media_type = next((each for each in (chosen, bare(chosen)) if _MEDIA_TYPE.fullmatch(each)), "application/json")
        described_type = mapping(content[chosen])
        kind = _RANGES.get(bare(media_type), bare(media_type))
        required = described.get("required") is True
        if _DATA_RANGE.fullmatch(kind):
            return self._ranged(kind, described_type, taken, required=required)
        if is_json(kind) or ("*" in kind and not self._is_string(described_type)):
            sent = "application/json" if "*" in kind else media_type
            return self._structured(lambda content: JsonBody(content, sent), described_type, taken, refs, required=required)
        if is_xml(kind):
            return self._xml(media_type, described_type, taken, refs, required=required)
        if kind == "application/x-www-form-urlencoded" or kind in _MULTIPART:
            return self._form(kind, described_type, taken, refs, required=required)
        return self._opaque(kind, described_type, taken, required=required)

    def _is_string(self, described: Json) -> bool:
        schema = self._document.follow(described.get("schema"))
        return _is_file(schema) or schema.get("type") == "string"

    def _structured(
        self, make: Callable[[Content], Body], described: Json, taken: Collection[str], refs: Refs, *, required: bool
    ) -> Payload:
        """One argument per field of an object, or one for the whole of anything else."""
        schema, flat, names = self._translated(described.get("schema", True), taken, refs)
        if flat is None:
            argument = _free("body", taken)
            content = Content(whole=argument, required=required)
            return Payload({argument: schema}, [argument] if required else [], make(content), open=False)
        content = _content(flat, names, taken, required=required)
        return Payload(_renamed(flat, names), [names[name] for name in flat.required], make(content), flat.open)

    def _xml(self, media_type: str, described: Json, taken: Collection[str], refs: Refs, *, required: bool) -> Payload:
        """The arguments that JSON would take; the XML itself where its schema does not say how to write it."""
        root = self._shapes.root(described.get("schema"))
        if root is None:
            return self._opaque(bare(media_type), described, taken, required=required)
        sent, components = _in_utf_8(media_type), self._shapes.components
        made = self._structured(
            lambda content: XmlBody(content, sent, root.name, root.shape, components), described, taken, refs, required=required
        )
        return made if root.name or not required else made._replace(required=list(made.properties))

    def _form(self, kind: str, described: Json, taken: Collection[str], refs: Refs, *, required: bool) -> Payload:
        schema, flat, names = self._translated(described.get("schema", True), taken, refs)
        encodings = self._encodings(described, mapping(schema) if flat is None else {"properties": flat.properties})
        if flat is None:
            argument = _free("body", taken)
            content = Content(whole=argument, required=required)
            return Payload({argument: schema}, [argument] if required else [], _form_body(kind, content, encodings, {}), open=False)
        properties = _renamed(flat, names)
        filenames = _filenames(encodings, names, {*taken, *properties}) if kind in _MULTIPART else {}
        content = _content(flat, names, {*taken, *filenames.values()}, required=required)
        for name, encoding in encodings.items():
            if encoding.file and name in names:
                properties[names[name]] = _as_file(properties[names[name]])
        properties.update({argument: {"type": "string"} for argument in filenames.values()})
        required_fields, body = [names[name] for name in flat.required], _form_body(kind, content, encodings, filenames)
        needs = {argument: [names[name]] for name, argument in filenames.items() if name not in flat.required}
        return Payload(properties, required_fields, body, flat.open, needs)

    def _opaque(self, kind: str, described: Json, taken: Collection[str], *, required: bool) -> Payload:
        argument = _free("body", taken)
        content = Content(whole=argument, required=required)
        schema = self._document.follow(described.get("schema"))
        spoken = text(schema.get("description"))[:200]
        is_text = kind.startswith("text/") or kind in _TEXTUAL or is_xml(kind)
        if is_text or ("*" in kind and not _is_file(schema)):
            kind = "text/plain" if "*" in kind else kind
            fields = ", ".join(self._raw_fields(schema, 0))[:200] if is_xml(kind) else ""
            hint = f" Its elements: {fields}; the API's document does not say which is the root." if fields else ""
            shown = {"type": "string", "description": f"{spoken or f'The body, as {kind}.'}{hint}"}
            body = XmlTextBody(content, kind) if is_xml(kind) else TextBody(content, kind)
            return Payload({argument: shown}, [argument] if required else [], body, open=False)
        sent = "application/octet-stream" if "*" in kind else kind
        shown = {"type": "string", "contentEncoding": "base64", "description": f"{spoken or 'The body'} ({sent}, as base64)."}
        return Payload({argument: shown}, [argument] if required else [], BytesBody(content, sent), open=False)

    def _ranged(self, kind: str, described: Json, taken: Collection[str], *, required: bool) -> Payload:
        """Bytes of some type within the range, which the caller names: what the bytes are is not ours to guess."""
        argument = _free("body", taken)
        chosen = _free("content_type", {*taken, argument})
        family = kind.partition("/")[0]
        spoken = text(self._document.follow(described.get("schema")).get("description"))[:200]
        properties: dict[str, Schema] = {
            argument: {"type": "string", "contentEncoding": "base64", "description": f"{spoken or 'The body'} ({kind}, as base64)."},
            chosen: {
                "type": "string",
                "pattern": f"^{family}/[A-Za-z0-9][A-Za-z0-9.+-]{{0,80}}$",
                "description": "What the body's bytes are.",
                "examples": [_EXAMPLES[family]],
            },
        }
        body = BytesBody(Content(whole=argument, required=required), kind, chosen)
        if required:
            return Payload(properties, [argument, chosen], body, open=False)
        return Payload(properties, [], body, open=False, needs={argument: [chosen], chosen: [argument]})

    def _translated(self, raw: object, taken: Collection[str], refs: Refs) -> tuple[Schema, Flat | None, dict[str, str]]:
        """The body's schema; its flat form and argument names when its fields can stand beside the parameters. `refs` gets what is used."""
        met: Refs = {}
        schema = self._schemas.translate(raw, met)
        flat = self._flat(schema, 0)
        given = argument_names(("body", name) for name in flat.properties) if flat is not None else {}
        names = {name: argument for (_, name), argument in given.items()}
        if flat is None or not names or not set(taken).isdisjoint(names.values()):
            refs.update(met)
            return schema, None, {}
        refs.update(references([flat.properties, flat.open]))
        return schema, flat, names

    def _flat(self, schema: Schema, depth: int) -> Flat | None:
        """The fields of a plain object schema, `allOf` of plain objects merged; None for anything else."""
        if not isinstance(schema, dict) or depth > _DEEPEST_MERGE:
            return None
        target = schema.get("$ref")
        if isinstance(target, str):
            alone = schema.keys() <= {"$ref", "description"}
            return self._flat(self._schemas.component(target[len(LOCAL) :]).schema, depth + 1) if alone else None
        if schema.keys() - _FLAT_WORDS - {"allOf"} or not _is_object(schema):
            return None
        merged = Flat(dict(schema.get("properties", {})), list(schema.get("required", ())), schema.get("additionalProperties", False))
        for branch in schema.get("allOf", ()):
            part = self._flat(branch, depth + 1)
            if part is None or part.properties.keys() & merged.properties.keys() or not isinstance(part.open, bool):
                return None
            merged = Flat({**part.properties, **merged.properties}, [*part.required, *merged.required], part.open or merged.open)
        return Flat(merged.properties, [name for name in dict.fromkeys(merged.required) if name in merged.properties], merged.open)

    def _encodings(self, described: Json, schema: Json) -> dict[str, Encoding]:
        given = mapping(described.get("encoding"))
        raw = self._raw_fields(described.get("schema"), 0)
        found = {
            name: _encoding(mapping(given.get(name)), self._document.follow(raw.get(name)), self._document)
            for name in schema.get("properties", raw)
        }
        return {name: each for name, each in found.items() if each != Encoding()}

    def _raw_fields(self, schema: object, depth: int) -> Json:
        node = self._document.follow(schema)
        fields = dict(mapping(node.get("properties")))
        for branch in sequence(node.get("allOf")) if depth < _DEEPEST_MERGE else ():
            fields.update(self._raw_fields(branch, depth + 1))
        return fields


def _is_object(schema: Json) -> bool:
    kind = schema.get("type", "object" if schema.keys() & {"properties", "allOf"} else None)
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def _encoding(given: Json, schema: Json, document: Document) -> Encoding:
    style = text(given.get("style")) or ("form" if "explode" in given else "")
    explode = given.get("explode", style in {"", "form"}) is True
    media_type = text(given.get("contentType")).partition(",")[0].strip()
    items = document.follow(schema.get("items")) if "items" in schema else {}
    file = _is_file(schema) or _is_file(items)
    return Encoding(
        style=style,
        explode=explode,
        media_type=media_type if "*" not in media_type and _MEDIA_TYPE.fullmatch(media_type) else "",
        file=file,
    )


def _is_file(schema: Json) -> bool:
    if schema.get("type") == "file":
        return True
    text_like = schema.get("type") in ("string", None)
    media_type = text(schema.get("contentMediaType"))
    return text_like and (
        schema.get("format") == "binary" or bool(media_type and not is_json(media_type) and not media_type.startswith("text/"))
    )


def _as_file(schema: Schema) -> Schema:
    node = mapping(schema)
    if isinstance(node.get("items"), dict):
        return {**node, "items": _as_file(node["items"])}
    spoken = str(node.get("description", "A file")).rstrip(".")
    return {"type": "string", "contentEncoding": "base64", "description": f"{spoken} (as base64)."}


def _form_body(kind: str, content: Content, encodings: dict[str, Encoding], filenames: dict[str, str]) -> Body:
    return MultipartBody(content, encodings, filenames, kind) if kind in _MULTIPART else FormBody(content, encodings)


def _filenames(encodings: Mapping[str, Encoding], names: Mapping[str, str], taken: Collection[str]) -> dict[str, str]:
    wanted = {name: f"{names[name]}_filename" for name, encoding in encodings.items() if encoding.file and name in names}
    return {name: argument for name, argument in wanted.items() if argument not in taken}


def _renamed(flat: Flat, names: Mapping[str, str]) -> dict[str, Schema]:
    return {names[name]: schema for name, schema in flat.properties.items()}


def _content(flat: Flat, names: Mapping[str, str], taken: Collection[str], *, required: bool) -> Content:
    beside = None if flat.open is False else frozenset(taken)
    return Content(fields=tuple((argument, name) for name, argument in names.items()), beside=beside, required=required)


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name = f"request_{name}"
    return name


def bare(media_type: str) -> str:
    """A media type without its parameters, in lower case."""
    return media_type.partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    """Whether a bare media type holds JSON."""
    return media_type in {"application/json", "text/json"} or media_type.endswith("+json")


def is_xml(media_type: str) -> bool:
    """Whether a bare media type holds XML."""
    return media_type in {"application/xml", "text/xml"} or media_type.endswith("+xml")


def _in_utf_8(media_type: str) -> str:
    """The document's media type with the encoding that is really sent."""
    kind, *parameters = (part.strip() for part in media_type.split(";"))
    kept = [part for part in parameters if part and not part.lower().startswith("charset")]
    return "; ".join([kind, *kept, "charset=utf-8"])


def _chosen(content: Json) -> str:
    """The media type to send: the most structured one, then document order."""

    def rank(media_type: str) -> int:
        kind = bare(media_type)
        ladder = (kind == "application/json", is_json(kind) and "patch" not in kind, is_json(kind), "*" in kind)
        rest = (
            kind == "application/x-www-form-urlencoded",
            kind in _MULTIPART,
            kind.startswith("text/") and "xml" not in kind,
            "xml" not in kind,
        )
        return next((at for at, yes in enumerate(ladder + rest) if yes), 9)

    return min(content, key=rank)
