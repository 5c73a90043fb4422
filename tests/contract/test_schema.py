"""The schema's history on both stores: what the migrations make is what the rooms declare."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError

from freehold.domains.tenancy.tables import tenants
from freehold.kit import db_seals, migrate
from freehold.kit.crypto import Seal
from freehold.kit.db import Database, connect, control, seals
from freehold.kit.errors import Misconfigured
from tests.rows import every_table, row_of

pytestmark = pytest.mark.anyio

TABLES = every_table()


def test_the_code_knows_every_revision() -> None:
    """The list a start compares with is Alembic's own, in order, and ends with its head."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent.parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(migrate.REVISIONS)
    assert scripts.get_current_head() == migrate.HEAD


async def test_a_database_is_brought_to_the_newest_schema(empty_database_url: str) -> None:
    """An empty database is refused at start with the mend, migrated once, and left alone the second time."""
    db = connect(empty_database_url)
    assert await migrate.schema(empty_database_url) == (None, migrate.HEAD)
    with pytest.raises(Misconfigured, match=r"has no schema yet\. Run `freehold migrate`"):
        await migrate.require_current(db)
    await migrate.migrate(empty_database_url)
    async with db.system(write=True) as scope:
        await scope.touch("control")
    await migrate.migrate(empty_database_url)
    assert await migrate.schema(empty_database_url) == (migrate.HEAD, migrate.HEAD)
    await migrate.require_current(db)
    async with db.system() as scope:
        assert await scope.all(select(control)) == [("control", 1)]
    await db.close()


@pytest.mark.parametrize("revision", migrate.REVISIONS[:-1])
async def test_an_older_database_keeps_its_rows(empty_database_url: str, revision: str) -> None:
    """A database of every earlier schema is refused at start with the mend; migrated, it has the new tables and all its rows."""
    db = connect(empty_database_url)
    async with db.begin(write=True) as connection:
        await connection.run_sync(brought_to, revision)
    async with db.system(write=True) as scope:
        await scope.run(insert(tenants).values(row := row_of(tenants, "acme")))
    with pytest.raises(Misconfigured, match=f"is at schema {revision}, this Freehold needs {migrate.HEAD}. Run `freehold migrate`"):
        await migrate.require_current(db)
    await migrate.migrate(empty_database_url)
    await migrate.require_current(db)
    assert set(await reflected(db)) == {table.name for table in TABLES}
    async with db.tenant("acme") as scope:
        assert await scope.all(select(tenants)) == [tuple(row.values())]
    await db.close()


def brought_to(connection: Connection, revision: str) -> None:
    """What an earlier version of this code made."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent.parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def test_migrations_at_once_are_one(empty_database_url: str) -> None:
    """Four replicas that start on one empty database make one schema, and none of them fails."""
    await asyncio.gather(*(migrate.migrate(empty_database_url) for _ in range(4)))
    assert await migrate.schema(empty_database_url) == (migrate.HEAD, migrate.HEAD)


async def test_first_connections_at_once_to_a_new_file_all_open(tmp_path: Path) -> None:
    """Eight replicas that open one new SQLite file together all open it, a hundred times over; none is told it is locked."""
    for round_ in range(100):
        url = f"sqlite:///{tmp_path}/{round_}.db"
        assert await asyncio.gather(*(migrate.schema(url) for _ in range(8))) == [(None, migrate.HEAD)] * 8


async def test_a_newer_database_is_refused_and_not_touched(db: Database, database_url: str) -> None:
    """A database at a revision this code does not know is neither served nor migrated."""
    async with db.begin(write=True) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (lambda: migrate.require_current(db), lambda: migrate.migrate(database_url)):
        with pytest.raises(Misconfigured, match="9999, which this Freehold does not know: it was made by a newer Freehold"):
            await use()
    assert await migrate.schema(database_url) == ("9999", migrate.HEAD)


async def test_a_failed_migration_leaves_nothing(empty_database_url: str) -> None:
    """When one statement of it fails, no table of the migration is there, and after the mend it goes through."""
    db = connect(empty_database_url)
    async with db.begin(write=True) as connection:
        await connection.execute(text("CREATE TABLE ledger_blocks (mine int)"))
    with pytest.raises(DBAPIError, match="already exists"):
        await migrate.migrate(empty_database_url)
    assert await db.revision() is None
    assert set(await reflected(db)) == {"ledger_blocks"}
    async with db.begin(write=True) as connection:
        await connection.execute(text("DROP TABLE ledger_blocks"))
    await migrate.migrate(empty_database_url)
    await db.close()


async def tenants_rows(db: Database) -> int:
    """How many tenants acme sees: none but itself, and here not even that."""
    async with db.tenant("acme") as scope:
        return len(await scope.all(select(tenants)))


async def reflected(db: Database) -> dict[str, Any]:
    """The tables that are there, but for Alembic's own."""
    found = MetaData()
    async with db.begin(write=False) as connection:
        await connection.run_sync(found.reflect)
    return {name: table for name, table in found.tables.items() if name != "alembic_version"}


