"""The table of security cases and the tests hold each other to account."""

from pathlib import Path

from tests.house.security import PAGE, ROOT, carried, faults, page
from tests.security.cases import CASES, Case

GOOD = Case("RS-01", "It is refused.")
TESTS = {"RS-01": ["tests/a.py::test_it"]}


def test_the_table_and_the_tests_agree() -> None:
    """Every implemented case has a test, every other a reason, and no test carries an id of these groups that is no case."""
    assert list(faults(CASES, carried(ROOT))) == []


def test_the_page_is_what_the_table_says() -> None:
    """docs/security-cases.md is exactly what `python -m tests.house.security` writes."""
    assert PAGE.read_text() == page(CASES, carried(ROOT))


def test_what_is_wrong_is_named() -> None:
    """A case without a test, without a reason, twice, or carried though it does not apply, and an id that is no case, are each told."""
    assert list(faults([GOOD], TESTS)) == []
    assert list(faults([GOOD, Case("RS-02", "So.", "open", "Later.")], TESTS)) == []
    wrong = {
        "RS-01 is said to be implemented and no test carries it": ([GOOD], {}),
        "RS-02 is open without a reason": ([GOOD, Case("RS-02", "So.", "open")], TESTS),
        "RS-01 stands twice in the table": ([GOOD, GOOD], TESTS),
        "RS-01 does not apply and yet tests/a.py::test_it carries it": ([Case("RS-01", "So.", "not applicable", "No.")], TESTS),
        "tests/a.py::test_x carries RS-99, which is no case": ([GOOD], {**TESTS, "RS-99": ["tests/a.py::test_x"]}),
    }
    for sentence, (cases, tests) in wrong.items():
        (fault,) = faults(cases, tests)
        assert fault.startswith(sentence)
    assert list(faults([GOOD], {**TESTS, "TEN-99": ["tests/a.py::test_x"]})) == []


def test_ids_are_read_from_docstrings(tmp_path: Path) -> None:
    """Only docstrings of top-level test functions count; nothing is imported."""
    folder = tmp_path / "tests" / "unit"
    folder.mkdir(parents=True)
    (folder / "test_a.py").write_text(
        'raise SystemExit\n\nasync def test_it():\n    """A (RS-01, JWT-02)."""\n\ndef other():\n    """RS-03."""\n\nRS = "RS-04"\n'
    )
    assert carried(tmp_path) == {"RS-01": ["tests/unit/test_a.py::test_it"], "JWT-02": ["tests/unit/test_a.py::test_it"]}
