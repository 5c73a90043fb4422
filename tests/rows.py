"""One made-up row for any table, so that a sweep over all tables needs no list of them."""

import pkgutil
from importlib import import_module
from typing import Any

from sqlalchemy import Table

from freehold import domains
from freehold.kit.db import metadata

_CHECKED = {
    "tenants.status": "active",
    "tasks.status": "working",
    "exports.format": "csv",
    "revocations.kind": "key",
    "signing_keys.purpose": "access",
    "ledger_entries.kind": "call",
}
"""Columns that take certain words only."""
_VALUES: dict[type, Any] = {str: "x", bytes: b"x", float: 1.0, int: 1, bool: False}


def every_table() -> list[Table]:
    """Every table of every room and of the ground floor, by name."""
    for room in pkgutil.iter_modules(domains.__path__, "freehold.domains."):
        if pkgutil.resolve_name(room.name).__path__ and _has_tables(room.name):
            import_module(f"{room.name}.tables")
    return sorted(metadata.tables.values(), key=lambda table: table.name)


def row_of(table: Table, tenant: str) -> dict[str, Any]:
    """A row the table accepts; in tables of tenants it is that tenant's, with keys no other tenant's row has."""
    row = {column.name: _CHECKED.get(f"{table.name}.{column.name}", _VALUES[column.type.python_type]) for column in table.c}
    key = next(column.name for column in reversed(table.primary_key.columns) if column.type.python_type is str)
    row[key] = f"{tenant}-row"
    return row | ({"tenant_id": tenant} if "tenant_id" in table.c else {})


def _has_tables(room: str) -> bool:
    return any(module.name == "tables" for module in pkgutil.iter_modules(import_module(room).__path__))
