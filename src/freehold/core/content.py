"""What a function may answer with besides plain values: blocks of content (server/tools, Tool Result) and messages of a prompt."""

from base64 import b64encode
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

Block = dict[str, Any]
"""A content block in wire form."""


class Text(Struct, frozen=True):
    """Text beside other content; alone, a plain string says the same."""

    text: str

    def block(self) -> Block:
        """In wire form."""
        return {"type": "text", "text": self.text}


class Image(Struct, frozen=True):
    """A picture."""

    data: bytes
    mime_type: str
    """`image/png`, `image/jpeg`..."""

    def block(self) -> Block:
        """In wire form."""
        return {"type": "image", "data": _base64(self.data), "mimeType": self.mime_type}


class Audio(Struct, frozen=True):
    """A sound."""

    data: bytes
    mime_type: str
    """`audio/wav`, `audio/mpeg`..."""

    def block(self) -> Block:
        """In wire form."""
        return {"type": "audio", "data": _base64(self.data), "mimeType": self.mime_type}


class Embedded(Struct, frozen=True):
    """The contents of a resource, sent along. Raises ValueError unless it has either `text` or `data`."""

    uri: str
    text: str | None = None
    data: bytes | None = None
    mime_type: str | None = None

    def __post_init__(self) -> None:
        """Exactly one of the two."""
        if (self.text is None) == (self.data is None):
            raise ValueError(f"Embedded({self.uri!r}) needs either text or data. Pass the one that is meant.")

    def contents(self) -> dict[str, Any]:
        """As `resources/read` shows it."""
        shown: dict[str, Any] = {"uri": self.uri}
        if self.mime_type is not None:
            shown["mimeType"] = self.mime_type
        if self.data is not None:
            return {**shown, "blob": _base64(self.data)}
        return {**shown, "text": self.text}

    def block(self) -> Block:
        """In wire form."""
        return {"type": "resource", "resource": self.contents()}


class Link(Struct, frozen=True):
    """The address of a resource, which the agent may read if it wants to."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None
    """Bytes of its contents, when known."""

    def block(self) -> Block:
        """In wire form."""
        said = {"title": self.title, "description": self.description, "mimeType": self.mime_type, "size": self.size}
        known = {name: value for name, value in said.items() if value is not None}
        return {"type": "resource_link", "uri": self.uri, "name": self.name, **known}


Content = Text | Image | Audio | Embedded | Link
CONTENT: Final = (Text, Image, Audio, Embedded, Link)
"""The same, for `isinstance`."""


class Message(Struct, frozen=True):
    """One message of a prompt or of a question to the client's model. Raises ValueError for another role."""

    role: Literal["user", "assistant"]
    content: str | Content

    def __post_init__(self) -> None:
        """The two roles there are."""
        if self.role not in {"user", "assistant"}:
            raise ValueError(f"{self.role!r} is not a role. Use user or assistant.")

    def shown(self) -> dict[str, Any]:
        """In wire form."""
        content = Text(self.content) if isinstance(self.content, str) else self.content
        return {"role": self.role, "content": content.block()}


def attached(block: Block) -> int:
    """The bytes of anything but text: what it carries, or the whole block where that is deeper within."""
    return len(block["data"]) if "data" in block else len(msgspec.json.encode(block))


def utf8(text: str) -> bytes:
    """The text as UTF-8 can carry it, a lone surrogate replaced by U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
