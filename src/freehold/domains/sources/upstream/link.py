"""One MCP server as we reach it: which era it is of is found out once, without calling anything, and then every request is of that era."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any, Final

import msgspec
from msgspec import Raw

from freehold import __version__
from freehold.core.refusals import Refusal
from freehold.domains.sources.upstream.exchange import DEAF, LISTING, Bounds, Deaf, Hearing, SessionLost, Wire, Wrong
from freehold.domains.sources.upstream.sessions import OPERATOR, Sessions, Who
from freehold.kit.http import StreamingOutbound
from freehold.protocol import client, revisions
from freehold.protocol.client import Era, Failure, Headers, Heard, Result, Sent
from freehold.protocol.wire import is_object

ME: Final = {"name": "freehold", "version": __version__}
_CHANGES: Final = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}


class Link:
    """Requests to one server. One per server and process; it is told apart whose they are, and nothing is shared between them."""

    def __init__(self, outbound: StreamingOutbound, url: str, headers: Headers, bounds: Bounds, me: dict[str, Any] | None = None) -> None:
        """`headers` go with every request: the operator's credential."""
        self._me = me or ME
        self._numbers = count(1)
        self._wire = Wire(outbound, url, headers, bounds)
        self._sessions = Sessions(self._wire, self._me, self._numbers)
        self._era: Era | None = None
        self._offers: dict[str, Any] = {}
        self._probing = asyncio.Lock()

    async def ask(self, method: str, params: dict[str, Any], *, who: Who = OPERATOR, hearing: Hearing = LISTING, more: Headers = ()) -> Raw:
        """The result of a request; `more` are arguments mirrored in headers.

        Raises `Wrong` for a JSON-RPC error and `Refusal` when there is no answer to be had.
        """
        for _ in range(2):
            try:
                if await self.era(who) == "modern":
                    return await self._modern(method, params, who, hearing, more)
                return await self._sessions.ask(method, params, who, hearing)
            except Wrong as wrong:
                if not client.outdated(wrong.failure):
                    raise
            except SessionLost:
                pass
            self._era = None  # it is not what it was
        raise Refusal("upstream_broken")

    async def era(self, who: Who = OPERATOR) -> Era:
        """Which era the server is of; asked of it with `server/discover`, which does nothing. Raises `Refusal` when it does not say."""
        if self._era is None:
            async with self._probing:
                self._era = self._era or await self._probed(who)
        return self._era

    async def offers(self) -> dict[str, Any]:
        """The ServerCapabilities it declared to the operator."""
        if await self.era() == "modern":
            return self._offers
        session = await self._sessions.take(OPERATOR, LISTING.capabilities)
        session.users -= 1
        return session.offers

    async def changes(self, opened: Callable[[int], None]) -> AsyncIterator[Heard]:
        """Notices of changed lists for as long as the server's stream lasts; `opened` is told its status, 405 where there is none."""
        number = next(self._numbers)
        if await self.era() == "modern":
            meta = client.metadata(self._me, DEAF.capabilities)
            sent = client.modern(number, "subscriptions/listen", {"notifications": _CHANGES}, meta)
            stream = self._wire.listen("POST", sent.headers, sent.body, opened)
        else:
            session = await self._sessions.take(OPERATOR, DEAF.capabilities)
            session.users -= 1
            stream = self._wire.listen("GET", session.headers, None, opened)
        async for one in stream:
            yield one

    async def close(self) -> None:
        """End what was begun at the server."""
        await self._sessions.close()

    async def _modern(self, method: str, params: dict[str, Any], who: Who, hearing: Hearing, more: Headers) -> Raw:
        number = next(self._numbers)
        wanted = {} if isinstance(hearing, Deaf) else {"progressToken": number, revisions.LOG_LEVEL_KEY: "info"}
        meta = client.metadata(self._me, hearing.capabilities, **wanted)
        sent = client.modern(number, method, params, meta, more=(*more, *who.credential))
        return await self._wire.ask(sent, number, hearing, None)

    async def _probed(self, who: Who, *, again: bool = False) -> Era:
        sent = client.modern(next(self._numbers), "server/discover", {}, client.metadata(self._me, DEAF.capabilities))
        status, _, answered = await self._wire.probe(Sent((*sent.headers, *who.credential), sent.body))
        found = client.era(status, answered)
        if found == "modern" and isinstance(answered, Failure) and not again:
            return await self._probed(who, again=True)
        if found is None:
            raise Refusal("upstream_denied" if status in {401, 403} else "upstream_broken")
        if found == "modern" and isinstance(answered, Result):
            said: object = msgspec.json.decode(answered.value)
            declared: object = said.get("capabilities") if is_object(said) else None
            self._offers = declared if is_object(declared) else {}
        return found
