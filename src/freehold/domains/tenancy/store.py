"""Tenants as rows. Every statement here crosses tenants: it is the operator who looks."""

from typing import Any, Literal

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from freehold.domains.tenancy.model import Tenant
from freehold.domains.tenancy.tables import tenants
from freehold.kit.db import Scope


async def add(scope: Scope, tenant: Tenant) -> bool:
    """Write a new tenant; False when its id is taken."""
    row = insert(tenants).values(
        tenant_id=tenant.id, name=tenant.name, plan=tenant.plan, status=tenant.status, created_at=tenant.created_at
    )
    try:
        await scope.run(row)
    except IntegrityError:
        return False
    return True


async def every(scope: Scope) -> list[Tenant]:
    """All of them, by id."""
    return [_tenant(row) for row in await scope.all(select(tenants).order_by(tenants.c.tenant_id))]


async def find(scope: Scope, tenant: str) -> Tenant | None:
    """The one with this id."""
    row = await scope.one(select(tenants).where(tenants.c.tenant_id == tenant))
    return None if row is None else _tenant(row)


async def set_status(scope: Scope, tenant: str, status: Literal["active", "suspended"]) -> bool:
    """Write the status; False when there is no such tenant."""
    return await scope.run(update(tenants).where(tenants.c.tenant_id == tenant).values(status=status)) == 1


def _tenant(row: Row[Any]) -> Tenant:
    return Tenant(id=row.tenant_id, name=row.name, plan=row.plan, status=row.status, created_at=row.created_at)
