"""Who may give which scope away: what is needed of the people, and which scopes take a role. Pure but for the port."""

from collections.abc import Collection, Mapping
from typing import Protocol

from msgspec import Struct

from freehold.kit.db import Scope


class Membership(Protocol):
    """What this room needs of whoever knows the people."""

    async def roles(self, scope: Scope, user: str, /) -> frozenset[str] | None:
        """The user's roles in the scope's tenant, as that transaction sees them; None when it is not active or has no such member."""
        ...


class ScopeTerms(Struct, frozen=True):
    """One scope, as people read it, and who may give it away."""

    words: str
    """What a client may do with it, as a phrase that completes: it may ..."""
    roles: frozenset[str] = frozenset()
    """A user needs one of these roles to give it; empty: none."""


Catalogue = Mapping[str, ScopeTerms]
"""Every scope there is, by its name."""


def givable(scopes: Collection[str], roles: Collection[str], terms: Catalogue) -> frozenset[str]:
    """Those of the scopes that a user with these roles may give away."""
    return frozenset(name for name in scopes if name in terms and (not terms[name].roles or not terms[name].roles.isdisjoint(roles)))
