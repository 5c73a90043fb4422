"""What a requirement is: one sentence of the specification that we claim, where it stands, and the tests that show it."""

from dataclasses import dataclass
from typing import Literal

Force = Literal["MUST", "SHOULD", "MAY"]
Era = Literal["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2025-x"]
"""The revision a requirement belongs to; `2025-x` is every handshake revision alike."""

_HERE = "tests/protocol/"


@dataclass(frozen=True)
class Requirement:
    """One claim. It has tests, or a deviation that says why not; never neither."""

    id: str
    era: Era
    force: Force
    section: str
    """Page of the specification and its heading."""
    text: str
    """Our own short sentence."""
    tests: tuple[str, ...] = ()
    """`folder/file.py::test_name`, from the root of the repository."""
    deviation: str = ""


@dataclass(frozen=True)
class Source:
    """One page of one revision, from which requirements are noted. A test named without a folder stands in tests/protocol/."""

    era: Era
    page: str

    def must(self, name: str, heading: str, text: str, *tests: str, deviation: str = "") -> Requirement:
        """What the page demands."""
        return self._noted(name, "MUST", heading, text, tests, deviation)

    def should(self, name: str, heading: str, text: str, *tests: str, deviation: str = "") -> Requirement:
        """What the page advises."""
        return self._noted(name, "SHOULD", heading, text, tests, deviation)

    def may(self, name: str, heading: str, text: str, *tests: str, deviation: str = "") -> Requirement:
        """What the page leaves open and we decided."""
        return self._noted(name, "MAY", heading, text, tests, deviation)

    def _noted(self, name: str, force: Force, heading: str, text: str, tests: tuple[str, ...], deviation: str) -> Requirement:
        where = f"{self.page}, {heading}" if heading else self.page
        return Requirement(name, self.era, force, where, text, tuple(t if "/" in t else _HERE + t for t in tests), deviation)
