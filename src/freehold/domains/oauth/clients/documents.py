"""Clients that are known by the address of a document of theirs (OAuth client ID metadata documents): read, checked, kept for a while.

Fetched through the guarded client. Of a document only names and redirect addresses are looked at, and nothing it links to is fetched."""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from msgspec import Struct

from freehold.domains.oauth.clients import redirects
from freehold.domains.oauth.clients.model import MOST_REDIRECTS, Client, checked_name
from freehold.domains.oauth.denied import Denied
from freehold.kit.errors import Unavailable
from freehold.kit.http import Outbound, Request, SendFailed
from freehold.kit.json import NotStrict, strict

LARGEST: Final = 5 * 1024
SECONDS: Final = 5.0
KEPT: Final = 3_600.0
"""Seconds a document counts without being read again, whatever its server would allow: so long a changed address may be unknown."""
REFUSED: Final = 60.0
"""Seconds for which a document that could not be read is not asked for again."""
MOST_AT_ONCE: Final = 32
_MOST_KEPT: Final = 1_000
_LONGEST_URL: Final = 255
_URL: Final = re.compile(r"https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,4})?/[A-Za-z0-9._~!$&'()*+,;=:@/%-]+")
_LOCAL_URL: Final = re.compile(r"http://(?:127\.0\.0\.1|localhost)(?::[1-9][0-9]{0,4})?/[A-Za-z0-9._~!$&'()*+,;=:@/%-]+")
_DOTS: Final = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_JSON: Final = frozenset({"application/json", "application/cimd+json"})
_OK: Final = 200


class _Kept(Struct, frozen=True):
    client: Client | None
    until: float


class ClientDocuments:
    """Reads a document when it is asked for and not kept: once for all who ask at the same time, and few at once."""

    def __init__(self, outbound: Outbound, monotonic: Callable[[], float], *, local: bool) -> None:
        """With `local`, documents on this machine's loopback count too: for a server that is itself reached only there."""
        self._outbound = outbound
        self._now = monotonic
        self._local = local
        self._kept: dict[str, _Kept] = {}
        self._reading: dict[str, asyncio.Task[_Kept]] = {}

    def names(self, client_id: str) -> bool:
        """Whether this is the address of a document, and not the id of a registered client."""
        if len(client_id) > _LONGEST_URL or _DOTS.search(client_id):
            return False
        return _URL.fullmatch(client_id) is not None or (self._local and _LOCAL_URL.fullmatch(client_id) is not None)

    async def find(self, client_id: str) -> Client | None:
        """The client that the document describes; None when there is no document, or none that may count.

        Raises `Unavailable` while as many are being read as may be.
        """
        kept = self._kept.get(client_id)
        if kept is None or kept.until <= self._now():
            kept = await asyncio.shield(self._reading.get(client_id) or self._begun(client_id))
        return kept.client

    def _begun(self, client_id: str) -> "asyncio.Task[_Kept]":
        """A look that outlives whoever asked first."""
        if len(self._reading) >= MOST_AT_ONCE:
            raise Unavailable("As many clients' documents are being read as may be. Try again in a few seconds.")
        task = self._reading[client_id] = asyncio.get_running_loop().create_task(self._read(client_id))
        task.add_done_callback(lambda _done: self._reading.pop(client_id, None))
        return task

    async def _read(self, client_id: str) -> _Kept:
        try:
            client = _client(client_id, await self._fetched(client_id))
        except (SendFailed, NotStrict, Denied):
            client = None
        kept = _Kept(client, self._now() + (REFUSED if client is None else KEPT))
        self._kept.pop(client_id, None)
        if len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[client_id] = kept
        return kept

    async def _fetched(self, client_id: str) -> Mapping[str, Any]:
        request = Request(method="GET", url=client_id, headers=(("accept", "application/json"),))
        answer = await self._outbound.send(request, seconds=SECONDS, cap=LARGEST)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        said: object = strict(answer.body) if answer.status == _OK and kind in _JSON else None
        if not isinstance(said, dict):
            raise Denied("invalid_client", "There is no such document.")
        return cast("Mapping[str, Any]", said)


def _client(client_id: str, said: Mapping[str, Any]) -> Client:
    """The document's client: its own address in it, no secret, redirect addresses that may be (CIMD sections 4 and 4.1)."""
    listed, name = said.get("redirect_uris"), said.get("client_name")
    if said.get("client_id") != client_id or any(member.startswith("client_secret") for member in said):
        raise Denied("invalid_client", "The document is not of this client.")
    if said.get("token_endpoint_auth_method", "none") != "none" or not isinstance(name, str) or not isinstance(listed, list):
        raise Denied("invalid_client", "The document names no public client.")
    uris = tuple(uri for uri in cast("list[object]", listed)[:MOST_REDIRECTS] if isinstance(uri, str) and redirects.registrable(uri))
    if not uris:
        raise Denied("invalid_client", "The document names no redirect address.")
    return Client(client_id=client_id, name=checked_name(name), redirect_uris=uris)
