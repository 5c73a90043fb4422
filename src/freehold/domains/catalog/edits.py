"""Edits: what an operator or a tenant changes about tools, and tools as they are seen after it. Pure.

The operator's edits say what there is; a tenant's come after them and can only take away. Where edits are kept is `editing.py`'s."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.refusals import Refusal
from freehold.core.tool import Tool
from freehold.domains.catalog.lookalikes import reserved

Origin = Literal["file", "operator", "tenant"]
"""`file`: catalog.toml, the operator's too; a stored edit of the operator wins over it."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PATTERN: Final = re.compile(r"[A-Za-z0-9_*?\[\]!-]{1,64}")
_WILD: Final = re.compile(r"[*?\[]")
_LONGEST_TITLE: Final = 200
_LONGEST_DESCRIPTION: Final = 8_000
_LONGEST_NAME: Final = 128
_MOST: Final = 64
"""Plans, roles or scopes of one edit."""


class Edit(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is different about the tools whose name fits `pattern`. None leaves a thing as it was."""

    pattern: str
    """A tool's name, or a glob pattern of names (`*`, `?`, `[abc]`)."""
    enabled: bool | None = None
    name: str | None = None
    """Only where the pattern is one tool's name, which then no longer exists."""
    title: str | None = None
    description: str | None = None
    plans: frozenset[str] | None = None
    """Plans whose tenants have the tool; empty: all."""
    roles: frozenset[str] | None = None
    """A caller has it with one of these; empty: with any or none."""
    scopes: frozenset[str] | None = None
    """In place of the scopes it needs; of a tenant, beside them."""

    @property
    def exact(self) -> bool:
        """Whether the pattern is one tool's name."""
        return _WILD.search(self.pattern) is None

    @property
    def changes(self) -> tuple[str, ...]:
        """The members that say something."""
        return tuple(member for member in self.__struct_fields__[1:] if getattr(self, member) is not None)


class Told(Struct, frozen=True):
    """An edit and where it stands."""

    origin: Origin
    edit: Edit


class Edited(Struct, frozen=True):
    """A tool after edits."""

    tool: Tool
    was: str
    """Its name before all edits."""
    offered: bool = True
    by: tuple[Told, ...] = ()
    """The edits that spoke of it, in the order they were heeded."""


def checked(edit: Edit) -> Edit:
    """The edit itself, or `Refusal("edit_invalid")` for one that could never be heeded."""
    if not _PATTERN.fullmatch(edit.pattern):
        raise _invalid(
            f"{edit.pattern[:70]!r} is no tool's name and no pattern", "Use letters, digits, _ and -, with * ? [ ] for patterns."
        )
    if not edit.changes:
        raise _invalid("it changes nothing", "Say what is to be different.")
    if edit.name is not None:
        _check_new_name(edit.name, exact=edit.exact)
    if edit.title is not None and (len(edit.title) > _LONGEST_TITLE or not edit.title.isprintable()):
        raise _invalid("the title is too long or cannot be shown", f"Use at most {_LONGEST_TITLE} printable characters.")
    if edit.description is not None and not 0 < len(edit.description) <= _LONGEST_DESCRIPTION:
        raise _invalid("the description is empty or too long", f"Use 1 to {_LONGEST_DESCRIPTION} characters.")
    for names in (edit.plans, edit.roles, edit.scopes):
        _check_names(names or ())
    return edit


def _check_new_name(name: str, *, exact: bool) -> None:
    if not exact:
        raise _invalid("a pattern cannot give tools a name", "Name one tool exactly.")
    if not _NAME.fullmatch(name):
        raise _invalid(f"{name[:70]!r} cannot be a tool's name", "Use 1 to 64 letters, digits, _ and -.")
    if reserved(name):
        raise _invalid(f"{name} looks like a name Freehold keeps for itself", "Choose another name.")


def _check_names(names: Iterable[str]) -> None:
    listed = list(names)
    if len(listed) > _MOST or any(not 0 < len(name) <= _LONGEST_NAME or not name.isprintable() or " " in name for name in listed):
        raise _invalid("it names a plan, role or scope that cannot be one", f"Use at most {_MOST} of each, without spaces.")


def check_name(edit: Edit, tools: Sequence[Tool], seen: Sequence[Edited]) -> None:
    """Refuse a new name that is one of `tools` already, or of another tool in `seen`: nothing may be mistaken for something else."""
    others = {one.tool.name for one in seen if edit.pattern not in {one.was, one.tool.name}} | {tool.name for tool in tools}
    if edit.name is not None and edit.name in others - {edit.pattern}:
        raise _invalid(f"{edit.name} is another tool's name", "Choose a name no source uses.")


def _invalid(why: str, mend: str) -> Refusal:
    return Refusal("edit_invalid", why=why, mend=mend)


def edited(tools: Sequence[Tool], operator: Sequence[Told], tenant: Sequence[Told]) -> list[Edited]:
    """Every tool in order, after the operator's edits and then the tenant's, which speak of the names the operator gave.

    A rename to a name that is taken is not heeded: the tool keeps its name.
    """
    taken = {tool.name for tool in tools}
    first = _layer([Edited(tool, tool.name) for tool in tools], ordered(operator), taken, tenant=False)
    return _layer(first, ordered(tenant), taken, tenant=True)


def ordered(told: Sequence[Told]) -> list[Told]:
    """As they are heeded, the later over the earlier: the file's before stored ones, patterns before names, shorter before longer."""
    return sorted(told, key=lambda one: (one.origin != "file", one.edit.exact, len(one.edit.pattern), one.edit.pattern))


def _layer(seen: Sequence[Edited], told: Sequence[Told], taken: set[str], *, tenant: bool) -> list[Edited]:
    return [_heeded(one, told, taken, tenant=tenant) for one in seen] if told else list(seen)


def _heeded(one: Edited, told: Sequence[Told], taken: set[str], *, tenant: bool) -> Edited:
    tool = one.tool
    own = tuple(each for each in told if fits(each.edit.pattern, tool.name))
    inherited = tuple(each for each in told if tool.version_of and each not in own and fits(each.edit.pattern, tool.version_of))
    fitting = (*inherited, *own)
    if not fitting:
        return one
    said = merged([*(_restricting(each.edit) for each in inherited), *(each.edit for each in own)])
    restricted = _narrowed(tool, said) if tenant else _set(tool, said)
    offered = one.offered and said.enabled is not False and restricted is not None
    called = next((each.edit.name for each in reversed(inherited) if each.edit.name), tool.version_of)
    tool = _renamed(replace(restricted or tool, version_of=called), said.name, taken)
    worded = replace(tool, title=tool.title if said.title is None else said.title, description=said.description or tool.description)
    return Edited(worded, one.was, offered, one.by + fitting)


def _restricting(edit: Edit) -> Edit:
    """What an edit of a tool says of its later versions, too: whether and for whom they are there, not how they are worded."""
    return replace(edit, name=None, title=None, description=None)


def fits(pattern: str, name: str) -> bool:
    """Whether the name is the pattern's; upper and lower case are different."""
    return fnmatchcase(name, pattern)


def merged(edits: Sequence[Edit]) -> Edit:
    """One edit of many: what a later one says counts."""
    said = {change: getattr(edit, change) for edit in edits for change in edit.changes}
    return Edit(pattern=edits[-1].pattern, **said)


def _renamed(tool: Tool, name: str | None, taken: set[str]) -> Tool:
    if name is None or name in taken:
        return tool
    taken.add(name)
    return replace(tool, name=name)


def _set(tool: Tool, said: Edit) -> Tool:
    """The operator's word: what it says is so."""
    return replace(
        tool,
        plans=tool.plans if said.plans is None else said.plans,
        roles=tool.roles if said.roles is None else said.roles,
        scopes=tool.scopes if said.scopes is None else said.scopes,
    )


def _narrowed(tool: Tool, said: Edit) -> Tool | None:
    """A tenant's word: never for more callers than the operator's; None when it is for none at all."""
    plans, roles = _both(tool.plans, said.plans), _both(tool.roles, said.roles)
    if plans is None or roles is None:
        return None
    return replace(tool, plans=plans, roles=roles, scopes=tool.scopes | (said.scopes or frozenset()))


def _both(allowed: frozenset[str], asked: frozenset[str] | None) -> frozenset[str] | None:
    """Who is in both, where empty means everybody; None for nobody."""
    if not asked or not allowed:
        return asked or allowed
    return allowed & asked or None
