"""Names that look alike, definitions and what is different between two: as pure values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.domains.catalog.definitions import canonical, difference, digest
from freehold.domains.catalog.lookalikes import near, skeleton
from tests.catalogs import tool


@pytest.mark.parametrize(
    "other",
    [
        "Get_Invoice",
        "get-invoice",
        "getinvoice",
        "get_1nvoice",
        "get_lnvoice",
        "get_Invo1ce",
        "get_inv0ice",
        "get_inv\u043eice",
        "g\u0435t_invoice",
        "\uff47et_invoice",
        "get\u200b_invoice",
        "get_inv\u00f6ice",
    ],
)
def test_names_that_look_alike_have_one_skeleton(other: str) -> None:
    """Case, separators, digits for letters, other alphabets, full width, invisible characters and accents make no difference."""
    assert skeleton(other) == skeleton("get_invoice")


def test_other_names_have_other_skeletons() -> None:
    """A plural, a verb more or another letter is another name."""
    found = {skeleton(name) for name in ("get_invoice", "get_invoices", "set_invoice", "list_invoice", "get_invoice_pdf")}
    assert len(found) == 5


def test_one_keystroke_is_near_for_long_names_only() -> None:
    """One character more, less or other; two are not, and neither are short names."""
    assert all(near("get_invoice", other) for other in ("get_invoices", "get_invoic", "set_invoice", "get_invoicf"))
    assert not any(near("get_invoice", other) for other in ("get_invoice", "get_invo", "sat_invoice", "invoice"))
    assert not near("add", "ad")


@given(st.text("abc_", min_size=8, max_size=12), st.integers(0, 11), st.sampled_from("xyz"))
def test_near_is_the_same_both_ways(name: str, at: int, letter: str) -> None:
    """Law: a replaced, inserted or taken character is seen from either side."""
    place = at % len(name)
    for other in (name[:place] + letter + name[place:], name[:place] + letter + name[place + 1 :]):
        assert near(name, other)
        assert near(other, name)


def test_a_digest_is_of_what_agents_read() -> None:
    """Equal for equal definitions whatever the order of members; another when any word, schema or annotation is."""
    one = tool("x", input_schema={"type": "object", "properties": {"a": {}, "b": {}}})
    assert digest(one) == digest(tool("x", input_schema={"properties": {"b": {}, "a": {}}, "type": "object"}))
    assert digest(one) == digest(replace(one, scopes=frozenset({"other"}), trusted=False))
    changes = ({"description": "Other."}, {"name": "y"}, {"title": "T"}, {"input_schema": {}}, {"output_schema": {}}, {"read_only": True})
    assert len({digest(one), *(digest(replace(one, **change)) for change in changes)}) == 7


def test_the_difference_is_word_by_word() -> None:
    """Only members that are another one are shown, gone and new words marked."""
    before, after = tool("x", description="Read one invoice."), tool("x", description="Read every secret invoice.")
    assert difference(canonical(before).decode(), canonical(after).decode()) == {
        "description": "Read [-one-]{+every secret+} invoice.",
    }
    assert difference("", canonical(before).decode())["description"] == "{+Read one invoice.+}"
