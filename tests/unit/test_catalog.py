"""The catalog: who sees which tools, resources and prompts, pages that lose nothing, and names without a double."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.core.resource import PromptArgument
from freehold.core.tool import Tool
from freehold.domains.catalog.cursors import Cursors
from freehold.domains.catalog.edition import ListKind, Offer, Offers
from freehold.domains.catalog.listing import encoded, encoded_prompt, encoded_resource
from freehold.domains.catalog.resolve import Catalog
from freehold.kit.crypto import Seal
from tests.catalogs import KEY, KINDS, SCOPES, Offered, catalog, listed, of_tools, principal, prompt, refused, resource, tool

NAMES = tuple(f"tool_{number}" for number in range(12))

some_scopes = st.frozensets(st.sampled_from(SCOPES))
some_names = st.frozensets(st.sampled_from(NAMES))


def everywhere(*names: str, scopes: frozenset[str] = frozenset()) -> Offered:
    """A source with a tool, a resource, a template and a prompt of each name."""
    plain = [resource(f"doc://{name}", name, scopes) for name in names]
    templates = [resource(f"{name}://{{id}}", f"{name}s", scopes) for name in names]
    return Offered("api", [tool(name, scopes) for name in names], [*plain, *templates], [prompt(name, scopes) for name in names])


# who sees what


@given(st.lists(some_scopes, min_size=len(NAMES), max_size=len(NAMES)), some_scopes, st.none() | some_names)
def test_a_view_is_exactly_what_scopes_and_allowed_tools_let_through(
    needed: list[frozenset[str]], scopes: frozenset[str], tools: frozenset[str] | None
) -> None:
    """A caller sees a tool when they hold every scope it needs and `allowed_tools` does not leave it out; never another (AZ-02)."""
    made = of_tools(*map(tool, NAMES, needed), page_size=5)
    who = principal(scopes=scopes, tools=tools)
    expected = [name for name, needs in zip(NAMES, needed, strict=True) if needs <= scopes and (tools is None or name in tools)]
    assert [name for page in listed(made, who) for name in page] == expected
    for name in NAMES:
        found = made.find(who, name)
        assert (found is None) == (tools is not None and name not in tools)


def test_resources_and_prompts_are_seen_by_the_same_rules() -> None:
    """Without its scope nothing of a source is listed; `allowed_tools` names a resource or prompt by its tool, else hides it (AZ-02)."""
    made = catalog(everywhere("a", scopes=frozenset({"mcp:write"})), Offered("b", [], [resource("b://", "b")], [prompt("b")]))
    reader, writer = principal(scopes=frozenset({"mcp:read"})), principal(scopes=frozenset({"mcp:write"}))
    assert [listed(made, reader, kind) for kind in KINDS] == [[[]], [["b"]], [[]], [["b"]]]
    assert [listed(made, writer, kind) for kind in KINDS] == [[["a"]], [["a", "b"]], [["as"]], [["a", "b"]]]
    some = principal(tools=frozenset({"resource:a", "prompt:b", "a"}))
    assert [listed(made, some, kind) for kind in KINDS] == [[["a"]], [["a"]], [[]], [["b"]]]
    assert [listed(made, principal(tools=frozenset({"as", "b"})), kind) for kind in KINDS] == [[[]], [[]], [[]], [[]]]


def test_what_runs_a_resource_or_prompt_is_no_tool() -> None:
    """Nobody can call the inside of a resource or a prompt as a tool, whatever name they give (AZ-02)."""
    made = catalog(everywhere("a"))
    for name in ("resource:a", "resource:as", "prompt:a", "as", "doc://a"):
        assert made.find(principal(), name) is None


def test_views_of_different_callers_do_not_mix() -> None:
    """Callers with equal rights share a view whatever their tenant; one with other rights never gets it from the cache."""
    made = of_tools(tool("read", frozenset({"mcp:read"})), tool("write", frozenset({"mcp:write"})))
    reader, writer = frozenset({"mcp:read"}), frozenset({"mcp:write"})
    for _ in range(2):
        assert listed(made, principal(scopes=reader)) == [["read"]]
        assert listed(made, principal("globex", scopes=writer)) == [["write"]]
        assert listed(made, principal("globex", scopes=reader)) == [["read"]]
        assert listed(made, principal(scopes=reader | writer, tools=frozenset({"write"}))) == [["write"]]
        assert listed(made, principal(scopes=reader | writer, tools=frozenset())) == [[]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_view_once_made_is_looked_up(kind: ListKind) -> None:
    """A second look at a list gives the very bytes of the first, also to another tenant; a scope nothing asks for changes nothing."""
    made = catalog(everywhere("a", "b", scopes=frozenset({"mcp:read"})))
    first = made.page(principal(), kind, None).items
    assert made.page(principal("globex", scopes=frozenset({"mcp:read", "invented"})), kind, None).items is first
    assert made.page(principal(scopes=frozenset({"invented"})), kind, None).items == b"[]"


def test_a_scope_that_only_a_prompt_asks_for_makes_a_difference() -> None:
    """Views are told apart by the scopes of resources and prompts too, not by those of tools alone (AZ-02)."""
    made = catalog(Offered("api", [tool("a")], [resource("r://", "r", frozenset({"x"}))], [prompt("p", frozenset({"y"}))]))
    seen = {
        scope: [listed(made, principal(scopes=frozenset(scope)), kind) for kind in ("resources", "prompts")] for scope in ("", "x", "y")
    }
    assert seen == {"": [[[]], [[]]], "x": [[["r"]], [[]]], "y": [[[]], [["p"]]]}


def test_more_kinds_of_callers_than_views_are_kept_are_still_served_rightly() -> None:
    """With more different `allowed_tools` than views are kept, everyone still sees exactly their own."""
    made = of_tools(*map(tool, NAMES))
    for number in range(1_100):
        name = NAMES[number % len(NAMES)]
        assert listed(made, principal(tools=frozenset({name, f"nothing_{number}"}))) == [[name]]


# pages


@given(st.integers(0, 30), st.integers(1, 12), st.sampled_from(KINDS))
def test_the_pages_together_are_the_whole_list(count: int, size: int, kind: ListKind) -> None:
    """For any number of entries and any page size the pages in order are the whole list, none longer than the size, none empty."""
    names = [f"t{number}" for number in range(count)]
    found = listed(catalog(everywhere(*names), page_size=size), principal(), kind)
    assert [name for page in found for name in page] == [f"{name}s" if kind == "templates" else name for name in names]
    assert all(len(page) <= size for page in found)
    assert all(found) or found == [[]]


def test_a_cursor_of_one_list_opens_no_other() -> None:
    """A cursor into one of the four lists is refused by the three others, and by the same list of another tenant (TEN-04)."""
    made = catalog(everywhere("a", "b", "c"), page_size=1)
    for kind in KINDS:
        cursor = made.page(principal(), kind, None).following
        assert cursor is not None
        assert made.page(principal(), kind, cursor).following is not None
        assert all(refused(made, principal(), cursor, other) for other in KINDS if other != kind)
        assert refused(made, principal("globex"), cursor, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_replaced_catalog_serves_the_new_entries_and_refuses_old_cursors(kind: ListKind) -> None:
    """After `replace` nothing of the old lists is shown or found, and a cursor into them does not open the new ones."""
    made = catalog(everywhere("a", "b"), page_size=1)
    cursor = made.page(principal(), kind, None).following
    assert cursor is not None
    before = made.edition("acme").version
    made.replace([everywhere("c", "d")])
    assert made.edition("acme").version != before
    assert [name[0] for page in listed(made, principal(), kind) for name in page] == ["c", "d"]
    assert made.find(principal(), "a") is None
    assert made.prompt(principal(), "a") is None
    assert made.resource(principal(), "doc://a") is None
    assert made.resource(principal(), "a://1") is None
    assert refused(made, principal(), cursor, kind)


def test_equal_catalogs_have_one_version_on_every_replica() -> None:
    """Two replicas that offer the same open each other's cursors; another key or another tool does not."""
    one, other = of_tools(tool("a"), tool("b"), page_size=1), of_tools(tool("a"), tool("b"), page_size=1)
    cursor = one.page(principal(), "tools", None).following
    assert cursor is not None
    assert one.edition("acme").version == other.edition("acme").version
    assert json.loads(other.page(principal(), "tools", cursor).items)[0]["name"] == "b"
    assert refused(of_tools(tool("a"), tool("b"), page_size=1, key=b"x" * 32), principal(), cursor)
    assert refused(of_tools(tool("a"), tool("c"), page_size=1), principal(), cursor)


