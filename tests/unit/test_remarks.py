"""What 2025-x sessions said later: bounded for each tenant, and never at another tenant's cost."""

import pytest

from freehold.core.channel import LEVELS
from freehold.web import remarks
from freehold.web.remarks import Book, Told, digest


def test_a_tenant_that_says_much_pushes_out_only_its_own() -> None:
    """However many sessions one tenant begins, another's ended session stays ended and its watches stay known (TEN-01)."""
    book = Book()
    book.learn(Told("acme", "s", "ended"))
    book.learn(Told("acme", "w", "watch", "doc://1"))
    for number in range(remarks.SHARE + 50):
        book.learn(Told("globex", str(number), "level", 0))
    quiet = book.of("acme", "s")
    watching = book.of("acme", "w")
    assert quiet is not None
    assert quiet.ended
    assert watching is not None
    assert watching.watched == {digest("doc://1")}
    assert book.of("globex", "0") is None
    assert book.of("globex", str(remarks.SHARE + 49)) is not None
    assert len(book) == remarks.SHARE + 2


def test_all_tenants_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound the tenant with most sessions loses its oldest, not whoever came first."""
    monkeypatch.setattr(remarks, "MOST", 10)
    book = Book()
    book.learn(Told("small", "first", "ended"))
    for number in range(20):
        book.learn(Told("large", str(number), "ended"))
    assert len(book) == 10
    assert book.of("small", "first") is not None
    assert book.of("large", "0") is None


def test_what_is_kept_of_a_session_is_small() -> None:
    """A watched URI of any length is kept as sixteen bytes, at most a hundred of them; unwatching forgets one."""
    book = Book()
    for number in range(remarks.MOST_WATCHED + 20):
        book.learn(Told("acme", "s", "watch", f"doc://{number}/" + "x" * 8_000))
    kept = book.of("acme", "s")
    assert kept is not None
    assert {len(one) for one in kept.watched} == {16}
    assert len(kept.watched) == remarks.MOST_WATCHED
    book.learn(Told("acme", "s", "unwatch", "doc://0/" + "x" * 8_000))
    assert len(kept.watched) == remarks.MOST_WATCHED - 1
    assert (kept.level, kept.ended) == (LEVELS.index("info"), False)
    assert book.of("globex", "s") is None
