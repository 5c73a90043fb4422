"""Every house rule is seen red on one planted violation and green on the tree as it is."""

from pathlib import Path

import pytest

from tests.house.rules import RULES, Page, Rule, check

ROOT = Path(__file__).parents[2]
PLANTS: dict[str, tuple[str, str]] = {
    "base_middleware": ("src/freehold/web/planted.py", "import starlette.middleware.base as b\n\nCHOSEN = b.BaseHTTPMiddleware\n"),
    "schemas_offline": (
        "src/freehold/kit/planted.py",
        "from jsonschema_rs import Draft202012Validator\n\nCHECKED = Draft202012Validator({}, offline=False)\n",
    ),
    "http_clients": ("tests/unit/planted.py", "def fetch():\n    from httpx2 import AsyncClient\n\n    return AsyncClient()\n"),
    "sql_at_home": ("src/freehold/domains/limits/step.py", "def count(run):\n    return run('select units from ledger_entries')\n"),
    "doors_named": (
        "src/freehold/core/planted.py",
        "try:\n    GOOD = 1\nexcept (ValueError, Exception):  # whatever it was\n    GOOD = 0\n",
    ),
    "environment_read_once": ("src/freehold/kit/planted.py", "import os\n\nHOME = os.environ['FREEHOLD_HOME']\n"),
    "modules_open_with_a_head": ("src/freehold/core/planted.py", "SILENT = True\n"),
    "tests_state_facts": ("tests/unit/test_planted.py", "def test_something():\n    assert True\n"),
    "tests_do_not_sleep": ("tests/unit/planted.py", "import asyncio\n\n\nasync def settle():\n    await asyncio.sleep(0.1)\n"),
    "telling_names": ("src/freehold/kit/utils.py", "ANYTHING = 1\n"),
    "small_files": ("src/freehold/core/planted.py", "FACT = 1\n" * 401),
    "small_functions": ("bench/planted.py", "def long():\n" + "    fact = 1\n" * 60),
    "no_machine_paths": ("docs/planted.md", "Put it into /" + "home/me/freehold first.\n"),
    "no_registry_hosts": ("docs/planted.md", "See https://" + "pypi" + ".org/project/freehold.\n"),
    "exceptions_to_rules_explained": ("src/freehold/core/planted.py", "def odd():  # noqa: D103\n    return 1\n"),
    "heavy_imports_late": ("src/freehold/kit/planted.py", "from opentelemetry.sdk import trace\n\nTRACE = trace\n"),
    "front_door_unused_inside": ("src/freehold/web/planted.py", "from freehold import App\n\nFRONT = App\n"),
}
"""One violation for each rule: the file it is planted in and its text, below a module docstring where that is not the point."""

ALLOWED = {
    "schemas_offline": "from jsonschema_rs import Draft202012Validator\n\nCHECKED = Draft202012Validator({}, offline=True)\n",
    "doors_named": (
        "try:\n    GOOD = 1\nexcept Exception:  # door: a plug's own code must not stop the server\n    GOOD = 0\n"
        "try:\n    GOOD = 1\nexcept BaseException:\n    GOOD = 0\n    raise\n"
    ),
    "tests_do_not_sleep": "import asyncio\n\n\nasync def settle():\n    await asyncio.sleep(0)\n",
    "small_functions": "def long():\n" + "    fact = 1\n" * 59,
    "no_machine_paths": "Call https://api.example.com/home/page and /v1/work/items.\n",
    "exceptions_to_rules_explained": "def odd():  # noqa: D103  its name says it\n    return 1\n",
    "heavy_imports_late": "def trace():\n    from opentelemetry.sdk import trace\n\n    return trace\n",
}
"""What comes closest to a violation and is none, in the same file."""


def planted(rule: str, text: str) -> Page:
    """The page with `text` under a module docstring, unless the missing docstring is the point."""
    path = PLANTS[rule][0]
    headed = path.endswith(".py") and rule != "modules_open_with_a_head"
    return Page(path, '"""Planted."""\n\n' + text if headed else text)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_planted_violation_is_named_with_its_file(rule: Rule, tmp_path: Path) -> None:
    """One violation in an otherwise empty tree is reported once, with file and line, and by its own rule only."""
    page = planted(rule.__name__, PLANTS[rule.__name__][1])
    target = tmp_path / page.path
    target.parent.mkdir(parents=True)
    target.write_text(page.text)
    violations = check(tmp_path)
    assert [violation.rule for violation in violations] == [rule.__name__]
    assert str(violations[0]).startswith(f"{page.path}:{violations[0].line}: ")
    assert 1 <= violations[0].line <= page.text.count("\n")


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.__name__ in ALLOWED], ids=lambda rule: rule.__name__)
def test_what_is_close_to_a_violation_passes(rule: Rule) -> None:
    """The rule does not cry at the allowed form of the same thing."""
    assert list(rule(planted(rule.__name__, ALLOWED[rule.__name__]))) == []


def test_every_rule_has_a_plant() -> None:
    """A rule without a planted violation, or a plant without a rule, is noticed."""
    assert {rule.__name__ for rule in RULES} == set(PLANTS)
    assert set(ALLOWED) <= set(PLANTS)


def test_the_tree_keeps_every_rule() -> None:
    """The repository as it stands has no violation."""
    assert [str(violation) for violation in check(ROOT)] == []