def test_a_digest_of_what_is_shown_changes_with_the_callers_own_lists_only() -> None:
    """A new tool that a caller may not see changes neither of their digests; one they see changes the one for tools, on every replica."""
    hidden, seen = tool("hidden", frozenset({"mcp:admin"})), tool("seen")
    reader = principal(scopes=frozenset({"mcp:read"}))
    before = catalog(everywhere("a")).shown(reader)
    assert catalog(everywhere("a"), Offered("b", [hidden])).shown(reader) == before
    after = catalog(everywhere("a"), Offered("b", [seen])).shown(reader)
    assert (after.tools != before.tools, after.prompts, after.resources) == (True, before.prompts, before.resources)
    more = catalog(everywhere("a"), Offered("b", [], [resource("b://{id}", "b")], [prompt("b")])).shown(reader)
    assert (more.tools, more.prompts != before.prompts, more.resources != before.resources) == (before.tools, True, True)
    assert {len(one) for one in (before.tools, before.prompts, before.resources)} == {16}


def test_offers_say_what_there_is_at_all() -> None:
    """A server advertises what it has: each of the four on its own, a template as a resource, and nothing of an empty catalog."""
    completing = tool("complete:prompt:p")
    nothing = {"tools": False, "resources": False, "prompts": False, "completions": False}
    assert catalog().offers == Offers(**nothing)
    assert of_tools(tool("a")).offers == Offers(**{**nothing, "tools": True})
    assert catalog(Offered("a", [], [resource("a://{id}")])).offers == Offers(**{**nothing, "resources": True})
    assert catalog(Offered("a", [], [resource("a://")])).offers == Offers(**{**nothing, "resources": True})
    with_completions = Offers(**{**nothing, "prompts": True, "completions": True})
    assert catalog(Offered("a", [], [], [prompt("p", completing=completing)])).offers == with_completions


