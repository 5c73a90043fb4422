"""The two commands of the README, the list a bare `make` prints, and what continuous integration runs."""

import re
import shutil
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TARGETS = ["demo", "test", "check", "serve", "bench", "fidelity"]


def test_a_bare_make_lists_the_targets() -> None:
    """`make` alone prints each target once with what it does, and runs none of them."""
    said = subprocess.run(["make", "-C", str(ROOT), "--no-print-directory"], capture_output=True, text=True, check=True).stdout
    listed = said.splitlines()
    assert [line.split()[1] for line in listed] == TARGETS
    assert all(len(line.split(maxsplit=2)) == 3 for line in listed)


def test_ci_runs_check_then_test_and_nothing_else() -> None:
    """`.ci/run` is strict bash that runs exactly `make check` and then `make test`."""
    lines = (ROOT / ".ci/run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith("#")]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make check", "make test"]
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_the_hosted_workflow_runs_the_same_on_every_python() -> None:
    """ci.yml runs the same two commands on every Python the package says it supports."""
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["python"]
    declared = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make check", "make test"]
    assert job["strategy"]["matrix"]["python"] == declared


def test_a_machine_without_a_usable_python_is_told_so(tmp_path: Path) -> None:
    """With an interpreter that does not run, the environment is not made and a sentence says what to do."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    seen = subprocess.run(
        [str(tmp_path / ".ci/environment"), "demo"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(tmp_path / "no-python")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert seen.returncode == 1
    assert "Name an interpreter that is 3.11 or newer." in seen.stderr
    assert not (tmp_path / ".venv").exists()
