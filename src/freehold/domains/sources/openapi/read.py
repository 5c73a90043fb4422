"""Bytes of a document, JSON or YAML, to one checked raw document of OpenAPI 3.0 or 3.1. Fetches nothing."""

from collections.abc import Sequence
from typing import Final, NamedTuple, cast

import msgspec

from freehold.core.refusals import Refusal
from freehold.domains.sources.openapi.document import Json
from freehold.domains.sources.openapi.swagger import upgraded
from freehold.kit.garbage import resting

LARGEST: Final = 64 * 1024 * 1024
_JSON_MEND: Final = "Check the file with a JSON parser, or export it again."
_WANTED: Final = "Give an OpenAPI 3.0 or 3.1 document (JSON or YAML); Swagger 2.0 is converted."


class File(NamedTuple):
    """An overlay as it was read, by the name that sentences about it use."""

    name: str
    data: bytes


def read(data: bytes, *, cap: int = LARGEST) -> Json:
    """The document, Swagger 2.0 converted, or `Refusal("document_invalid")`. `cap` is in bytes."""
    return _checked(_parsed(_as_utf8(data), cap))


def read_overlaid(data: bytes, overlays: Sequence[File]) -> tuple[Json, list[tuple[str, str]]]:
    """The document with these overlays applied in their order, and (where, what) of each action that met nothing."""
    if not overlays:
        return read(data), []
    from freehold.domains.sources.openapi.overlay import Overlay, overlaid

    parsed = [Overlay(each.name, _parsed(_as_utf8(each.data), LARGEST)) for each in overlays]
    document = _parsed(_as_utf8(data), LARGEST)
    changed, unmet = overlaid(cast("Json", document), parsed) if isinstance(document, dict) else (document, [])
    return _checked(changed), unmet


def invalid(why: str, mend: str) -> Refusal:
    """The refusal of a whole document."""
    return Refusal("document_invalid", why=why, mend=mend)


def _as_utf8(data: bytes) -> bytes:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    return data.removeprefix(b"\xef\xbb\xbf")


@resting()
def _parsed(data: bytes, cap: int) -> object:
    if len(data) > cap:
        raise invalid(f"it is larger than {cap} bytes", "Split the document, or leave out what agents do not need.")
    start = data[:4096].lstrip()
    if start.startswith(b"<"):
        raise invalid("it is a web page or XML", "Give the address of the document itself, not of the page that shows it.")
    if start.startswith((b"{", b"[")):
        return _from_json(data)
    from freehold.domains.sources.openapi.yaml_text import load

    return load(data)


def _from_json(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise invalid(f"it is not valid JSON ({fault})", _JSON_MEND) from None
    except RecursionError:
        raise invalid("it is nested too deeply", _JSON_MEND) from None


def _checked(parsed: object) -> Json:
    if not isinstance(parsed, dict):
        raise invalid("it is not an object", _WANTED)
    document = cast("Json", parsed)
    if str(document.get("swagger")) in {"2.0", "2"}:
        return upgraded(document)
    version = document.get("openapi")
    if not isinstance(version, str | float):
        raise invalid("it names no OpenAPI version", _WANTED)
    if not str(version).startswith(("3.0", "3.1")):
        raise invalid(f"it is OpenAPI {str(version)[:20]}", _WANTED)
    if not isinstance(document.get("paths", {}), dict):
        raise invalid("its `paths` are not an object", _WANTED)
    return document if isinstance(version, str) else {**document, "openapi": str(version)}
