"""The table of requirements and the tests hold each other to account."""

from dataclasses import replace
from pathlib import Path

from tests.house.conformity import PAGE, PROVING, ROOT, faults, found_in, page
from tests.protocol.requirements import REQUIREMENTS, Requirement

GOOD = Requirement("WIRE-01", "2026-07-28", "MUST", "basic/index, Messages", "Says it.", ("tests/protocol/test_a.py::test_it",))


def found(*requirements: Requirement, existing: set[str] | None = None, proving: set[str] | None = None) -> list[str]:
    """What is wrong with these requirements where only `GOOD`'s test exists and must be named."""
    tests = set(GOOD.tests)
    return list(faults(requirements, existing or tests, tests if proving is None else proving))


def test_the_table_and_the_tests_agree() -> None:
    """Every requirement has a test or a reason, every named test exists, every protocol test is named, and ids are unique."""
    assert list(faults(REQUIREMENTS, found_in(ROOT), found_in(ROOT, PROVING))) == []


def test_the_page_is_what_the_table_says() -> None:
    """docs/conformity.md is exactly what `python -m tests.house.conformity` writes."""
    assert PAGE.read_text() == page(REQUIREMENTS)


def test_what_is_right_passes() -> None:
    """A requirement with a test that exists is no fault, nor is one with a reason in the place of a test."""
    assert found(GOOD) == []
    assert found(GOOD, replace(GOOD, id="WIRE-02", tests=(), deviation="Nothing here can show it.")) == []


def test_a_requirement_without_test_or_reason_is_named() -> None:
    """A claim that nothing shows is a fault."""
    assert found(GOOD, replace(GOOD, id="WIRE-02", tests=())) == [
        "WIRE-02 has neither a test nor a deviation; write the test, or say why there is none."
    ]


def test_a_test_that_is_not_there_is_named() -> None:
    """A claim that points at a test nobody wrote, or that was renamed, is a fault."""
    (fault,) = found(GOOD, replace(GOOD, id="WIRE-02", tests=("tests/protocol/test_a.py::test_gone",)))
    assert fault.startswith("WIRE-02 names tests/protocol/test_a.py::test_gone, which does not exist")


def test_a_test_without_requirement_is_named() -> None:
    """A protocol test that proves nothing we claim is a fault."""
    (fault,) = found(GOOD, proving={*GOOD.tests, "tests/protocol/test_b.py::test_loose"})
    assert fault.startswith("tests/protocol/test_b.py::test_loose proves no requirement")


def test_an_id_given_twice_is_named() -> None:
    """Ids are quoted elsewhere, so no two requirements share one."""
    assert found(GOOD, GOOD) == ["WIRE-01 stands twice in the table; give one of them another id."]


def test_tests_are_collected_from_their_text(tmp_path: Path) -> None:
    """Only top-level functions named test_* of files named test_*.py count, async or not; nothing is imported."""
    folder = tmp_path / "tests" / "protocol"
    folder.mkdir(parents=True)
    (folder / "test_a.py").write_text("raise SystemExit\n\nasync def test_it():\n    def test_inner(): ...\n\ndef other(): ...\n")
    (folder / "support.py").write_text("def test_not(): ...\n")
    assert found_in(tmp_path) == set(GOOD.tests)


def test_the_page_escapes_what_would_break_a_table() -> None:
    """A bar in a sentence stays inside its cell, and a deviation is listed with its reason."""
    text = page([replace(GOOD, text="a|b"), replace(GOOD, id="WIRE-02", tests=(), deviation="Because | so.")])
    assert "| a\\|b |" in text
    assert "| WIRE-02 | MUST | Says it. | Because \\| so. |" in text
    assert "see deviations" in text
