"""Use case: a grant ends, with every token that came of it, on every replica.

By the client that holds it (RFC 7009), by whoever administers the user, or by us when a token is taken for stolen."""

from typing import Final

from freehold.core.deed import Deed
from freehold.domains.oauth import store as oauth
from freehold.domains.oauth.clients.model import Client
from freehold.domains.oauth.grants import store
from freehold.domains.oauth.grants.model import ACCESS_SECONDS, GrantRow
from freehold.domains.oauth.grants.recording import Recorder
from freehold.domains.oauth.grants.sealing import Sealing
from freehold.kit.changes import Changes
from freehold.kit.clock import Clock
from freehold.kit.db import Database, Scope

_KEPT: Final = ACCESS_SECONDS + 86_400.0
"""Seconds a revocation is kept: longer than any access token of a grant lives, whoever's clock is wrong."""


class Withdrawal:
    """Ends grants. Each of these may be repeated; replicas follow as fast as `Changes` tells them."""

    def __init__(self, db: Database, sealing: Sealing, changes: Changes, recorder: Recorder, *, clock: Clock) -> None:
        """Take the parts."""
        self._db = db
        self._sealing = sealing
        self._changes = changes
        self._recorder = recorder
        self._clock = clock

    async def end(self, scope: Scope, grant_id: str) -> bool:
        """End it within a transaction of its tenant, its access tokens included; False when it was over already.

        To be the transaction's last statements; `told` has to follow its commit.
        """
        now = self._clock.now()
        ended = await store.end_grant(scope, grant_id, now)
        if ended:
            await oauth.add_revocation(scope, "grant", grant_id, now=now, until=now + _KEPT)
            await self._changes.bump(scope)
        return ended

    async def told(self, tenant: str, act: str, grant_id: str, actor: str) -> None:
        """Tell every replica, and record the deed."""
        await self._changes.announce()
        await self._recorder.deed(Deed(tenant=tenant, act=act, on=grant_id, actor=actor, at=self._clock.now()))

    async def by_client(self, client: Client, token: str) -> None:
        """A refresh token's grant ends when it is this client's own; anything else changes nothing and says nothing (RFC 7009 2.2)."""
        presented = self._sealing.open("refresh", token)
        if presented is None:
            return
        async with self._db.tenant(presented.tenant, write=True) as scope:
            grant = await store.hold_grant(scope, presented.row)
            ended = grant is not None and grant.client_id == client.client_id and await self.end(scope, grant.grant_id)
        if ended:
            await self.told(presented.tenant, "grant.revoked", presented.row, f"client:{client.client_id}")

    async def of_user(self, tenant: str, user: str, *, actor: str) -> int:
        """End everything the user allowed in that tenant; gives how many grants that were.

        Codes first: one that is being exchanged at this moment has become a grant when its row is free.
        """
        async with self._db.tenant(tenant, write=True) as scope:
            await store.drop_codes(scope, user)
            ended = [grant.grant_id for grant in await store.grants_of(scope, user) if await self.end(scope, grant.grant_id)]
        for grant_id in ended:
            await self.told(tenant, "grant.revoked", grant_id, actor)
        return len(ended)

    async def listed(self, tenant: str, user: str) -> list[GrantRow]:
        """What the user allows in that tenant at present."""
        async with self._db.tenant(tenant) as scope:
            return await store.grants_of(scope, user)
