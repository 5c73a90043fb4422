"""The database port over both stores: transactions, scopes, pragmas and roles, and failures in words."""

import asyncio
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest
from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from freehold.domains.ledger.tables import ledger_entries
from freehold.domains.oauth.tables import revocations
from freehold.kit import migrate
from freehold.kit.db import RAW_SYSTEM, RAW_TENANT, Database, connect, control
from freehold.kit.errors import Misconfigured, Unavailable
from tests.rows import row_of

pytestmark = pytest.mark.anyio


class Interrupted(Exception):
    """Something went wrong in the middle of a scope."""


def note(value: str, **more: Any) -> dict[str, Any]:
    """A row of the table these tests write to, without its tenant."""
    return {"kind": "jti", "value": value, "at": 1.5, "until": 2.5} | more


async def write(db: Database, *rows: dict[str, Any], touch: bool = False, then: Exception | None = None) -> None:
    """Write acme's rows in one scope, in which something may go wrong at the end."""
    async with db.tenant("acme", write=True) as scope:
        for row in rows:
            await scope.run(insert(revocations).values(row))
        if touch:
            await scope.touch("control")
        if then is not None:
            raise then


async def values(db: Database, tenant: str) -> Sequence[str]:
    """What the tenant has there."""
    async with db.tenant(tenant) as scope:
        return [row.value for row in await scope.all(select(revocations.c.value).order_by(revocations.c.value))]


async def test_a_clean_exit_commits_and_an_error_rolls_back(db: Database) -> None:
    """What a scope wrote is there after a clean exit, in all of its rows; after an error none of it is."""
    async with db.tenant("acme", write=True) as scope:
        assert await scope.run(insert(revocations).values(note("a"))) == 1
        assert await scope.run(insert(revocations), [note("b"), note("c")]) == 2
    with pytest.raises(Interrupted):
        await write(db, note("d"), then=Interrupted())
    assert await values(db, "acme") == ["a", "b", "c"]
    assert await values(db, "globex") == []


async def test_a_scope_counts_what_it_wrote(db: Database) -> None:
    """`run` gives the affected rows of one statement and of many; `one` gives a row or nothing, never an error for too many."""
    async with db.tenant("acme", write=True) as scope:
        await scope.run(insert(revocations), [note("a"), note("b"), note("c")])
        assert await scope.run(insert(revocations), []) == 0
        assert await scope.run(update(revocations).where(revocations.c.value != "a").values(until=9.0)) == 2
        assert await scope.run(update(revocations).where(revocations.c.value == "z").values(until=9.0)) == 0
        assert await scope.run(revocations.delete().where(revocations.c.value == bindparam("which")), [{"which": "a"}, {"which": "z"}]) == 1
        assert (await scope.one(select(revocations.c.value).order_by(revocations.c.value))) == ("b",)
        assert await scope.one(select(revocations).where(revocations.c.value == "a")) is None
    assert await values(db, "acme") == ["b", "c"]


async def test_the_system_crosses_tenants(db: Database) -> None:
    """The system's scope sees the rows of all tenants, and is refused nothing a room may write."""
    for tenant in ("acme", "globex"):
        async with db.tenant(tenant, write=True) as scope:
            await scope.run(insert(revocations).values(note("a")))
    async with db.system(write=True) as scope:
        assert await scope.run(update(revocations).values(until=9.0)) == 2
        assert {row.tenant_id for row in await scope.all(select(revocations))} == {"acme", "globex"}


@pytest.mark.parametrize("scoped", ["tenant", "system"])
async def test_a_scope_that_only_reads_writes_nothing(db: Database, scoped: str) -> None:
    """Without `write=True` a statement that writes is refused before it is sent; on PostgreSQL by the server too."""
    async with db.tenant("acme") if scoped == "tenant" else db.system() as scope:
        for method in (scope.run, scope.one, scope.all):
            with pytest.raises(RuntimeError, match="only reads"):
                await method(insert(revocations).values(note("a", tenant_id="acme")))
        with pytest.raises(RuntimeError, match="only reads"):
            await scope.touch("control")
    if db.dialect == "postgresql":
        with pytest.raises(DBAPIError, match="read-only transaction"):
            async with db.system() as scope:
                await scope.run(text("UPDATE control SET version = 7"))
    assert await values(db, "acme") == []


async def test_a_broken_rule_of_the_schema_is_the_callers_to_see(db: Database) -> None:
    """A duplicate key stays the driver's IntegrityError, and the connection is good for the next scope."""
    await write(db, note("a"))
    with pytest.raises(IntegrityError):
        await write(db, note("b"), note("a"))
    assert await values(db, "acme") == ["a"]


async def test_a_cancelled_scope_leaves_nothing(db: Database) -> None:
    """A task cancelled inside its scope has written nothing, holds no lock and leaves no tenant on the connection (TEN-11)."""
    written = asyncio.Event()

    async def write() -> None:
        async with db.tenant("acme", write=True) as scope:
            await scope.run(insert(revocations).values(note("a")))
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with db.tenant("globex", write=True) as scope:
        await scope.run(insert(revocations).values(note("b")))
    assert await values(db, "acme") == []
    assert await values(db, "globex") == ["b"]


