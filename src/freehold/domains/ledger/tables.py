"""The two tables of the book. Entries belong to tenants; blocks are the system's, one chain per writer."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from freehold.kit.db import metadata

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("credential", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("on_what", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("refusal", Text, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("writer", Text, nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Index("ledger_entries_tenant", "tenant_id", "id"),
    Index("ledger_entries_place", "writer", "block", "position"),
)
"""The first sixteen columns are the fields of `Entry`, in its order."""

ledger_blocks = Table(
    "ledger_blocks",
    metadata,
    Column("writer", Text, primary_key=True),
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
