"""Use cases: give a code for what a user allowed, and take it back for tokens, once (RFC 6749 section 4.1, RFC 7636).

Everything a code's exchange writes is one transaction, so a crash leaves either an unused code or a whole grant."""

from collections.abc import Mapping
from typing import Final, Literal

from freehold.core.deed import Deed
from freehold.domains.oauth.clients.model import Client
from freehold.domains.oauth.denied import Denied
from freehold.domains.oauth.grants import pkce, store
from freehold.domains.oauth.grants.minting import Minting
from freehold.domains.oauth.grants.model import CODE_SECONDS, WHOLE_SECONDS, Asked, Code, GrantRow, Issued, names
from freehold.domains.oauth.grants.recording import Recorder
from freehold.domains.oauth.grants.rights import Membership
from freehold.domains.oauth.grants.sealing import Sealing, digest_of
from freehold.domains.oauth.grants.withdraw import Withdrawal
from freehold.kit.clock import Clock
from freehold.kit.db import Database, Scope
from freehold.kit.ids import Ids

Noted = Literal["ended", "over", "missed"]
"""The code had been used and its grant was ended now, or before; or the verifier is not the right one."""
MOST_WRONG: Final = 5
"""Wrong verifiers after which a code counts no more."""
_DAY: Final = 86_400.0
_SPACE: Final = " "
_BAD: Final = "The code is not valid, expired, used, or was given to another client or address."


class Codes:
    """Codes from the consent page to the token endpoint."""

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
        ids: Ids,
    ) -> None:
        """Take the parts."""
        self._db = db
        self._sealing = sealing
        self._minting = minting
        self._members = members
        self._withdrawal = withdrawal
        self._recorder = recorder
        self._clock = clock
        self._ids = ids

    async def give(self, asked: Asked, *, page: str, tenant: str, subject: str, scopes: frozenset[str]) -> str | None:
        """A code for what the user allowed on that consent page; None when the page has been answered already.

        Whoever calls this has checked that the subject is a member and may give these scopes.
        """
        now, grant_id = self._clock.now(), self._ids.new()
        value = self._sealing.make("code", tenant, page)
        code = Code(
            code_id=page,
            tenant_id=tenant,
            digest=digest_of(value),
            grant_id=grant_id,
            subject=subject,
            client_id=asked.client.client_id,
            client_name=asked.client.name,
            redirect_uri=asked.redirect_uri,
            scopes=_SPACE.join(sorted(scopes)),
            resource=asked.resource,
            challenge=asked.challenge,
            expires_at=now + CODE_SECONDS,
        )
        async with self._db.tenant(tenant, write=True) as scope:
            await store.forget(scope, unused_before=now - CODE_SECONDS, before=now - WHOLE_SECONDS - _DAY)
            added = await store.add_code(scope, code)
        if not added:
            return None
        await self._record(tenant, "consent.given", grant_id, subject)
        return value

    async def deny(self, asked: Asked, *, tenant: str, subject: str) -> None:
        """Note that the user allowed nothing."""
        await self._record(tenant, "consent.denied", asked.client.client_id, subject)

    async def exchange(self, client: Client, form: Mapping[str, str]) -> Issued:
        """Tokens for a code. Raises `Denied`; a code that is presented again ends the grant that came of it."""
        presented = self._sealing.open("code", form.get("code", ""))
        verifier = form.get("code_verifier", "")
        if presented is None:
            raise Denied("invalid_grant", _BAD)
        if not pkce.is_verifier(verifier):
            raise Denied("invalid_grant", "code_verifier must be 43 to 128 characters of A-Z, a-z, 0-9, -, ., _ and ~.")
        await self._minting.ready()
        async with self._db.tenant(presented.tenant, write=True) as scope:
            code = await store.hold_code(scope, presented.row)
            if code is None or code.digest != presented.digest or code.client_id != client.client_id:
                raise Denied("invalid_grant", _BAD)
            outcome = await self._outcome(scope, code, form)
        if outcome == "ended":
            await self._withdrawal.told(code.tenant_id, "code.reused", code.grant_id, f"client:{client.client_id}")
        if isinstance(outcome, str):
            raise Denied("invalid_grant", _BAD)
        grant, refresh_token, roles = outcome
        await self._record(grant.tenant_id, "token.issued", grant.grant_id, grant.subject)
        return await self._minting.tokens(grant, self._minting.allowed(frozenset(grant.scopes.split()), roles), roles, refresh_token)

    async def _outcome(self, scope: Scope, code: Code, form: Mapping[str, str]) -> Noted | tuple[GrantRow, str, frozenset[str]]:
        """A grant with its refresh token and the user's roles; or what there was to note. Raises `Denied` where there was nothing."""
        if code.used_at is not None:
            return "ended" if await self._withdrawal.end(scope, code.grant_id) else "over"
        if self._clock.now() >= code.expires_at or form.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
            raise Denied("invalid_grant", _BAD)
        if not names(form.get("resource", code.resource), code.resource):
            raise Denied("invalid_target", "resource is not the one that was allowed.")
        if not pkce.proves(form["code_verifier"], code.challenge):
            return await self._missed(scope, code)
        roles = await self._members.roles(scope, code.subject)
        if roles is None:
            raise Denied("invalid_grant", _BAD)
        self._minting.allowed(frozenset(code.scopes.split()), roles)
        return *await self._used(scope, code), roles

    async def _missed(self, scope: Scope, code: Code) -> Noted:
        await store.miss_code(scope, code.code_id)
        if code.wrong + 1 >= MOST_WRONG:
            await store.use_code(scope, code.code_id, self._clock.now())
        return "missed"

    async def _used(self, scope: Scope, code: Code) -> tuple[GrantRow, str]:
        now = self._clock.now()
        refresh_token = self._sealing.make("refresh", code.tenant_id, code.grant_id)
        grant = GrantRow(
            grant_id=code.grant_id,
            tenant_id=code.tenant_id,
            subject=code.subject,
            client_id=code.client_id,
            client_name=code.client_name,
            scopes=code.scopes,
            resource=code.resource,
            issued_at=now,
            expires_at=now + WHOLE_SECONDS,
            current=digest_of(refresh_token),
            rotated_at=now,
        )
        await store.use_code(scope, code.code_id, now)
        await store.add_grant(scope, grant)
        return grant, refresh_token

    async def _record(self, tenant: str, act: str, on: str, actor: str) -> None:
        await self._recorder.deed(Deed(tenant=tenant, act=act, on=on, actor=actor, at=self._clock.now()))
