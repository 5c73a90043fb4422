"""The room's tables: edits and approvals, each of the house's and of tenants."""

from typing import Any, Final

from sqlalchemy import Column, Double, Table, Text

from freehold.kit.db import metadata


def _edit() -> list[Column[Any]]:
    return [Column("pattern", Text, primary_key=True), Column("said", Text, nullable=False), Column("at", Double, nullable=False)]


def _approval() -> list[Column[Any]]:
    texts = [Column(name, Text, nullable=False) for name in ("digest", "definition")]
    return [Column("source", Text, primary_key=True), Column("tool", Text, primary_key=True), *texts, Column("at", Double, nullable=False)]


catalog_edits: Final = Table("catalog_edits", metadata, *_edit())
"""The operator's, for all tenants. `said` is the edit as JSON."""

tenant_catalog_edits: Final = Table("tenant_catalog_edits", metadata, Column("tenant_id", Text, primary_key=True), *_edit())
"""For one tenant."""

catalog_approvals: Final = Table("catalog_approvals", metadata, *_approval())
"""Definitions of untrusted sources that the operator approved for all. A row without a tool says that its source was imported."""

tenant_catalog_approvals: Final = Table("tenant_catalog_approvals", metadata, Column("tenant_id", Text, primary_key=True), *_approval())
"""Approved for one tenant."""
