"""The `[tools.NAME]` tables of catalog.toml: the operator's edits in a file that is reviewed and deployed like code. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from freehold.core.refusals import Refusal
from freehold.domains.catalog.edits import Edit, checked
from freehold.kit.errors import Misconfigured


def edits(tables: Mapping[str, Any], where: str = "catalog.toml") -> tuple[Edit, ...]:
    """The edits of the parsed table `tools`, in the file's order. Raises `Misconfigured` naming the table and the mend."""
    return tuple(_edit(name, said, f"{where}: [tools.{_quoted(name)}]") for name, said in tables.items())


def _edit(name: str, said: object, where: str) -> Edit:
    if not isinstance(said, Mapping):
        raise Misconfigured(f"{where} is no table. Write what is different below it, like enabled = false.")
    if "pattern" in said:
        raise Misconfigured(f"{where}: there is no setting 'pattern'. The table's own name is the pattern.")
    try:
        return checked(msgspec.convert({**said, "pattern": name}, Edit))
    except msgspec.ValidationError as fault:
        members = ", ".join(Edit.__struct_fields__[1:])
        raise Misconfigured(f"{where}: {str(fault)[:1].lower()}{str(fault)[1:]}. Use {members}.") from None
    except Refusal as refusal:
        raise Misconfigured(f"{where}: {refusal.facts['why']}. {refusal.facts['mend']}") from None


def _quoted(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else f'"{name}"'
