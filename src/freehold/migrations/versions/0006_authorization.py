"""Authorization: the people and their memberships, clients that registered, codes and grants."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_OWN = "tenant_id = nullif(current_setting('app.tenant', true), '')"
_OF_TENANTS = ("members", "codes", "grants")
_OF_THE_HOUSE = ("users", "clients")


def upgrade() -> None:
    """Make the tables."""
    _create_people()
    _create_grants()
    if op.get_bind().dialect.name == "postgresql":
        for table in (*_OF_TENANTS, *_OF_THE_HOUSE):
            _secure(table)
        for table in _OF_TENANTS:
            _share(table)


def downgrade() -> None:
    """Forget them all."""
    for table in (*_OF_TENANTS, *_OF_THE_HOUSE):
        op.drop_table(table)


def _create_people() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("password", sa.Text),
        *_moments("created_at", "signed_out_at"),
    )
    op.create_table(
        "members",
        sa.Column("tenant_id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, primary_key=True),
        *_texts("roles"),
        *_moments("added_at"),
    )
    op.create_index("members_user", "members", ["user_id"])
    op.create_table(
        "clients",
        sa.Column("client_id", sa.Text, primary_key=True),
        *_texts("name", "redirect_uris", "auth_method"),
        sa.Column("secret", sa.LargeBinary),
        *_moments("created_at", "expires_at"),
    )


def _create_grants() -> None:
    op.create_table(
        "codes",
        sa.Column("code_id", sa.Text, primary_key=True),
        *_texts("tenant_id"),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        *_texts("grant_id", "subject", "client_id", "client_name", "redirect_uri", "scopes", "resource", "challenge"),
        *_moments("expires_at"),
        sa.Column("wrong", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.Double),
    )
    op.create_table(
        "grants",
        sa.Column("grant_id", sa.Text, primary_key=True),
        *_texts("tenant_id", "subject", "client_id", "client_name", "scopes", "resource"),
        *_moments("issued_at", "expires_at"),
        sa.Column("ended_at", sa.Double),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("current", sa.LargeBinary, nullable=False),
        sa.Column("previous", sa.LargeBinary),
        sa.Column("successor", sa.LargeBinary),
        *_moments("rotated_at"),
        sa.Column("arrived", sa.BigInteger, nullable=False),
    )
    for table in ("codes", "grants"):
        op.create_index(f"{table}_tenant", table, ["tenant_id"])


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _moments(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Double, nullable=False) for name in names]


def _secure(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY system_rows ON {table} TO freehold_system USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO freehold_system")


def _share(table: str) -> None:
    op.execute(f"CREATE POLICY tenant_rows ON {table} TO freehold_tenant USING ({_OWN}) WITH CHECK ({_OWN})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO freehold_tenant")
