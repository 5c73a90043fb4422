"""One operation's inputs: its parameters and body become one flat object schema and the slots that fill a request."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

import msgspec
from msgspec import UNSET

from freehold.domains.sources.openapi.bodies import Body
from freehold.domains.sources.openapi.budget import fit
from freehold.domains.sources.openapi.document import Document, Inexpressible, Json, mapping, sequence, text
from freehold.domains.sources.openapi.names import argument_names
from freehold.domains.sources.openapi.operation import Header
from freehold.domains.sources.openapi.parameters import Slot, cookie_slot, header_slot, path_slot, query_slot
from freehold.domains.sources.openapi.payloads import Payload, Payloads
from freehold.domains.sources.openapi.schemas import Refs, Schema, Schemas
from freehold.domains.sources.openapi.servers import has_dots
from freehold.domains.sources.openapi.words import never_null

PLACES: Final = ("path", "query", "header", "cookie")
_RESERVED_HEADERS: Final = (
    "accept authorization connection content-length content-type cookie expect host keep-alive proxy-authenticate proxy-"
    "authorization proxy-connection te trailer traceparent tracestate transfer-encoding upgrade x-http-method x-http-method-"
    "override x-method-override"
)
_NOT_OFFERED: Final = frozenset(_RESERVED_HEADERS.split())
"""Headers that are Freehold's, the connection's or change what the method means (OA-03, OA-07)."""
_METHOD_HEADERS: Final = frozenset({"x-http-method", "x-http-method-override", "x-method-override"})
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TEMPLATE: Final = re.compile(r"\{([^{}/]*)\}")
_OPERATORS: Final = "+*?&;.#/ "
_PATH_KEPT: Final = "/:@!$&'()*+,;=~%"
_QUERY_KEPT: Final = f"{_PATH_KEPT}?"

_BESIDE_REFERENCE: Final = frozenset({"description", "default", "example", "examples", "deprecated"})

Key = tuple[str, str]
"""Place and name of a parameter."""
Said = tuple[bytes, Json]
"""A parameter: its JSON, by which those that are alike are known, and what it or its reference says."""


class Inputs(NamedTuple):
    """What a tool takes and where it goes."""

    schema: Json
    cut: bool
    """Whether some of the schema was left out for size."""
    quieter: bool
    """Whether prose inside the arguments was."""
    path: tuple[str | Slot, ...]
    fixed_query: tuple[str | Slot, ...]
    query: tuple[Slot, ...]
    headers: tuple[Header, ...]
    cookies: tuple[Slot, ...]
    body: Body | None
    sent: dict[str, str]
    """Argument by the name the API knows it under, of the query and the body's own fields."""


