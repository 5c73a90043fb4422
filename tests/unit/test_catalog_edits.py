"""Edits of the catalog as pure values: what each member does, in which order, and the law that a tenant's only take away."""

import pytest
from hypothesis import example, given
from hypothesis import settings as laws
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.catalog.edits import Edit, Edited, Told, check_name, checked, edited
from freehold.domains.catalog.edits_file import edits
from freehold.kit.errors import Misconfigured
from tests.catalogs import principal, tool

NAMES = ("get_one", "get_two", "delete_one")
TOOLS = [tool(name, frozenset({"mcp:read"})) for name in NAMES]
PLANS = ("free", "pro")
ROLES = ("admin", "clerk")
SCOPES = ("mcp:read", "mcp:write")


def stored(*given: Edit) -> list[Told]:
    """Edits as the operator stored them."""
    return [Told("operator", edit) for edit in given]


def theirs(*given: Edit) -> list[Told]:
    """Edits of a tenant."""
    return [Told("tenant", edit) for edit in given]


def names(seen: list[Edited]) -> list[str]:
    """What is offered."""
    return [one.tool.name for one in seen if one.offered]


def test_an_edit_changes_what_it_names_and_nothing_else() -> None:
    """Members that are None leave the tool as it was, and a tool no edit speaks of stays the same object."""
    seen = edited(TOOLS, stored(Edit(pattern="get_one", title="One", description="Another.", plans=frozenset({"pro"}))), [])
    first = seen[0].tool
    assert (first.name, first.title, first.description, first.plans, first.scopes) == (
        "get_one",
        "One",
        "Another.",
        {"pro"},
        {"mcp:read"},
    )
    assert [one.tool for one in seen[1:]] == TOOLS[1:]
    assert all(one.by == () for one in seen[1:])


def test_the_more_exact_word_counts_for_each_member_by_itself() -> None:
    """Patterns before names, the file before what is stored; what the later one leaves open stays as the earlier said."""
    told = [
        Told("operator", Edit(pattern="get_one", title="Stored")),
        Told("file", Edit(pattern="get_one", title="File", description="File.")),
        Told("operator", Edit(pattern="get_*", enabled=False)),
        Told("operator", Edit(pattern="get_t*", enabled=True)),
    ]
    seen = edited(TOOLS, told, [])
    assert (seen[0].tool.title, seen[0].tool.description) == ("Stored", "File.")
    assert names(seen) == ["get_two", "delete_one"]
    heeded = [("file", "get_one"), ("operator", "get_*"), ("operator", "get_one")]
    for any_order in (told, told[::-1]):
        assert [(each.origin, each.edit.pattern) for each in edited(TOOLS, any_order, [])[0].by] == heeded


def test_a_tenants_edit_speaks_of_the_name_the_operator_gave() -> None:
    """After a rename the old name means nothing to the tenant's edits, and a taken name leaves the tool its own."""
    operator = stored(Edit(pattern="get_one", name="fetch"))
    assert names(edited(TOOLS, operator, theirs(Edit(pattern="get_one", enabled=False)))) == ["fetch", "get_two", "delete_one"]
    assert names(edited(TOOLS, operator, theirs(Edit(pattern="fetch", name="mine")))) == ["mine", "get_two", "delete_one"]
    taken = stored(Edit(pattern="get_one", name="get_two"), Edit(pattern="delete_one", name="x"), Edit(pattern="get_two", name="x"))
    assert names(edited(TOOLS, taken, [])) == ["get_one", "x", "delete_one"]


@pytest.mark.parametrize(
    "edit",
    [
        Edit(pattern="get_one"),
        Edit(pattern="", enabled=False),
        Edit(pattern="get one", enabled=False),
        Edit(pattern="x" * 65, enabled=False),
        Edit(pattern="get_*", name="one"),
        Edit(pattern="get_one", name="x" * 65),
        Edit(pattern="get_one", name="größe"),
        Edit(pattern="get_one", name="Free-Hold_1"),
        Edit(pattern="get_one", name="search_tools"),
        Edit(pattern="get_one", title="\x1b[31m"),
        Edit(pattern="get_one", description=""),
        Edit(pattern="get_one", roles=frozenset({"two words"})),
    ],
)
def test_an_edit_that_could_not_be_heeded_is_refused(edit: Edit) -> None:
    """Each with the code `edit_invalid` and a mend."""
    with pytest.raises(Refusal) as refused:
        checked(edit)
    assert refused.value.code == "edit_invalid"
    assert refused.value.mend.endswith(".")


