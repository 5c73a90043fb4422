"""The people: who may sign in, with what, and what they are in which tenant. Hashing passwords is a port's; deeds are the caller's."""

from collections.abc import Collection
from math import nextafter
from typing import Final, Protocol

from freehold.core.refusals import Refusal
from freehold.domains.tenancy import store
from freehold.domains.tenancy.model import Member, User, checked_roles, checked_user
from freehold.kit.changes import Changes
from freehold.kit.clock import Clock
from freehold.kit.db import Database, Scope

_SHORTEST: Final = 12
_LONGEST: Final = 256


class Passwords(Protocol):
    """Makes and compares password hashes, slowly on purpose and away from the event loop."""

    async def hashed(self, password: str, /) -> str:
        """A hash to keep."""
        ...

    async def fits(self, password: str, kept: str | None, /) -> bool:
        """Whether it is the password of that hash; takes as long when there is no hash."""
        ...

    def is_old(self, kept: str, /) -> bool:
        """Whether a hash was made with less effort than one would be made with now."""
        ...


class Members:
    """Every method may raise `Unavailable`. What it changes is committed when it returns."""

    def __init__(self, db: Database, passwords: Passwords, changes: Changes, *, clock: Clock) -> None:
        """Take the parts."""
        self._db = db
        self._passwords = passwords
        self._changes = changes
        self._clock = clock

    async def add(self, tenant: str, user: str, *, roles: Collection[str], password: str | None) -> Member:
        """Make the person a member with these roles, or give the member them; a password replaces the one there is.

        The tenant is known to exist. Refuses `user_id_invalid`, `role_invalid` and `password_unfit`; a new person needs a password.
        """
        now = self._clock.now()
        member = Member(tenant=tenant, user=checked_user(user), roles=checked_roles(roles), added_at=now)
        kept = None if password is None else await self._passwords.hashed(_checked(password))
        async with self._db.system(write=True) as scope:
            known = await store.find_user(scope, user)
            if known is None and kept is None:
                raise Refusal("password_unfit", why="this person is new here and has none yet")
            if known is None:
                # not from the beginning of time: whoever was here before and left may still have a session
                await store.add_user(scope, User(user_id=user, password=kept, created_at=now, signed_out_at=nextafter(now, 0.0)))
            elif kept is not None:
                await store.set_password(scope, user, kept, now)
        async with self._db.tenant(tenant, write=True) as scope:
            await store.add_member(scope, member)
            await self._changes.bump(scope)
        await self._changes.announce()
        return member

    async def of(self, tenant: str) -> list[Member]:
        """Every member of the tenant, by id."""
        async with self._db.tenant(tenant) as scope:
            return await store.members_of(scope)

    async def remove(self, tenant: str, user: str) -> None:
        """End the membership; whoever is a member of nothing any more cannot sign in. Refuses `user_unknown`."""
        async with self._db.tenant(tenant, write=True) as scope:
            if not await store.drop_member(scope, user):
                raise Refusal("user_unknown", tenant=tenant, user=user)
        async with self._db.system(write=True) as scope:
            if not await store.memberships(scope, user):
                await store.drop_user(scope, user)

    async def memberships(self, user: str) -> list[Member]:
        """Everywhere the person is a member, by tenant."""
        async with self._db.system() as scope:
            return await store.memberships(scope, user)

    async def roles(self, scope: Scope, user: str) -> frozenset[str] | None:
        """The person's roles in the scope's tenant; None for no member, and in a tenant that is not active."""
        return await store.active_roles(scope, user)

    async def signs_in(self, user: str, password: str) -> str | None:
        """The person's id when the password is theirs, else None, after as long a time."""
        name = user.strip().lower()
        async with self._db.system() as scope:
            known = await store.find_user(scope, name)
        kept = None if known is None else known.password
        fits = await self._passwords.fits(password[: _LONGEST + 1], kept)
        if not fits or kept is None:
            return None
        if self._passwords.is_old(kept):
            renewed = await self._passwords.hashed(password)
            async with self._db.system(write=True) as scope:
                await store.set_password(scope, name, renewed, None)
        return name

    async def signed_out_at(self, user: str) -> float | None:
        """Until when the person's sessions are over; None when there is no such person."""
        async with self._db.system() as scope:
            known = await store.find_user(scope, user)
        return None if known is None else known.signed_out_at

    async def sign_out(self, user: str) -> None:
        """End every session of the person that was begun until now."""
        async with self._db.system(write=True) as scope:
            await store.sign_out(scope, user, self._clock.now())


def _checked(password: str) -> str:
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise Refusal("password_unfit", why=f"it has {len(password)} characters")
    return password
