"""Tasks: calls that outlive their request. Rows of tenants, which tenants and the system may both change and delete."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_OWN = "tenant_id = nullif(current_setting('app.tenant', true), '')"
_STATUSES = "status IN ('working', 'input_required', 'completed', 'cancelled', 'failed')"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "tasks",
        sa.Column("task_id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("tenant_id", "subject", "what", "call_id")),
        sa.Column("status", sa.Text, sa.CheckConstraint(_STATUSES, name="tasks_status"), nullable=False),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("created_at", "updated_at", "expires_at")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("ttl_ms", "poll_ms")),
        sa.Column("runner", sa.Text, nullable=False),
        sa.Column("beat_at", sa.Double, nullable=False),
        *(sa.Column(name, sa.LargeBinary) for name in ("asks", "answers", "finished")),
    )
    op.create_index("tasks_owner", "tasks", ["tenant_id", "subject"])
    op.create_index("tasks_runner", "tasks", ["runner"])
    if op.get_bind().dialect.name == "postgresql":
        _secure()


def downgrade() -> None:
    """Forget every task."""
    op.drop_table("tasks")


def _secure() -> None:
    op.execute("ALTER TABLE tasks ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE tasks FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY system_rows ON tasks TO freehold_system USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY tenant_rows ON tasks TO freehold_tenant USING ({_OWN}) WITH CHECK ({_OWN})")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON tasks TO freehold_tenant, freehold_system")
