"""The roster: every source together or none, refreshes followed, Python modules and in-process applications; on both databases."""

import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from starlette.responses import Response

from freehold.core.refusals import Refusal
from freehold.domains.sources.functions import Functions
from freehold.domains.sources.specs import OpenApiSpec
from freehold.domains.sources.tables import source_releases, source_serving
from freehold.kit.db import Database
from freehold.kit.errors import Misconfigured
from freehold.roster import InProcessApi, PythonSpec
from tests.documents import document
from tests.sources import OK, House, Published, of, on_the_web, replica, why

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    """A replica that may reach nothing private."""
    async with replica(db) as made:
        yield made


@pytest.fixture
async def published(db: Database) -> AsyncIterator[tuple[Published, House, OpenApiSpec]]:
    """A document on a web server, a replica that may reach it, and its specification."""
    async with on_the_web(db) as made:
        yield made


# the roster


async def test_all_sources_are_offered_together_or_none(house: House, tmp_path: Path) -> None:
    """When one source cannot be had, what was offered before stays, with nothing of the new ones."""
    (tmp_path / "a.json").write_bytes(of("one"))
    good = OpenApiSpec(name="a", location=str(tmp_path / "a.json"))
    await house.roster(good).load()
    with pytest.raises(Refusal):
        await house.roster(good, OpenApiSpec(name="b", location=str(tmp_path / "nowhere"))).load()
    assert house.offered == [["get_one"]]


async def test_a_running_roster_follows_a_refresh_by_another_process(db: Database, house: House, tmp_path: Path) -> None:
    """`follow` loads again when, and only when, a document it serves is no longer the kept one."""
    location = tmp_path / "a.json"
    location.write_bytes(of("one"))
    spec = OpenApiSpec(name="a", location=str(location))
    roster = house.roster(spec)
    await roster.load()
    await roster.follow()
    assert house.offered == [["get_one"]]
    location.write_bytes(of("one", "two"))
    async with replica(db) as other:
        assert (await other.roster(spec).refresh("a")).kept
    await roster.follow()
    assert house.offered == [["get_one"], ["get_one", "get_two"]]
    await roster.close()


async def test_a_change_that_comes_while_following_is_followed_too(db: Database, published: tuple[Published, House, OpenApiSpec]) -> None:
    """A refresh announced while the roster is still loading, after its document was read, is not lost."""
    page, house, spec = published
    first = OpenApiSpec(name="first", location="first.json")
    await house.documents.keep("first", "first.json", "", of("old"))
    roster = house.roster(first, spec)
    await roster.load()
    assert house.offered == [["get_old", "get_one"]]

    async def meanwhile() -> None:
        page.meanwhile = None
        await house.documents.keep("first", "first.json", "", of("new"))
        roster.follow()

    page.meanwhile = meanwhile
    async with db.system(write=True) as scope:
        for table in (source_serving, source_releases):
            await scope.run(delete(table).where(table.c.name == "shop"))
    await roster.follow()
    assert house.offered[-1] == ["get_new", "get_one"]
    await roster.close()


async def test_a_copy_that_does_not_import_any_more_leaves_the_old_offer(house: House, tmp_path: Path) -> None:
    """Following into trouble, whatever its kind, serves on what was served before, and the next change is followed again."""
    (tmp_path / "a.json").write_bytes(of("one"))
    spec = OpenApiSpec(name="a", location=str(tmp_path / "a.json"))
    roster = house.roster(spec)
    await roster.load()
    await house.documents.keep("a", spec.location, "", b"broken")
    await roster.follow()
    assert house.offered == [["get_one"]]
    await house.documents.keep("a", spec.location, "", of("two"))
    await roster.follow()
    assert house.offered == [["get_one"], ["get_two"]]
    await roster.close()


async def test_only_an_openapi_source_of_the_settings_is_refreshed(house: House) -> None:
    """A name nobody gave, and a source of Python tools, are `source_unknown`."""
    roster = house.roster(PythonSpec(name="tools", place="nowhere:app"))
    for name in ("nowhere", "tools", ""):
        with pytest.raises(Refusal) as refused:
            await roster.refresh(name)
        assert refused.value.code == "source_unknown"


async def test_the_listing_says_when_each_document_was_read(house: House, tmp_path: Path) -> None:
    """Before the first read a source has neither digest nor time; Python sources never have."""
    (tmp_path / "a.json").write_bytes(of("one"))
    spec = OpenApiSpec(name="a", location=str(tmp_path / "a.json"))
    roster = house.roster(spec, PythonSpec(name="tools", place="package:app"))
    assert [(one.name, one.kind, one.digest, one.read_at) for one in await roster.known()] == [
        ("a", "openapi", "", None),
        ("tools", "python", "", None),
    ]
    await roster.refresh("a")
    known = (await roster.known())[0]
    assert known.read_at == house.clock.now()
    assert len(known.digest) == 64


async def test_a_check_finds_what_would_stop_a_start(house: House, tmp_path: Path) -> None:
    """A source is well when it could be loaded now; a document that does not import is named, and nothing is kept."""
    (tmp_path / "good.json").write_bytes(of("one"))
    (tmp_path / "bad.json").write_bytes(b"<html>")
    good, bad = (OpenApiSpec(name=name, location=str(tmp_path / f"{name}.json")) for name in ("good", "bad"))
    roster = house.roster(good, bad, PythonSpec(name="tools", place="no_such_module_anywhere:app"))
    await roster.check("good")
    assert "it is a web page" in await why(roster.check("bad"))
    with pytest.raises(Misconfigured, match=r"no_such_module_anywhere:app cannot be imported"):
        await roster.check("tools")
    assert await house.documents.digests() == {}


