"""What tenants, users and members are, and what may be their ids."""

import re
from collections.abc import Collection
from typing import Final, Literal

from msgspec import Struct

from freehold.core.refusals import Refusal

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_USER: Final = re.compile(r"[a-z0-9][a-z0-9._+@-]{0,127}", re.ASCII)
_ROLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
_RESERVED: Final = frozenset({"admin", "mcp", "system", ".well-known"})
"""Words that mean something else in addresses or logs."""


class Tenant(Struct, frozen=True, kw_only=True):
    """One customer of the SaaS. Its id never changes and is never given to another."""

    id: str
    name: str
    plan: str
    status: Literal["active", "suspended"]
    created_at: float
    """Unix seconds."""


class User(Struct, frozen=True, kw_only=True):
    """A person who signs in here; its fields are the table's columns in order."""

    user_id: str
    """What the person types, an e-mail address mostly, and what tokens carry as `sub`."""
    password: str | None
    created_at: float
    signed_out_at: float


class Member(Struct, frozen=True, kw_only=True):
    """A person in one tenant."""

    tenant: str
    user: str
    roles: frozenset[str]
    added_at: float


def checked_user(user: str) -> str:
    """The id itself, or the refusal `user_id_invalid`: lower-case, so that nobody can be two."""
    if _USER.fullmatch(user) is None:
        raise Refusal("user_id_invalid", user=user)
    return user


def checked_roles(roles: Collection[str]) -> frozenset[str]:
    """The roles as a set, or the refusal `role_invalid`."""
    for role in roles:
        if _ROLE.fullmatch(role) is None:
            raise Refusal("role_invalid", role=role)
    return frozenset(roles)


def checked_id(tenant: str) -> str:
    """The id itself, or the refusal `tenant_id_invalid`: 1 to 63 of a-z, 0-9 and -, no reserved word. Nothing is folded or trimmed."""
    if _ID.fullmatch(tenant) is None or tenant in _RESERVED:
        raise Refusal("tenant_id_invalid", tenant=tenant)
    return tenant
