"""The room's one table; its rows belong to tenants. A file lies in as many rows as it has parts."""

from typing import Final

from sqlalchemy import BigInteger, Column, Double, Index, LargeBinary, Table, Text

from freehold.kit.db import metadata

exports: Final = Table(
    "exports",
    metadata,
    Column("export_id", Text, primary_key=True),
    Column("part", BigInteger, primary_key=True, autoincrement=False),
    Column("tenant_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("exports_owner", "tenant_id", "subject", "client"),
    Index("exports_expiry", "expires_at"),
)
"""`content` is sealed: it is what customers' agents get."""