async def test_writers_at_once_all_get_their_turn(db: Database) -> None:
    """Twenty tasks that each read a version and write the next lose no update, on more tasks than there are connections."""

    async def count() -> None:
        async with db.system(write=True) as scope:
            await scope.touch("control")

    await asyncio.gather(*(count() for _ in range(20)))
    async with db.system() as scope:
        assert await scope.one(select(control)) == ("control", 20)


async def test_a_version_is_counted_from_a_tenants_scope(db: Database) -> None:
    """`touch` counts as the system inside a tenant's transaction, then the scope is the tenant's again; a rollback takes both back."""
    async with db.tenant("acme", write=True) as scope:
        await scope.run(insert(revocations).values(note("a")))
        await scope.touch("control")
        await scope.run(insert(revocations).values(note("b")))
        assert len(await scope.all(select(revocations))) == 2
    with pytest.raises(Interrupted):
        await write(db, touch=True, then=Interrupted())
    async with db.system() as scope:
        assert await scope.one(select(control.c.version)) == (1,)
    assert await values(db, "acme") == ["a", "b"]


async def test_a_tenant_keeps_nothing_of_the_system_it_was(postgres_url: str) -> None:
    """After `touch` the server itself holds the scope to the tenant's rights again: it cannot write usage."""
    db = connect(postgres_url)

    async def bill_oneself() -> None:
        async with db.tenant("acme", write=True) as scope:
            await scope.touch("control")
            await scope.run(insert(ledger_entries).values(row_of(ledger_entries, "acme")))

    with pytest.raises(DBAPIError, match="permission denied for table ledger_entries"):
        await bill_oneself()
    await db.close()


async def test_many_scopes_of_two_tenants_do_not_mix(db: Database) -> None:
    """Two hundred interleaved scopes on shared connections each see their own tenant's rows only (TEN-11)."""

    async def turn(number: int) -> None:
        tenant = "acme" if number % 2 else "globex"
        async with db.tenant(tenant, write=True) as scope:
            await scope.run(insert(revocations).values(note(f"{number:03}")))
            assert {row.tenant_id for row in await scope.all(select(revocations.c.tenant_id))} == {tenant}

    await asyncio.gather(*(turn(number) for number in range(200)))
    assert len(await values(db, "acme")) == len(await values(db, "globex")) == 100


async def test_a_closed_database_opens_again(db: Database) -> None:
    """Closing twice is no error, and a use after it opens new connections."""
    await db.close()
    await db.close()
    await db.check()
    assert await values(db, "acme") == []


async def test_a_connection_goes_back_without_role_and_tenant(postgres_url: str) -> None:
    """After a commit, an error and a cancel the pooled connection is the bare login's again: `SET LOCAL` only (TEN-11)."""
    db = connect(postgres_url)
    state = text("SELECT current_user = session_user, coalesce(current_setting('app.tenant', true), '')")
    async with db.tenant("acme", write=True) as scope:
        await scope.run(insert(revocations).values(note("a")))
    async with db.begin(write=False) as connection:
        assert tuple((await connection.execute(state)).one()) == (True, "")
    with pytest.raises(IntegrityError):
        await write(db, note("a"))
    async with db.begin(write=False) as connection:
        assert tuple((await connection.execute(state)).one()) == (True, "")
        assert (await connection.execute(select(func.count()).select_from(revocations))).scalar() == 0
    await db.close()


async def test_raw_statements_take_a_role_for_one_transaction(postgres_url: str) -> None:
    """The raw connection reaches nothing until it takes a role, and nothing again after the transaction."""
    db = connect(postgres_url)
    async with db.raw() as connection:
        assert not connection.is_in_transaction()
        async with connection.transaction():
            await connection.execute(RAW_TENANT, "acme")
            await connection.execute("INSERT INTO revocations VALUES ('acme', 'jti', 'a', 1, 2)")
        assert await connection.fetchval("SELECT count(*) FROM revocations") == 0
        async with connection.transaction():
            await connection.execute(RAW_SYSTEM)
            assert await connection.fetchval("SELECT count(*) FROM revocations") == 1
    await db.close()


async def test_a_raw_connection_left_in_a_transaction_is_not_used_again(postgres_url: str) -> None:
    """Who leaves the block in the middle of a transaction loses it, and its role does not reach the next user of the pool."""
    db = connect(postgres_url)
    async with db.raw() as connection:
        await connection.execute("BEGIN")
        await connection.execute(RAW_SYSTEM)
        await connection.execute("INSERT INTO revocations VALUES ('acme', 'jti', 'a', 1, 2)")
    async with db.raw() as connection:
        assert not connection.is_in_transaction()
        assert await connection.fetchval("SELECT current_user = session_user")
    assert await values(db, "acme") == []
    await db.close()


async def test_a_lost_server_is_unavailable_and_comes_back(postgres_url: str) -> None:
    """When the server ends the session the scope says so in words, nothing is half written, and the next scope connects anew."""
    db = connect(postgres_url)

    async def lose() -> None:
        async with db.tenant("acme", write=True) as scope:
            await scope.run(insert(revocations).values(note("a")))
            await end_sessions(postgres_url)
            await scope.run(insert(revocations).values(note("b")))

    with pytest.raises(Unavailable, match="Try again") as lost:
        await lose()
    assert "revocations" not in str(lost.value)
    assert await values(db, "acme") == []
    await db.close()


