"""One name for each: what two sources call alike gets its source's name in front, what has a name to itself keeps it."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec.structs import replace

from freehold.core.resource import Prompt, Resource
from freehold.core.tool import READ_MORE, Tool

_LONGEST: Final = 64
"""Characters of a name that every known client takes."""
RESERVED: Final = (READ_MORE,)
"""Names of tools that answers speak of, so that no source's tool can have them."""


def unique_tools(offered: Sequence[tuple[str, Tool]]) -> list[Tool]:
    """The tools in order, each behind its source's name, under names of their own."""
    names = _unique([(source, tool.name) for source, tool in offered], RESERVED)
    return [tool if tool.name == name else replace(tool, name=name) for (_, tool), name in zip(offered, names, strict=True)]


def unique_resources(offered: Sequence[tuple[str, Resource]]) -> list[Resource]:
    """Likewise; the tools that run a resource are renamed with it."""
    names = _unique([(source, resource.name) for source, resource in offered])
    return [
        resource if resource.name == name else _renamed_resource(resource, name) for (_, resource), name in zip(offered, names, strict=True)
    ]


def unique_prompts(offered: Sequence[tuple[str, Prompt]]) -> list[Prompt]:
    """Likewise."""
    names = _unique([(source, prompt.name) for source, prompt in offered])
    return [prompt if prompt.name == name else _renamed_prompt(prompt, name) for (_, prompt), name in zip(offered, names, strict=True)]


def _renamed_resource(one: Resource, name: str) -> Resource:
    tool, completing = _runners(one, f"resource:{name}")
    return replace(one, name=name, tool=tool, completing=completing)


def _renamed_prompt(one: Prompt, name: str) -> Prompt:
    tool, completing = _runners(one, f"prompt:{name}")
    return replace(one, name=name, tool=tool, completing=completing)


def _runners(one: Resource | Prompt, name: str) -> tuple[Tool, Tool | None]:
    completing = one.completing and replace(one.completing, name=f"complete:{name}")
    return replace(one.tool, name=name), completing


def _unique(offered: Sequence[tuple[str, str]], reserved: Sequence[str] = ()) -> list[str]:
    """The name for each pair of source and name."""
    counts = Counter([*reserved, *(name for _, name in offered)])
    taken = {name for name, count in counts.items() if count == 1 or name in reserved}
    unique: list[str] = []
    for source, name in offered:
        chosen = name if counts[name] == 1 else _prefixed(source, name, taken)
        taken.add(chosen)
        unique.append(chosen)
    return unique


def _prefixed(source: str, name: str, taken: AbstractSet[str]) -> str:
    """The source's name in front; with a digest behind where that is too long or another's name."""
    joined = chosen = f"{source}_{name}"
    tries = 0
    while len(chosen) > _LONGEST or chosen in taken:
        digest = hashlib.sha256(f"{source} {name} {tries}".encode()).hexdigest()[:8]
        chosen = f"{joined[: _LONGEST - 9]}_{digest}"
        tries += 1
    return chosen
