"""The room's one table; its rows belong to tenants."""

from typing import Final

from sqlalchemy import BigInteger, Column, Double, Index, LargeBinary, Table, Text

from freehold.kit.db import metadata

tasks: Final = Table(
    "tasks",
    metadata,
    Column("task_id", Text, primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("ttl_ms", BigInteger, nullable=False),
    Column("poll_ms", BigInteger, nullable=False),
    Column("runner", Text, nullable=False),
    Column("beat_at", Double, nullable=False),
    Column("asks", LargeBinary),
    Column("answers", LargeBinary),
    Column("finished", LargeBinary),
    Index("tasks_owner", "tenant_id", "subject"),
    Index("tasks_runner", "runner"),
)
"""`asks`, `answers` and `finished` are sealed: they are what customers' agents say and get. `beat_at` is when the process that
runs it last said that it lives."""