class Compiler:
    """Compiles the inputs of one document's operations; a parameter that many of them have is translated once."""

    def __init__(self, document: Document, *, budget: int) -> None:
        """`budget` is the bytes one tool's input schema may take."""
        self._document = document
        self._schemas = Schemas(document)
        self._payloads = Payloads(document, self._schemas)
        self._budget = budget
        self._shared: dict[bytes, tuple[Schema, Refs]] = {}
        self._slots: dict[tuple[bytes, str], Slot] = {}
        self._secrets = {
            (text(scheme.get("in")), text(scheme.get("name")).lower())
            for raw in mapping(mapping(document.raw.get("components")).get("securitySchemes")).values()
            if (scheme := mapping(raw)).get("type") == "apiKey"
        }

    def inputs(self, path: str, item: Json, operation: Json) -> Inputs:
        """Everything about one operation, or `Inexpressible`."""
        parameters = self._parameters(item, operation)
        template, _, fixed = path.partition("#")[0].partition("?")
        self._complete(parameters, template, fixed)
        arguments = argument_names(sorted(parameters, key=lambda key: PLACES.index(key[0])))
        refs: Refs = {}
        properties = {arguments[key]: self._schema(parameter, refs) for key, parameter in parameters.items()}
        required = [
            arguments[key] for key, parameter in parameters.items() if key[0] == "path" or mapping(parameter[1]).get("required") is True
        ]
        payload = self._payloads.payload(operation.get("requestBody"), set(properties), refs)
        top = _top(properties, required, payload)
        fitted = fit(top, refs, self._schemas, self._budget)
        slots = {key: self._slot(arguments[key], key, parameter) for key, parameter in parameters.items()}
        return Inputs(
            fitted.schema,
            fitted.cut,
            fitted.quieter,
            tuple(_pieces(template if template.startswith("/") else f"/{template}", slots, _PATH_KEPT)),
            tuple(_pieces(fixed, slots, _QUERY_KEPT)) if fixed else (),
            tuple(slot for key, slot in slots.items() if key[0] == "query" and f"{{{key[1]}}}" not in fixed),
            tuple(Header(key[1].lower(), slot) for key, slot in slots.items() if key[0] == "header"),
            tuple(slot for key, slot in slots.items() if key[0] == "cookie"),
            None if payload is None else payload.body,
            {
                **{name: name for name in (payload.properties if payload else ())},
                **{key[1]: arguments[key] for key in parameters if key[0] == "query"},
            },
        )

    def _parameters(self, item: Json, operation: Json) -> dict[Key, Said]:
        """By place and name; the operation's own win over the path's."""
        found: dict[Key, Said] = {}
        for raw in [*sequence(item.get("parameters")), *sequence(operation.get("parameters"))]:
            parameter = self._document.follow(raw)
            key = (text(parameter.get("in")), text(parameter.get("name")))
            if key[0] in PLACES and key[1] and self._offered(key):
                found[key] = (msgspec.json.encode(raw), parameter)
            elif key[0] == "header" and key[1].lower() in _METHOD_HEADERS and parameter.get("required") is True:
                raise Inexpressible(f"it needs {key[1]}, which changes what its method means")
        return found

    def _offered(self, key: Key) -> bool:
        place, name = key
        if (place, name.lower()) in self._secrets:
            return False
        return place != "header" or (name.lower() not in _NOT_OFFERED and _HEADER_NAME.fullmatch(name) is not None)

    @staticmethod
    def _complete(parameters: dict[Key, Said], template: str, fixed: str) -> None:
        """Every `{name}` of the path has a parameter, no other claims to be in it, and what its query fixes nobody can give again."""
        if has_dots(template):
            raise Inexpressible("its path holds a . or .. segment")
        in_path = dict.fromkeys(_template_name(name, parameters) for name in _TEMPLATE.findall(template))
        in_query = dict.fromkeys(_template_name(name, parameters) for name in _TEMPLATE.findall(fixed))
        for name in in_path | in_query:
            if ("path", name) not in parameters and (name in in_path or ("query", name) not in parameters):
                forgotten = {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
                parameters["path", name] = (msgspec.json.encode(forgotten), forgotten)
        unsaid = {("query", unquote(pair.partition("=")[0])) for pair in fixed.split("&")} - {("query", name) for name in in_query}
        unsaid.update(key for key in parameters if key[0] == "path" and key[1] not in in_path | in_query)
        for key in unsaid & parameters.keys():
            del parameters[key]

    def _schema(self, parameter: Said, refs: Refs) -> Schema:
        said, described = parameter
        shared = self._shared.get(said)
        if shared is None:
            met: Refs = {}
            shared = self._shared[said] = (self._translated(described, met), met)
        refs.update(shared[1])
        return shared[0]

    def _slot(self, argument: str, key: Key, parameter: Said) -> Slot:
        said, described = parameter
        known = self._slots.get((said, argument))
        if known is None:
            known = self._slots[said, argument] = _slot(argument, key, described)
        return known

    def _translated(self, described: Json, refs: Refs) -> Schema:
        content = mapping(described.get("content"))
        raw = mapping(next(iter(content.values()))).get("schema", True) if content else described.get("schema", True)
        if described.get("in") == "path":
            schema = never_null(mapping(self._schemas.translate(self._itself(raw), refs)))
        else:
            schema = dict(mapping(self._schemas.translate(raw, refs)))
        spoken = self._schemas.prose(described.get("description"))
        if spoken is not UNSET:
            schema["description"] = spoken
        return schema

    def _itself(self, raw: object) -> Json:
        """The schema behind a reference, so that words can be changed that other places keep."""
        beside = {word: value for word, value in mapping(raw).items() if word in _BESIDE_REFERENCE}
        return {**self._document.follow(raw), **beside}


def _top(properties: dict[str, Schema], required: list[str], payload: Payload | None) -> Json:
    top: Json = {"type": "object", "properties": properties}
    if payload is not None:
        properties.update(payload.properties)
        required.extend(payload.required)
    if required:
        top["required"] = required
    if payload is not None and payload.needs:
        top["dependentRequired"] = payload.needs
    top["additionalProperties"] = False if payload is None else payload.open
    return top


def _template_name(written: str, parameters: Iterable[Key]) -> str:
    """`{+path*}` (RFC 6570) means `path`, unless a parameter is really called that."""
    return written if ("path", written) in parameters else written.strip(_OPERATORS) or "value"


def _pieces(template: str, slots: dict[Key, Slot], kept: str) -> Iterable[str | Slot]:
    """Literals, percent-encoded where a URL needs it, and slots between them."""
    for at, part in enumerate(_TEMPLATE.split(template)):
        if at % 2 == 0:
            if part:
                yield quote(part, safe=kept)
            continue
        name = _template_name(part, slots)
        yield slots["path", name] if ("path", name) in slots else _inside_query(slots["query", name], name)


def _inside_query(slot: Slot, name: str) -> Slot:
    """A declared query parameter written into the template: its value alone."""
    begin = f"{quote(name, safe='')}="
    return Slot(slot.argument, lambda value: slot.encode(value).removeprefix(begin))


def _slot(argument: str, key: Key, described: Json) -> Slot:
    place, name = key
    content = bool(mapping(described.get("content")))
    style = text(described.get("style")) or ("form" if place in {"query", "cookie"} else "simple")
    explode = described.get("explode", style == "form") is True
    if place == "path":
        return path_slot(argument, name, style, explode=explode, content=content)
    if place == "query":
        return query_slot(argument, name, style, explode=explode, content=content, reserved=described.get("allowReserved") is True)
    if place == "header":
        return header_slot(argument, explode=explode, content=content)
    return cookie_slot(argument, name, explode=explode, content=content)
