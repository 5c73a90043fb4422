"""The official conformance suite passes: on one process with SQLite, and on two replicas behind a proxy without affinity."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.conformance.expected import FAILING, WARNED
from tests.conformance.suite import examine, required
from tests.processes import Place
from tests.rotation import rotation

pytestmark = pytest.mark.anyio

REVISIONS = ("2026-07-28", "2025-11-25")
COMMAND = ("fixture", "conformance")
DOCUMENT = Path(__file__).parents[2] / "docs" / "conformance.md"


def _place(folder: Path, **variables: str) -> Place:
    (folder / "freehold.toml").write_text('port = 0\npublic_url = "http://127.0.0.1"\n')
    return Place(folder, {"FREEHOLD_MASTER_KEY": "5e" * 32, **variables})


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[str]:
    """One process, everything embedded; its address."""
    async with _place(tmp_path).serving(*COMMAND) as server:
        yield server.url


@pytest.fixture
async def paired(tmp_path: Path, postgres_url: str, redis_url: str) -> AsyncIterator[str]:
    """Two processes on one PostgreSQL and one Redis, each getting every other request; the proxy's address."""
    place = _place(tmp_path, FREEHOLD_DATABASE_URL=postgres_url, FREEHOLD_STATE_URL=redis_url)
    async with AsyncExitStack() as stack:
        servers = await asyncio.gather(*(stack.enter_async_context(place.serving(*COMMAND)) for _ in range(2)))
        proxy = await stack.enter_async_context(rotation([server.url for server in servers]))
        yield proxy.url
    assert len(proxy.taken) == 2
    assert max(proxy.taken.values()) - min(proxy.taken.values()) <= 1


@pytest.fixture(params=["alone", "paired"])
def url(request: pytest.FixtureRequest) -> str:
    """Where to examine, on each deployment in turn."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("revision", REVISIONS)
async def test_the_suite_passes(revision: str, url: str, tmp_path: Path) -> None:
    """Every scenario a revision requires passes, exactly what is expected of the others fails, and the document says the same."""
    wanted, found = required(revision), await examine(url, revision, tmp_path / "found")
    print(f"\n{revision}: {found.counted()}")  # noqa: T201  the figures that documents quote
    failed, warned = found.failed(), found.warned()
    assert {name: said for name, said in failed.items() if name in wanted.scored} == {}
    assert {name: said for name, said in failed.items() if name not in FAILING[revision]} == {}
    assert {name: said for name, said in warned.items() if name not in WARNED[revision]} == {}
    assert (failed.keys(), warned.keys()) == (FAILING[revision].keys(), WARNED[revision].keys())
    assert found.checks.keys() == wanted.scored | wanted.unscored
    assert found.ended.code == 0, found.ended.err
    row = f"| {revision} | {len(wanted.scored)} | {len(wanted.unscored)} | {found.passed()} |"
    assert row in DOCUMENT.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("revision", REVISIONS)
async def test_a_server_that_does_not_answer_passes_nothing(revision: str, tmp_path: Path) -> None:
    """The verdict is the suite's own: with nobody at the address no scored scenario comes out clean, and none goes unseen."""
    wanted, found = required(revision), await examine("http://127.0.0.1:9", revision, tmp_path / "found")
    assert found.ended.code == 1
    assert wanted.scored <= found.failed().keys() | found.warned().keys()
    assert found.checks.keys() == wanted.scored | wanted.unscored
