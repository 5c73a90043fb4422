"""What an operator does with tenants. Whether a plan exists, and the ledger's note of the deed, are the caller's."""

from typing import Literal

from freehold.core.refusals import Refusal
from freehold.domains.tenancy import store
from freehold.domains.tenancy.model import Tenant, checked_id
from freehold.kit.changes import Changes
from freehold.kit.clock import Clock
from freehold.kit.db import Database


class Tenants:
    """Every method may raise `Unavailable`. What it changes is committed, and announced to every replica, when it returns."""

    def __init__(self, db: Database, changes: Changes, clock: Clock) -> None:
        """Take the store, the way to tell others, and the clock for `created_at`."""
        self._db = db
        self._changes = changes
        self._clock = clock

    async def create(self, id: str, name: str, plan: str) -> Tenant:  # noqa: A002  the word of the house
        """A new, active tenant. Refuses `tenant_id_invalid` and `tenant_exists`."""
        tenant = Tenant(id=checked_id(id), name=name, plan=plan, status="active", created_at=self._clock.now())
        async with self._db.system(write=True) as scope:
            if not await store.add(scope, tenant):
                raise Refusal("tenant_exists", tenant=id)
            await self._changes.bump(scope)
        await self._changes.announce()
        return tenant

    async def all(self) -> list[Tenant]:
        """Every tenant, by id."""
        async with self._db.system() as scope:
            return await store.every(scope)

    async def find(self, id: str) -> Tenant | None:  # noqa: A002  same
        """The tenant with this id, or None."""
        async with self._db.system() as scope:
            return await store.find(scope, id)

    async def suspend(self, id: str) -> Tenant:  # noqa: A002  same
        """Nothing of this tenant may act until it is resumed. Refuses `tenant_unknown`; suspending twice is no error."""
        return await self._set_status(id, "suspended")

    async def resume(self, id: str) -> Tenant:  # noqa: A002  same
        """The tenant may act again, with the credentials it had. Refuses `tenant_unknown`."""
        return await self._set_status(id, "active")

    async def _set_status(self, tenant: str, status: Literal["active", "suspended"]) -> Tenant:
        async with self._db.system(write=True) as scope:
            if not await store.set_status(scope, tenant, status) or (found := await store.find(scope, tenant)) is None:
                raise Refusal("tenant_unknown", tenant=tenant)
            await self._changes.bump(scope)
        await self._changes.announce()
        return found
