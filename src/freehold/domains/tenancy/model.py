"""What a tenant is, and what may be its id."""

import re
from typing import Final, Literal

from msgspec import Struct

from freehold.core.refusals import Refusal

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
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


def checked_id(tenant: str) -> str:
    """The id itself, or the refusal `tenant_id_invalid`: 1 to 63 of a-z, 0-9 and -, no reserved word. Nothing is folded or trimmed."""
    if _ID.fullmatch(tenant) is None or tenant in _RESERVED:
        raise Refusal("tenant_id_invalid", tenant=tenant)
    return tenant