# names

short = st.text("ab_", min_size=1, max_size=4)


@given(
    st.lists(
        st.tuples(st.text("ab-", min_size=1, max_size=3), st.lists(short, unique=True, max_size=6)), max_size=4, unique_by=lambda s: s[0]
    )
)
@example([("a", ["x", "a_x"]), ("b", ["x", "a_x"])])
def test_names_stay_unique_whatever_sources_call_their_tools(sources: list[tuple[str, list[str]]]) -> None:
    """Of any sources every tool is offered under a name of its own: none is lost, none answers for another (INJ-06)."""
    made = catalog(*(Offered(name, [tool(one, source=name) for one in tools]) for name, tools in sources))
    names = [one.name for one in made.tools]
    assert len(names) == len(set(names)) == sum(len(tools) for _, tools in sources)
    assert [one.source for one in made.tools] == [name for name, tools in sources for _ in tools]
    held = [one for _, tools in sources for one in tools]
    for one, before in zip(made.tools, held, strict=True):
        assert one.name == before or held.count(before) > 1
        assert one.name == before or one.name.startswith(f"{one.source}_{before}")


@given(short, short)
def test_a_prefixed_name_takes_no_one_elses(one: str, other: str) -> None:
    """A tool that had its name to itself keeps it, whatever two others must be renamed to."""
    taken = f"a_{one}"
    more = [] if other in {one, taken} else [tool(other)]
    made = catalog(Offered("a", [tool(one)]), Offered("b", [tool(one), tool(taken, title="mine"), *more]))
    found = made.find(principal(), taken)
    assert found is not None
    assert found.title == "mine"


