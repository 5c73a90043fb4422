"""The first schema: tenants and what is theirs, the house's own tables, the ledger; and who may touch which row.

On PostgreSQL the owner itself reaches no row of any table (FORCE ROW LEVEL SECURITY): a later revision that moves data
takes the role `freehold_system` first."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ALL = "SELECT, INSERT, UPDATE, DELETE"
_TENANT_MAY = {"tenants": "SELECT", "api_keys": _ALL, "revocations": _ALL, "ledger_entries": "SELECT"}
_SYSTEM_MAY = {
    "tenants": _ALL,
    "api_keys": _ALL,
    "revocations": _ALL,
    "signing_keys": _ALL,
    "source_documents": _ALL,
    "control": "SELECT, UPDATE",
    "seals": _ALL,
    "ledger_entries": "SELECT, INSERT",
    "ledger_blocks": "SELECT, INSERT",
}
_OWN = "tenant_id = nullif(current_setting('app.tenant', true), '')"


def upgrade() -> None:
    """Make everything."""
    _create_tenant_tables()
    _create_house_tables()
    _create_ledger()
    op.execute("INSERT INTO control (name, version) VALUES ('control', 0)")
    if op.get_bind().dialect.name == "postgresql":
        _create_roles()
        for table in _SYSTEM_MAY:
            _secure(table)


def downgrade() -> None:
    """Back to nothing; the roles stay, for other databases of the server may use them."""
    for table in (*_SYSTEM_MAY,):
        op.drop_table(table)


def _create_tenant_tables() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("status", sa.Text, sa.CheckConstraint("status IN ('active', 'suspended')", name="tenants_status"), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
    )
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("tools", sa.Text),
        sa.Column("test", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("revoked_at", sa.Double),
    )
    op.create_index("ix_api_keys_tenant_id", "api_keys", ["tenant_id"])
    op.create_table(
        "revocations",
        sa.Column("tenant_id", sa.Text, primary_key=True),
        sa.Column(
            "kind", sa.Text, sa.CheckConstraint("kind IN ('jti', 'grant', 'tenant', 'key')", name="revocations_kind"), primary_key=True
        ),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
    )


def _create_house_tables() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("purpose", sa.Text, sa.CheckConstraint("purpose IN ('access', 'service')", name="signing_keys_purpose"), nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("public_jwk", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("retired_at", sa.Double),
    )
    op.create_table(
        "source_documents",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("base_url", sa.Text, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("fetched_at", sa.Double, nullable=False),
    )
    op.create_table("control", sa.Column("name", sa.Text, primary_key=True), sa.Column("version", sa.BigInteger, nullable=False))
    op.create_table("seals", sa.Column("name", sa.Text, primary_key=True), sa.Column("sealed", sa.LargeBinary, nullable=False))


def _create_ledger() -> None:
    texts = ("subject", "client", "credential", "what", "on_what", "outcome", "refusal")
    numbers = ("units", "duration_us", "bytes_in", "bytes_out")
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, sa.CheckConstraint("kind IN ('call', 'deed')", name="ledger_entries_kind"), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in numbers),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("writer", sa.Text, nullable=False),
        sa.Column("block", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_index("ledger_entries_tenant", "ledger_entries", ["tenant_id", "id"])
    op.create_index("ledger_entries_place", "ledger_entries", ["writer", "block", "position"])
    op.create_table(
        "ledger_blocks",
        sa.Column("writer", sa.Text, primary_key=True),
        sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.BigInteger, nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )


def _create_roles() -> None:
    """Both roles, and the right of this login to become either. Roles are the server's: another database may have made them."""
    for role in ("freehold_tenant", "freehold_system"):
        missing = f"NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')"
        op.execute(_unless_another_did(f"IF {missing} THEN CREATE ROLE {role} NOLOGIN; END IF;"))
        op.execute(_unless_another_did(f"{_grant_membership(role)}"))
        op.execute(f"DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO {role}', current_schema()); END $$")
    op.execute("GRANT SELECT ON alembic_version TO freehold_system")


def _grant_membership(role: str) -> str:
    """Since PostgreSQL 16 without inheritance: the login must take the role to have its rights."""
    return (
        "IF current_setting('server_version_num')::int < 160000 THEN"
        f" IF NOT pg_has_role(current_user, '{role}', 'MEMBER') THEN GRANT {role} TO CURRENT_USER; END IF;"
        f" ELSIF NOT pg_has_role(current_user, '{role}', 'SET') THEN"
        f" EXECUTE 'GRANT {role} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE'; END IF;"
    )


def _unless_another_did(body: str) -> str:
    return f"DO $$ BEGIN {body} EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$".replace("::", r"\:\:")


def _secure(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY system_rows ON {table} TO freehold_system USING (true) WITH CHECK (true)")
    op.execute(f"GRANT {_SYSTEM_MAY[table]} ON {table} TO freehold_system")
    if table in _TENANT_MAY:
        op.execute(f"CREATE POLICY tenant_rows ON {table} TO freehold_tenant USING ({_OWN}) WITH CHECK ({_OWN})")
        op.execute(f"GRANT {_TENANT_MAY[table]} ON {table} TO freehold_tenant")
