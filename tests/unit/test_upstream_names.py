"""Names and words of other MCP servers: reversible, unique, short enough, and without what nobody sees."""

import re

from hypothesis import given
from hypothesis import strategies as st

from freehold.domains.sources.upstream import naming
from freehold.domains.sources.upstream.words import attributed, hides, shown

SOURCES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)
NAMES = st.lists(st.one_of(st.from_regex(r"[A-Za-z0-9_./-]{1,128}", fullmatch=True), st.text(min_size=1, max_size=40)), max_size=30)


@given(SOURCES, NAMES)
def test_every_name_has_one_of_its_own_that_all_clients_take(source: str, theirs: list[str]) -> None:
    """Ours are as many as theirs, within 64 characters of the plain alphabet, behind the source's name, whatever the order."""
    ours = naming.names(source, theirs)
    assert set(ours) == set(theirs)
    assert len(set(ours.values())) == len(ours)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) and name.startswith(f"{source}_") for name in ours.values())
    assert ours == naming.names(source, reversed(theirs))


@given(SOURCES, st.from_regex(r"[A-Za-z0-9_-]{1,31}", fullmatch=True))
def test_a_plain_name_comes_back_exactly(source: str, name: str) -> None:
    """Without a digest the mapping needs no table, and another source's name is not taken for ours."""
    ours = naming.names(source, [name])[name]
    assert naming.plainly(source, ours) == name
    assert naming.plainly(f"{source}x", ours) is None


def test_two_servers_cannot_take_each_other_s_names() -> None:
    """A tool that calls itself as another source's is still behind its own source's name."""
    assert naming.names("b", ["a_search"]) == {"a_search": "b_a_search"}
    assert naming.names("a", ["search"]) == {"search": "a_search"}


@given(SOURCES, st.text(max_size=200))
def test_a_uri_comes_back_exactly(source: str, uri: str) -> None:
    """Whatever it is made of, and only for its own source."""
    assert naming.uri_back(source, naming.uri(source, uri)) == uri
    assert naming.uri_back(f"{source}x", naming.uri(source, uri)) is None


@given(st.text(max_size=300))
def test_what_is_shown_hides_nothing(text: str) -> None:
    """And showing it again changes nothing more."""
    assert not hides(shown(text))
    assert shown(shown(text)) == shown(text)


def test_scripts_and_emoji_survive() -> None:
    """Joiners and selectors stay where a script or an emoji needs them; tags, marks of direction and blanks without width go."""
    for plain in ("👩‍👩‍👧", "❤️", "می‌خواهم", "क्‍ष", "naïve — «ok»", "日本語"):
        assert shown(plain) == plain
    assert shown("a\u200bb\u202ec\U000e0041d\u00ade") == "abcde"
    assert attributed("notion", "") == "[notion]"
