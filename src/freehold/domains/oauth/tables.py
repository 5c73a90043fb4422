"""The room's tables. `api_keys` and `revocations` belong to tenants, `signing_keys` to the house."""

from typing import Final

from sqlalchemy import Boolean, Column, Double, Integer, LargeBinary, Table, Text

from freehold.kit.db import metadata

api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("tools", Text),
    Column("test", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    Column("service", Text),
    Column("networks", Text),
    Column("per_minute", Integer),
    Column("last_used_at", Double),
)
"""`digest` is the SHA-256 of the whole key; `scopes`, `tools` and `networks` are JSON lists, `tools` NULL when the scopes alone decide,
`networks` NULL when the key may be used from anywhere."""

revocations: Final = Table(
    "revocations",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("at", Double, nullable=False),
    Column("until", Double, nullable=False),
)
"""Tokens that no longer count although they are signed and unexpired; keys carry `revoked_at` themselves.

After `until` nothing a row names could be valid anyway."""

signing_keys: Final = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("retired_at", Double),
)
"""`sealed` is the private JWK; `retired_at` is the moment from which a key is no longer published."""