def test_long_names_stay_within_what_clients_take_and_apart() -> None:
    """Prefixed names longer than 64 characters are shortened to 64, and two that begin alike stay two; the order of start is no matter."""
    long = ["x" * 60 + "_one", "x" * 60 + "_two"]
    sources = [Offered("first-source", [tool(name) for name in long]), Offered("other-source", [tool(name) for name in long])]
    made = catalog(*sources)
    names = [one.name for one in made.tools]
    assert len(set(names)) == 4
    assert all(len(name) <= 64 for name in names)
    made.replace(sources)
    assert [one.name for one in made.tools] == names


def test_prompts_and_resources_of_one_name_are_told_apart_like_tools() -> None:
    """Two sources' prompts and resources of one name get their source's name in front, and so do the tools that run them (INJ-06)."""

    def source(name: str) -> Offered:
        runs: dict[str, Any] = {"completing": tool("complete:p", operation=name)}
        return Offered(name, [tool("p")], [resource(f"{name}://{{id}}", "p", **runs)], [prompt("p", title=name, **runs), prompt(name)])

    made = catalog(source("a"), source("b"))
    assert listed(made, principal(), "prompts") == [["a_p", "a", "b_p", "b"]]
    assert listed(made, principal(), "templates") == [["a_p", "b_p"]]
    assert made.prompt(principal(), "p") is None
    for name in ("a", "b"):
        asked, read = made.prompt(principal(), f"{name}_p"), made.resource(principal(), f"{name}://1")
        assert asked is not None
        assert read is not None
        assert asked.title == name
        assert asked.completing is not None
        assert asked.completing.operation == name
        assert (asked.tool.name, asked.completing.name) == (f"prompt:{name}_p", f"complete:prompt:{name}_p")
        assert read[0].completing is not None
        assert (read[0].tool.name, read[0].completing.name) == (f"resource:{name}_p", f"complete:resource:{name}_p")
    only = made.prompt(principal(tools=frozenset({"prompt:a_p"})), "b_p")
    assert only is None


# how they are shown


def test_a_listed_tool_has_what_the_protocol_names_and_nothing_of_the_inside() -> None:
    """Name, title, description, both schemas and the hints that say something; scopes, source, audience and the plan are not shown."""
    inside: dict[str, Any] = {"audience": "https://api.example.com", "operation": object, "task": "required"}
    made = tool("pay", frozenset({"mcp:write"}), title="Pay", output_schema={"type": "object"}, **inside)
    assert json.loads(encoded(made)) == {
        "name": "pay",
        "title": "Pay",
        "description": "About pay.",
        "inputSchema": {"type": "object"},
        "outputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": False, "destructiveHint": True},
    }
    reads = replace(made, read_only=True, destructive=False, idempotent=True)
    assert json.loads(encoded(reads))["annotations"] == {"readOnlyHint": True}
    closed = replace(made, destructive=False, idempotent=True, open_world=False)
    assert json.loads(encoded(closed))["annotations"] == {
        "readOnlyHint": False,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    }
    assert set(json.loads(encoded(tool("plain")))) == {"name", "description", "inputSchema", "annotations"}


def test_a_listed_resource_has_what_the_protocol_names_and_nothing_of_the_inside() -> None:
    """A resource has `uri`, a template `uriTemplate` and never a size; what is not said is left out, and the tool is not shown."""
    said: dict[str, Any] = {"title": "A", "description": "About a.", "mime_type": "text/plain", "size": 0, "completing": tool("complete:a")}
    shown = {"name": "a", "title": "A", "description": "About a.", "mimeType": "text/plain"}
    assert json.loads(encoded_resource(resource("doc://a", "a", **said))) == {"uri": "doc://a", "size": 0, **shown}
    assert json.loads(encoded_resource(resource("doc://{id}", "a", **said))) == {"uriTemplate": "doc://{id}", **shown}
    assert json.loads(encoded_resource(resource("doc://a", "a"))) == {"uri": "doc://a", "name": "a"}


