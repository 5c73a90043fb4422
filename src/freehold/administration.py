"""Administrative acts: each done by its room, then recorded in the ledger as a deed. Used by the command line and the demo."""

import getpass
import logging
import os
from collections.abc import Sequence
from typing import Final, Protocol

from freehold.core.deed import Deed
from freehold.core.refusals import Refusal
from freehold.domains.oauth.apikeys import ApiKeys
from freehold.domains.oauth.claims import READ_SCOPE
from freehold.domains.oauth.issuer import Issuer
from freehold.domains.oauth.store import ApiKey
from freehold.domains.tenancy.tenants import Tenant, Tenants
from freehold.kit.clock import Clock

_log: Final = logging.getLogger("freehold")


class Recorder(Protocol):
    """What this needs of the ledger."""

    async def deed(self, deed: Deed) -> None:
        """Return once the deed is committed."""
        ...


class Administration:
    """What an operator may do. Every method raises `Refusal` with a sentence when it cannot."""

    def __init__(
        self, *, tenants: Tenants, keys: ApiKeys, issuer: Issuer, recorder: Recorder, clock: Clock, plans: Sequence[str], default_plan: str
    ) -> None:
        """`plans` are the names a tenant may be put on."""
        self._tenants = tenants
        self._keys = keys
        self._issuer = issuer
        self._recorder = recorder
        self._clock = clock
        self._plans = tuple(plans)
        self._default_plan = default_plan

    async def create_tenant(self, tenant: str, *, name: str | None = None, plan: str | None = None) -> Tenant:
        """A new customer."""
        chosen = plan or self._default_plan
        if chosen not in self._plans:
            raise Refusal("plan_unknown", plan=chosen, plans=", ".join(self._plans))
        made = await self._tenants.create(tenant, name or tenant, chosen)
        await self._record(tenant, "tenant.created", tenant)
        return made

    async def tenants(self) -> Sequence[Tenant]:
        """Every tenant, by id."""
        return await self._tenants.all()

    async def tenant(self, tenant: str) -> Tenant:
        """One tenant."""
        found = await self._tenants.find(tenant)
        if found is None:
            raise Refusal("tenant_unknown", tenant=tenant)
        return found

    async def suspend_tenant(self, tenant: str) -> None:
        """No credential of the tenant works, on any replica, within five seconds."""
        await self._tenants.suspend(tenant)
        await self._record(tenant, "tenant.suspended", tenant)

    async def resume_tenant(self, tenant: str) -> None:
        """Its credentials work again."""
        await self._tenants.resume(tenant)
        await self._record(tenant, "tenant.resumed", tenant)

    async def create_key(
        self,
        tenant: str,
        *,
        name: str = "",
        scopes: Sequence[str] = (),
        tools: Sequence[str] | None = None,
        expires_in: float | None = None,
        test: bool = False,
        service: str | None = None,
        networks: Sequence[str] | None = None,
        per_minute: int | None = None,
    ) -> tuple[str, ApiKey]:
        """The secret, shown this once, and what is known of the key."""
        await self.tenant(tenant)
        secret, key = await self._keys.create(
            tenant,
            name=name,
            scopes=scopes or (READ_SCOPE,),
            tools=tools,
            seconds=expires_in,
            test=test,
            service=service,
            networks=networks,
            per_minute=per_minute,
        )
        await self._record(tenant, "key.created", key.key_id)
        return secret, key

    async def rotate_key(self, tenant: str, key: str, *, overlap: float) -> tuple[str, ApiKey]:
        """The successor's secret, shown this once, and what is known of it; the key itself ends after `overlap` seconds."""
        await self.tenant(tenant)
        secret, successor = await self._keys.rotate(tenant, key, overlap=overlap)
        await self._record(tenant, "key.rotated", key)
        await self._record(tenant, "key.created", successor.key_id)
        return secret, successor

    async def keys(self, tenant: str) -> Sequence[ApiKey]:
        """The tenant's keys, never their secrets."""
        await self.tenant(tenant)
        return await self._keys.all(tenant)

    async def revoke_key(self, tenant: str, key: str) -> None:
        """The key stops working on every replica within five seconds."""
        await self._keys.revoke(tenant, key)
        await self._record(tenant, "key.revoked", key)

    async def end_leaked_key(self, presented: str) -> None:
        """Somebody has found this where it should not be: end it, if it is a key."""
        key = await self._keys.end(presented)
        if key is not None:
            _log.warning("key leaked", extra={"code": "key_leaked", "tenant": key.tenant_id, "key": key.key_id})
            await self._record(key.tenant_id, "key.revoked", key.key_id, actor="leak-report")

    async def mint_token(
        self,
        tenant: str,
        user: str,
        *,
        scopes: Sequence[str] = (),
        tools: Sequence[str] | None = None,
        roles: Sequence[str] = (),
        data_scope: str = "",
        expires_in: float = 600.0,
    ) -> str:
        """An access token of the embedded issuer, for development and tests."""
        await self.tenant(tenant)
        token = await self._issuer.mint(
            tenant=tenant,
            subject=user,
            client="freehold-cli",
            scopes=scopes,
            tools=tools,
            roles=roles,
            data_scope=data_scope,
            seconds=expires_in,
        )
        await self._record(tenant, "token.minted", user)
        return token

    async def _record(self, tenant: str, act: str, on: str, *, actor: str = "") -> None:
        await self._recorder.deed(Deed(tenant=tenant, act=act, on=on, actor=actor or operator(), at=self._clock.now()))


def operator() -> str:
    """Who acts from a command."""
    return f"cli:{_user()}"


def _user() -> str:
    """The operating system's name for whoever runs this; a container's may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
