"""What an answer says of its pages: the exact arguments of the next one, in every style, and never a page that is not there."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core import records
from freehold.domains.sources.paging import hint, plan, sentence

WHOLE = {"type": "integer"}
TEXT = {"type": "string"}


def following(value: Any, given_: dict[str, Any], headers: dict[str, str] | None = None, **properties: Any) -> Any:
    """The hint for an answer of a tool with these arguments."""
    paging = plan({"properties": properties}, {name: name for name in properties})
    assert paging is not None
    return hint(value, headers or {}, given_, paging)


@pytest.mark.parametrize(
    ("value", "arguments", "properties", "changed"),
    [
        ({"items": [1], "next_cursor": "c2"}, {}, {"cursor": TEXT}, {"cursor": "c2"}),
        ({"members": [1], "response_metadata": {"next_cursor": "c2"}}, {"cursor": "c1"}, {"cursor": TEXT}, {"cursor": "c2"}),
        ({"items": [1], "nextPageToken": "t"}, {}, {"pageToken": TEXT}, {"pageToken": "t"}),
        ({"items": [1], "metadata": {"continue": "k"}}, {}, {"continue": TEXT}, {"continue": "k"}),
        ({"results": [1], "has_more": True, "next_cursor": "n"}, {}, {"start_cursor": TEXT}, {"start_cursor": "n"}),
        ({"data": [{"id": "ch_9"}], "has_more": True}, {"limit": 1}, {"starting_after": TEXT, "limit": WHOLE}, {"starting_after": "ch_9"}),
        ({"data": [1, 2], "total": 5}, {"offset": 1}, {"offset": WHOLE, "limit": WHOLE}, {"offset": 3}),
        ({"data": [1, 2], "meta": {"total": 9}}, {"page": 2, "per_page": 2}, {"page": WHOLE, "per_page": WHOLE}, {"page": 3}),
        ({"data": [1], "pagination": {"has_next": True}}, {}, {"page": {**WHOLE, "default": 0}}, {"page": 1}),
        ({"count": 9, "next": "https://api.example.com/x?page=2&secret=1", "results": [1]}, {}, {"page": WHOLE}, {"page": 2}),
        ({"_links": {"next": {"href": "/x?page=4"}}, "items": [1]}, {"page": 3}, {"page": WHOLE}, {"page": 4}),
        ({"value": [1], "@odata.nextLink": "https://h.example.com/x?$skip=20"}, {}, {"$skip": WHOLE}, {"$skip": 20}),
    ],
)
def test_the_next_page_in_every_style(value: Any, arguments: dict[str, Any], properties: dict[str, Any], changed: dict[str, Any]) -> None:
    """Cursors, links, page numbers, offsets and last ids become the caller's own arguments with the new ones."""
    said = following(value, arguments, **properties)
    assert said["next"] == {**arguments, **changed}
    assert all(f"{name}={each!r}" in sentence(said, arguments) for name, each in changed.items())


def test_a_link_header_is_read_and_its_host_means_nothing() -> None:
    """GitHub's way: only the query counts, and only for arguments that page."""
    link = '<https://evil.example/x?page=1>; rel="prev", <https://evil.example/x?page=3&per_page=50&owner=mallory>; rel="next"'
    properties = {"owner": TEXT, "page": WHOLE, "per_page": WHOLE}
    said = following([1] * 50, {"owner": "a", "page": 2, "per_page": 50}, {"link": link}, **properties)
    assert said == {"shown": 50, "next": {"owner": "a", "page": 3, "per_page": 50}}
    assert "evil" not in sentence(said, {"page": 2})
    assert "mallory" not in str(said)


@pytest.mark.parametrize(
    ("value", "arguments", "properties"),
    [
        ({"items": [1], "next_cursor": None}, {"cursor": "c1"}, {"cursor": TEXT}),
        ({"items": [1], "next_cursor": ""}, {"cursor": "c1"}, {"cursor": TEXT}),
        ({"items": [1], "next_cursor": "c1"}, {"cursor": "c1"}, {"cursor": TEXT}),
        ({"data": [{"id": 1}], "has_more": False}, {}, {"starting_after": TEXT}),
        ({"items": [1, 2], "total": 2}, {}, {"offset": WHOLE}),
        ({"items": [1, 2]}, {"page": 1}, {"page": WHOLE, "per_page": WHOLE}),
        ({"items": [], "total": 50}, {"page": 9, "per_page": 10}, {"page": WHOLE, "per_page": WHOLE}),
        ({"data": [1], "paging": {"cursors": {"after": "last"}}}, {}, {"after": TEXT}),
        ({"items": [1], "href": "https://h.example.com/x?offset=0", "next": None, "total": 99}, {}, {"offset": WHOLE}),
    ],
)
def test_no_page_is_claimed_that_the_answer_does_not_show(value: Any, arguments: dict[str, Any], properties: dict[str, Any]) -> None:
    """An ended cursor, the same cursor, a full page without a total: nothing follows."""
    said = following(value, arguments, **properties)
    assert said["next"] is None
    assert sentence(said, arguments).endswith("shown.")


def test_what_does_not_page_has_no_plan() -> None:
    """A date called `start` counts nothing, a size alone does not page, and an answer without records has no hint."""
    assert (
        plan({"properties": {"start": {"type": "string", "format": "date"}, "limit": WHOLE}}, {"start": "start", "limit": "limit"}) is None
    )
    assert plan({"properties": {}}, {}) is None
    assert following({"name": "x"}, {}, cursor=TEXT) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["next", "data", "meta", "total", "id", "links", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(json_values, st.dictionaries(st.just("link"), st.text(max_size=40)))
def test_no_answer_is_too_strange(value: Any, headers: dict[str, str]) -> None:
    """Whatever an API sends there is a hint or none, and the caller's own arguments stay in it."""
    said = following(value, {"q": "mine"}, headers, cursor=TEXT, page=WHOLE, starting_after=TEXT, q=TEXT)
    if said is not None:
        assert said["next"] is None or said["next"]["q"] == "mine"
        assert sentence(said, {"q": "mine"})


def test_only_the_fields_that_were_asked_for() -> None:
    """Dotted paths, in lists too; what no record has is named, and what stands beside the records stays."""
    value = {"total": 2, "items": [{"id": 1, "owner": {"name": "a", "mail": "b"}, "tags": [{"k": 1, "v": 2}]}, {"id": 2}]}
    kept, unknown = records.only(value, ["id", "owner.name", "tags.k", "nope"])
    assert kept == {"total": 2, "items": [{"id": 1, "owner": {"name": "a"}, "tags": [{"k": 1}]}, {"id": 2}]}
    assert unknown == ["nope"]
    assert records.only({"id": 1, "secret": 2}, ["id"]) == ({"id": 1}, [])
    assert records.only("text", ["id"]) == ("text", ["id"])


@given(json_values)
def test_records_are_found_and_put_back(value: Any) -> None:
    """Putting the same records back changes nothing."""
    found = records.find(value)
    if found is not None:
        assert records.put(value, *found) == value
