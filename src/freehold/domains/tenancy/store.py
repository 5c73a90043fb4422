"""Tenants and people as rows. Statements about tenants and users cross tenants: it is the operator who looks, or whoever signs in."""

from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from freehold.domains.tenancy.model import Member, Tenant, User
from freehold.domains.tenancy.tables import members, tenants, users
from freehold.kit.db import Scope

_ROLES: Final = msgspec.json.Decoder(frozenset[str])


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


async def add_user(scope: Scope, user: User) -> None:
    """Write a new user. Raises what the store raises when there is one already."""
    await scope.run(insert(users).values(msgspec.structs.asdict(user)))


async def find_user(scope: Scope, user: str) -> User | None:
    """The user with this id."""
    row = await scope.one(select(users).where(users.c.user_id == user))
    return None if row is None else User(**dict(zip(User.__struct_fields__, row, strict=True)))


async def set_password(scope: Scope, user: str, password: str, now: float | None) -> None:
    """Write the hash; with a moment, the sessions begun until then are over."""
    over = {} if now is None else {"signed_out_at": now}
    await scope.run(update(users).where(users.c.user_id == user).values({"password": password, **over}))


async def sign_out(scope: Scope, user: str, now: float) -> None:
    """Sessions begun until now are over."""
    await scope.run(update(users).where(users.c.user_id == user).values(signed_out_at=now))


async def drop_user(scope: Scope, user: str) -> None:
    """Forget the person."""
    await scope.run(delete(users).where(users.c.user_id == user))


async def add_member(scope: Scope, member: Member) -> None:
    """Write a membership; one that is there gets these roles. In a scope of its tenant."""
    await scope.run(delete(members).where(members.c.user_id == member.user))
    roles = msgspec.json.encode(sorted(member.roles)).decode()
    await scope.run(insert(members).values(tenant_id=member.tenant, user_id=member.user, roles=roles, added_at=member.added_at))


async def drop_member(scope: Scope, user: str) -> bool:
    """End a membership of the scope's tenant; False when there is none."""
    return await scope.run(delete(members).where(members.c.user_id == user)) == 1


async def members_of(scope: Scope) -> list[Member]:
    """Every member of the scope's tenant, by id."""
    return [_member(row) for row in await scope.all(select(members).order_by(members.c.user_id))]


async def memberships(scope: Scope, user: str) -> list[Member]:
    """Everywhere the user is a member, by tenant. In a scope of the system: whoever signed in may choose among them."""
    return [_member(row) for row in await scope.all(select(members).where(members.c.user_id == user).order_by(members.c.tenant_id))]


async def active_roles(scope: Scope, user: str) -> frozenset[str] | None:
    """The user's roles in the scope's tenant, when that is active and the user a member; one statement, both tables."""
    here = members.join(tenants, members.c.tenant_id == tenants.c.tenant_id)
    row = await scope.one(select(members.c.roles).select_from(here).where(members.c.user_id == user, tenants.c.status == "active"))
    return None if row is None else _ROLES.decode(row.roles)


def _member(row: Row[Any]) -> Member:
    return Member(tenant=row.tenant_id, user=row.user_id, roles=_ROLES.decode(row.roles), added_at=row.added_at)
