"""A raw document and the way around in it: tolerant looks at JSON values, and local references.

Nothing here fetches anything: a reference that does not begin with `#` is an `Inexpressible`."""

from typing import Any, Final, cast
from urllib.parse import unquote

Json = dict[str, Any]
"""A JSON object as read."""

_CHAIN: Final = 20


class Inexpressible(Exception):
    """This operation cannot become a tool; the message completes the sentence "skipped because ..."."""


def mapping(value: object) -> Json:
    """The value if it is an object, else an empty one: a malformed corner costs itself only."""
    return cast("Json", value) if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """The value if it is an array, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def text(value: object) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


class Document:
    """One checked document. Looks are cached, so the raw document must not change."""

    def __init__(self, raw: Json) -> None:
        """Take a document as `read.read` gives it."""
        self.raw = raw
        self._found: dict[str, Any] = {}

    def find(self, reference: str) -> Any:
        """What a local reference points to, None when nothing is there. Remote ones are `Inexpressible`."""
        if reference in self._found:
            return self._found[reference]
        if not reference.startswith("#"):
            raise Inexpressible(f"it refers to another document, {reference[:80]!r}, which is never fetched")
        found = self._found[reference] = self._walk(reference[1:])
        return found

    def _walk(self, pointer: str) -> Any:
        at: Any = self.raw
        if pointer and not pointer.startswith("/"):
            return None  # an anchor, which names no place in an OpenAPI document
        for part in pointer.split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(at, dict):
                at = cast("Json", at).get(key)
            elif isinstance(at, list) and key.isascii() and key.isdigit() and int(key) < len(cast("list[Any]", at)):
                at = cast("list[Any]", at)[int(key)]
            else:
                return None
        return at

    def follow(self, node: object) -> Json:
        """The object itself, or the one its chain of references ends at."""
        for _ in range(_CHAIN):
            seen = mapping(node)
            reference = seen.get("$ref")
            if not isinstance(reference, str):
                return seen
            node = self.find(reference)
            if node is None:
                raise Inexpressible(f"it refers to {reference[:80]!r}, which is not in the document")
        raise Inexpressible("its references go in a circle")
