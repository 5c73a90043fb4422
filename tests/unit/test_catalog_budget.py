"""A list within a budget: always met, the same every time, nothing lost that could be called, and every word of it true."""

import json

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.tool import BYTES_PER_TOKEN
from freehold.domains.catalog.budget import LEAST, Budget, Shortlist, area, chosen, in_brief
from freehold.domains.catalog.cursors import Cursors
from freehold.domains.catalog.resolve import Catalog
from freehold.domains.catalog.standing import CALL, DESCRIBE, SEARCH
from freehold.kit.crypto import Seal
from tests.catalogs import KEY, Offered, principal, tool
from tests.long_catalogs import THINGS, long_tools

TOOLS = long_tools()
STANDING = {SEARCH, DESCRIBE, CALL}


def within(shortlist: Shortlist, *offers: Offered) -> Catalog:
    """A catalog whose list is bounded."""
    made = Catalog(Cursors(Seal(KEY)), page_size=10_000, arrangements=[Budget(shortlist)])
    made.replace(offers)
    return made


def names(made: Catalog) -> list[str]:
    """What one page of the list shows."""
    return [one["name"] for one in json.loads(made.page(principal(), "tools", None).items)]


@settings(max_examples=25, deadline=None)
@given(st.integers(LEAST, 40_000))
def test_a_budget_is_always_met(tokens: int) -> None:
    """Whatever the budget, the list takes no more, and every tool is found by its name, listed or not."""
    made = within(Shortlist(tokens=tokens), Offered("api", TOOLS))
    assert len(made.page(principal(), "tools", None).items) + len('{"tools":}') <= tokens * BYTES_PER_TOKEN
    assert all(made.find(principal(), one.name) is not None for one in TOOLS)
    shown = names(made)
    assert len(shown) == len(set(shown))
    assert set(shown) >= STANDING or len(shown) == len(TOOLS)


def test_what_fits_is_left_as_it_is() -> None:
    """A catalog within its budget is listed whole, without the three tools."""
    made = within(Shortlist(tokens=1_000), Offered("api", TOOLS[:3]))
    assert names(made) == [one.name for one in TOOLS[:3]]
    assert made.find(principal(), SEARCH) is None


def test_the_same_tools_are_listed_every_time() -> None:
    """The choice depends on the tools alone, not on their order in the document."""
    shortlist = Shortlist(tokens=3_000)
    forth = chosen([Offered("api", TOOLS)], shortlist)
    back = chosen([Offered("api", TOOLS[::-1])], shortlist)
    assert forth is not None
    assert back is not None
    assert {one.name for one in forth} == {one.name for one in back}


def test_every_area_has_a_tool_before_any_has_two_rare_ones() -> None:
    """With room for a third of the tools, all areas are in the list, each with its listing first, and nothing destructive."""
    found = chosen([Offered("api", TOOLS)], Shortlist(tokens=5_000))
    assert found is not None
    assert {area(one) for one in found} == set(THINGS)
    assert not any(one.destructive for one in found)


def test_what_is_named_used_or_of_a_tag_comes_first() -> None:
    """Names, then calls, decide before anything else; tags and kinds narrow the list, never what can be called."""
    shortlist = Shortlist(tokens=1_500, first=("delete_route",), usage={"delete_coupon": 7, "get_driver": 9})
    found = chosen([Offered("api", TOOLS)], shortlist)
    assert found is not None
    assert [one.name for one in found][:3] == ["delete_route", "get_driver", "delete_coupon"]
    made = within(Shortlist(tokens=30_000, tags=frozenset({"team"}), kinds=frozenset({"reads"})), Offered("api", TOOLS))
    assert set(names(made)) == {"list_teams", "get_team", *STANDING}
    assert made.find(principal(), "delete_invoice") is not None


def test_a_brief_accepts_what_the_tool_accepts() -> None:
    """The short schema says less and never refuses more: arguments valid for the tool are valid for what the list says of it."""
    schema = {
        "type": "object",
        "properties": {
            "id": {"$ref": "#/$defs/Id"},
            "state": {"enum": ["open", "closed"], "description": "Which. It is kept."},
            "many": {"enum": [f"choice number {number}" for number in range(50)]},
            "size": {"type": ["integer", "null"], "minimum": 3},
            **{f"more_{number}": {"type": "string"} for number in range(10)},
        },
        "required": ["id"],
        "$defs": {"Id": {"type": "string", "pattern": "^x"}},
        "additionalProperties": False,
    }
    brief = in_brief(tool("a", input_schema=schema, description="Do it. And more. " * 40))
    assert brief.description == "Do it."
    shown = brief.input_schema
    assert shown["required"] == ["id"]
    assert "many" not in shown["properties"] or "enum" not in shown["properties"]["many"]
    assert "more_9" not in shown["properties"]
    short = jsonschema_rs.validator_for(shown, offline=True)
    whole = jsonschema_rs.validator_for(schema, offline=True)
    for arguments in (
        {"id": "x1", "size": None, "state": "open"},
        {"id": "x", "more_9": "a", "many": "choice number 7"},
        {"id": "xy", "size": 3},
    ):
        assert whole.is_valid(arguments)
        assert short.is_valid(arguments)
    assert not short.is_valid({})


def test_two_sources_share_one_budget() -> None:
    """Tools that two sources call alike are listed under the names they are found by."""
    made = within(Shortlist(tokens=4_000), Offered("one", long_tools(source="one")), Offered("two", long_tools(source="two")))
    shown = set(names(made)) - STANDING
    assert shown
    assert all(name.startswith(("one_", "two_")) for name in shown)
    assert all(made.find(principal(), name) is not None for name in shown)


def test_a_caller_who_cannot_search_is_listed_what_they_may_call() -> None:
    """`allowed_tools` without `call_tool` lists every tool named, in order, whatever the budget; with it, the list is the short one."""
    made = within(Shortlist(tokens=LEAST), Offered("api", TOOLS))
    behind = [one.name for one in TOOLS if not made.edition("acme").tools[one.name].listed]
    some = frozenset({behind[3], behind[0], "no_such_tool"})

    def seen(tools: frozenset[str]) -> list[str]:
        return [one["name"] for one in json.loads(made.page(principal(tools=tools), "tools", None).items)]

    assert seen(some) == [behind[0], behind[3]]
    assert set(seen(some | STANDING)) == STANDING
    assert seen(frozenset()) == []
    without = principal(tools=some, scopes=frozenset())
    assert json.loads(made.page(without, "tools", None).items) == []
