"""What a tool needs to become one HTTP request: compiled once at import, so that a call only fills in values."""

from typing import Any

from msgspec import Struct

from freehold.core.refusals import Refusal
from freehold.domains.sources.openapi.bodies import Body, MultipartBody
from freehold.domains.sources.openapi.parameters import Slot, refuse
from freehold.domains.sources.sending import traced
from freehold.kit.http import Request


class Header(Struct, frozen=True):
    """A header parameter; `name` is lower case."""

    name: str
    slot: Slot


class Operation(Struct, frozen=True, kw_only=True, eq=False):
    """One operation of a document, ready to be sent. The origin is fixed here and no argument reaches it."""

    method: str
    prefix: str
    """Scheme, host and the fixed beginning of the path, without a slash at the end."""
    path: tuple[str | Slot, ...]
    fixed_query: tuple[str | Slot, ...] = ()
    """A query written into the path template."""
    query: tuple[Slot, ...] = ()
    headers: tuple[Header, ...] = ()
    cookies: tuple[Slot, ...] = ()
    body: Body | None = None
    accept: str = "application/json"

    @property
    def multipart(self) -> bool:
        """Whether its body needs a boundary."""
        return isinstance(self.body, MultipartBody)

    def request(self, arguments: dict[str, Any], credential: tuple[tuple[str, str], ...], traceparent: str, boundary: str) -> Request:
        """The request for these arguments, or `Refusal` when one of them has no place in it."""
        url = f"{self.prefix}{self._path(arguments)}{self._query(arguments)}"
        headers = [("accept", self.accept), *self._headers(arguments, credential), *credential, *traced(traceparent)]
        sent = None if self.body is None else self.body.encode(arguments, boundary)
        if sent is None:
            return Request(method=self.method, url=url, headers=tuple(headers))
        media_type, body = sent
        return Request(method=self.method, url=url, headers=(*headers, ("content-type", media_type)), body=body)

    def _path(self, arguments: dict[str, Any]) -> str:
        path = "".join([_filled(piece, arguments) for piece in self.path])
        if "/." in path and any(segment in {".", ".."} for segment in path.split("/")):
            raise Refusal("argument_not_sendable", field=self._dotted(arguments), why="a part of the path cannot be . or ..")
        return path

    def _dotted(self, arguments: dict[str, Any]) -> str:
        """The argument that made the dots, for the sentence."""
        slots = [piece for piece in self.path if isinstance(piece, Slot)]
        return next(
            (slot.argument for slot in slots if set(str(arguments.get(slot.argument))) == {"."}), slots[0].argument if slots else "path"
        )

    def _query(self, arguments: dict[str, Any]) -> str:
        given = [slot.encode(arguments[slot.argument]) for slot in self.query if slot.argument in arguments]
        if self.fixed_query:
            given.insert(0, "".join([_filled(piece, arguments) for piece in self.fixed_query]))
        joined = "&".join([each for each in given if each])
        return f"?{joined}" if joined else ""

    def _headers(self, arguments: dict[str, Any], credential: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
        reserved = {name.lower() for name, _ in credential} if self.headers else ()
        sent = [
            (header.name, header.slot.encode(arguments[header.slot.argument]))
            for header in self.headers
            if header.slot.argument in arguments and header.name not in reserved
        ]
        cookies = "; ".join(
            cookie for slot in self.cookies if slot.argument in arguments and (cookie := slot.encode(arguments[slot.argument]))
        )
        return [*sent, ("cookie", cookies)] if cookies else sent


def _filled(piece: str | Slot, arguments: dict[str, Any]) -> str:
    if isinstance(piece, str):
        return piece
    if piece.argument not in arguments:
        raise refuse(piece.argument, "the path needs it")
    return piece.encode(arguments[piece.argument])