async def test_the_migrations_make_what_the_rooms_declare(db: Database) -> None:
    """Tables, columns in their order, types, NULLs, keys and indexes are the same in the migrated schema and in the code."""
    found = await reflected(db)
    assert set(found) == {table.name for table in TABLES}
    for table in TABLES:
        there = found[table.name]
        assert [described(column) for column in there.c] == [described(column) for column in table.c]
        assert [column.name for column in there.primary_key.columns] == [column.name for column in table.primary_key.columns]
        assert {tuple(index.columns.keys()) for index in there.indexes} == {tuple(index.columns.keys()) for index in table.indexes}


def described(column: Any) -> tuple[str, type, bool]:
    """What must agree on both stores."""
    return column.name, column.type.python_type, column.nullable


async def test_rows_of_every_table_can_be_written(db: Database) -> None:
    """Every table takes a row and gives it back as it was, numbers, bytes and truth values included."""
    async with db.system(write=True) as scope:
        for table in TABLES:
            if table is not control:
                await scope.run(insert(table).values(row := row_of(table, "acme")))
                assert await scope.all(select(table)) == [tuple(row.values())]


async def test_roles_that_are_there_are_used(postgres_url: str, empty_postgres_url: str) -> None:
    """A second database of the same server finds the roles another one made."""
    await migrate.migrate(empty_postgres_url)
    for url in (postgres_url, empty_postgres_url):
        db = connect(url)
        assert await tenants_rows(db) == 0
        await db.close()


async def test_the_roles_cannot_log_in_and_are_not_inherited(postgres_url: str) -> None:
    """Neither role may log in, bypass policies or make anything; the login can take them but has none of their rights by itself."""
    connection = await asyncpg.connect(postgres_url)
    query = (
        "SELECT rolname, rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb, pg_has_role(rolname, {}) FROM pg_roles"
    )
    for right, has in (("'SET'", True), ("'USAGE'", False)):
        rows = await connection.fetch(query.format(right) + " WHERE rolname LIKE 'freehold\\_%m' OR rolname = 'freehold_tenant' ORDER BY 1")
        assert [tuple(row) for row in rows] == [("freehold_system", False, has), ("freehold_tenant", False, has)]
    await connection.close()


async def test_a_login_without_rights_is_told_what_to_ask_for(postgres_url: str, postgres_server: str) -> None:
    """A login that may not become the roles can neither serve nor migrate; the sentence has the statements for an administrator."""
    login = f"freehold_weak_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_server)
    await admin.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'weak'")
    await admin.execute(f"GRANT {login} TO CURRENT_USER")
    await admin.execute(f"CREATE DATABASE {login} OWNER {login}")
    own = make_url(postgres_server).set(username=login, password="weak", database=login).render_as_string(hide_password=False)
    with pytest.raises(Misconfigured, match="GRANT freehold_tenant, freehold_system TO <this login>"):
        await migrate.migrate(own)
    assert await migrate.schema(own) == (None, migrate.HEAD)
    db = connect(make_url(postgres_url).set(username=login, password="weak").render_as_string(hide_password=False))
    with pytest.raises(Misconfigured, match=r"may not act as freehold_tenant\. Run `freehold migrate`, or grant it the roles"):
        await tenants_rows(db)
    await db.close()
    await admin.execute(f"DROP DATABASE {login} WITH (FORCE)")
    await admin.execute(f"DROP ROLE {login}")
    await admin.close()


async def test_another_master_key_is_noticed(db: Database) -> None:
    """The first start leaves a sealed value, the same key opens it, another one stops the start (VA-11)."""
    await db_seals.check_master_key(db, Seal(bytes(32)))
    await db_seals.check_master_key(db, Seal(bytes(32)))
    with pytest.raises(Misconfigured, match="master key is not the one this database was sealed with"):
        await db_seals.check_master_key(db, Seal(bytes(31) + b"x"))
    async with db.system() as scope:
        assert len(await scope.all(select(seals))) == 1
