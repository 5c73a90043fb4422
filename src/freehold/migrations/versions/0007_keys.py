"""API keys: the service account a key acts as, the networks it may be used from, its own rate, and when it was last used."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_COLUMNS = (("service", sa.Text), ("networks", sa.Text), ("per_minute", sa.Integer), ("last_used_at", sa.Double))


def upgrade() -> None:
    """Add the columns; keys there are stay as they were."""
    for name, kind in _COLUMNS:
        op.add_column("api_keys", sa.Column(name, kind))


def downgrade() -> None:
    """Drop them."""
    for name, _ in reversed(_COLUMNS):
        op.drop_column("api_keys", name)
