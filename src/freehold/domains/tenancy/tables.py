"""The room's one table."""

from typing import Final

from sqlalchemy import Column, Double, Table, Text

from freehold.kit.db import metadata

tenants: Final = Table(
    "tenants",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)
