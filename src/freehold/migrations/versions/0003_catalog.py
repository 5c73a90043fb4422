"""Edits and approvals of the catalog: the operator's as tables of the house, tenants' as rows of theirs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_OWN = "tenant_id = nullif(current_setting('app.tenant', true), '')"
_TABLES = ("catalog_edits", "catalog_approvals")


def upgrade() -> None:
    """Make the tables."""
    for prefix, owner in (("", ()), ("tenant_", ("tenant_id",))):
        op.create_table(
            f"{prefix}catalog_edits",
            *(sa.Column(name, sa.Text, primary_key=True) for name in (*owner, "pattern")),
            sa.Column("said", sa.Text, nullable=False),
            sa.Column("at", sa.Double, nullable=False),
        )
        op.create_table(
            f"{prefix}catalog_approvals",
            *(sa.Column(name, sa.Text, primary_key=True) for name in (*owner, "source", "tool")),
            *(sa.Column(name, sa.Text, nullable=False) for name in ("digest", "definition")),
            sa.Column("at", sa.Double, nullable=False),
        )
    if op.get_bind().dialect.name == "postgresql":
        for table in _TABLES:
            _secure(table)
            _secure(f"tenant_{table}")
            _share(f"tenant_{table}")


def downgrade() -> None:
    """Forget every edit and approval."""
    for table in _TABLES:
        op.drop_table(table)
        op.drop_table(f"tenant_{table}")


def _secure(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY system_rows ON {table} TO freehold_system USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO freehold_system")


def _share(table: str) -> None:
    op.execute(f"CREATE POLICY tenant_rows ON {table} TO freehold_tenant USING ({_OWN}) WITH CHECK ({_OWN})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO freehold_tenant")
