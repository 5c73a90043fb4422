"""Releases: every document a source had instead of the last one, who is served which, and the tenants that stay with one."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_OWN = "tenant_id = nullif(current_setting('app.tenant', true), '')"
_FIRST = """INSERT INTO source_releases (name, number, location, base_url, document, digest, fetched_at, naming)
SELECT name, 1, location, base_url, document, digest, fetched_at, '{}' FROM source_documents"""
_SERVED = "INSERT INTO source_serving (name, current, share) SELECT name, 1, 0 FROM source_documents"
_BACK = """INSERT INTO source_documents (name, location, base_url, document, digest, fetched_at)
SELECT name, location, base_url, document, digest, fetched_at FROM source_releases
WHERE number = (SELECT current FROM source_serving WHERE source_serving.name = source_releases.name)"""


def upgrade() -> None:
    """Make the tables; each source's document becomes its first release."""
    op.create_table(
        "source_releases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *_document(),
        sa.Column("naming", sa.Text, nullable=False),
    )
    op.create_table(
        "source_serving",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("current", sa.Integer, nullable=False),
        sa.Column("previous", sa.Integer),
        sa.Column("canary", sa.Integer),
        sa.Column("share", sa.Integer, nullable=False),
    )
    op.create_table(
        "release_pins",
        sa.Column("tenant_id", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
    if _postgresql():
        for table in ("source_releases", "source_serving", "release_pins"):
            _secure(table)
        op.execute(f"CREATE POLICY tenant_rows ON release_pins TO freehold_tenant USING ({_OWN}) WITH CHECK ({_OWN})")
        op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON release_pins TO freehold_tenant")
    _as_system(_FIRST, _SERVED)
    op.drop_table("source_documents")


def downgrade() -> None:
    """Keep each source's current document."""
    op.create_table("source_documents", sa.Column("name", sa.Text, primary_key=True), *_document())
    if _postgresql():
        _secure("source_documents")
    _as_system(_BACK)
    for table in ("source_releases", "source_serving", "release_pins"):
        op.drop_table(table)


def _document() -> list[sa.Column[object]]:
    return [
        *(sa.Column(name, sa.Text, nullable=False) for name in ("location", "base_url")),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("fetched_at", sa.Double, nullable=False),
    ]


def _postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _as_system(*statements: str) -> None:
    """The owner itself reaches no row."""
    if _postgresql():
        op.execute("SET LOCAL ROLE freehold_system")
    for statement in statements:
        op.execute(statement)
    if _postgresql():
        op.execute("RESET ROLE")


def _secure(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY system_rows ON {table} TO freehold_system USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO freehold_system")