def test_a_listed_prompt_has_what_the_protocol_names_and_nothing_of_the_inside() -> None:
    """A prompt has its arguments in order, each with whether it is required; what is not said is left out."""
    arguments = (PromptArgument(name="to", description="Whom."), PromptArgument(name="tone", required=False))
    assert json.loads(encoded_prompt(prompt("greet", title="Greet", description="Say hello.", arguments=arguments))) == {
        "name": "greet",
        "title": "Greet",
        "description": "Say hello.",
        "arguments": [{"name": "to", "description": "Whom.", "required": True}, {"name": "tone", "required": False}],
    }
    assert json.loads(encoded_prompt(prompt("plain", completing=tool("complete:plain")))) == {"name": "plain"}


# headers


def mirroring(annotation: object, **more: Any) -> Tool:
    """A tool with one annotated argument."""
    return tool("query", input_schema={"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": annotation}}}, **more)


def test_the_plan_of_what_to_mirror_is_kept_by_the_name_a_tool_is_listed_under() -> None:
    """A tool's plan is found under its listed name, changes with the catalog, and is empty for every other tool."""
    made: Catalog = of_tools(mirroring("Region"), tool("plain"), tool("x-mcp-header"))
    assert [(one.path, one.suffix) for one in made.mirrored(principal(), "query")] == [(("region",), "Region")]
    assert made.mirrored(principal(), "plain") == made.mirrored(principal(), "x-mcp-header") == made.mirrored(principal(), "nothing") == ()
    made.replace([Offered("a", [mirroring("Zone")]), Offered("b", [mirroring("not a token")])])
    assert [one.suffix for one in made.mirrored(principal(), "a_query")] == ["Zone"]
    assert made.mirrored(principal(), "query") == made.mirrored(principal(), "b_query") == ()


class _Without:
    """An arrangement that takes one tool away from one tenant."""

    def __init__(self, tenant: str, name: str) -> None:
        self.tenant = tenant
        self.name = name

    def key(self, tenant: str) -> str | None:
        return self.name if tenant == self.tenant else None

    def arranged(self, tenant: str, offers: Sequence[Offer]) -> Sequence[Offer]:
        return [Offered(offer.name, [one for one in offer.tools if one.name != self.name]) for offer in offers]


def test_tenants_see_the_same_sources_differently() -> None:
    """An arrangement changes what one tenant finds and lists, nothing of what another does, and is asked again when told to."""
    without = _Without("globex", "b")
    made = Catalog(Cursors(Seal(KEY)), page_size=10, arrangements=[without])
    made.replace([Offered("api", [tool("a"), tool("b")])])
    assert made.find(principal("globex"), "b") is None
    assert [one["name"] for one in json.loads(made.page(principal("globex"), "tools", None).items)] == ["a"]
    assert made.find(principal("acme"), "b") is not None
    assert [one["name"] for one in json.loads(made.page(principal("acme"), "tools", None).items)] == ["a", "b"]
    assert made.edition("acme") is made.edition("initech") is not made.edition("globex")
    without.name = "a"
    assert made.find(principal("globex"), "b") is None, "asked only when told"
    made.rearrange()
    assert made.find(principal("globex"), "b") is not None
    assert made.find(principal("globex"), "a") is None


def test_a_tool_that_is_not_listed_is_found_all_the_same() -> None:
    """The list and what can be called are two things."""
    made = catalog(Offered("api", [tool("a"), tool("b", listed=False)]))
    assert [one["name"] for one in json.loads(made.page(principal(), "tools", None).items)] == ["a"]
    assert made.find(principal(), "b") is not None
