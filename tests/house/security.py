"""docs/security-cases.md, made from tests/security/cases.py and the ids that tests carry in their docstrings.

`python -m tests.house.security` writes the page anew; `test_security.py` keeps table and tests honest."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from tests.security.cases import CASES, Case

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security-cases.md"
_ID = re.compile(r"\b[A-Z]{2,5}-\d\d\b")

_HEAD = """# Security cases

What a hostile caller would try against the resource server, its tokens and its API keys, and the tests that show what comes of it.
The page is generated; a case without a test or a reason, or a test that carries an unknown id, fails the build.

"""


def carried(root: Path) -> dict[str, list[str]]:
    """The tests that carry each id in their docstrings, as `path::name`."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        for name, said in _docstrings(path.read_text()):
            for each in _ID.findall(said):
                found.setdefault(each, []).append(f"{path.relative_to(root).as_posix()}::{name}")
    return found


def _docstrings(text: str) -> Iterator[tuple[str, str]]:
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name, ast.get_docstring(node) or ""


def faults(cases: Sequence[Case], tests: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What is wrong between the table and the tests, in sentences."""
    for name, times in Counter(case.id for case in cases).items():
        if times > 1:
            yield f"{name} stands twice in the table; give one of them another id."
    for case in cases:
        yield from _case(case, tests.get(case.id, ()))
    groups, known = {_group(case.id) for case in cases}, {case.id for case in cases}
    for name in sorted(tests):
        if _group(name) in groups and name not in known:
            yield f"{tests[name][0]} carries {name}, which is no case; correct the id."


def _case(case: Case, tests: Sequence[str]) -> Iterator[str]:
    if case.state == "implemented" and not tests:
        yield f"{case.id} is said to be implemented and no test carries it; write the test, or say why there is none."
    if case.state != "implemented" and not case.why:
        yield f"{case.id} is {case.state} without a reason; say why."
    if case.state == "not applicable" and tests:
        yield f"{case.id} does not apply and yet {tests[0]} carries it; one of the two is wrong."


def page(cases: Sequence[Case], tests: Mapping[str, Sequence[str]]) -> str:
    """The whole text of docs/security-cases.md."""
    return "".join([_HEAD, _summary(cases), *_groups(cases, tests)])


def _group(name: str) -> str:
    return name.partition("-")[0]


def _summary(cases: Sequence[Case]) -> str:
    rows = ["| group | implemented | not applicable | open |\n|---|--:|--:|--:|\n"]
    for group, those in groupby(cases, key=lambda case: _group(case.id)):
        states = Counter(case.state for case in those)
        rows.append(f"| {group} | {states['implemented']} | {states['not applicable']} | {states['open']} |\n")
    return "".join(rows)


def _groups(cases: Sequence[Case], tests: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for group, those in groupby(cases, key=lambda case: _group(case.id)):
        yield f"\n## {group}\n\n| id | case | state | shown by |\n|---|---|---|---|\n"
        for case in those:
            shown = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in tests.get(case.id, ()))
            yield f"| {case.id} | {f'{case.text} {case.why}'.strip()} | {case.state} | {shown} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(CASES, carried(ROOT)))
