"""The room's tables. Those with a `tenant_id` belong to tenants, the others to the house."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, LargeBinary, Table, Text

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

clients: Final = Table(
    "clients",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("redirect_uris", Text, nullable=False),
    Column("auth_method", Text, nullable=False),
    Column("secret", LargeBinary),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)
"""Clients that registered themselves (RFC 7591). `secret` is the SHA-256 of theirs; use moves `expires_at` on."""

codes: Final = Table(
    "codes",
    metadata,
    Column("code_id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False),
    Column("grant_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("client_name", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("challenge", Text, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("wrong", BigInteger, nullable=False),
    Column("used_at", Double),
)
"""Authorization codes, recognised by the SHA-256 of the code. `code_id` is the consent page's own id, so one page gives one code;
a used row stays until its grant could no longer be alive, for a replay must find it."""

grants: Final = Table(
    "grants",
    metadata,
    Column("grant_id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("client_name", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("issued_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("generation", BigInteger, nullable=False),
    Column("current", LargeBinary, nullable=False),
    Column("previous", LargeBinary),
    Column("successor", LargeBinary),
    Column("rotated_at", Double, nullable=False),
    Column("arrived", BigInteger, nullable=False),
)
"""What a user allowed a client: one row however often its refresh token was rotated. `current` and `previous` are SHA-256 of refresh
tokens, `successor` the current one sealed, to be given again to who lost the answer; `generation` counts rotations,
`arrived` is the newest one of which an access token was shown here."""
