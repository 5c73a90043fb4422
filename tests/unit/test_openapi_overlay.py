"""Overlays: where a path leads, what an action changes, and what is refused in words."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from freehold.core.refusals import Refusal
from freehold.domains.sources.openapi.paths import BadPath, places
from freehold.domains.sources.openapi.read import File, read_overlaid
from freehold.domains.sources.openapi.tools import compile_tools
from tests.documents import document

ROOT: dict[str, Any] = {
    "paths": {"/a": {"get": {"tags": ["x"], "deprecated": True}}, "/b": {"get": {"tags": []}, "post": {"summary": "it's"}}},
    "tags": [{"name": "x", "n": 1}, {"name": "y", "n": True}, {"n": None}],
}


def overlaid(*actions: object, raw: dict[str, Any] | None = None, version: str = "1.0.0") -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The document with one overlay of these actions, and what met nothing."""
    overlay = {"overlay": version, "info": {"title": "O", "version": "1"}, "actions": list(actions)}
    given = raw or document({"/a": {"get": {"tags": ["x"]}, "post": {}}, "/b": {"get": {}}})
    return read_overlaid(json.dumps(given).encode(), [File("o.yaml", json.dumps(overlay).encode())])


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("$", [""]),
        ("$.paths.*", ["/a", "/b"]),
        ("$.paths['/a','/b'].get", ["get", "get"]),
        ('$["paths"]["/b"].post', ["post"]),
        ("$.tags[0]", [0]),
        ("$.tags[-1]", [2]),
        ("$.tags[7]", []),
        ("$..get", ["get", "get"]),
        ("$..[0]", [0, 0]),
        ("$.tags[?@.name == 'x']", [0]),
        ("$.tags[?(@.name=='x' || @['name'] == \"y\")]", [0, 1]),
        ("$.tags[?@.n == 1]", [0]),
        ("$.tags[?@.name && @.n == true]", [1]),
        ("$.tags[?!@.name]", [2]),
        ("$.tags[?@.name != 'x']", [1, 2]),
        ("$.paths.*[?@.summary == 'it\\'s']", ["post"]),
        ("$.paths.*[?@.deprecated]", ["get"]),
        ("$.nowhere.*", []),
    ],
)
def test_a_path_leads_where_it_says(path: str, keys: list[object]) -> None:
    """Names, indexes, wildcards, descent and filters; true is not 1."""
    assert [place.key for place in places(path, ROOT)] == keys


@pytest.mark.parametrize(
    "path", ["", "paths", "$.", "$paths", "$[", "$[1:2]", "$[?@.a =~ 'x']", "$[?a]", "$.a[?(@.b]", "$..", "$['a", "$" + ".a" * 2000]
)
def test_a_path_that_is_none_is_told(path: str) -> None:
    """Slices and functions, too: nothing is guessed."""
    with pytest.raises(BadPath):
        places(path, ROOT)


def test_an_update_merges_objects_and_appends_to_lists() -> None:
    """What else was there stays, in the operation and in the rest of the document."""
    raw, unmet = overlaid(
        {"target": "$.paths['/a'].get", "update": {"summary": "Told", "tags": ["y"]}},
        {"target": "$.paths['/a'].get.tags", "update": "z"},
        {"target": "$", "update": {"info": {"version": "2"}}},
    )
    assert raw["paths"] == {"/a": {"get": {"tags": ["x", "y", "z"], "summary": "Told"}, "post": {}}, "/b": {"get": {}}}
    assert (raw["info"], unmet) == ({"title": "T", "version": "2"}, [])


def test_a_removal_takes_every_place_and_no_other() -> None:
    """Several items of one list go at once; `update` beside `remove` means nothing."""
    raw, unmet = overlaid({"target": "$.paths.*.get", "remove": True, "update": {"x": 1}})
    assert (raw["paths"], unmet) == ({"/a": {"post": {}}, "/b": {}}, [])
    listed = {**document({"/a": {"get": {}}}), "tags": [1, 2, 3, 4]}
    assert overlaid({"target": "$.tags[0,2]", "remove": True}, raw=listed)[0]["tags"] == [2, 4]


def test_a_target_that_meets_nothing_is_told() -> None:
    """Not silence: an overlay that no longer fits its document says so."""
    _, unmet = overlaid({"target": "$.paths['/gone']", "remove": True})
    assert unmet == [("o.yaml, action 1", "its target $.paths['/gone'] matches nothing")]


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ({"target": "$", "remove": True}, "the whole document"),
        ({"target": "$.info.title", "update": {}}, "a single value"),
        ({"target": "$.info", "update": 1}, "its update is none"),
        ({"target": "$.info"}, "neither `update` nor `remove`"),
        ({"target": "$.info", "remove": "yes"}, "`remove`"),
        ({"target": 1, "remove": True}, "`target`"),
        ({"target": "$.info[", "remove": True}, "at character"),
        ({"target": "$", "update": {"paths": 1}}, "`paths` are not an object"),
        ({"target": "$.openapi.x", "remove": True}, ""),
        (1, "list of objects"),
    ],
)
def test_an_action_that_breaks_the_document_is_refused_in_words(action: object, sentence: str) -> None:
    """The overlay and the action are named; one that meets nothing is no fault."""
    if not sentence:
        assert overlaid(action)[1]
        return
    with pytest.raises(Refusal, match=sentence) as refused:
        overlaid(action)
    assert refused.value.code == "document_invalid"


def test_only_overlay_1_0_is_applied() -> None:
    """Neither another version nor another kind of file is taken for one."""
    with pytest.raises(Refusal, match=r"only Overlay 1\.0"):
        overlaid({"target": "$", "update": {}}, version="2.0.0")
    with pytest.raises(Refusal, match="no overlay"):
        read_overlaid(b'{"openapi":"3.0.0","paths":{}}', [File("o", b"a: 1")])


def test_values_that_yaml_shares_are_changed_alone() -> None:
    """An alias is a value of its own once an overlay is applied."""
    shared = b"openapi: 3.0.0\npaths:\n  /a: {get: &g {summary: s}}\n  /b: {get: *g}\n"
    overlay = b"overlay: 1.0.0\nactions: [{target: \"$.paths['/a'].get\", update: {summary: t}}]\n"
    raw, _ = read_overlaid(shared, [File("o", overlay)])
    assert (raw["paths"]["/a"]["get"]["summary"], raw["paths"]["/b"]["get"]["summary"]) == ("t", "s")


def test_the_overlay_of_the_documentation_does_what_its_page_says() -> None:
    """A name and words for one operation, deprecated ones gone, a hidden one no tool; every target meets something."""
    page = (Path(__file__).parents[2] / "docs" / "overlays.md").read_text()
    overlay = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    paths = {
        "/orders": {"get": {"summary": "Orders."}, "put": {"deprecated": True}, "post": {"deprecated": False}},
        "/internal/reindex": {"post": {}},
    }
    raw, unmet = read_overlaid(json.dumps(document(paths)).encode(), [File("agents.yaml", overlay.encode())])
    made = compile_tools(raw, source="shop", base_url="https://api.example.com")
    assert unmet == []
    assert [tool.name for tool in made.tools] == ["find_orders", "create_order"]
    assert made.tools[0].description.startswith("Orders of one customer, newest first.")
    assert [(skip.operation, skip.why) for skip in made.skipped] == [("POST /internal/reindex", "hidden by x-freehold-hide")]
