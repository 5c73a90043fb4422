"""The catalog: who sees which tools, pages that lose nothing, cursors worth something to one tenant only, and names without a double."""

import base64
import json
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Struct

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.catalog.cursors import Cursors
from freehold.domains.catalog.listing import encoded
from freehold.domains.catalog.resolve import Catalog

SCOPES = ("mcp:read", "mcp:write", "mcp:admin", "billing:read")
NAMES = tuple(f"tool_{number}" for number in range(12))
KEY = b"k" * 32

some_scopes = st.frozensets(st.sampled_from(SCOPES))
some_names = st.frozensets(st.sampled_from(NAMES))


class Offered(Struct):
    """A source as the catalog sees it."""

    name: str
    tools: Sequence[Tool]


def tool(name: str, scopes: frozenset[str] = frozenset(), source: str = "api", **more: object) -> Tool:
    """A tool that needs these scopes."""
    return Tool(name=name, description=f"About {name}.", input_schema={"type": "object"}, source=source, scopes=scopes, **more)


def principal(tenant: str = "acme", scopes: frozenset[str] = frozenset(SCOPES), tools: frozenset[str] | None = None) -> Principal:
    """A caller with these scopes and tools."""
    who = {"tenant": tenant, "subject": "u", "client": "c", "credential": "jti:1", "plan": "free"}
    return Principal(**who, scopes=scopes, tools=tools, expires_at=2e9)


def catalog(*tools: Tool, page_size: int = 1_000, key: bytes = KEY) -> Catalog:
    """A catalog of one source with these tools."""
    made = Catalog(Cursors(lambda: key), page_size=page_size)
    made.replace([Offered("api", tools)])
    return made


def listed(catalog: Catalog, who: Principal) -> list[list[str]]:
    """The names on each page, walked by cursor."""
    pages: list[list[str]] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        page = catalog.page(who, cursor)
        pages.append([one["name"] for one in json.loads(page.tools)])
        cursor = page.following
    return pages


def refused(catalog: Catalog, who: Principal, cursor: str) -> bool:
    """Whether the cursor is refused, as `invalid_cursor` and nothing else."""
    try:
        catalog.page(who, cursor)
    except Refusal as refusal:
        return refusal.code == "invalid_cursor"
    return False


# who sees what


@given(st.lists(some_scopes, min_size=len(NAMES), max_size=len(NAMES)), some_scopes, st.none() | some_names)
def test_a_view_is_exactly_what_scopes_and_allowed_tools_let_through(
    needed: list[frozenset[str]], scopes: frozenset[str], tools: frozenset[str] | None
) -> None:
    """A caller sees a tool when they hold every scope it needs and `allowed_tools` does not leave it out; never another (AZ-02)."""
    made = catalog(*map(tool, NAMES, needed), page_size=5)
    who = principal(scopes=scopes, tools=tools)
    expected = [name for name, needs in zip(NAMES, needed, strict=True) if needs <= scopes and (tools is None or name in tools)]
    assert [name for page in listed(made, who) for name in page] == expected
    for name in NAMES:
        found = made.find(who, name)
        assert (found is None) == (tools is not None and name not in tools)


def test_views_of_different_callers_do_not_mix() -> None:
    """Callers with equal rights share a view whatever their tenant; one with other rights never gets it from the cache."""
    made = catalog(tool("read", frozenset({"mcp:read"})), tool("write", frozenset({"mcp:write"})))
    reader, writer = frozenset({"mcp:read"}), frozenset({"mcp:write"})
    for _ in range(2):
        assert listed(made, principal(scopes=reader)) == [["read"]]
        assert listed(made, principal("globex", scopes=writer)) == [["write"]]
        assert listed(made, principal("globex", scopes=reader)) == [["read"]]
        assert listed(made, principal(scopes=reader | writer, tools=frozenset({"write"}))) == [["write"]]
        assert listed(made, principal(scopes=reader | writer, tools=frozenset())) == [[]]


def test_more_kinds_of_callers_than_views_are_kept_are_still_served_rightly() -> None:
    """With more different `allowed_tools` than views are kept, everyone still sees exactly their own."""
    made = catalog(*map(tool, NAMES))
    for number in range(1_100):
        name = NAMES[number % len(NAMES)]
        assert listed(made, principal(tools=frozenset({name, f"nothing_{number}"}))) == [[name]]


# pages


@given(st.integers(0, 30), st.integers(1, 12))
def test_the_pages_together_are_the_whole_list(count: int, size: int) -> None:
    """For any number of tools and any page size the pages in order are the whole list, none longer than the size, none empty."""
    names = [f"t{number}" for number in range(count)]
    pages = listed(catalog(*map(tool, names), page_size=size), principal())
    assert [name for page in pages for name in page] == names
    assert all(len(page) <= size for page in pages)
    assert all(pages) or pages == [[]]


def test_a_replaced_catalog_serves_the_new_tools_and_refuses_old_cursors() -> None:
    """After `replace` nothing of the old list is shown, and a cursor into it does not open the new one."""
    made = catalog(tool("a"), tool("b"), page_size=1)
    cursor = made.page(principal(), None).following
    assert cursor is not None
    before = made.version
    made.replace([Offered("api", [tool("c"), tool("d")])])
    assert made.version != before
    assert listed(made, principal()) == [["c"], ["d"]]
    assert made.find(principal(), "a") is None
    assert refused(made, principal(), cursor)


