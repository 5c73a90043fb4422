"""Exports: files of tenants' records, sealed and soon forgotten. Rows of tenants; the system deletes what is over."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_OWN = "tenant_id = nullif(current_setting('app.tenant', true), '')"
_FORMATS = "format IN ('csv', 'jsonl')"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "exports",
        sa.Column("export_id", sa.Text, primary_key=True),
        sa.Column("part", sa.BigInteger, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("tenant_id", "subject", "client")),
        sa.Column("format", sa.Text, sa.CheckConstraint(_FORMATS, name="exports_format"), nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("exports_owner", "exports", ["tenant_id", "subject", "client"])
    op.create_index("exports_expiry", "exports", ["expires_at"])
    if op.get_bind().dialect.name == "postgresql":
        _secure()


def downgrade() -> None:
    """Forget every export."""
    op.drop_table("exports")


def _secure() -> None:
    op.execute("ALTER TABLE exports ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE exports FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY system_rows ON exports TO freehold_system USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY tenant_rows ON exports TO freehold_tenant USING ({_OWN}) WITH CHECK ({_OWN})")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON exports TO freehold_tenant, freehold_system")
