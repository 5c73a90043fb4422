"""Search over a catalog and the check that a shorter list still leads to the right tool."""

from freehold.core.tool import Brief
from freehold.domains.catalog.budget import in_brief
from freehold.domains.catalog.recall import Question, questions, recall
from freehold.domains.catalog.search import Index, stem, words
from tests.catalogs import tool
from tests.long_catalogs import long_tools

TOOLS = long_tools()


def first(query: str) -> str:
    """The best tool for a query."""
    return Index(TOOLS).search(query, 5)[0].name


def test_a_query_finds_its_tool_in_other_words() -> None:
    """Plurals, other verbs of the same meaning, names in any spelling and prose lead to the same tool."""
    for query in ("create invoice", "make a new invoice", "add invoices", "createInvoice", "please insert the Invoice"):
        assert first(query) == "create_invoice", query
    assert first("show me one shipment") == "get_shipment"
    assert first("all shipments") == "list_shipments"
    assert first("remove a coupon") == "delete_coupon"


def test_the_name_that_was_meant_comes_before_longer_ones() -> None:
    """`create_issue` comes before what is made of an issue, unless that was asked for."""
    index = Index([tool("create_issue_comment"), tool("create_issue"), tool("create_issue_label")])
    assert index.search("create an issue", 3)[0].name == "create_issue"
    assert index.search("create an issue label", 3)[0].name == "create_issue_label"


def test_nothing_is_found_by_words_no_tool_has() -> None:
    """Neither stop words nor strange ones nor an endless query find anything, and a limit is kept."""
    index = Index(TOOLS)
    for query in ("", "the of and", "zzz qqq", "€ \x00 🦆"):
        assert index.search(query, 5) == []
    assert len(index.search("invoice customer shipment", 4)) == 4
    assert len(index.search("invoice " * 100_000, 50)) <= 50
    assert Index([]).search("invoice", 5) == []


def test_words_and_stems() -> None:
    """Names fall into words, and forms of one word are one."""
    assert words("list_pullRequests HTTPServer2 of the ordersV2") == ["list", "pull", "requests", "http", "server", "2", "orders", "v", "2"]
    assert {stem(each) for each in ("create", "created", "creating", "creates")} == {stem("create")}
    assert stem("repositories") == stem("repo")


def test_questions_are_the_same_every_time_and_not_the_tools_own_words() -> None:
    """They are made from what tools say with words left out and verbs exchanged; what says too little is not asked for."""
    asked = questions(TOOLS)
    assert asked == questions(TOOLS)
    assert 100 <= len(asked) <= len(TOOLS)
    said = {one.name: one.description.lower() for one in TOOLS}
    assert all(one.text not in said[one.tool] for one in asked)
    assert questions([tool("a", description="Do it.")]) == []
    twins = [tool(name, description="Something two tools say alike.") for name in ("a", "b")]
    assert questions(twins) == []


def test_the_check_turns_red_when_words_are_lost() -> None:
    """A list whose briefs keep the words passes; one whose briefs say nothing fails and names what was lost."""
    asked = questions(TOOLS)
    kept = recall(TOOLS, {one.name: in_brief(one) for one in TOOLS}, asked)
    assert kept.kept
    assert kept.whole > 0.8
    empty = Brief(description="", input_schema={"type": "object"})
    named = [one.name for one in TOOLS if one.name.startswith("create")]
    lost = recall(
        [tool(f"t{number}", description=one.description) if one.name in named else one for number, one in enumerate(TOOLS)],
        {f"t{number}": empty for number, one in enumerate(TOOLS) if one.name in named},
        [Question("create invoice", f"t{number}") for number, one in enumerate(TOOLS) if one.name == "create_invoice"],
    )
    assert not lost.kept
    assert [one.text for one in lost.lost] == ["create invoice"]
    assert recall(TOOLS, {}, []).kept
