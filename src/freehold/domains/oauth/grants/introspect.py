"""Use case: what a token means at this moment (RFC 7662), told to the client it was given to and to nobody else."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.oauth.clients.model import Client
from freehold.domains.oauth.denied import Denied
from freehold.domains.oauth.grants import store
from freehold.domains.oauth.grants.model import IDLE_SECONDS
from freehold.domains.oauth.grants.rotation import judge
from freehold.domains.oauth.grants.sealing import Sealing
from freehold.kit.clock import Clock
from freehold.kit.db import Database
from freehold.kit.jose import LEEWAY

_NOT: Final[dict[str, Any]] = {"active": False}

Verify = Callable[[str | None, str | None], Awaitable[Principal]]


class Introspection:
    """Looks at access tokens as the resource server does, and at refresh tokens without using them."""

    def __init__(self, db: Database, sealing: Sealing, verify: Verify, *, issuer: str, resource: str, clock: Clock) -> None:
        """`verify` is the resource server's own judgement of a bearer token."""
        self._db = db
        self._sealing = sealing
        self._verify = verify
        self._about = {"iss": issuer, "aud": resource}
        self._clock = clock

    async def tell(self, client: Client, token: str) -> dict[str, Any]:
        """The token's meaning, or only that it is not active: unknown, over, revoked and another client's look the same."""
        if client.auth_method == "none":
            raise Denied("unauthorized_client", "Only clients that prove who they are may ask about tokens.")
        refresh = self._sealing.open("refresh", token)
        if refresh is None:
            return await self._access(client, token)
        async with self._db.tenant(refresh.tenant) as scope:
            grant = await store.find_grant(scope, refresh.row)
        if grant is None or grant.client_id != client.client_id or judge(grant, refresh, self._clock.now()) != "rotate":
            return _NOT
        expires = min(grant.expires_at, grant.rotated_at + IDLE_SECONDS)
        said = {"client_id": grant.client_id, "sub": grant.subject, "tenant_id": grant.tenant_id, "scope": grant.scopes}
        return {"active": True, **self._about, **said, "exp": int(expires)}

    async def _access(self, client: Client, token: str) -> dict[str, Any]:
        try:
            who = await self._verify(token, None)
        except Refusal as refusal:
            if refusal.code != "invalid_token":
                raise
            return _NOT
        if who.client != client.client_id:
            return _NOT
        said = {"client_id": who.client, "sub": who.subject, "tenant_id": who.tenant, "scope": " ".join(sorted(who.scopes))}
        return {"active": True, **self._about, **said, "token_type": "Bearer", "exp": int(who.expires_at - LEEWAY)}
