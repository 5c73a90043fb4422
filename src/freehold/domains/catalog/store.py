"""The room's SQL: edits and approvals. A tenant's are written in its own scope; all are read at once, as the system, into memory."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Row, Table, delete, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite writes its ON CONFLICT the same way

from freehold.domains.catalog.edits import Edit
from freehold.domains.catalog.tables import catalog_approvals, catalog_edits, tenant_catalog_approvals, tenant_catalog_edits
from freehold.kit.db import Database, Scope

_EDIT: Final = msgspec.json.Decoder(Edit)


class Approval(Struct, frozen=True, kw_only=True):
    """One definition a person approved, for everybody or for one tenant."""

    tenant: str | None = None
    source: str
    tool: str
    digest: str
    definition: str
    """Canonical JSON."""


class Kept(Struct, frozen=True, kw_only=True):
    """Everything this room keeps, by tenant; None is the operator."""

    edits: dict[str | None, tuple[Edit, ...]]
    approvals: tuple[Approval, ...]


async def everything(db: Database) -> Kept:
    """All of it, in an order that does not depend on the store."""
    async with db.system() as scope:
        own = await scope.all(select(catalog_edits).order_by(catalog_edits.c.pattern))
        theirs = await scope.all(select(tenant_catalog_edits).order_by(tenant_catalog_edits.c.tenant_id, tenant_catalog_edits.c.pattern))
        approved = await scope.all(select(catalog_approvals))
        for_tenants = await scope.all(select(tenant_catalog_approvals))
    edits: dict[str | None, tuple[Edit, ...]] = {}
    for tenant, row in [*((None, row) for row in own), *((row.tenant_id, row) for row in theirs)]:
        edits[tenant] = (*edits.get(tenant, ()), _EDIT.decode(row.said))
    approvals = [*(_approval(row, None) for row in approved), *(_approval(row, row.tenant_id) for row in for_tenants)]
    return Kept(edits=edits, approvals=tuple(sorted(approvals, key=lambda one: (one.tenant or "", one.source, one.tool))))


async def put_edit(scope: Scope, edit: Edit, *, tenant: str | None, at: float) -> None:
    """Keep an edit in place of the one of the same pattern."""
    table = catalog_edits if tenant is None else tenant_catalog_edits
    said = msgspec.json.encode(edit, order="deterministic").decode()
    await _put(scope, table, {"pattern": edit.pattern}, {"said": said, "at": at})


async def drop_edit(scope: Scope, pattern: str, *, tenant: str | None) -> bool:
    """Whether there was one."""
    table = catalog_edits if tenant is None else tenant_catalog_edits
    return await scope.run(delete(table).where(table.c.pattern == pattern)) == 1


async def put_approvals(scope: Scope, approvals: Sequence[Approval], *, tenant: str | None, at: float, first: bool = False) -> None:
    """Keep approvals in place of earlier ones of the same tools; with `first`, what another replica approved meanwhile stays."""
    table = catalog_approvals if tenant is None else tenant_catalog_approvals
    for one in approvals:
        key, values = {"source": one.source, "tool": one.tool}, {"digest": one.digest, "definition": one.definition, "at": at}
        if first:
            await scope.run(insert(table).values(**key, **values).on_conflict_do_nothing())
        else:
            await _put(scope, table, key, values)


async def _put(scope: Scope, table: Table, key: Mapping[str, str], values: Mapping[str, Any]) -> None:
    """In place of the row there is. Who writes the same row at the same moment is waited for, and written over."""
    change = update(table).where(*(table.c[name] == value for name, value in key.items())).values(**values)
    if await scope.run(change) or await scope.run(insert(table).values(**key, **values).on_conflict_do_nothing()):
        return
    await scope.run(change)


def _approval(row: Row[Any], tenant: str | None) -> Approval:
    return Approval(tenant=tenant, source=row.source, tool=row.tool, digest=row.digest, definition=row.definition)
