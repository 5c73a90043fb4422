"""Tenants on both stores: made once, found, suspended and resumed; every change is announced."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.adapters.state_memory import MemoryState
from freehold.core.refusals import Refusal
from freehold.domains.tenancy.model import checked_id
from freehold.domains.tenancy.tenants import Tenant, Tenants
from freehold.kit.changes import Changes
from freehold.kit.db import Database
from tests.clocks import HandClock

pytestmark = pytest.mark.anyio


class Told:
    """Counts what a replica hears."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.times = 0

    def __call__(self) -> None:
        """Hear once."""
        self.times += 1


@pytest.fixture
def clock() -> HandClock:
    """Stands still."""
    return HandClock(now=1_800_000_000.25)


@pytest.fixture
def told() -> Told:
    """What the replica under test has heard."""
    return Told()


@pytest.fixture
def tenants(db: Database, clock: HandClock, told: Told) -> Tenants:
    """The room on an empty database."""
    changes = Changes(db, MemoryState(clock))
    changes.watch(told)
    return Tenants(db, changes, clock)


async def test_a_tenant_is_made_and_found(tenants: Tenants, told: Told) -> None:
    """A new tenant is active, keeps name, plan and moment, and is announced; another id finds nothing."""
    made = await tenants.create("acme", "Acme Ltd. “Ü”", "free")
    assert made == Tenant(id="acme", name="Acme Ltd. “Ü”", plan="free", status="active", created_at=1_800_000_000.25)
    assert await tenants.find("acme") == made
    assert await tenants.find("ACME") is None
    assert await tenants.find("globex") is None
    assert told.times == 1


async def test_all_tenants_are_listed_by_id(tenants: Tenants) -> None:
    """None at first, then each once, in the order of their ids."""
    assert await tenants.all() == []
    for tenant in ("globex", "acme", "0-zero"):
        await tenants.create(tenant, tenant.title(), "free")
    assert [tenant.id for tenant in await tenants.all()] == ["0-zero", "acme", "globex"]


async def test_an_id_is_given_once(tenants: Tenants, told: Told) -> None:
    """A second tenant of the same id is refused and changes nothing of the first; nothing is announced."""
    first = await tenants.create("acme", "Acme", "free")
    with pytest.raises(Refusal) as refused:
        await tenants.create("acme", "Impostor", "pro")
    assert (refused.value.code, str(refused.value)) == (
        "tenant_exists",
        "There is already a tenant acme. Choose another id, or use the one there is.",
    )
    assert await tenants.all() == [first]
    assert told.times == 1


async def test_of_many_at_once_one_is_made(tenants: Tenants) -> None:
    """Ten creations of one id at the same time give one tenant and nine refusals."""
    done = await asyncio.gather(*(tenants.create("acme", f"Acme {number}", "free") for number in range(10)), return_exceptions=True)
    made = [one for one in done if isinstance(one, Tenant)]
    assert [one.code for one in done if isinstance(one, Refusal)] == ["tenant_exists"] * 9
    assert await tenants.all() == made
    assert len(made) == 1


async def test_suspending_and_resuming(tenants: Tenants, told: Told) -> None:
    """Both may be done twice, touch no other tenant and nothing else of this one, and are announced each time."""
    acme, globex = await tenants.create("acme", "Acme", "free"), await tenants.create("globex", "Globex", "pro")
    for act, status in (
        (tenants.suspend, "suspended"),
        (tenants.suspend, "suspended"),
        (tenants.resume, "active"),
        (tenants.resume, "active"),
    ):
        changed = await act("acme")
        assert changed.status == status
        assert await tenants.all() == [changed, globex]
    assert changed == acme
    assert told.times == 6


async def test_an_unknown_tenant_is_refused(tenants: Tenants, told: Told) -> None:
    """Suspending or resuming what is not there says so, and tells nobody."""
    for act in (tenants.suspend, tenants.resume):
        with pytest.raises(Refusal) as refused:
            await act("acme")
        assert refused.value.code == "tenant_unknown"
    assert told.times == 0


@pytest.mark.parametrize(
    "tenant",
    [
        *("", "-acme", "Acme", "ACME", "a_b", "a.b", "a b", " acme", "acme\n", "acme.", "..", "../acme", "acme%2fglobex", "a/b", "x" * 64),
        *("ácme", "acme\u200b", "\uff41cme", "\u0430cme", "ßx", "acme\x00", "٣", "admin", "mcp", "system", ".well-known"),
    ],
)
def test_what_cannot_be_an_id_is_refused(tenant: str) -> None:
    """Case, dots, slashes, escapes, other scripts, too much length and reserved words are refused, never folded or cut (TEN-17)."""
    with pytest.raises(Refusal) as refused:
        checked_id(tenant)
    assert refused.value.code == "tenant_id_invalid"
    assert "\n" not in str(refused.value)


async def test_a_tenant_with_such_an_id_is_not_made(tenants: Tenants, told: Told) -> None:
    """The rule is kept where tenants are made: nothing is written and nobody told."""
    for tenant in ("Acme", "acme\n", "admin"):
        with pytest.raises(Refusal):
            await tenants.create(tenant, "Someone", "free")
    assert await tenants.all() == []
    assert told.times == 0


@given(st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,62}\Z"))
def test_every_slug_but_the_reserved_ones_may_be_an_id(tenant: str) -> None:
    """What follows the rule is taken as it is."""
    if tenant in {"admin", "mcp", "system"}:
        with pytest.raises(Refusal):
            checked_id(tenant)
    else:
        assert checked_id(tenant) is tenant