def test_equal_catalogs_have_one_version_on_every_replica() -> None:
    """Two replicas that offer the same tools open each other's cursors; another key or another tool does not."""
    one, other = catalog(tool("a"), tool("b"), page_size=1), catalog(tool("a"), tool("b"), page_size=1)
    cursor = one.page(principal(), None).following
    assert cursor is not None
    assert one.version == other.version
    assert json.loads(other.page(principal(), cursor).tools)[0]["name"] == "b"
    assert refused(catalog(tool("a"), tool("b"), page_size=1, key=b"x" * 32), principal(), cursor)
    assert refused(catalog(tool("a"), tool("c"), page_size=1), principal(), cursor)


# cursors


@given(
    st.text(min_size=1, max_size=20),
    st.text(max_size=20),
    st.integers(0, 2**32 - 1),
    st.text(min_size=1, max_size=20),
    st.text(max_size=20),
)
def test_a_cursor_opens_for_its_tenant_and_version_only(tenant: str, version: str, page: int, other: str, later: str) -> None:
    """A cursor opens to its page for the tenant and version it was sealed for, and for no other pair (TEN-04)."""
    cursors = Cursors(lambda: KEY)
    cursor = cursors.seal(tenant, version, page)
    assert cursors.open(tenant, version, cursor) == page
    if (other, later) != (tenant, version):
        with pytest.raises(Refusal):
            cursors.open(other, later, cursor)


@given(st.integers(0, 2**32 - 1), st.characters())
def test_any_changed_character_refuses(page: int, put: str) -> None:
    """A cursor with any one character changed is refused, also where base64 would read the same bytes (TEN-04)."""
    cursors = Cursors(lambda: KEY)
    cursor = cursors.seal("acme", "v", page)
    for at, kept in enumerate(cursor):
        for other in {*"AEIMQUYcgkosw048+/-_=", chr(ord(kept) + 1), chr(ord(kept) - 1), put} - {kept}:
            with pytest.raises(Refusal) as refusal:
                cursors.open("acme", "v", cursor[:at] + other + cursor[at + 1 :])
            assert refusal.value.code == "invalid_cursor"


def test_a_cursor_has_one_spelling() -> None:
    """The other base64 alphabet, padding, white space and unused bits do not make a second spelling of a cursor."""
    cursors = Cursors(lambda: KEY)
    for page in range(200):
        cursor = cursors.seal("acme", "v", page)
        raw = base64.urlsafe_b64decode(cursor)
        spelled = {base64.b64encode(raw).decode(), cursor + "=", cursor.rstrip("="), f" {cursor}", f"{cursor}\n", cursor + "AAAA"} - {
            cursor
        }
        for other in spelled:
            with pytest.raises(Refusal):
                cursors.open("acme", "v", other)


@given(st.text())
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    """Whatever a caller sends as a cursor is refused in words, never an exception of another kind (TEN-04)."""
    assert refused(catalog(tool("a"), tool("b"), page_size=1), principal(), text)


def test_a_page_beyond_the_end_is_refused() -> None:
    """A cursor to a page the caller's own view does not have, sealed by another view of the same tenant, is refused."""
    made = catalog(tool("a", frozenset({"mcp:read"})), tool("b", frozenset({"mcp:write"})), page_size=1)
    cursor = made.page(principal(), None).following
    assert cursor is not None
    assert refused(made, principal(scopes=frozenset({"mcp:read"})), cursor)


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
    made = Catalog(Cursors(lambda: KEY), page_size=1_000)
    offered = [Offered(name, [tool(one, source=name) for one in tools]) for name, tools in sources]
    made.replace(offered)
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
    made = Catalog(Cursors(lambda: KEY), page_size=10)
    taken = f"a_{one}"
    made.replace(
        [Offered("a", [tool(one)]), Offered("b", [tool(one), tool(taken, title="mine"), *([] if other in {one, taken} else [tool(other)])])]
    )
    found = made.find(principal(), taken)
    assert found is not None
    assert found.title == "mine"


def test_long_names_stay_within_what_clients_take_and_apart() -> None:
    """Prefixed names longer than 64 characters are shortened to 64, and two that begin alike stay two; the order of start is no matter."""
    long = ["x" * 60 + "_one", "x" * 60 + "_two"]
    sources = [Offered("first-source", [tool(name) for name in long]), Offered("other-source", [tool(name) for name in long])]
    made = Catalog(Cursors(lambda: KEY), page_size=10)
    made.replace(sources)
    names = [one.name for one in made.tools]
    assert len(set(names)) == 4
    assert all(len(name) <= 64 for name in names)
    made.replace(sources)
    assert [one.name for one in made.tools] == names


# how a tool is shown


def test_a_listed_tool_has_what_the_protocol_names_and_nothing_of_the_inside() -> None:
    """Name, title, description, both schemas and the four hints; scopes, source, audience and the plan are not shown."""
    made = tool(
        "pay", frozenset({"mcp:write"}), title="Pay", output_schema={"type": "object"}, audience="https://api.example.com", operation=object
    )
    assert json.loads(encoded(made)) == {
        "name": "pay",
        "title": "Pay",
        "description": "About pay.",
        "inputSchema": {"type": "object"},
        "outputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True},
    }
    assert set(json.loads(encoded(tool("plain")))) == {"name", "description", "inputSchema", "annotations"}
