"""Each contract that `make check` enforces turns red when one violation is planted, and names it.

The package is copied first, so that nothing is ever planted in the tree itself."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
PLANTS: dict[str, dict[str, str]] = {
    "floors": {"kit/planted.py": "import freehold.core.call\n"},
    "rooms": {"domains/planted/__init__.py": "import freehold.domains.neighbour\n", "domains/neighbour/__init__.py": ""},
    "adapters": {"adapters/planted.py": "def build():\n    import freehold.adapters.neighbour\n", "adapters/neighbour.py": ""},
    "circles": {"kit/planted.py": "import freehold.kit.back\n", "kit/back.py": "import freehold.kit.planted\n"},
    "settings": {"web/planted.py": "from freehold.settings import Settings\n"},
    "vendors": {"domains/planted/__init__.py": "def charge():\n    import stripe\n"},
    "postgres-driver": {"kit/planted.py": "from asyncpg import connect\n"},
    "outbound": {"web/planted.py": "def fetch():\n    import httpx2\n"},
    "hall": {"core/planted.py": "import sqlalchemy\n"},
}
"""For each contract the files that break it; the first one's module must be named."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its configuration, somewhere else."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def plant(tree: Path, files: dict[str, str]) -> None:
    """Write `files`, given relative to the package."""
    for name, text in files.items():
        target = tree / "src/freehold" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def run(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run one of the tools in `tree`, which is what it then sees as the package."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "COLUMNS": "200"}
    tool = [str(TOOLS / command[0]), *command[1:]]
    return subprocess.run(tool, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def test_the_tree_keeps_every_contract(copy: Path) -> None:
    """The package as it stands breaks no contract, and every contract was looked at."""
    seen = run(copy, "lint-imports", "--no-logo", "--no-cache")
    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in seen.stdout


@pytest.mark.parametrize("contract", [contract["id"] for contract in CONTRACTS])
def test_a_planted_import_breaks_its_contract(contract: str, copy: Path) -> None:
    """One forbidden import, also one hidden inside a function, turns its contract red and its module is named."""
    plant(copy, PLANTS[contract])
    seen = run(copy, "lint-imports", "--no-logo", "--no-cache", "--contract", contract)
    floor, _, planted = next(iter(PLANTS[contract])).removesuffix(".py").removesuffix("/__init__").partition("/")
    assert seen.returncode == 1, seen.stdout + seen.stderr
    assert "Contracts: 0 kept, 1 broken." in seen.stdout
    assert f"freehold.{floor}" in seen.stdout
    assert f".{planted} -> " in seen.stdout


def test_every_contract_has_a_plant() -> None:
    """A contract nobody has seen red is noticed."""
    assert {contract["id"] for contract in CONTRACTS} == set(PLANTS)


def test_a_new_top_level_module_must_be_given_a_floor(copy: Path) -> None:
    """A module that stands on no floor turns the floors red."""
    plant(copy, {"attic.py": ""})
    seen = run(copy, "lint-imports", "--no-logo", "--no-cache", "--contract", "floors")
    assert seen.returncode == 1
    assert "attic" in seen.stdout


def test_style_is_enforced(copy: Path) -> None:
    """An eval is refused by ruff with our configuration, naming its file."""
    plant(copy, {"kit/planted.py": '"""Planted."""\n\nFACT = eval("1")\n'})
    seen = run(copy, "ruff", "check", "--no-cache", "--output-format", "concise")
    assert seen.returncode == 1
    assert "src/freehold/kit/planted.py:3" in seen.stdout
    assert "S307" in seen.stdout


def test_types_are_enforced(tmp_path: Path) -> None:
    """A wrong type and an untyped parameter are refused by basedpyright with our configuration, naming the file."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    plant(tmp_path, {"planted.py": '"""Planted."""\n\nFACT: int = "one"\n\n\ndef untyped(anything):\n    return anything\n'})
    seen = run(tmp_path, "basedpyright", "--pythonpath", sys.executable)
    assert seen.returncode == 1
    assert "planted.py:3" in seen.stdout
    assert "reportMissingParameterType" in seen.stdout
