"""The official conformance suite against a server: runs what a revision requires and reads what every check found."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests import node

_MOST_SECONDS = 400.0
_BROKEN = {"id": "broken-off", "status": "FAILURE", "description": "The scenario ended without saying what it found"}
_FOLDER = re.compile(r"(?:server-)?(?P<scenario>.+?)-\d{4}-\d{2}-\d{2}T.*")


@dataclass(frozen=True)
class Required:
    """What the suite's authors froze for one revision, by scenario."""

    scored: frozenset[str]
    unscored: frozenset[str]


@dataclass(frozen=True)
class Found:
    """One run: the program's end, and the checks of each scenario."""

    ended: node.Ended
    checks: Mapping[str, list[dict[str, Any]]]

    def failed(self) -> dict[str, list[str]]:
        """By scenario, the sentences of the checks that failed; scenarios without any are left out."""
        return self._those("FAILURE")

    def warned(self) -> dict[str, list[str]]:
        """The same of what the specification only recommends."""
        return self._those("WARNING")

    def passed(self) -> int:
        """How many checks succeeded."""
        return sum(check["status"] == "SUCCESS" for checks in self.checks.values() for check in checks)

    def counted(self) -> str:
        """How many scenarios ran and how their checks ended, on one line."""
        ends = Counter(check["status"] for checks in self.checks.values() for check in checks)
        return f"{len(self.checks)} scenarios, checks: " + ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))

    def _those(self, status: str) -> dict[str, list[str]]:
        said = {name: [_sentence(check) for check in checks if check["status"] == status] for name, checks in self.checks.items()}
        return {name: sentences for name, sentences in said.items() if sentences}


def required(revision: str, leg: str = "server") -> Required:
    """The suite's own list for servers, or with `leg` for clients."""
    listed = yaml.safe_load((node.packages() / node.SUITE).parent.parent.joinpath("requirements", f"{revision}.yaml").read_text())
    beside = frozenset(entry["scenario"] for entry in listed["not_scored"] if entry["leg"] == leg)
    return Required(frozenset(listed[leg]), beside)


async def examine(url: str, revision: str, folder: Path) -> Found:
    """Run all of it, its records going into `folder`."""
    words = ("server", "--url", f"{url}/mcp", "--requirements", revision, "-o", str(folder))
    ended = await node.run(node.SUITE, *words, seconds=_MOST_SECONDS)
    return Found(ended, recorded(folder))


async def visit(command: str, scenario: str, revision: str, folder: Path) -> Found:
    """Let the suite start a client for one scenario."""
    words = ("client", "--command", command, "--scenario", scenario, "--spec-version", revision, "-o", str(folder))
    ended = await node.run(node.SUITE, *words, seconds=_MOST_SECONDS)
    return Found(ended, recorded(folder))


def recorded(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The checks of each scenario in the folder the suite wrote to."""
    named = {match["scenario"]: record / "checks.json" for record in folder.iterdir() if (match := _FOLDER.fullmatch(record.name))}
    return {name: json.loads(record.read_text()) if record.exists() else [_BROKEN] for name, record in named.items()}


def _sentence(check: Mapping[str, Any]) -> str:
    return f"{check['id']}: {check.get('errorMessage') or check['description']}"