def test_a_name_that_is_taken_is_refused() -> None:
    """By a tool there is, also one that is disabled or renamed itself, and by another edit; its own name is no other tool's."""
    seen = edited(TOOLS, stored(Edit(pattern="get_two", name="second"), Edit(pattern="delete_one", enabled=False)), [])
    for name in ("get_two", "second", "delete_one"):
        with pytest.raises(Refusal):
            check_name(Edit(pattern="get_one", name=name), TOOLS, seen)
    check_name(Edit(pattern="get_one", name="free"), TOOLS, seen)
    check_name(Edit(pattern="get_one", name="get_one"), TOOLS, seen)
    check_name(Edit(pattern="get_two", name="second"), TOOLS, seen)


def subsets(of: tuple[str, ...]) -> st.SearchStrategy[frozenset[str] | None]:
    """No word about it, or any of these."""
    return st.none() | st.frozensets(st.sampled_from(of))


EDITS = st.lists(
    st.builds(
        lambda pattern, **said: Edit(pattern=pattern, **said),
        pattern=st.sampled_from(("*", "get_*", "get_one", "delete_one", "renamed")),
        enabled=st.none() | st.booleans(),
        name=st.none() | st.sampled_from(("renamed", "other", "get_two")),
        plans=subsets(PLANS),
        roles=subsets(ROLES),
        scopes=subsets(SCOPES),
    ),
    max_size=4,
    unique_by=lambda edit: edit.pattern,
)


def caller(plan: str, roles: frozenset[str] = frozenset(), scopes: frozenset[str] = frozenset(SCOPES)) -> Principal:
    """Somebody of acme."""
    return replace(principal(scopes=scopes), plan=plan, roles=roles)


CALLERS = st.builds(
    caller,
    st.sampled_from(PLANS),
    st.frozensets(st.sampled_from(ROLES)),
    st.frozensets(st.sampled_from(SCOPES)),
)


def may(who: Principal, seen: list[Edited]) -> set[str]:
    """The tools, by their first names, that this caller may use."""
    return {one.was for one in seen if one.offered and allowed(who, one.tool)}


def allowed(who: Principal, tool: Tool) -> bool:
    """As the catalog has it, said once more."""
    planned = not tool.plans or who.plan in tool.plans
    return planned and (not tool.roles or bool(tool.roles & who.roles)) and tool.scopes <= who.scopes


@laws(max_examples=500)
@given(EDITS, EDITS, CALLERS)
@example([Edit(pattern="*", plans=frozenset({"pro"}))], [Edit(pattern="*", plans=frozenset({"free"}))], caller("free"))
@example([Edit(pattern="*", roles=frozenset({"admin"}))], [Edit(pattern="*", roles=frozenset())], caller("free"))
@example([Edit(pattern="*", enabled=False)], [Edit(pattern="*", enabled=True)], caller("free"))
def test_a_tenants_edits_never_widen_what_the_operator_allows(operator: list[Edit], tenant: list[Edit], who: Principal) -> None:
    """Law: whatever both say, whoever asks, with the tenant's edits a caller may use a part of what it may use without them."""
    assert may(who, edited(TOOLS, stored(*operator), theirs(*tenant))) <= may(who, edited(TOOLS, stored(*operator), []))


@given(EDITS, EDITS)
def test_names_stay_unique_whatever_is_renamed(operator: list[Edit], tenant: list[Edit]) -> None:
    """Law: no two tools have one name, and no tool has the first name of another."""
    seen = edited(TOOLS, stored(*operator), theirs(*tenant))
    assert len({one.tool.name for one in seen}) == len(seen)
    assert not [one for one in seen if one.tool.name != one.was and one.tool.name in NAMES]


def test_the_file_gives_edits_or_a_sentence() -> None:
    """A table below `tools` is an edit under its own name; what is wrong is named with the table and the mend."""
    assert edits({"get_one": {"enabled": False}, "get_*": {"roles": ["admin"]}}) == (
        Edit(pattern="get_one", enabled=False),
        Edit(pattern="get_*", roles=frozenset({"admin"})),
    )
    for said, sentence in (
        ({"get_one": 1}, "catalog.toml: [tools.get_one] is no table"),
        ({"get_*": {"enable": True}}, 'catalog.toml: [tools."get_*"]: object contains unknown field `enable`. Use enabled, name,'),
        ({"a": {"enabled": "yes"}}, "catalog.toml: [tools.a]: expected `bool | null`"),
        ({"a": {"pattern": "b"}}, "there is no setting 'pattern'"),
        ({"a": {}}, "it changes nothing. Say what is to be different."),
    ):
        with pytest.raises(Misconfigured) as refused:
            edits(said)
        assert sentence in str(refused.value)


def test_the_caller_of_these_tests_is_one_the_catalog_knows() -> None:
    """The made-up caller has a plan and no roles, as every API key."""
    assert (principal().plan, principal().roles) == ("free", frozenset())
