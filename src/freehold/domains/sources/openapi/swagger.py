"""Swagger 2.0 read as OpenAPI 3.0: only what tools need is converted, schemas stay where they are (`#/definitions/...`)."""

from typing import Any, Final

from freehold.domains.sources.openapi.document import Document, Inexpressible, Json, mapping, sequence, text

_METHODS: Final = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})
_KEPT_WORDS: Final = (
    "type format items default maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems minItems "
    "uniqueItems enum multipleOf x-nullable example"
)
_SCHEMA_WORDS: Final = frozenset(_KEPT_WORDS.split())
_COLLECTIONS: Final[dict[str, Json]] = {
    "csv": {"explode": False},
    "ssv": {"style": "spaceDelimited", "explode": False},
    "tsv": {"style": "tabDelimited", "explode": False},
    "pipes": {"style": "pipeDelimited", "explode": False},
    "multi": {"explode": True},
}
_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"


def upgraded(raw: Json) -> Json:
    """The same API as OpenAPI 3.0.3. An operation that cannot be read keeps its place and is skipped later."""
    document = Document(raw)
    paths = {path: _path(document, mapping(item)) for path, item in mapping(raw.get("paths")).items()}
    return {
        **raw,
        "openapi": "3.0.3",
        "servers": _servers(raw),
        "paths": paths,
        "components": {"securitySchemes": raw.get("securityDefinitions", {})},
    }


def _servers(raw: Json) -> list[Json]:
    host, base = text(raw.get("host")), text(raw.get("basePath"))
    schemes = [each for each in sequence(raw.get("schemes")) if each in ("https", "http")] or ["https"]
    scheme = "https" if "https" in schemes else schemes[0]
    url = f"{scheme}://{host}{base if base.startswith('/') or not base else f'/{base}'}" if host else base
    return [{"url": url}] if url else []


def _path(document: Document, item: Json) -> Json:
    shared = sequence(item.get("parameters"))
    return {
        method: _operation(document, mapping(operation), shared) if method in _METHODS else operation
        for method, operation in item.items()
        if method != "parameters"
    }


def _operation(document: Document, operation: Json, shared: list[Any]) -> Json:
    try:
        parameters = _merged(document, [*shared, *sequence(operation.get("parameters"))])
    except Inexpressible:
        return {**operation, "parameters": [*shared, *sequence(operation.get("parameters"))]}
    consumes = [each for each in sequence(operation.get("consumes", document.raw.get("consumes"))) if isinstance(each, str)]
    produces = [each for each in sequence(operation.get("produces", document.raw.get("produces"))) if isinstance(each, str)]
    converted = {**operation, "parameters": [_parameter(each) for each in parameters if each.get("in") not in ("body", "formData")]}
    body = _body(parameters, consumes)
    if body:
        converted["requestBody"] = body
    converted["responses"] = {
        str(status): _response(document, answer, produces or ["application/json"])
        for status, answer in mapping(operation.get("responses")).items()
    }
    return converted


def _merged(document: Document, raw: list[Any]) -> list[Json]:
    found = {(each.get("in"), each.get("name")): each for each in map(document.follow, raw)}
    return list(found.values())


def _schema(parameter: Json) -> Json:
    return {word: value for word, value in parameter.items() if word in _SCHEMA_WORDS}


def _parameter(parameter: Json) -> Json:
    kept: Json = {word: parameter[word] for word in ("name", "in", "description", "required") if word in parameter}
    if parameter.get("type") == "array":
        kept.update(_COLLECTIONS.get(text(parameter.get("collectionFormat")) or "csv", {"explode": False}))
    return {**kept, "schema": _schema(parameter)}


def _body(parameters: list[Json], consumes: list[str]) -> Json:
    whole = next((each for each in parameters if each.get("in") == "body"), None)
    if whole is not None:
        content = {
            kind: {"schema": whole.get("schema", {})} for kind in consumes or ["application/json"] if kind not in (_FORM, _MULTIPART)
        }
        return {"required": whole.get("required") is True, "content": content or {"application/json": {"schema": whole.get("schema", {})}}}
    fields = [each for each in parameters if each.get("in") == "formData"]
    if not fields:
        return {}
    kind = _MULTIPART if _MULTIPART in consumes or any(each.get("type") == "file" for each in fields) else _FORM
    required = [each.get("name") for each in fields if each.get("required") is True]
    schema: Json = {"type": "object", "properties": {text(each.get("name")): _field(each) for each in fields}, "required": required}
    encoding = {text(each.get("name")): _encoding(each) for each in fields if each.get("type") == "array"}
    return {"required": bool(required), "content": {kind: {"schema": schema, "encoding": encoding}}}


def _field(parameter: Json) -> Json:
    schema = _schema(parameter)
    if parameter.get("type") == "file":
        schema = {"type": "string", "format": "binary"}
    return {**schema, "description": parameter["description"]} if "description" in parameter else schema


def _encoding(parameter: Json) -> Json:
    return {"style": "form", **_COLLECTIONS.get(text(parameter.get("collectionFormat")) or "csv", {"explode": False})}


def _response(document: Document, raw: object, produces: list[str]) -> Json:
    try:
        answer = document.follow(raw)
    except Inexpressible:
        return {}
    return {"content": {kind: {"schema": answer["schema"]} for kind in produces}} if "schema" in answer else {}