# Python sources


@pytest.fixture
def modules(tmp_path: Path) -> Iterator[Path]:
    """A folder for modules, which is forgotten again."""
    path, known = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - known:
        if getattr(sys.modules[name], "__file__", "") and str(sys.modules[name].__file__).startswith(str(tmp_path)):
            del sys.modules[name]


MODULE = '''
from freehold import Freehold
app = Freehold()
@app.tool(read_only=True)
def {tool}() -> str:
    """Answer."""
    return "x"
'''


async def test_a_python_source_is_found_beside_the_configuration(house: House, modules: Path) -> None:
    """`python = "module:name"` is imported from the folder of freehold.toml, and its tools belong to the source as it is named there."""
    for module in ("shop_tools_one", "shop_tools_two"):
        (modules / f"{module}.py").write_text(MODULE.format(tool="answer"))
    roster = house.roster(
        PythonSpec(name="one", place="shop_tools_one:app"), PythonSpec(name="two", place="shop_tools_two:app"), folder=modules
    )
    await roster.load()
    assert [(source.name, [tool.source for tool in source.tools]) for source in house.sources[0]] == [("one", ["one"]), ("two", ["two"])]


RESOURCES = '''
from freehold import Freehold
app = Freehold()
@app.resource("shop://rates")
def rates() -> str:
    """Rates."""
    return "x"
'''


async def test_a_source_without_tools_is_offered_for_its_resources_and_prompts(house: House, modules: Path) -> None:
    """Only a source that offers nothing at all is left out, whether the settings name it or this process brings it."""
    (modules / "shop_resources.py").write_text(RESOURCES)
    (modules / "shop_nothing.py").write_text("from freehold import Freehold\napp = Freehold()\n")
    prompting = Functions("asking")
    prompting.add_prompt(_answer)
    shop, nothing = PythonSpec(name="shop", place="shop_resources:app"), PythonSpec(name="nothing", place="shop_nothing:app")
    await house.roster(shop, nothing, functions=[prompting, Functions("empty")], folder=modules).load()
    (offered,) = house.sources
    assert [source.name for source in offered] == ["asking", "shop"]
    assert [one.tool.source for one in offered[0].prompts] == ["asking"]
    assert [(one.uri, one.tool.source) for one in offered[1].resources] == [("shop://rates", "shop")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("app = 5", "is not a freehold.Freehold"), ("", "cannot be imported"), ("import no_such_module_at_all", "cannot be imported")],
)
async def test_what_is_not_a_freehold_is_refused_in_words(house: House, modules: Path, text: str, sentence: str) -> None:
    """A module without that name, one that does not import, and a name that is something else each stop the start with a sentence."""
    (modules / "shop_tools_bad.py").write_text(text)
    roster = house.roster(PythonSpec(name="bad", place="shop_tools_bad:app"), folder=modules)
    with pytest.raises(Misconfigured, match=f"sources.bad: shop_tools_bad:app {sentence}"):
        await roster.load()
    assert house.offered == []


async def test_two_sources_of_one_name_are_refused(house: House, tmp_path: Path) -> None:
    """Calls are led to their source by its name, so a name that is given twice stops the start."""
    (tmp_path / "a.json").write_bytes(of("one"))
    functions = Functions("a")
    functions.add(_answer)
    with pytest.raises(Misconfigured, match="Two sources are named 'a'"):
        await house.roster(OpenApiSpec(name="a", location=str(tmp_path / "a.json")), functions=[functions]).load()
    assert house.offered == []


async def _answer() -> str:
    return "x"


# applications in this process


def application(answers: Mapping[str, tuple[int, bytes]]) -> Any:
    """An ASGI application with these answers by path."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        status, body = answers.get(scope["path"], (404, b"nothing here"))
        await Response(body, status, media_type="application/json")(scope, receive, send)

    return app


async def test_an_application_in_this_process_is_asked_for_its_document(house: House) -> None:
    """Without a document of its own it is read from /openapi.json, and its tokens are made out to the application's name."""
    roster = house.roster(apis=[InProcessApi(name="shop", app=application({"/openapi.json": (200, of("one"))}))])
    await roster.load()
    ((source,),) = house.sources
    assert [(tool.name, tool.audience) for tool in source.tools] == [("get_one", "urn:freehold:shop")]


@pytest.mark.parametrize("answer", [(404, b"nothing here"), (200, b"<html>"), (200, b"[1]"), (500, of("one"))])
async def test_an_application_without_a_document_is_refused_in_words(house: House, answer: tuple[int, bytes]) -> None:
    """An application that gives no document stops the start with a sentence that says how to pass one."""
    roster = house.roster(apis=[InProcessApi(name="shop", app=application({"/openapi.json": answer}))])
    with pytest.raises((Misconfigured, Refusal), match="document"):
        await roster.load()
    assert house.offered == []


@pytest.mark.parametrize("name", ["", "My Shop", "a.b", "a" * 33])
async def test_an_applications_name_is_one_an_operator_could_write(house: House, name: str) -> None:
    """It becomes a host name and part of tool names, so anything else stops the start."""
    document_ = document({"/one": {"get": OK}})
    with pytest.raises(Misconfigured, match="cannot be a source's name"):
        await house.roster(apis=[InProcessApi(name=name, app=application({}), document=document_)]).load()
