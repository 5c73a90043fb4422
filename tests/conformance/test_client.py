"""The official conformance suite's scenarios for clients pass, in both eras: its servers are visited as an upstream is."""

import sys
from pathlib import Path

import pytest

from tests.conformance.expected import NOT_YET
from tests.conformance.suite import required, visit

pytestmark = pytest.mark.anyio

COMMAND = f"{sys.executable} -m freehold fixture client"


def _run(revision: str) -> list[str]:
    wanted = required(revision, "client")
    return sorted(one for one in wanted.scored | wanted.unscored if not one.startswith(tuple(NOT_YET)))


@pytest.mark.parametrize("revision", ["2026-07-28", "2025-11-25"])
async def test_the_suite_passes(revision: str, tmp_path: Path) -> None:
    """Every client scenario a revision lists passes without a warning, but for those that are named as not yet."""
    passed = 0
    for scenario in _run(revision):
        found = await visit(COMMAND, scenario, revision, tmp_path / scenario)
        assert (scenario, found.failed(), found.warned()) == (scenario, {}, {})
        assert found.passed(), scenario
        assert found.ended.code == 0, found.ended.err
        passed += found.passed()
    print(f"\n{revision}: {len(_run(revision))} client scenarios, {passed} checks")  # noqa: T201  the figures that documents quote


async def test_a_client_that_does_nothing_passes_nothing(tmp_path: Path) -> None:
    """The verdict is the suite's own: a program that ends at once fails."""
    found = await visit("true", "tools_call", "2026-07-28", tmp_path)
    assert found.ended.code == 1
    assert found.failed()


def test_what_waits_is_authorization_alone() -> None:
    """Nothing but scenarios of authorization is left out, in either revision."""
    for revision in ("2026-07-28", "2025-11-25"):
        wanted = required(revision, "client")
        left = (wanted.scored | wanted.unscored) - set(_run(revision))
        assert left
        assert all(one.startswith("auth/") for one in left)
