"""The search as one caller has it: over their own tenant's tools, listed or not, as they are now."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.call import Call, Outcome
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.catalog.cursors import Cursors
from freehold.domains.catalog.edition import Offer
from freehold.domains.catalog.resolve import Catalog
from freehold.domains.catalog.search import Index
from freehold.domains.catalog.standing import Standing
from freehold.kit.crypto import Seal
from tests.catalogs import KEY, SCOPES, Offered, principal, tool

pytestmark = pytest.mark.anyio

LISTED = tool("list_orders")
BEHIND = tool("delete_coupon", listed=False)


async def unread(_: Call, /) -> Outcome:
    """Nothing was cut here."""
    raise Refusal("unknown_continuation")


class WithoutCoupons:
    """An arrangement that takes the coupons away from globex."""

    def key(self, tenant: str) -> str | None:
        """Only globex is different."""
        return tenant if tenant == "globex" else None

    def arranged(self, tenant: str, offers: Sequence[Offer]) -> Sequence[Offer]:
        """Whatever has coupon in its name goes."""
        return [Offered(offer.name, [one for one in offer.tools if "coupon" not in one.name]) for offer in offers]


def made(*tools: Tool) -> Catalog:
    """A catalog of these, without coupons for globex."""
    catalog = Catalog(Cursors(Seal(KEY)), page_size=10, arrangements=[WithoutCoupons()])
    catalog.replace([Offered("api", tools)])
    return catalog


async def found(standing: Standing, who: Principal, query: str = "coupon orders") -> set[str]:
    """The names this caller finds."""
    return {one.name for one in (await standing.index(who)).search(query, 10)}


async def test_tenants_with_the_same_list_do_not_share_what_is_behind_it() -> None:
    """Where two tenants are listed the same, one still never finds a tool that is there for the other alone (TEN-04)."""
    catalog = made(LISTED, BEHIND)
    standing = Standing(catalog, unread)
    assert catalog.edition("acme").version == catalog.edition("globex").version
    assert await found(standing, principal("acme")) == {"list_orders", "delete_coupon"}
    assert await found(standing, principal("globex")) == {"list_orders"}
    assert await found(standing, principal("acme")) == {"list_orders", "delete_coupon"}


async def test_a_changed_tool_that_is_not_listed_is_found_as_it_is_now() -> None:
    """After a refresh that leaves the list as it was, the search knows the new tools and none that are gone."""
    catalog = made(LISTED, BEHIND)
    standing = Standing(catalog, unread)
    await found(standing, principal())
    catalog.replace([Offered("api", [LISTED, tool("delete_invoice", listed=False)])])
    assert await found(standing, principal(), "coupon invoice") == {"delete_invoice"}


async def test_an_index_is_made_once_for_all_who_see_the_same() -> None:
    """Callers of two tenants with the same rights share an index; one with other rights has another."""
    standing = Standing(made(LISTED, BEHIND, tool("get_coupon", frozenset({"mcp:read"}), listed=False)), unread)
    first = await standing.index(principal("acme"))
    assert await standing.index(principal("initech")) is first
    assert await found(standing, principal("acme", scopes=frozenset())) == {"list_orders", "delete_coupon"}
    assert await found(standing, principal("acme", tools=frozenset({"get_coupon"}))) == {"get_coupon"}


some_scopes = st.frozensets(st.sampled_from(SCOPES))


@given(st.lists(some_scopes, min_size=6, max_size=6), some_scopes, st.none() | st.frozensets(st.sampled_from("abcdef")))
def test_a_search_reads_what_may_be_called(needed: list[frozenset[str]], scopes: frozenset[str], allowed: frozenset[str] | None) -> None:
    """For any rights, a search reads the tools of those scopes and `allowed_tools` alone, half of them listed or not (AZ-02)."""
    tools = [tool(name, each, description="An order.", listed=name < "d") for name, each in zip("abcdef", needed, strict=True)]
    who = principal(scopes=scopes, tools=allowed)
    _, read = made(*tools).seen(who)
    expected = {one.name for one in tools if one.scopes <= scopes and (allowed is None or one.name in allowed)}
    assert {one.name for one in Index(read).search("order", 10)} == expected
