"""Results of the methods as JSON bytes, per era. Modern results carry `resultType` and `_meta`, legacy ones do not."""

from typing import Any, Final

from freehold.protocol import revisions
from freehold.protocol.wire import encode

LIST_TTL_MS: Final = 30_000
"""How long a client may keep a list; private, since it varies by caller (server/utilities/caching)."""


class Results:
    """Builds results for one server identity. Everything that does not vary is encoded once."""

    def __init__(self, *, name: str, version: str, title: str, instructions: str) -> None:
        """`instructions` is shown to the model by most hosts; empty leaves it out."""
        self.server: dict[str, Any] = {"name": name, "version": version, "title": title}
        self.instructions = instructions
        self._meta = b',"_meta":%b' % encode({revisions.SERVER_INFO_KEY: self.server})
        self.discover = self._discover()

    def _discover(self) -> bytes:
        body: dict[str, Any] = {
            "resultType": "complete",
            "supportedVersions": list(revisions.SUPPORTED),
            "capabilities": {"tools": {"listChanged": False}},
            "ttlMs": LIST_TTL_MS,
            "cacheScope": "private",
        }
        if self.instructions:
            body["instructions"] = self.instructions
        return encode(body)[:-1] + self._meta + b"}"

    def tools(self, page: bytes, following: str | None, *, modern: bool) -> bytes:
        """`tools/list`: `page` is a JSON array, `following` the next cursor."""
        cursor = b"" if following is None else b',"nextCursor":%b' % encode(following)
        if not modern:
            return b'{"tools":%b%b}' % (page, cursor)
        head = b'{"resultType":"complete","ttlMs":%d,"cacheScope":"private","tools":' % LIST_TTL_MS
        return b"%b%b%b%b}" % (head, page, cursor, self._meta)

    def call(self, content: bytes, structured: bytes | None, meta: dict[str, Any] | None, *, failed: bool, modern: bool) -> bytes:
        """`tools/call`: `content` and `structured` are JSON; a legacy `structuredContent` must be an object."""
        head = b'{"resultType":"complete","content":' if modern else b'{"content":'
        middle = b"" if structured is None or not (modern or structured.lstrip()[:1] == b"{") else b',"structuredContent":%b' % structured
        flag = b',"isError":true' if failed else b""
        if meta:
            carried = {**meta, revisions.SERVER_INFO_KEY: self.server} if modern else meta
            tail = b',"_meta":%b' % encode(carried)
        else:
            tail = self._meta if modern else b""
        return b"%b%b%b%b%b}" % (head, content, middle, flag, tail)
