"""The people, put together for who needs them: operators who enrol them, and the pages and tokens that ask who is a member of what.

Part of the roof: rooms do the work, acts go into the ledger."""

from collections.abc import Sequence

from freehold.administration import Recorder, operator
from freehold.core.deed import Deed
from freehold.core.refusals import Refusal
from freehold.domains.oauth.grants.withdraw import Withdrawal
from freehold.domains.tenancy.members import Members
from freehold.domains.tenancy.model import Member
from freehold.domains.tenancy.tenants import Tenants
from freehold.kit.clock import Clock
from freehold.web.oauth.pages import Place

ACTIVE = "active"


class People:
    """Who is a member of which active tenant."""

    def __init__(self, members: Members, tenants: Tenants, recorder: Recorder, *, clock: Clock) -> None:
        """Take the rooms."""
        self._members = members
        self._tenants = tenants
        self._recorder = recorder
        self._clock = clock
        self.signed_out_at = members.signed_out_at
        self.sign_out = members.sign_out

    async def places(self, user: str) -> Sequence[Place]:
        """The active tenants the person may act in."""
        found = [(await self._tenants.find(member.tenant), member) for member in await self._members.memberships(user)]
        return [Place(tenant.id, tenant.name, member.roles) for tenant, member in found if tenant is not None and tenant.status == ACTIVE]

    async def signs_in(self, user: str, password: str) -> str | None:
        """The person's id when the password is right. Where the person has one tenant it is in that tenant's book;
        with several it cannot be told yet which of them it concerns: the consent will say."""
        known = await self._members.signs_in(user, password)
        if known is not None and len(places := await self._members.memberships(known)) == 1:
            await self._recorder.deed(
                Deed(tenant=places[0].tenant, act="user.signed_in", on=known, actor=known, at=self._clock.now()),
            )
        return known


class Enrolling:
    """What operators do with people. Every method raises `Refusal` with a sentence when it cannot."""

    def __init__(self, members: Members, tenants: Tenants, withdrawal: Withdrawal, recorder: Recorder, *, clock: Clock) -> None:
        """Take the rooms."""
        self._members = members
        self._tenants = tenants
        self._withdrawal = withdrawal
        self._recorder = recorder
        self._clock = clock

    async def add(self, tenant: str, user: str, *, roles: Sequence[str], password: str | None) -> Member:
        """Make a person a member, or change what the member is; a password replaces the one there is."""
        await self._check(tenant)
        member = await self._members.add(tenant, user, roles=roles, password=password)
        await self._record(tenant, "user.added", user)
        return member

    async def members(self, tenant: str) -> Sequence[Member]:
        """The tenant's members, by id."""
        await self._check(tenant)
        return await self._members.of(tenant)

    async def remove(self, tenant: str, user: str) -> int:
        """No member any more: what the person allowed in that tenant ends on every replica within five seconds; gives how many grants."""
        await self._check(tenant)
        await self._members.remove(tenant, user)
        ended = await self._withdrawal.of_user(tenant, user, actor=operator())
        await self._record(tenant, "user.removed", user)
        return ended

    async def _check(self, tenant: str) -> None:
        if await self._tenants.find(tenant) is None:
            raise Refusal("tenant_unknown", tenant=tenant)

    async def _record(self, tenant: str, act: str, on: str) -> None:
        await self._recorder.deed(Deed(tenant=tenant, act=act, on=on, actor=operator(), at=self._clock.now()))
