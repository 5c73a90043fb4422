"""Cursors: one spelling, nothing to read in them, and worth something to one tenant, list and version only."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.refusals import Refusal
from freehold.domains.catalog.cursors import Cursors
from freehold.kit.crypto import Seal
from tests.catalogs import KEY, KINDS, of_tools, principal, refused, tool

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

bindings = st.tuples(st.text(min_size=1, max_size=20), st.text(max_size=20), st.sampled_from(KINDS))


@given(bindings, st.integers(0, 2**32 - 1), bindings)
def test_a_cursor_opens_for_its_tenant_list_and_version_only(binding: tuple[str, str, str], page: int, other: tuple[str, str, str]) -> None:
    """A cursor opens to its page for what it was sealed for, and for no other tenant, version or list (TEN-04)."""
    cursors = Cursors(Seal(KEY))
    cursor = cursors.seal(*binding, page)
    assert cursors.open(*binding, cursor) == page
    if other != binding:
        with pytest.raises(Refusal):
            cursors.open(*other, cursor)


@pytest.mark.parametrize(("one", "other"), [(("ab", "c"), ("a", "bc")), (("a", "b"), ("b", "a")), (("a|b", ""), ("a", "b|"))])
def test_what_a_cursor_is_bound_to_cannot_be_cut_elsewhere(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Tenant and version run together make no other pair's cursor (TEN-04)."""
    cursors = Cursors(Seal(KEY))
    with pytest.raises(Refusal):
        cursors.open(*other, "tools", cursors.seal(*one, "tools", 1))


def test_nothing_of_a_cursor_can_be_read() -> None:
    """Two cursors of one page share no more than the version byte, and neither shows page, tenant, version or list."""
    cursors = Cursors(Seal(KEY))
    spelled = [cursors.seal("acme", "v1", "tools", 1) for _ in range(2)]
    raw = [base64.urlsafe_b64decode(cursor) for cursor in spelled]
    assert raw[0][:1] == raw[1][:1] == b"\x01"
    assert raw[0][1:] != raw[1][1:]
    for one in raw:
        assert not any(plain in one for plain in (b"acme", b"v1", b"tools", (1).to_bytes(4, "big")))


@given(st.integers(0, 2**32 - 1), st.characters())
def test_any_changed_character_refuses(page: int, put: str) -> None:
    """A cursor with any one character changed is refused, whatever is put there (TEN-04)."""
    cursors = Cursors(Seal(KEY))
    cursor = cursors.seal("acme", "v", "tools", page)
    for at, kept in enumerate(cursor):
        for other in {*"AEIMQUYcgkosw048+/-_=", chr(ord(kept) + 1), chr(ord(kept) - 1), put} - {kept}:
            with pytest.raises(Refusal) as refusal:
                cursors.open("acme", "v", "tools", cursor[:at] + other + cursor[at + 1 :])
            assert refusal.value.code == "invalid_cursor"


def test_a_cursor_has_one_spelling() -> None:
    """The other base64 alphabet, padding, white space, more and less of it do not make a second spelling of a cursor."""
    cursors = Cursors(Seal(KEY))
    for page in range(200):
        cursor = cursors.seal("acme", "v", "tools", page)
        assert set(cursor) <= set(ALPHABET)
        plain = base64.b64encode(base64.urlsafe_b64decode(cursor)).decode()
        others = {plain, plain.replace("+", "-"), plain.replace("/", "_"), cursor + "=", f" {cursor}", f"{cursor}\n", cursor + "AAAA"}
        for other in {*others, cursor[:-1], cursor[:-1] + "=", cursor[:-4]} - {cursor}:
            with pytest.raises(Refusal):
                cursors.open("acme", "v", "tools", other)


@given(st.text() | st.text(ALPHABET, min_size=44, max_size=44))
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    """Whatever a caller sends as a cursor is refused in words, never an exception of another kind (TEN-04)."""
    assert refused(of_tools(tool("a"), tool("b"), page_size=1), principal(), text)


def test_the_empty_cursor_is_a_cursor_and_none_of_ours() -> None:
    """An empty string does not begin the list again: it is a value, and refused (server/utilities/pagination)."""
    made = of_tools(tool("a"))
    assert all(refused(made, principal(), "", kind) for kind in KINDS)
    assert made.page(principal(), "tools", None).following is None


def test_a_page_beyond_the_end_is_refused() -> None:
    """A cursor to a page the caller's own view does not have, sealed by another view of the same tenant, is refused."""
    made = of_tools(tool("a", frozenset({"mcp:read"})), tool("b", frozenset({"mcp:write"})), page_size=1)
    cursor = made.page(principal(), "tools", None).following
    assert cursor is not None
    assert refused(made, principal(scopes=frozenset({"mcp:read"})), cursor)
