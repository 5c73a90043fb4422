"""docs/conformity.md, made from tests/protocol/requirements.py, and what may be wrong with that table.

`python -m tests.house.conformity` writes the page anew; `test_conformity.py` keeps both honest."""

import ast
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from tests.protocol.requirements import REQUIREMENTS, Requirement

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformity.md"
PROVING = ("tests/protocol", "tests/conformance")
"""Folders whose every test proves a requirement."""

_HEAD = """# Conformity

Every MUST and SHOULD of the Model Context Protocol that falls on a server, as far as Freehold has the part it speaks of, and the main
ones that fall on a client of other servers, with the tests that show it. `2025-x` stands for the handshake revisions 2025-11-25,
2025-06-18 and 2025-03-26 alike. What the authorization server must do is not in here yet: it is later work. The page is generated; a
requirement without a test, or a protocol test without a requirement, fails the build.

"""


def found_in(root: Path, folders: Iterable[str] = ("tests",)) -> set[str]:
    """Every test function below the folders, as `path::name`."""
    files = (path for folder in folders for path in (root / folder).rglob("test_*.py"))
    return {f"{path.relative_to(root).as_posix()}::{name}" for path in files for name in _tests(path.read_text())}


def _tests(text: str) -> Iterator[str]:
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name


def faults(requirements: Sequence[Requirement], existing: Collection[str], proving: Collection[str]) -> Iterator[str]:
    """What is wrong with the table, in sentences. `existing` are all tests, `proving` those that must be named."""
    seen: set[str] = set()
    for one in requirements:
        if one.id in seen:
            yield f"{one.id} stands twice in the table; give one of them another id."
        seen.add(one.id)
        if not one.tests and not one.deviation:
            yield f"{one.id} has neither a test nor a deviation; write the test, or say why there is none."
        for test in one.tests:
            if test not in existing:
                yield f"{one.id} names {test}, which does not exist; name the test that proves it."
    named = {test for one in requirements for test in one.tests}
    for test in sorted(set(proving) - named):
        yield f"{test} proves no requirement; name it in tests/protocol/required, or move it out of tests/protocol."


def page(requirements: Sequence[Requirement]) -> str:
    """The whole text of docs/conformity.md."""
    return "".join([_HEAD, _summary(requirements), *_groups(requirements), _deviations(requirements)])


def _summary(requirements: Sequence[Requirement]) -> str:
    rows = ["| revision | MUST | SHOULD | MAY | deviations |\n|---|--:|--:|--:|--:|\n"]
    for era in sorted({one.era for one in requirements}, reverse=True):
        those = [one for one in requirements if one.era == era]
        counts = [sum(one.force == force for one in those) for force in ("MUST", "SHOULD", "MAY")]
        rows.append(f"| {era} | {' | '.join(map(str, counts))} | {sum(bool(one.deviation) for one in those)} |\n")
    return "".join(rows)


def _groups(requirements: Sequence[Requirement]) -> Iterator[str]:
    for group, those in groupby(requirements, key=lambda one: one.id.rpartition("-")[0]):
        yield f"\n## {group}\n\n| id | revision | | requirement | where | shown by |\n|---|---|---|---|---|---|\n"
        yield from map(_row, those)


def _row(one: Requirement) -> str:
    shown = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in one.tests) or "see deviations"
    return f"| {one.id} | {one.era} | {one.force} | {_cell(one.text)} | {_cell(one.section)} | {shown} |\n"


def _deviations(requirements: Sequence[Requirement]) -> str:
    rows = [f"| {one.id} | {one.force} | {_cell(one.text)} | {_cell(one.deviation)} |\n" for one in requirements if one.deviation]
    return "".join(["\n## Deviations\n\n| id | | requirement | why |\n|---|---|---|---|\n", *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(REQUIREMENTS))
