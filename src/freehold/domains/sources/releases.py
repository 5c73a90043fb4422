"""Releases of a source: every document it had, the names its tools are served under in each, and what follows a breaking change. Pure.

A name keeps one contract: a tool that would refuse what it accepted comes as `name_v2`, and `name` stays beside it until its sunset."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.tool import Tool
from freehold.domains.sources.differences import Pair, of_pair, pairs

_LONGEST: Final = 64
"""Characters of a tool's name that every known client takes."""


class Retiring(Struct, frozen=True, kw_only=True):
    """An earlier version of a tool, served beside its successor."""

    name: str
    release: int
    """Whose document has it."""
    tool: str
    """Its name in that document."""
    successor: str
    until: float
    """Its sunset, in Unix seconds: from then on only tenants pinned to an earlier release have it."""


class Naming(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Under which names the tools of one release are served. Tools it does not speak of are served as their document calls them."""

    names: dict[str, str] = {}
    """Served name by name in the document."""
    roots: dict[str, str] = {}
    """By served name: the name of the first version."""
    retiring: tuple[Retiring, ...] = ()


class Release(Struct, frozen=True, kw_only=True):
    """A document as it was read, and what its tools are called."""

    number: int
    location: str
    base_url: str
    document: bytes
    digest: str
    fetched_at: float
    naming: Naming = Naming()


class Serving(Struct, frozen=True, kw_only=True):
    """Which release of a source is served to whom."""

    current: int
    previous: int | None = None
    """What a rollback goes back to."""
    canary: int | None = None
    share: int = 0
    """Tenants of a hundred that are shown the canary."""


def succeeding(release: int, before: Sequence[Tool], naming: Naming, after: Sequence[Tool], *, now: float, until: float) -> Naming:
    """The names of the release after `release`, whose tools were `before` under `naming`; breaking changes retire what they break."""
    return _Succession(release, naming, now=now, until=until).of(pairs(before, after))


class _Succession:
    def __init__(self, release: int, naming: Naming, *, now: float, until: float) -> None:
        self._release = release
        self._before = naming
        self._until = until
        self._kept = [one for one in naming.retiring if one.until > now]
        self._names: dict[str, str] = {}
        self._roots: dict[str, str] = {}
        self._became: dict[str, str] = {}
        self._retiring: list[Retiring] = []
        self._taken = {one.name for one in self._kept}

    def of(self, found: Sequence[Pair]) -> Naming:
        self._taken |= {self._served(pair.before) for pair in found if pair.before is not None and pair.after is not None}
        for pair in sorted(found, key=lambda pair: pair.before is None):  # what was there keeps its name against what is new
            self._one(pair)
        carried = [replace(one, successor=self._became[one.successor]) for one in self._kept if one.successor in self._became]
        return Naming(names=self._names, roots=self._roots, retiring=(*self._retiring, *carried))

    def _one(self, pair: Pair) -> None:
        old, new = pair
        if new is None:
            return
        if old is None:
            self._name(new, self._free(new.name), None)
            return
        served = self._served(old)
        root = self._before.roots.get(served, served)
        if not any(one.breaking for one in of_pair(pair)):
            self._name(new, served, root)
            self._became[served] = served
            return
        successor = self._free(new.name)
        self._name(new, successor, root)
        self._became[served] = successor
        self._retiring.append(Retiring(name=served, release=self._release, tool=old.name, successor=successor, until=self._until))
        self._roots |= {served: root} if root != served else {}

    def _served(self, tool: Tool) -> str:
        return self._before.names.get(tool.name, tool.name)

    def _name(self, tool: Tool, served: str, root: str | None) -> None:
        self._taken.add(served)
        if served != tool.name:
            self._names[tool.name] = served
        if root is not None and root != served:
            self._roots[served] = root

    def _free(self, name: str) -> str:
        """The name itself, or its first version that nobody has."""
        version, served = 2, name
        while served in self._taken:
            ending = f"_v{version}"
            served, version = f"{name[: _LONGEST - len(ending)]}{ending}", version + 1
        return served


def named(tools: Sequence[Tool], naming: Naming) -> list[Tool]:
    """The tools of a release under the names they are served."""
    return [_renamed(tool, naming.names.get(tool.name, tool.name), naming.roots) for tool in tools]


def _renamed(tool: Tool, name: str, roots: Mapping[str, str]) -> Tool:
    root = roots.get(name)
    return tool if name == tool.name and root is None else replace(tool, name=name, version_of=root)
