"""Which resource a URI belongs to: exact before template, the most telling template first, and the same for every caller."""

import logging

import pytest

from freehold.domains.catalog.resolve import Catalog
from tests.catalogs import Offered, catalog, principal, resource, tool


def reading(*uris: str) -> Catalog:
    """A catalog with resources at these URIs, each named like its URI."""
    return catalog(Offered("api", [], [resource(uri) for uri in uris]))


def found(made: Catalog, uri: str) -> tuple[str, dict[str, str]] | None:
    """The URI or template of the resource, and the values."""
    at = made.resource(principal(), uri)
    return at and (at[0].uri, at[1])


def test_a_resource_of_exactly_that_uri_comes_before_any_template() -> None:
    """A plain URI is read by its own resource though a template fits; its neighbours are read by the template."""
    made = reading("doc://{name}", "doc://index")
    assert found(made, "doc://index") == ("doc://index", {})
    assert found(made, "doc://other") == ("doc://{name}", {"name": "other"})
    assert found(made, "doc://a/b") is None
    assert found(made, "doc://{name}") == ("doc://{name}", {"name": "{name}"})


@pytest.mark.parametrize("turned", [False, True])
def test_of_several_templates_the_most_telling_one_answers(turned: bool) -> None:  # noqa: FBT001  pytest passes it by name
    """More literal characters win, then fewer variables of any length, in whatever order they are offered."""
    texts = ["doc://{+path}", "doc://{area}/{name}", "doc://{area}/index/{name}", "doc://shop/{+path}", "doc://s{+path}"]
    made = reading(*(reversed(texts) if turned else texts))
    assert found(made, "doc://a/b/c/d") == ("doc://{+path}", {"path": "a/b/c/d"})
    assert found(made, "doc://a/b") == ("doc://{area}/{name}", {"area": "a", "name": "b"})
    assert found(made, "doc://sa/b") == ("doc://{area}/{name}", {"area": "sa", "name": "b"})
    assert found(made, "doc://a/index/b") == ("doc://{area}/index/{name}", {"area": "a", "name": "b"})
    assert found(made, "doc://shop/index/b") == ("doc://{area}/index/{name}", {"area": "shop", "name": "b"})
    assert found(made, "doc://shop/b") == ("doc://shop/{+path}", {"path": "b"})


def test_templates_that_say_the_same_answer_in_the_order_they_are_offered() -> None:
    """Of two templates that differ in their variables' names only, the first offered answers, every time."""
    assert found(reading("doc://{id}", "doc://{key}"), "doc://7") == ("doc://{id}", {"id": "7"})
    assert found(reading("doc://{key}", "doc://{id}"), "doc://7") == ("doc://{key}", {"key": "7"})


def test_who_asks_does_not_change_what_a_uri_belongs_to() -> None:
    """Where `allowed_tools` hides the resource a URI belongs to, no wider template answers instead (AZ-02)."""
    made = reading("doc://{+path}", "doc://index", "doc://a/{id}")
    some = principal(tools=frozenset({"resource:doc://{+path}"}))
    assert made.resource(some, "doc://index") is None
    assert made.resource(some, "doc://a/1") is None
    assert made.resource(some, "doc://b/1") is not None
    assert made.resource(principal(scopes=frozenset()), "doc://index") is not None


def test_a_template_is_found_by_its_own_text_for_completion() -> None:
    """Completion names a template by its text; a URI that fits it, a plain resource and a hidden template are not found."""
    made = reading("doc://{id}", "doc://index")
    at = made.template(principal(), "doc://{id}")
    assert at is not None
    assert at.uri == "doc://{id}"
    assert made.template(principal(), "doc://1") is None
    assert made.template(principal(), "doc://index") is None
    assert made.template(principal(tools=frozenset({"doc://{id}"})), "doc://{id}") is None


def test_a_uri_answers_for_one_source_only(caplog: pytest.LogCaptureFixture) -> None:
    """Of two sources' resources at one URI the first offered is read and listed once, and the log tells the operator, naming neither."""
    first, second = resource("doc://{id}", "mine"), resource("doc://{id}", "mine")
    with caplog.at_level(logging.WARNING, logger="freehold.catalog"):
        made = catalog(Offered("a", [tool("t")], [first]), Offered("b", [], [second, resource("b://")]))
    at = made.resource(principal(), "doc://1")
    assert at is not None
    assert at[0] is first
    assert made.page(principal(), "templates", None).items.count(b"doc://{id}") == 1
    (line,) = caplog.records
    assert line.__dict__["code"] == "resource_uri_taken"
    assert "doc" not in line.getMessage()


def test_longer_uris_than_anyone_needs_belong_to_nothing() -> None:
    """A URI of 8,192 characters is matched by a template, one with one more is not (TR-29)."""
    made = reading("doc://{id}")
    assert found(made, "doc://" + "x" * 8_186) is not None
    assert found(made, "doc://" + "x" * 8_187) is None


def test_a_template_that_is_none_changes_nothing() -> None:
    """A catalog that is given a template nobody could read back refuses it whole and goes on offering what it had."""
    made = reading("doc://{id}")
    version = made.edition("acme").version
    with pytest.raises(ValueError, match="side by side"):
        made.replace([Offered("api", [tool("new")], [resource("doc://{a}{b}")])])
    assert made.edition("acme").version == version
    assert made.find(principal(), "new") is None
    assert found(made, "doc://1") is not None
