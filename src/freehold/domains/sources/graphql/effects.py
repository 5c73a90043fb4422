"""What a tool may do, from the kind of its operation and from its names; and the name it goes by."""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from freehold.domains.sources.openapi.names import LONGEST, words_of
from freehold.domains.sources.openapi.tools import DEFAULT_SCOPES, Access

STREAM: Final = "a subscription is a stream, and a tool answers once"
_DESTROYS: Final = frozenset({"delete", "destroy", "erase", "purge", "remove", "wipe"})
_HASH: Final = 6


def effects(kind: str, names: Iterable[str]) -> dict[str, Any]:
    """The fields of a `Tool` that say what calling it may change, and the scopes for that; `names` are its own and its root fields'."""
    access = _access(kind, names)
    return {
        "read_only": access == "read",
        "destructive": access == "destructive",
        "idempotent": access == "read",
        "scopes": DEFAULT_SCOPES[access],
    }


def tool_name(wanted: str, kind: str) -> str:
    """In snake case, at most as long as a tool's name may be."""
    return "_".join(words_of(wanted))[:LONGEST] or kind


def told_apart(name: str, kind: str, wanted: str) -> str:
    """The same with a hash of the kind and the whole name, for the second of one name."""
    digest = hashlib.sha256(f"{kind} {wanted}".encode()).hexdigest()[:_HASH]
    return f"{name[: LONGEST - _HASH - 1]}_{digest}"


def _access(kind: str, names: Iterable[str]) -> Access:
    """A mutation that destroys says so at one end of a name: `deleteIssue`, `issueDelete`."""
    if kind == "query":
        return "read"
    said = [words_of(name) for name in names]
    return "destructive" if any(_DESTROYS.intersection(words[:1] + words[-1:]) for words in said) else "write"
