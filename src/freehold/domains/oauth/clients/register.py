"""Use case: a client registers itself (RFC 7591). Deprecated in MCP, and what most clients can do today.

Nobody vouches for what a client says here; what it may do is decided by whoever allows it on the consent page."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, cast

import msgspec

from freehold.domains.oauth.clients import redirects, store
from freehold.domains.oauth.clients.model import METHODS, MOST_REDIRECTS, AuthMethod, Client, checked_name
from freehold.domains.oauth.denied import Denied
from freehold.kit.clock import Clock
from freehold.kit.db import Database
from freehold.kit.ids import Ids

GRANTS: Final = ("authorization_code", "refresh_token")
UNUSED: Final = 7 * 86_400.0
"""Seconds a registration is kept that nobody has used yet."""
USED: Final = 400 * 86_400.0
"""Seconds it is kept after it was used: longer than any grant lives."""
MOST: Final = 100_000
"""Registrations there may be at once; the limits per address keep one visitor far from it."""
_SECRET_BYTES: Final = 32


class Registration:
    """Registers clients, and keeps those in use."""

    def __init__(self, db: Database, *, clock: Clock, ids: Ids, randomness: Callable[[int], bytes]) -> None:
        """`randomness` is `os.urandom` outside tests."""
        self._db = db
        self._clock = clock
        self._ids = ids
        self._randomness = randomness

    async def register(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """What the client is told: its id, its secret where it has one (this once), and what was understood of what it said.

        What is not understood has no effect and is not repeated. Raises `Denied`.
        """
        method = _method(said)
        secret = "" if method == "none" else self._randomness(_SECRET_BYTES).hex()
        client = Client(
            client_id=f"mcp_client_{self._ids.new()}",
            name=checked_name(_text(said, "client_name", "An MCP client")),
            redirect_uris=_redirect_uris(said),
            auth_method=method,
            secret=sha256(secret.encode()).digest() if secret else None,
        )
        _check_kinds(said)
        now = self._clock.now()
        async with self._db.system(write=True) as scope:
            await store.forget(scope, now)
            full = await store.count(scope) >= MOST
            if not full:
                await store.add(scope, client, now=now, until=now + UNUSED)
        if full:
            raise Denied("temporarily_unavailable", "No more clients can register right now. Use a client ID metadata document instead.")
        return _answer(client, secret, int(now))

    async def used(self, client_id: str) -> None:
        """Keep a registration that a user has allowed; other clients have none."""
        async with self._db.system(write=True) as scope:
            await store.keep(scope, client_id, self._clock.now() + USED)


def _answer(client: Client, secret: str, now: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "client_id": client.client_id,
        "client_id_issued_at": now,
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "grant_types": GRANTS,
        "response_types": ("code",),
        "token_endpoint_auth_method": client.auth_method,
    }
    return told | ({"client_secret": secret, "client_secret_expires_at": 0} if secret else {})


def _method(said: Mapping[str, Any]) -> AuthMethod:
    """RFC 7591 section 2: HTTP Basic when nothing is said."""
    try:
        return msgspec.convert(said.get("token_endpoint_auth_method") or "client_secret_basic", AuthMethod)
    except msgspec.ValidationError:
        raise Denied("invalid_client_metadata", f"token_endpoint_auth_method must be one of {', '.join(METHODS)}.") from None


def _redirect_uris(said: Mapping[str, Any]) -> tuple[str, ...]:
    return redirect_uris(said.get("redirect_uris"))


def redirect_uris(value: object) -> tuple[str, ...]:
    """The list of addresses, each fit to be one. Raises `Denied`."""
    listed = cast("list[object]", value) if isinstance(value, list) else []
    if not 0 < len(listed) <= MOST_REDIRECTS:
        raise Denied("invalid_redirect_uri", f"redirect_uris must list 1 to {MOST_REDIRECTS} addresses.")
    good = tuple(uri for uri in listed if isinstance(uri, str) and redirects.registrable(uri))
    if len(good) != len(listed):
        mend = "Use https, http on 127.0.0.1, [::1] or localhost, or a scheme like com.example.app:/, without fragment or user name."
        raise Denied("invalid_redirect_uri", f"A redirect URI cannot be used. {mend}")
    return good


def _check_kinds(said: Mapping[str, Any]) -> None:
    grants, responses = said.get("grant_types") or list(GRANTS), said.get("response_types") or ["code"]
    if not isinstance(grants, list) or "authorization_code" not in grants:
        raise Denied("invalid_client_metadata", "grant_types must contain authorization_code.")
    if not isinstance(responses, list) or "code" not in responses:
        raise Denied("invalid_client_metadata", "response_types must contain code.")


def _text(said: Mapping[str, Any], name: str, otherwise: str) -> str:
    value = said.get(name) or otherwise
    if not isinstance(value, str):
        raise Denied("invalid_client_metadata", f"{name} must be text.")
    return value
