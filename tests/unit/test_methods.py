"""Results as bytes: valid JSON in both eras, with what each era must carry and nothing of the other's."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol import revisions
from freehold.protocol.methods import LIST_TTL_MS, Offered, Results
from freehold.protocol.wire import encode

SERVER = {"name": 'f"1', "version": "1.0", "title": "Büro \\ Co"}
RESULTS = Results(**SERVER, instructions="")
MODERN_ONLY = {"resultType", "ttlMs", "cacheScope"}
tools = st.lists(st.dictionaries(st.text(), st.text() | st.integers(-9, 9), max_size=3), max_size=4)


@given(tools, st.none() | st.text(), st.booleans())
def test_a_list_carries_its_page_and_cursor_in_both_eras(page: list[Any], following: str | None, modern: bool) -> None:  # noqa: FBT001  drawn by hypothesis
    """tools/list is valid JSON around any page; the cursor is there exactly when there is a next page."""
    said = json.loads(RESULTS.page("tools", encode(page), following, modern=modern))
    assert said["tools"] == page
    assert said.get("nextCursor") == following
    assert ("nextCursor" in said) == (following is not None)
    assert (MODERN_ONLY | {"_meta"}).issubset(said) == modern
    assert modern or set(said) <= {"tools", "nextCursor"}
    if modern:
        assert (said["resultType"], said["cacheScope"], said["ttlMs"]) == ("complete", "private", LIST_TTL_MS)
        assert said["_meta"] == {revisions.SERVER_INFO_KEY: SERVER}


blocks = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": st.text()}), max_size=3)
anything = st.none() | st.booleans() | st.integers(-9, 9) | st.text() | st.lists(st.text(), max_size=3)
structures = anything | st.dictionaries(st.text(), anything, max_size=3)


@given(
    blocks,
    st.none() | structures.map(encode),
    st.none() | st.dictionaries(st.text(min_size=1), st.text(), max_size=2),
    st.booleans(),
    st.booleans(),
)
def test_a_call_carries_its_content_in_both_eras(
    content: list[Any],
    structured: bytes | None,
    meta: dict[str, Any] | None,
    failed: bool,  # noqa: FBT001  drawn by hypothesis
    modern: bool,  # noqa: FBT001  same
) -> None:
    """tools/call is valid JSON; structured content of a legacy answer is an object or left out; isError stands only where it is true."""
    said = json.loads(RESULTS.call(encode(content), structured, meta, failed=failed, modern=modern))
    assert said["content"] == content
    assert said.get("isError", False) == failed
    assert ("isError" in said) == failed
    shown = structured is not None and (modern or isinstance(json.loads(structured), dict))
    assert ("structuredContent" in said) == shown
    if shown and structured is not None:
        assert said["structuredContent"] == json.loads(structured)
    assert ("resultType" in said) == modern
    assert not {"ttlMs", "cacheScope"} & set(said)
    ours = {revisions.SERVER_INFO_KEY: SERVER} if modern else {}
    assert said.get("_meta", {}) == {**(meta or {}), **ours}


def test_discover_says_what_this_server_is() -> None:
    """server/discover lists the modern versions only, what is offered, and instructions exactly when there are some."""
    said = json.loads(RESULTS.discover(Offered()))
    assert said == {
        "resultType": "complete",
        "supportedVersions": [revisions.MODERN],
        "capabilities": {"tools": {"listChanged": True}, "logging": {}},
        "ttlMs": LIST_TTL_MS,
        "cacheScope": "private",
        "_meta": {revisions.SERVER_INFO_KEY: SERVER},
    }
    told = json.loads(Results(**SERVER, instructions='Say "please".').discover(Offered()))
    assert told["instructions"] == 'Say "please".'
    everything = Offered(resources=True, prompts=True, completions=True, tasks=True)
    offered = json.loads(RESULTS.discover(everything))["capabilities"]
    assert set(offered) == {"tools", "logging", "resources", "prompts", "completions", "extensions"}
    assert offered["resources"] == {"subscribe": True, "listChanged": True}
