"""Every release of each source's document, so that a start needs no network and every replica serves the same; and who is served which."""

from typing import Final

import sqlalchemy as sa

from freehold.kit.db import metadata

source_releases: Final = sa.Table(
    "source_releases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("base_url", sa.Text, nullable=False),
    sa.Column("document", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("fetched_at", sa.Double, nullable=False),
    sa.Column("naming", sa.Text, nullable=False),
)
"""`naming` is JSON: what the release's tools are called beside earlier ones."""

source_serving: Final = sa.Table(
    "source_serving",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("current", sa.Integer, nullable=False),
    sa.Column("previous", sa.Integer),
    sa.Column("canary", sa.Integer),
    sa.Column("share", sa.Integer, nullable=False),
)
"""Which release is served to whoever is not pinned."""

release_pins: Final = sa.Table(
    "release_pins",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
)
"""The release a tenant stays with."""
