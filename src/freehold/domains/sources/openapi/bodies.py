"""Request bodies: which arguments they are made of and how they are written, one struct per kind of media type."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final, Protocol, cast
from urllib.parse import quote

from msgspec import UNSET, Struct, UnsetType

from freehold.domains.sources.openapi.parameters import as_json, form_pairs, refuse, scalar

Sent = tuple[str, bytes]
"""Content-Type and bytes."""

_QUOTED: Final = {'"': "%22", "\r": "%0D", "\n": "%0A"}
_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[A-Za-z0-9.+-]+")
_UNQUOTABLE: Final = re.compile(r'["\r\n]')


class Body(Protocol):
    """How a body is made from arguments."""

    def encode(self, arguments: Mapping[str, Any], boundary: str) -> Sent | None:
        """The body, None when there is nothing to send; or `Refusal` for a value it cannot hold."""
        ...


class Content(Struct, frozen=True, kw_only=True):
    """Which arguments are the body: one that is the whole of it, or one per field."""

    whole: str = ""
    """The argument that is the body; empty when its fields stand beside the parameters."""
    fields: tuple[tuple[str, str], ...] = ()
    """(argument, name in the body)."""
    beside: frozenset[str] | None = None
    """Set when the body is open: every argument that is not one of these belongs to it."""
    required: bool = False
    """Send an empty object rather than nothing."""

    def given(self, arguments: Mapping[str, Any]) -> Any | UnsetType:
        """What the caller gave of it; UNSET for nothing at all."""
        if self.whole:
            return arguments.get(self.whole, UNSET)
        found = {name: arguments[argument] for argument, name in self.fields if argument in arguments}
        if self.beside is not None:
            known = {argument for argument, _ in self.fields}
            found.update({name: value for name, value in arguments.items() if name not in self.beside and name not in known})
        return found if found or self.required else UNSET

    def argument(self, name: str) -> str:
        """The argument a field of the body came from, for a refusal."""
        return self.whole or next((argument for argument, field in self.fields if field == name), name)


class JsonBody(Struct, frozen=True):
    """application/json and its relatives (`+json`)."""

    content: Content
    media_type: str

    def encode(self, arguments: Mapping[str, Any], boundary: str) -> Sent | None:
        """One JSON value."""
        value = self.content.given(arguments)
        return None if value is UNSET else (self.media_type, as_json(value, self.content.whole or "body"))


class Encoding(Struct, frozen=True):
    """How one field of a form is written."""

    style: str = ""
    """Empty: arrays repeat the field, objects are JSON."""
    explode: bool = True
    media_type: str = ""
    file: bool = False
    """The value is base64 and travels as a file part."""


class FormBody(Struct, frozen=True):
    """application/x-www-form-urlencoded."""

    content: Content
    encodings: dict[str, Encoding]

    def encode(self, arguments: Mapping[str, Any], boundary: str) -> Sent | None:
        """`key=value` pairs joined by `&`."""
        value = self.content.given(arguments)
        if value is UNSET:
            return None
        pairs = [pair for name, each in _object(value, self.content).items() for pair in self._pairs(name, each)]
        return "application/x-www-form-urlencoded", "&".join(pairs).encode()

    def _pairs(self, name: str, value: object) -> list[str]:
        encoding = self.encodings.get(name, Encoding())
        key = quote(name, safe="", errors="replace")
        if encoding.style:
            return form_pairs(key, value, encoding.style, explode=encoding.explode)
        if isinstance(value, dict):
            return [f"{key}={quote(as_json(cast('object', value), self.content.argument(name)), safe='')}"]
        return form_pairs(key, value, "form", explode=True)


class MultipartBody(Struct, frozen=True):
    """multipart/form-data (RFC 7578) and multipart/mixed alike."""

    content: Content
    encodings: dict[str, Encoding]
    filenames: dict[str, str]
    """Field -> the argument that names its file."""
    media_type: str = "multipart/form-data"

    def encode(self, arguments: Mapping[str, Any], boundary: str) -> Sent | None:
        """One part per value; arrays make a part per item."""
        value = self.content.given(arguments)
        if value is UNSET:
            return None
        parts: list[bytes] = []
        for name, each in _object(value, self.content).items():
            for item in cast("list[object]", each) if isinstance(each, list) else [each]:
                head, data = self._part(name, item, arguments)
                parts.append(f"--{boundary}\r\n{head}\r\n\r\n".encode("utf-8", "replace") + data + b"\r\n")
        return f"{self.media_type}; boundary={boundary}", b"".join(parts) + f"--{boundary}--\r\n".encode()

    def _part(self, name: str, value: object, arguments: Mapping[str, Any]) -> tuple[str, bytes]:
        encoding = self.encodings.get(name, Encoding())
        head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
        if encoding.file:
            filename = arguments.get(self.filenames.get(name, ""), name)
            head += f'; filename="{_quoted(str(filename))}"\r\nContent-Type: {encoding.media_type or "application/octet-stream"}'
            return head, from_base64(value, self.content.argument(name))
        if isinstance(value, dict | list) or encoding.media_type.endswith("json"):
            return f"{head}\r\nContent-Type: {encoding.media_type or 'application/json'}", as_json(
                cast("object", value), self.content.argument(name)
            )
        head += f"\r\nContent-Type: {encoding.media_type}" if encoding.media_type else ""
        return head, scalar(value).encode("utf-8", "replace")


class BytesBody(Struct, frozen=True):
    """application/octet-stream, images, archives: one base64 argument."""

    content: Content
    media_type: str
    chosen: str = ""
    """The argument that names the type, where the document has only a range."""

    def encode(self, arguments: Mapping[str, Any], boundary: str) -> Sent | None:
        """The bytes themselves."""
        value = self.content.given(arguments)
        return None if value is UNSET else (self._type(arguments), from_base64(value, self.content.whole))

    def _type(self, arguments: Mapping[str, Any]) -> str:
        if not self.chosen:
            return self.media_type
        named = arguments.get(self.chosen)
        if not isinstance(named, str) or not _MEDIA_TYPE.fullmatch(named) or not named.startswith(self.media_type.rstrip("*")):
            raise refuse(self.chosen, f"it must be one type of {self.media_type}")
        return named


class TextBody(Struct, frozen=True):
    """text/plain and other text: one string argument."""

    content: Content
    media_type: str

    def encode(self, arguments: Mapping[str, Any], boundary: str) -> Sent | None:
        """UTF-8."""
        value = self.content.given(arguments)
        return None if value is UNSET else (f"{self.media_type}; charset=utf-8", scalar(value).encode("utf-8", "replace"))


def from_base64(value: object, argument: str) -> bytes:
    """The bytes behind a base64 argument (either alphabet, with or without padding), or `Refusal`."""
    if not isinstance(value, str):
        raise refuse(argument, "it must be a base64 string")
    compact = "".join(value.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise refuse(argument, "it is not base64") from None


def _object(value: object, content: Content) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refuse(content.whole, "a form needs an object")
    return cast("dict[str, Any]", value)


def _quoted(name: str) -> str:
    """A name inside quotes, as browsers write it (WHATWG multipart/form-data encoding)."""
    return _UNQUOTABLE.sub(lambda found: _QUOTED[found[0]], name)