async def end_sessions(url: str) -> None:
    """What a restart of the server does to everyone connected to that database."""
    admin = await asyncpg.connect(url)
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    await admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")  # noqa: S608  our own words
    await admin.close()


async def test_an_unreachable_server_is_unavailable(postgres_url: str) -> None:
    """A server that is not there, and a database it does not have, give one sentence with the mend and without the password."""
    for url in ("postgresql://someone:hunter2@127.0.0.1:1/freehold", postgres_url.replace("/freehold_", "/missing_")):
        db = connect(url)
        for use in (db.check, db.revision, lambda db=db: values(db, "acme")):
            with pytest.raises(Unavailable, match="Check that it runs and that the database URL is right") as refused:
                await use()
            assert "hunter2" not in str(refused.value)
        await db.close()


async def test_sqlite_is_set_up_for_a_server(sqlite_url: str) -> None:
    """Write-ahead log, foreign keys, full durability, overwritten deletions and patience, on every connection."""
    db = connect(sqlite_url)
    assert db.sqlite_path is not None
    async with db.system() as first, db.system() as second:
        for scope in (first, second):
            found = [
                tuple(await scope.one(text(f"PRAGMA {name}")) or ())
                for name in ("journal_mode", "foreign_keys", "synchronous", "secure_delete")
            ]
            assert found == [("wal",), (1,), (2,), (1,)]
            assert tuple(await scope.one(text("PRAGMA busy_timeout")) or ()) == (5000,)
    await db.close()


async def test_sqlite_writers_take_the_lock_at_the_start_and_readers_none(sqlite_url: str) -> None:
    """A writing scope holds the write lock before its first statement; reading scopes go on beside it."""
    db = connect(sqlite_url)
    async with db.tenant("acme", write=True):
        async with db.tenant("acme") as reader:
            assert await reader.all(select(revocations)) == []
        other = sqlite3.connect(db.sqlite_path or "", timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
    await db.close()


def modes(directory: Path) -> dict[str, int]:
    """The mode of each file there."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


async def test_a_reading_scope_sees_one_moment(sqlite_url: str) -> None:
    """Between two reads of one scope a writer's commit is not seen."""
    db = connect(sqlite_url)
    async with db.tenant("acme") as reader:
        assert await reader.all(select(revocations)) == []
        async with db.tenant("acme", write=True) as writer:
            await writer.run(insert(revocations).values(note("a")))
        assert await reader.all(select(revocations)) == []
    assert await values(db, "acme") == ["a"]
    await db.close()


async def test_a_new_sqlite_file_is_private(tmp_path: Path) -> None:
    """The file and its journal are readable by their owner only."""
    await migrate.migrate(f"sqlite:///{tmp_path / 'freehold.db'}")
    db = connect(f"sqlite:///{tmp_path / 'freehold.db'}")
    async with db.system(write=True) as scope:
        await scope.touch("control")
        found = await asyncio.to_thread(modes, tmp_path)
    assert found == dict.fromkeys(("freehold.db", "freehold.db-wal", "freehold.db-shm"), 0o600)
    await db.close()


@pytest.mark.parametrize(
    "trouble", ["no directory", "a directory in its place", "not a database", "a read-only directory", "a read-only file"]
)
async def test_an_unusable_sqlite_file_is_refused_in_words(plain_directory: Path, trouble: str) -> None:
    """A file that cannot be opened or written stops the start with the reason and the mend, and stays as it was."""
    path = await asyncio.to_thread(unusable, plain_directory, trouble)
    db = connect(f"sqlite:///{path}")
    for use in (db.check, lambda: migrate.migrate(f"sqlite:///{path}"), lambda: values(db, "acme")):
        with pytest.raises(Misconfigured, match=r"cannot be used .*Give Freehold a SQLite file it owns"):
            await use()
    await db.close()


@pytest.fixture
def plain_directory() -> Iterator[Path]:
    """A directory, and for the length of the test no root's rights: nothing is read-only for root."""
    root = os.geteuid() == 0
    with TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        os.seteuid(65534 if root else os.geteuid())
        yield Path(name)
        Path(name).chmod(0o777) if not root else os.seteuid(0)


def unusable(directory: Path, trouble: str) -> Path:
    """A place for a database with the trouble named."""
    path = directory / "freehold.db"
    match trouble:
        case "no directory":
            return directory / "missing" / "freehold.db"
        case "a directory in its place":
            path.mkdir()
        case "not a database":
            path.write_bytes(b"notes of a meeting, certainly no database\n" * 100)
        case _:
            if trouble == "a read-only file":
                sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.close()
                path.chmod(0o444)
            shut(directory)
    return path


def shut(directory: Path) -> None:
    """Make a directory read-only, whoever owns it."""
    user = os.geteuid()
    os.seteuid(os.getuid())
    directory.chmod(0o555)
    os.seteuid(user)
