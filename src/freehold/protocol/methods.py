"""Results of the methods as JSON bytes, per era. Modern results carry `resultType` and `_meta`, legacy ones do not."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from freehold.protocol import revisions
from freehold.protocol.capabilities import TASKS
from freehold.protocol.wire import encode

LIST_TTL_MS: Final = 30_000
"""How long a client may keep a list; private, since it varies by caller (server/utilities/caching)."""
READ_TTL_MS: Final = 0
"""What a resource holds may change at any time."""
MOST_COMPLETIONS: Final = 100

LISTS: Final = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}
"""List methods and the member of their result."""


class Offered(Struct, frozen=True):
    """What this server has; decides which capabilities are advertised and served."""

    resources: bool = False
    prompts: bool = False
    completions: bool = False
    tasks: bool = False


class Results:
    """Builds results for one server identity. Everything that does not vary is encoded once."""

    def __init__(self, *, name: str, version: str, title: str, instructions: str) -> None:
        """`instructions` is shown to the model by most hosts; empty leaves it out."""
        self.server: dict[str, Any] = {"name": name, "version": version, "title": title}
        self.instructions = instructions
        self._meta = b',"_meta":%b' % encode({revisions.SERVER_INFO_KEY: self.server})
        self._complete = b'{"resultType":"complete"%b}' % self._meta
        self._discovered: dict[Offered, bytes] = {}

    def discover(self, offered: Offered) -> bytes:
        """`server/discover`."""
        known = self._discovered.get(offered)
        if known is None:
            known = self._discovered[offered] = self._discover(offered)
        return known

    def _discover(self, offered: Offered) -> bytes:
        body: dict[str, Any] = {
            "resultType": "complete",
            "supportedVersions": list(revisions.SUPPORTED),
            "capabilities": capabilities(offered, modern=True),
            "ttlMs": LIST_TTL_MS,
            "cacheScope": "private",
        }
        if self.instructions:
            body["instructions"] = self.instructions
        return encode(body)[:-1] + self._meta + b"}"

    def nothing(self, *, modern: bool) -> bytes:
        """An empty result."""
        return self._complete if modern else b"{}"

    def tagged(self, meta: Mapping[str, Any]) -> bytes:
        """A modern result that only carries metadata."""
        return b'{"resultType":"complete","_meta":%b}' % encode({**meta, revisions.SERVER_INFO_KEY: self.server})

    def page(self, member: str, items: bytes, following: str | None, *, modern: bool) -> bytes:
        """A list: `items` is a JSON array, `following` the next cursor."""
        cursor = b"" if following is None else b',"nextCursor":%b' % encode(following)
        if not modern:
            return b'{"%b":%b%b}' % (member.encode(), items, cursor)
        head = b'{"resultType":"complete","ttlMs":%d,"cacheScope":"private","%b":' % (LIST_TTL_MS, member.encode())
        return b"%b%b%b%b}" % (head, items, cursor, self._meta)

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

    def read(self, contents: Sequence[Mapping[str, Any]], *, modern: bool) -> bytes:
        """`resources/read`; private, for what it holds may be the caller's alone."""
        hints = {"resultType": "complete", "ttlMs": READ_TTL_MS, "cacheScope": "private"} if modern else {}
        return self._with_meta({**hints, "contents": contents}, modern=modern)

    def messages(self, messages: Sequence[Mapping[str, Any]], description: str, *, modern: bool) -> bytes:
        """`prompts/get`."""
        said = {"description": description} if description else {}
        return self._with_meta({**({"resultType": "complete"} if modern else {}), **said, "messages": messages}, modern=modern)

    def completions(self, values: Sequence[str], *, modern: bool) -> bytes:
        """`completion/complete`: the first hundred, and how many there are."""
        found = {"values": values[:MOST_COMPLETIONS], "total": len(values), "hasMore": len(values) > MOST_COMPLETIONS}
        return self._with_meta({**({"resultType": "complete"} if modern else {}), "completion": found}, modern=modern)

    def asked(self, asks: Iterable[tuple[str, str, Mapping[str, Any]]], state: str) -> bytes:
        """The result that asks: key, method and parameters of each question (basic/patterns/mrtr)."""
        requests = {key: {"method": method, "params": params} for key, method, params in asks}
        return self._with_meta({"resultType": "input_required", "inputRequests": requests, "requestState": state}, modern=True)

    def _with_meta(self, body: Mapping[str, Any], *, modern: bool) -> bytes:
        return encode(body)[:-1] + self._meta + b"}" if modern else encode(body)


def capabilities(offered: Offered, *, modern: bool) -> dict[str, Any]:
    """ServerCapabilities: all that is advertised is served, in both eras."""
    found: dict[str, Any] = {"tools": {"listChanged": True}, "logging": {}}
    if offered.resources:
        found["resources"] = {"subscribe": True, "listChanged": True}
    if offered.prompts:
        found["prompts"] = {"listChanged": True}
    if offered.completions:
        found["completions"] = {}
    if offered.tasks and modern:
        found["extensions"] = {TASKS: {}}
    return found
