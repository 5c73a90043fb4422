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

_ENDED: Final = "ended"
"""In place of a refresh token, none of which looks like it."""
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
            grant, roles, outcome = await self._outcome(scope, presented, client, form)
        if grant is None or outcome is None:
            raise Denied("invalid_grant", _BAD)
        if outcome == _ENDED:
            await self._withdrawal.told(grant.tenant_id, "token.reused", grant.grant_id, f"client:{client.client_id}")
            raise Denied("invalid_grant", _BAD)
        await self._recorder.deed(
            Deed(tenant=grant.tenant_id, act="token.refreshed", on=grant.grant_id, actor=grant.subject, at=self._clock.now())
        )
        return await self._minting.tokens(grant, self._wanted(grant, roles, form), roles, outcome)

    async def _outcome(
        self, scope: Scope, presented: Presented, client: Client, form: Mapping[str, str]
    ) -> tuple[GrantRow | None, frozenset[str], str | None]:
        """The grant, the user's roles, and the refresh token to give; None for no, or that the grant was ended just now.

        Raises `Denied` for what is wrong with the request and not with the token, which changes nothing.
        """
        grant = await store.hold_grant(scope, presented.row)
        if grant is None or grant.client_id != client.client_id:
            return None, frozenset(), None
        match judge(grant, presented, self._clock.now()):
            case "refused":
                return grant, frozenset(), None
            case "reused":
                return grant, frozenset(), _ENDED if await self._withdrawal.end(scope, grant.grant_id) else None
            case verdict:
                roles = await self._members.roles(scope, grant.subject)
                if roles is None:
                    return grant, frozenset(), None
                self._wanted(grant, roles, form)
                return grant, roles, await self._rotated(scope, grant) if verdict == "rotate" else self._repeated(grant)

    def _wanted(self, grant: GrantRow, roles: frozenset[str], form: Mapping[str, str]) -> frozenset[str]:
        """The scopes of the next access token. Raises `Denied`."""
        if not names(form.get("resource", grant.resource), grant.resource):
            raise Denied("invalid_target", "resource is not the one that was allowed.")
        return self._minting.allowed(narrowed(form.get("scope"), grant.scopes.split()), roles)

    def _repeated(self, grant: GrantRow) -> str | None:
        return None if grant.successor is None else self._sealing.kept(grant.successor, grant.grant_id)

    async def _rotated(self, scope: Scope, grant: GrantRow) -> str:
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
        return value
