"""Use case: take back a token, a grant or everything a tenant has, on every replica."""

from typing import Final

from freehold.domains.oauth import store
from freehold.domains.oauth.claims import LONGEST_ACCEPTED
from freehold.kit.changes import Changes
from freehold.kit.clock import Clock
from freehold.kit.db import Database, Scope

_KEPT: Final = LONGEST_ACCEPTED + 86_400.0


class Revoke:
    """Each of these may be repeated. Replicas follow as fast as `Changes` tells them."""

    def __init__(self, db: Database, changes: Changes, *, clock: Clock) -> None:
        """Take the parts."""
        self._db = db
        self._changes = changes
        self._clock = clock

    async def token(self, tenant: str, jti: str) -> None:
        """End one access token by its `jti`."""
        await self._revoke(tenant, "jti", jti)

    async def grant(self, tenant: str, grant_id: str) -> None:
        """End every access token of one grant."""
        await self._revoke(tenant, "grant", grant_id)

    async def everything(self, tenant: str) -> None:
        """End every token issued and every key made for the tenant until now; what is made later counts."""
        await self._revoke(tenant, "tenant", tenant)

    async def _revoke(self, tenant: str, kind: str, value: str) -> None:
        now = self._clock.now()
        async with self._db.tenant(tenant, write=True) as scope:
            await self._write(scope, kind, value, now)
            await self._changes.bump(scope)
        await self._changes.announce()

    async def _write(self, scope: Scope, kind: str, value: str, now: float) -> None:
        if kind == "tenant":
            await store.end_keys(scope, now)
        await store.add_revocation(scope, kind, value, now=now, until=now + _KEPT)
