"""No row of one tenant is reached by another: every table, every verb; once with raw SQL under PostgreSQL's own policies,
once through the scope every room uses, on both stores. The sweep is generated from the tables there are."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Table, delete, insert, select, update

from freehold.kit.bounds import Unbounded
from freehold.kit.db import RAW_SYSTEM, RAW_TENANT, Database
from tests.rows import every_table, row_of

pytestmark = pytest.mark.anyio

TABLES = every_table()
OF_TENANTS = [table for table in TABLES if "tenant_id" in table.c]
OF_THE_HOUSE = [table for table in TABLES if "tenant_id" not in table.c]
SEEDED = [table for table in TABLES if table.name != "control"]  # which has its row from the start
VERBS = ["select", "insert", "update", "delete"]
READ_ONLY_FOR_TENANTS = {"tenants", "ledger_entries"}

by_name = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
by_tenant_table = pytest.mark.parametrize("table", OF_TENANTS, ids=lambda table: table.name)


@pytest.fixture(scope="module")
def seeded_url(postgres_copy: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """One database for the whole sweep: every probe is rolled back."""
    with postgres_copy() as url:
        yield url


@pytest.fixture
async def connection(seeded_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the login role inside a transaction in which every table has a row of acme's."""
    connection = await asyncpg.connect(seeded_url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(RAW_SYSTEM)
    for table in SEEDED:
        await put(connection, table, row_of(table, "acme"))
    await connection.execute("RESET ROLE")
    yield connection
    await transaction.rollback()
    await connection.close()


async def put(connection: asyncpg.Connection, table: Table, row: dict[str, Any]) -> None:
    """Write one row with raw SQL."""
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await connection.execute(f"INSERT INTO {table.name} ({', '.join(row)}) VALUES ({places})", *row.values())  # noqa: S608  names of our own tables


async def reached(connection: asyncpg.Connection, table: Table, verb: str) -> int:
    """How many rows of acme's (in the house's tables: of anyone's) raw SQL reaches as the current role; 0 too when it is refused."""
    mine = " WHERE tenant_id = 'acme'" if "tenant_id" in table.c else ""
    column = next(iter(table.c)).name
    savepoint = connection.transaction()
    await savepoint.start()
    try:
        match verb:
            case "insert":
                await put(connection, table, row_of(table, "acme") | key_of_another_row(table))
                return 1
            case "select":
                return await connection.fetchval(f"SELECT count(*) FROM {table.name}{mine}")  # noqa: S608  same
            case "update":
                done = await connection.execute(f"UPDATE {table.name} SET {column} = {column}{mine}")  # noqa: S608  same
            case _:
                done = await connection.execute(f"DELETE FROM {table.name}{mine}")  # noqa: S608  same
        return int(done.split()[-1])
    except asyncpg.InsufficientPrivilegeError:
        return 0
    finally:
        await savepoint.rollback()


def key_of_another_row(table: Table) -> dict[str, str]:
    """A key that is free, so that an insert fails for no other reason than the policy. The tenants table has one row a tenant."""
    name = next(column.name for column in reversed(table.primary_key.columns) if column.type.python_type is str)
    return {} if name == "tenant_id" else {name: "another-row"}


async def enter(connection: asyncpg.Connection, tenant: str | None) -> None:
    """Become the tenants' role, with a tenant or without."""
    if tenant is None:
        await connection.execute("SET LOCAL ROLE freehold_tenant")
    else:
        await connection.execute(RAW_TENANT, tenant)


@by_name
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("tenant", [None, "", "globex", "acme%", "ACME"])
async def test_raw_sql_of_another_tenant_or_none_reaches_nothing(
    connection: asyncpg.Connection, table: Table, verb: str, tenant: str | None
) -> None:
    """In the tenants' role no verb reaches a row of acme's, in any table, without a tenant or with another one (TEN-11)."""
    await enter(connection, tenant)
    assert await reached(connection, table, verb) == 0


@by_name
@pytest.mark.parametrize("verb", VERBS)
async def test_the_login_itself_reaches_nothing(connection: asyncpg.Connection, table: Table, verb: str) -> None:
    """A connection that took no role fails closed, although its login owns the tables: the policies are forced on the owner."""
    assert await reached(connection, table, verb) == 0


@by_tenant_table
async def test_raw_sql_of_the_tenant_itself_reaches_its_row(connection: asyncpg.Connection, table: Table) -> None:
    """The row was there to be reached: acme's own role sees exactly it. A sweep over empty tables would prove nothing."""
    await enter(connection, "acme")
    assert await reached(connection, table, "select") == 1


@by_tenant_table
@pytest.mark.parametrize("verb", ["insert", "update", "delete"])
async def test_what_a_tenant_may_write_of_its_own(connection: asyncpg.Connection, table: Table, verb: str) -> None:
    """A tenant cannot write, change or delete its own usage, nor its own plan; its keys and revocations it can (BILL-10)."""
    await enter(connection, "acme")
    assert await reached(connection, table, verb) == (0 if table.name in READ_ONLY_FOR_TENANTS else 1)


@pytest.mark.parametrize("table", OF_THE_HOUSE, ids=lambda table: table.name)
@pytest.mark.parametrize("verb", VERBS)
async def test_a_tenant_reaches_no_table_of_the_house(connection: asyncpg.Connection, table: Table, verb: str) -> None:
    """Signing keys, seals, documents, versions and blocks are out of reach for every tenant's role."""
    await enter(connection, "acme")
    assert await reached(connection, table, verb) == 0


@pytest.mark.parametrize("table", ["ledger_entries", "ledger_blocks"])
@pytest.mark.parametrize("verb", ["update", "delete"])
async def test_the_system_can_only_add_to_the_ledger(connection: asyncpg.Connection, table: str, verb: str) -> None:
    """Not even the role that crosses tenants may change or delete what is recorded (BILL-10)."""
    await connection.execute(RAW_SYSTEM)
    ledger = next(one for one in TABLES if one.name == table)
    assert await reached(connection, ledger, "select") == 1
    assert await reached(connection, ledger, "insert") == 1
    assert await reached(connection, ledger, verb) == 0


async def test_every_table_there_is_has_forced_policies(connection: asyncpg.Connection) -> None:
    """The catalog knows no table without row-level security, and none that the sweep does not know."""
    rows = await connection.fetch(
        "SELECT relname, relrowsecurity AND relforcerowsecurity AS forced,"
        " array(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid ORDER BY 1) AS policies"
        " FROM pg_class c WHERE relkind IN ('r', 'p', 'm', 'v') AND relnamespace = current_schema()::regnamespace"
        " AND relname <> 'alembic_version'"
    )
    found = {row["relname"]: (row["forced"], row["policies"]) for row in rows}
    assert found == {table.name: (True, ["system_rows"] + ["tenant_rows"] * ("tenant_id" in table.c)) for table in TABLES}


@by_tenant_table
@pytest.mark.parametrize(
    "breach",
    [
        "ALTER TABLE {} DISABLE ROW LEVEL SECURITY",
        "ALTER POLICY tenant_rows ON {} USING (true)",
        "GRANT freehold_system TO freehold_tenant",
    ],
)
async def test_the_sweep_sees_a_breach(connection: asyncpg.Connection, table: Table, breach: str) -> None:
    """With its policy off, opened or got round, the same probe does reach the row: the sweep would notice."""
    await connection.execute(breach.format(table.name))
    await enter(connection, "globex")
    assert await reached(connection, table, "select") == 1


@pytest.fixture
async def seeded(db: Database) -> Database:
    """A database with a row of acme's in every table."""
    async with db.system(write=True) as scope:
        for table in SEEDED:
            await scope.run(insert(table).values(row_of(table, "acme")))
    return db


async def rows_of(db: Database, table: Table) -> list[tuple[Any, ...]]:
    """What the table holds, as the system sees it."""
    async with db.system() as scope:
        return [tuple(row) for row in await scope.all(select(table))]


@by_tenant_table
async def test_a_scope_of_another_tenant_reaches_nothing(seeded: Database, table: Table) -> None:
    """Through globex's scope acme's row is neither read nor changed nor deleted, and nothing is written in acme's name (law 1)."""
    before = await rows_of(seeded, table)
    column = next(column for column in table.c if not column.primary_key and column.name != "tenant_id")
    async with seeded.tenant("globex") as scope:
        assert await scope.all(select(table)) == []
        assert await scope.one(select(table).where(table.c.tenant_id == "acme")) is None
    if table.name not in READ_ONLY_FOR_TENANTS or seeded.dialect == "sqlite":
        async with seeded.tenant("globex", write=True) as scope:
            assert await scope.run(update(table).values({column.name: column})) == 0
            assert await scope.run(delete(table)) == 0
            assert await scope.run(delete(table).where(table.c.tenant_id == "acme")) == 0
    async with seeded.tenant("globex", write=True) as scope:
        with pytest.raises(Unbounded):
            await scope.run(insert(table).values(row_of(table, "acme") | key_of_another_row(table)))
        with pytest.raises(Unbounded):
            await scope.run(insert(table), [row_of(table, "globex"), row_of(table, "acme") | key_of_another_row(table)])
    assert await rows_of(seeded, table) == before


@by_tenant_table
async def test_a_scope_of_the_tenant_itself_reaches_its_row(seeded: Database, table: Table) -> None:
    """Through acme's scope exactly acme's row is read."""
    async with seeded.tenant("acme") as scope:
        assert [row.tenant_id for row in await scope.all(select(table))] == ["acme"]


@pytest.mark.parametrize("table", OF_THE_HOUSE, ids=lambda table: table.name)
async def test_a_tenants_scope_refuses_the_tables_of_the_house(seeded: Database, table: Table) -> None:
    """A tenant's scope takes no statement on a table that belongs to no tenant."""
    column = next(iter(table.c))
    async with seeded.tenant("acme", write=True) as scope:
        for statement in (
            select(table),
            insert(table).values(row_of(table, "acme")),
            update(table).values({column.name: column}),
            delete(table),
        ):
            with pytest.raises(Unbounded):
                await scope.run(statement)
    assert len(await rows_of(seeded, table)) == 1


async def test_there_is_no_scope_without_a_tenant(seeded: Database) -> None:
    """An empty tenant opens nothing, rather than everything."""
    with pytest.raises(ValueError, match="id of a tenant"):
        seeded.tenant("")
