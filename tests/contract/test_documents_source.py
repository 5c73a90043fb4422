"""Where an API's document comes from, what is kept of it, and in which words it is refused; on both databases."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freehold.domains.sources.fetch import LARGEST
from freehold.domains.sources.port import Source
from freehold.domains.sources.specs import GraphQlSpec, OpenApiSpec
from freehold.kit.db import Database, connect
from freehold.kit.errors import Misconfigured
from tests.sources import House, Published, of, on_the_web, replica, why

pytestmark = pytest.mark.anyio

BROKEN = {"garbage": b"\x00\x01", "a page": b"<html>", "no operation": b'{"openapi":"3.1.0","info":{},"paths":{}}', "half": b'{"openapi":'}


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


def names(source: Source) -> list[str]:
    """Its tools."""
    return [tool.name for tool in source.tools]


# reading and keeping


async def test_the_first_load_reads_the_document_and_later_ones_need_nobody(
    db: Database, published: tuple[Published, House, OpenApiSpec]
) -> None:
    """The first replica reads and keeps; another starts from the kept copy without a request, with the same digest."""
    page, house, spec = published
    source, digest = await house.loader.load(spec)
    assert (names(source), page.asked) == (["get_one"], 1)
    page.status = 500
    async with replica(db) as other:
        again, same = await other.loader.load(spec)
    assert (names(again), same, page.asked) == (["get_one"], digest, 1)
    assert await house.documents.digests() == {"shop": digest}


async def test_a_refresh_replaces_the_copy_and_tells_every_replica(published: tuple[Published, House, OpenApiSpec]) -> None:
    """A document that imports becomes the kept copy with its time, and whoever watches control-plane changes hears of it."""
    page, house, spec = published
    await house.loader.load(spec)
    heard = house.heard
    page.body = of("one", "two")
    house.clock.advance(60)
    reread = await house.loader.refresh(spec)
    assert [tool.name for tool in reread.tools] == ["get_one", "get_two"]
    assert [(one.kind, one.tool) for one in reread.differences] == [("added", "get_two")]
    kept = await house.documents.stored("shop", spec.location)
    assert kept is not None
    assert (kept.document, kept.digest, kept.fetched_at) == (page.body, hashlib.sha256(page.body).hexdigest(), house.clock.now())
    assert house.heard > heard


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_document_changes_nothing(published: tuple[Published, House, OpenApiSpec], broken: str) -> None:
    """A refresh that does not import leaves the copy, its digest and its time as they were, and tells nobody."""
    page, house, spec = published
    await house.loader.load(spec)
    before, heard = await house.documents.stored("shop", spec.location), house.heard
    page.body = BROKEN[broken]
    house.clock.advance(60)
    assert "document" in await why(house.loader.refresh(spec))
    after = await house.documents.stored("shop", spec.location)
    assert before is not None
    assert after is not None
    assert (after.document, after.digest, after.fetched_at) == (before.document, before.digest, before.fetched_at)
    assert house.heard == heard


async def test_a_copy_from_another_place_is_not_used(published: tuple[Published, House, OpenApiSpec]) -> None:
    """When the settings name another location the kept copy is not taken for its document; the new place is read."""
    page, house, spec = published
    await house.loader.load(spec)
    assert await house.documents.stored("shop", f"{page.url}/v2.json") is None
    page.body = of("two")
    moved = OpenApiSpec(name="shop", location=f"{page.url}/v2.json")
    assert names((await house.loader.load(moved))[0]) == ["get_two"]
    assert await house.documents.stored("shop", spec.location) is None


async def test_replicas_that_keep_at_once_do_not_break_each_other(database_url: str) -> None:
    """Several processes that read a new document at the same time each succeed, and one row is left."""
    stores = [connect(database_url) for _ in range(4)]
    try:
        for round_ in range(5):

            async def keep(store: Database, text: bytes = of(f"o{round_}")) -> None:
                async with replica(store) as house:
                    await house.documents.keep("shop", "here", "", text)

            await asyncio.gather(*map(keep, stores))
            async with replica(stores[0]) as house:
                kept = await house.documents.stored("shop", "here")
                assert kept is not None
                assert kept.document == of(f"o{round_}")
                assert set(await house.documents.digests()) == {"shop"}
    finally:
        for store in stores:
            await store.close()


async def test_a_document_is_kept_byte_for_byte(house: House) -> None:
    """Whatever bytes a document has, zeros and invalid UTF-8 included, the kept copy has them too."""
    raw = bytes(range(256)) * 40
    await house.documents.keep("shop", "here", "https://api.example.com", raw)
    kept = await house.documents.stored("shop", "here")
    assert kept is not None
    assert kept.document == raw
    assert kept.base_url == "https://api.example.com"


# trouble in words


@pytest.mark.parametrize(
    ("status", "sentence"), [(404, "its server answered 404"), (302, "answered 302. Check the address; redirects are not followed")]
)
async def test_an_address_that_does_not_serve_it(published: tuple[Published, House, OpenApiSpec], status: int, sentence: str) -> None:
    """Any answer but 200 is no document; a redirect is not followed (RF-01)."""
    page, house, spec = published
    page.status = status
    assert sentence in await why(house.loader.load(spec))
    assert page.asked == 1
    assert await house.documents.stored("shop", spec.location) is None


async def test_addresses_that_are_not_reached(house: House) -> None:
    """A private host that is not on the list is refused with the mend; one that does not answer is named unreachable (EG-01)."""
    assert "(address_refused). Add its host to outbound_allow" in await why(house.documents.read("http://127.0.0.1:9/openapi.json"))
    assert "(address_refused)" in await why(house.documents.read("http://169.254.169.254/latest"))
    assert "(address_refused)" in await why(house.documents.read("http://"))


async def test_an_address_where_nobody_answers(db: Database) -> None:
    """A server that is not there is named unreachable, with what to do."""
    async with replica(db, "127.0.0.1:9") as house:
        assert "(unreachable). Check the address" in await why(house.documents.read("http://127.0.0.1:9/openapi.json"))


async def test_files_that_cannot_be_read(house: House, tmp_path: Path) -> None:
    """A missing file, a folder and one beyond the cap are each refused by name and reason, the last without reading it."""
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(LARGEST + 1)
    assert "nowhere.json cannot be read (No such file or directory)" in await why(house.documents.read(str(tmp_path / "nowhere.json")))
    assert "cannot be read (Is a directory)" in await why(house.documents.read(str(tmp_path)))
    assert f"huge.json is larger than {LARGEST} bytes" in await why(house.documents.read(str(huge)))


# what the settings change


async def test_the_operators_base_url_audience_and_scopes_stand_in_place_of_the_documents(house: House, tmp_path: Path) -> None:
    """Base URL, audience and single tools' scopes come from the settings; tools they do not name keep their own."""
    (tmp_path / "d.json").write_bytes(of("one", "two"))
    spec = OpenApiSpec(
        name="shop",
        location=str(tmp_path / "d.json"),
        base_url="https://eu.example.com/v9",
        audience="urn:eu",
        scopes={"get_two": ("eu:read",)},
    )
    source, _ = await house.loader.load(spec)
    assert [(tool.audience, set(tool.scopes)) for tool in source.tools] == [("urn:eu", {"mcp:read"}), ("urn:eu", {"eu:read"})]
    plain, _ = await house.loader.load(OpenApiSpec(name="plain", location=str(tmp_path / "d.json")))
    assert [(tool.audience, set(tool.scopes)) for tool in plain.tools] == [("https://api.example.com", {"mcp:read"})] * 2


