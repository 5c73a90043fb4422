"""Use case: new tokens for a refresh token (RFC 6749 section 6), which is rotated with each use.

`rotation.py` judges; here the verdict is carried out, under the lock of the grant's row and in one transaction, so that it holds
whichever replicas are asked at once and wherever one of them stops."""

from collections.abc import Mapping
from typing import Final, Literal

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
        async with self._db.tenant(presented.tenant, write=True) as scope:
            outcome = await self._outcome(scope, presented, client, form)
        if outcome == "ended":
            await self._withdrawal.told(presented.tenant, "token.reused", presented.row, f"client:{client.client_id}")
        if isinstance(outcome, str):
            raise Denied("invalid_grant", _BAD)
        grant, roles = outcome
        await self._recorder.deed(
            Deed(tenant=grant.tenant_id, act="token.refreshed", on=grant.grant_id, actor=grant.subject, at=self._clock.now())
        )
        successor = self._sealing.kept(grant.successor or b"", grant.grant_id)
        return await self._minting.tokens(grant, self._wanted(grant, roles, form), roles, successor)

    async def _outcome(
        self, scope: Scope, presented: Presented, client: Client, form: Mapping[str, str]
    ) -> Literal["no", "ended"] | tuple[GrantRow, frozenset[str]]:
        """The grant as it is after the refresh, and the user's roles; or no, or that the grant was ended just now.

        Raises `Denied` for what is wrong with the request and not with the token, which changes nothing.
        """
        grant = await store.hold_grant(scope, presented.row)
        if grant is None or grant.client_id != client.client_id:
            return "no"
        verdict = judge(grant, presented, self._clock.now())
        if verdict == "reused" and await self._withdrawal.end(scope, grant.grant_id):
            return "ended"
        roles = await self._members.roles(scope, grant.subject) if verdict in {"rotate", "repeat"} else None
        if roles is None:
            return "no"
        self._wanted(grant, roles, form)
        return await self._rotated(scope, grant) if verdict == "rotate" else grant, roles

    def _wanted(self, grant: GrantRow, roles: frozenset[str], form: Mapping[str, str]) -> frozenset[str]:
        """The scopes of the next access token. Raises `Denied`."""
        if not names(form.get("resource", grant.resource), grant.resource):
            raise Denied("invalid_target", "resource is not the one that was allowed.")
        return self._minting.allowed(narrowed(form.get("scope"), grant.scopes.split()), roles)

    async def _rotated(self, scope: Scope, grant: GrantRow) -> GrantRow:
        value = self._sealing.make("refresh", grant.tenant_id, grant.grant_id, grant.generation + 1)
        rotated = msgspec.structs.replace(
            grant,
            generation=grant.generation + 1,
            current=digest_of(value),
            previous=grant.current,
            successor=self._sealing.keep(value, grant.grant_id),
            rotated_at=self._clock.now(),
        )
        await store.rotate(scope, rotated)
        return rotated
