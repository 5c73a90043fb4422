"""The last good document of each source, so that a start needs no network and every replica reads the same."""

import sqlalchemy as sa

from freehold.kit.db import metadata

source_documents = sa.Table(
    "source_documents",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("base_url", sa.Text, nullable=False),
    sa.Column("document", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("fetched_at", sa.Float, nullable=False),
)