async def test_scopes_for_a_tool_that_is_not_there_are_refused(house: House, tmp_path: Path) -> None:
    """A misspelled tool name would leave the tool open to the default scope, so it stops the start (fails closed)."""
    (tmp_path / "d.json").write_bytes(of("one"))
    spec = OpenApiSpec(name="shop", location=str(tmp_path / "d.json"), scopes={"get_onee": ("eu:read",), "get_one": ()})
    with pytest.raises(Misconfigured, match=r"sources\.shop\.scopes names get_onee, which it does not offer\."):
        await house.loader.load(spec)
    assert await house.documents.stored("shop", spec.location) is None


async def test_operations_the_operator_names_are_resources_too(house: House, tmp_path: Path) -> None:
    """They run under the operator's scopes and audience and stay tools; one that cannot be a resource stops the start (fails closed)."""
    (tmp_path / "d.json").write_bytes(of("one", "two"))
    spec = OpenApiSpec(
        name="shop",
        location=str(tmp_path / "d.json"),
        audience="urn:eu",
        scopes={"get_two": ("eu:read",)},
        resources={"get_two": "shop://two"},
    )
    source, _ = await house.loader.load(spec)
    (resource,) = source.resources
    assert (resource.uri, resource.tool.source, resource.tool.audience, resource.tool.scopes) == (
        "shop://two",
        "shop",
        "urn:eu",
        {"eu:read"},
    )
    assert [tool.name for tool in source.tools] == ["get_one", "get_two"]
    assert source.prompts == ()
    other = OpenApiSpec(name="other", location=spec.location, resources={"get_three": "shop://three"})
    with pytest.raises(Misconfigured, match=r"sources\.other\.resources\.get_three: this source has no tool of that name\."):
        await house.loader.load(other)
    assert await house.documents.stored("other", spec.location) is None


async def test_a_graphql_endpoint_is_asked_through_the_guard(house: House) -> None:
    """A private host nobody allowed is not asked for its schema (EG-01), and nothing is kept."""
    spec = GraphQlSpec(name="shop", location="http://127.0.0.1:9/graphql")
    said = await why(house.loader.load(spec))
    assert "its schema could not be asked for (address_refused)" in said
    assert "outbound_allow" in said
    assert await house.documents.digests() == {}
