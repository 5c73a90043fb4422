"""The room's tables: tenants, the people, and who of them is a member of which tenant."""

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

users: Final = Table(
    "users",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("password", Text),
    Column("created_at", Double, nullable=False),
    Column("signed_out_at", Double, nullable=False),
)
"""People who sign in here. `password` is an argon2id hash; sessions begun until `signed_out_at` do not count any more."""

members: Final = Table(
    "members",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True, index=True),
    Column("roles", Text, nullable=False),
    Column("added_at", Double, nullable=False),
)
"""Who belongs to which tenant, and as what: `roles` is a JSON list."""
