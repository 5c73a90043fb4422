"""Use case: new tokens for a refresh token (RFC 6749 section 6), which is rotated with each use.

`rotation.py` judges; here the verdict is carried out, under the lock of the grant's row and in one transaction, so that it holds
whichever replicas are asked at once and wherever one of them stops."""

from collections.abc import Mapping
from typing import Final

import msgspec

from freehold.core.deed import Deed
from freehold.domains.oauth.clients.model import Client
from freehold.domains.oauth.denied import Denied
from freehold.domains.oauth.grants import store
from freehold.domains.oauth.grants.minting import Minting
from freehold.domains.oauth.grants.model import GrantRow, Issued, names
from freehold.domains.oauth.grants.recording import Recorder
from freehold.domains.oauth.grants.request import narrowed
from freehold.domains.oauth.grants.rights import Membership
from freehold.domains.oauth.grants.rotation import judge
from freehold.domains.oauth.grants.sealing import Presented, Sealing, digest_of
from freehold.domains.oauth.grants.withdraw import Withdrawal
from freehold.kit.clock import Clock
from freehold.kit.db import Database, Scope

_BAD: Final = "The refresh token is not valid, expired, revoked, or another client's."


class Refreshing:
    """Refreshes grants."""

    def __init__(
        self,
        db: Database,
        sealing: Sealing,
        minting: Minting,
        members: Membership,
        withdrawal: Withdrawal,
        recorder: Recorder,
        *,
        clock: Clock,
    ) -> None:
        """Take the parts."""
        self._db = db
        self._sealing = sealing
        self._minting = minting
        self._members = members
        self._withdrawal = withdrawal
        self._recorder = recorder
        self._clock = clock

    async def refresh(self, client: Client, form: Mapping[str, str]) -> Issued:
        """New tokens. Raises `Denied`, the same for every token that does not count."""
        presented = self._sealing.open("refresh", form.get("refresh_token", ""))
        if presented is None:
            raise Denied("invalid_grant", _BAD)
        await self._minting.ready()
        async with self._db.tenant(presented.tenant) as scope:
            grant = await store.find_grant(scope, presented.row)
        scopes = await self._checked(grant, client, form)
        roles = None if grant is None else await self._members.roles(grant.tenant_id, grant.subject)
        if grant is None or roles is None:
            raise Denied("invalid_grant", _BAD)
        allowed = self._minting.allowed(scopes, roles)
        async with self._db.tenant(presented.tenant, write=True) as scope:
            successor, reused = await self._carried_out(scope, presented)
        if reused:
            await self._withdrawal.told(grant.tenant_id, "token.reused", grant.grant_id, f"client:{client.client_id}")
        if successor is None:
            raise Denied("invalid_grant", _BAD)
        await self._recorder.deed(
            Deed(tenant=grant.tenant_id, act="token.refreshed", on=grant.grant_id, actor=grant.subject, at=self._clock.now())
        )
        return await self._minting.tokens(grant, allowed, roles, successor)

    async def _checked(self, grant: GrantRow | None, client: Client, form: Mapping[str, str]) -> frozenset[str]:
        """The scopes that are asked for, once the request is this client's to make. What is checked here never changes in a grant."""
        if grant is None or grant.client_id != client.client_id:
            raise Denied("invalid_grant", _BAD)
        if not names(form.get("resource", grant.resource), grant.resource):
            raise Denied("invalid_target", "resource is not the one that was allowed.")
        return narrowed(form.get("scope"), grant.scopes.split())

    async def _carried_out(self, scope: Scope, presented: Presented) -> tuple[str | None, bool]:
        """The refresh token to give, if any, and whether the grant was ended just now."""
        grant, now = await store.hold_grant(scope, presented.row), self._clock.now()
        if grant is None:
            return None, False
        match judge(grant, presented, now):
            case "rotate":
                return await self._rotated(scope, grant, now), False
            case "repeat":
                return None if grant.successor is None else self._sealing.kept(grant.successor, grant.grant_id), False
            case "reused":
                return None, await self._withdrawal.end(scope, grant.grant_id)
            case "refused":
                return None, False

    async def _rotated(self, scope: Scope, grant: GrantRow, now: float) -> str:
        value = self._sealing.make("refresh", grant.tenant_id, grant.grant_id, grant.generation + 1)
        rotated = msgspec.structs.replace(
            grant,
            generation=grant.generation + 1,
            current=digest_of(value),
            previous=grant.current,
            successor=self._sealing.keep(value, grant.grant_id),
            rotated_at=now,
        )
        await store.rotate(scope, rotated)
        return value
