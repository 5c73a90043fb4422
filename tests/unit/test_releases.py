"""What tools are called from release to release: one name, one contract, and nothing else's name."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.core.tool import Tool
from freehold.domains.sources.differences import Pair, of_pair
from freehold.domains.sources.released import in_share
from freehold.domains.sources.releases import Naming, Retiring, named, succeeding
from tests.documents import LAW, compiled, parameter

NOW, UNTIL = 1_000.0, 2_000.0
FIRST = Naming()


def offering(*operations: tuple[str, str, bool]) -> tuple[Tool, ...]:
    """Tools by operation id, path, and whether they need an argument."""
    paths: dict[str, Any] = {}
    for name, path, needs in operations:
        parameters = [parameter("q", "query", required=True)] if needs else []
        paths[path] = {"get": {"operationId": name, "summary": "S.", "parameters": parameters}}
    return compiled(paths).tools


def after(before: tuple[Tool, ...], now: tuple[Tool, ...], naming: Naming = FIRST, release: int = 1) -> Naming:
    """The naming that follows."""
    return succeeding(release, before, naming, now, now=NOW, until=UNTIL)


def served(tools: tuple[Tool, ...], naming: Naming) -> list[str]:
    """The names in order."""
    return [tool.name for tool in named(tools, naming)]


def test_a_breaking_change_comes_beside_what_it_breaks() -> None:
    """`get_a` needs an argument now: it is get_a_v2, a version of get_a, which stays as the first release had it until its sunset."""
    before, now = offering(("getA", "/a", False), ("getB", "/b", False)), offering(("getA", "/a", True), ("getB", "/b", False))
    naming = after(before, now)
    assert [(tool.name, tool.version_of) for tool in named(now, naming)] == [("get_a_v2", "get_a"), ("get_b", None)]
    assert naming.retiring == (Retiring(name="get_a", release=1, tool="get_a", successor="get_a_v2", until=UNTIL),)
    assert after(before, before) == Naming()


def test_a_later_break_counts_on_and_leads_to_the_latest() -> None:
    """Two breaking changes make _v2 and _v3; both earlier versions name the latest as successor; the first is past its sunset later."""
    free, needs = offering(("getA", "/a", False)), offering(("getA", "/a", True))
    second = after(free, needs)
    third = after(needs, free_with_number(), second, release=2)
    assert served(free_with_number(), third) == ["get_a_v3"]
    assert {(one.name, one.release, one.successor) for one in third.retiring} == {("get_a_v2", 2, "get_a_v3"), ("get_a", 1, "get_a_v3")}
    later = succeeding(3, free_with_number(), third, free_with_number(), now=UNTIL, until=UNTIL + 1)
    assert later.retiring == ()
    assert served(free_with_number(), later) == ["get_a_v3"]


def free_with_number() -> tuple[Tool, ...]:
    """`getA` with another argument it needs."""
    return compiled({"/a": {"get": {"operationId": "getA", "summary": "S.", "parameters": [parameter("n", "query", required=True)]}}}).tools


def test_a_renamed_operation_keeps_its_old_name_for_a_while() -> None:
    """The tool at the same place has its new name, and the old one leads to it; edits of the old one hold for the new one."""
    before, now = offering(("getA", "/a", False)), offering(("showA", "/a", False))
    naming = after(before, now)
    assert [(tool.name, tool.version_of) for tool in named(now, naming)] == [("show_a", "get_a")]
    assert [(one.name, one.successor) for one in naming.retiring] == [("get_a", "show_a")]


def test_what_is_removed_is_gone_with_its_earlier_versions() -> None:
    """A tool the document no longer has is offered to nobody who is not pinned, under any of its names."""
    free, needs = offering(("getA", "/a", False)), offering(("getA", "/a", True))
    gone = after(needs, offering(("getB", "/b", False)), after(free, needs), release=2)
    assert gone == Naming()


def test_names_stay_within_what_every_client_takes() -> None:
    """A name of 64 characters gets its version inside them."""
    name = "get_" + "a" * 60
    before = tuple(replace(tool, name=name) for tool in offering(("getA", "/a", False)))
    now = tuple(replace(tool, name=name) for tool in offering(("getA", "/a", True)))
    (later,) = named(now, after(before, now))
    assert later.name == f"get_{'a' * 57}_v2"


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["getA", "getAV2", "getB", "getC"]), st.sampled_from(["/a", "/b", "/c"]), st.booleans()),
    unique_by=(lambda one: one[0], lambda one: one[1]),
    min_size=1,
)


@LAW
@given(st.lists(OPERATIONS, min_size=2, max_size=5))
def test_no_two_tools_share_a_name_and_a_name_that_stays_keeps_its_contract(history: list[list[tuple[str, str, bool]]]) -> None:
    """Through any history of releases names are unique, and whoever calls a name that is still there is not refused what was accepted."""
    naming, before = Naming(), offering(*history[0])
    for release, operations in enumerate(history[1:], start=1):
        now = offering(*operations)
        following = succeeding(release, before, naming, now, now=NOW, until=UNTIL)
        names = [*served(now, following), *(one.name for one in following.retiring)]
        assert len(set(names)) == len(names)
        earlier = {tool.name: tool for tool in named(before, naming)}
        for tool in named(now, following):
            if tool.name in earlier:
                assert not any(one.breaking for one in of_pair(Pair(earlier[tool.name], tool)))
        naming, before = following, now


@LAW
@given(st.text("abcxyz", min_size=1), st.integers(1, 9), st.integers(1, 98))
def test_a_larger_share_has_the_smaller_one_in_it(tenant: str, release: int, share: int) -> None:
    """A tenant that is shown a canary stays with it when its share grows; nobody is in no share, everybody in the whole."""
    if in_share("shop", release, tenant, share):
        assert in_share("shop", release, tenant, share + 1)
    assert not in_share("shop", release, tenant, 0)
    assert in_share("shop", release, tenant, 100)


def test_shares_are_about_as_large_as_they_say() -> None:
    """Of a thousand tenants a share of ten in a hundred is about a hundred, and other ones for another release."""
    tenants = [f"tenant-{number}" for number in range(1_000)]
    first, second = ({tenant for tenant in tenants if in_share("shop", release, tenant, 10)} for release in (1, 2))
    assert 70 < len(first) < 130
    assert first != second
