"""The durable store behind every room's `store.py`: one transaction at a time, either one tenant's or the system's.

SQLite and PostgreSQL behind one face, chosen by the URL; drivers are loaded at first use. Knows roles, row-level
security and transactions; knows no table but `control` and `seals`. The schema is `kit/migrate.py`'s."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    CursorResult,
    Executable,
    Insert,
    LargeBinary,
    MetaData,
    Row,
    Table,
    Text,
    UpdateBase,
    event,
    make_url,
    text,
    update,
)
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only

from freehold.kit.bounds import bounded
from freehold.kit.errors import Misconfigured, Unavailable

metadata = MetaData()
"""Every room declares its tables on it, in its `tables.py`."""

control = Table("control", metadata, Column("name", Text, primary_key=True), Column("version", BigInteger, nullable=False))
"""Versions that grow when rows others cache have changed. Written through `Scope.touch`, watched by `kit/changes.py`."""

seals = Table("seals", metadata, Column("name", Text, primary_key=True), Column("sealed", LargeBinary, nullable=False))
"""Known values under the master key, so that a wrong key is noticed at start (`kit/seals.py`)."""

TENANT_ROLE: Final = "freehold_tenant"
SYSTEM_ROLE: Final = "freehold_system"
RAW_SYSTEM: Final = "SET LOCAL ROLE freehold_system"
"""First statement of a transaction on a `raw` connection that crosses tenants."""
RAW_TENANT: Final = "SELECT set_config('role', 'freehold_tenant', true), set_config('app.tenant', $1, true)"
"""First statement of a transaction on a `raw` connection that is one tenant's; takes the tenant."""

_ENTER: Final = text("SELECT set_config('role', :role, true), set_config('app.tenant', :tenant, true)")
_VERSION_TABLE: Final = {
    "sqlite": text("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"),
    "postgresql": text("SELECT to_regclass('alembic_version')::text"),
}
_PRAGMAS: Final = ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
_BUSY_SECONDS: Final = 5.0
_SWITCH_AGAIN_SECONDS: Final = 0.02
_CONNECT_SECONDS: Final = 5.0
_STATEMENT_SECONDS: Final = 30.0
_POOL: Final[dict[str, Any]] = {"pool_size": 5, "max_overflow": 5, "pool_timeout": 10.0}
_SQLITE_UNUSABLE: Final = frozenset({3, 8, 11, 14, 26})
"""SQLITE_PERM, _READONLY, _CORRUPT, _CANTOPEN, _NOTADB: waiting does not help."""
_SQLITE_UNAVAILABLE: Final = frozenset({5, 6, 7, 9, 10, 13})
"""SQLITE_BUSY, _LOCKED, _NOMEM, _INTERRUPT, _IOERR, _FULL."""
_POSTGRESQL_UNAVAILABLE: Final = frozenset({"08", "40", "53", "57", "58"})
"""SQLSTATE classes: connection, rolled back for another, out of resources, operator intervened, system."""
_POSTGRESQL_NO_ROLE: Final = frozenset({"22023", "42501", "42704"})


class Scope:
    """One transaction. A tenant's scope bounds every statement to that tenant's rows; the system's passes them on."""

    def __init__(self, connection: AsyncConnection, *, tenant: str | None, write: bool) -> None:
        """Made by `Database`, never by hand; `tenant` None is the system."""
        self._connection = connection
        self._tenant = tenant
        self._write = write

    async def all(self, statement: Executable) -> Sequence[Row[Any]]:
        """Every row the statement gives."""
        return (await self._execute(statement)).all()

    async def one(self, statement: Executable) -> Row[Any] | None:
        """The first row, or None."""
        return (await self._execute(statement)).first()

    async def run(self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None) -> int:
        """Execute once, or once for each of `rows`; gives how many rows were written (inserting `rows`: how many were given)."""
        if rows is None:
            return (await self._execute(statement)).rowcount
        if isinstance(statement, Insert):
            return len(rows) if rows and await self._execute(statement, rows) else 0
        return sum([(await self._execute(statement, [row])).rowcount for row in rows])

    async def touch(self, name: str) -> None:
        """Add one to the version `name` in `control`, as the system, in this transaction.

        Do it last: the row stays locked until the commit.
        """
        statement = update(control).where(control.c.name == name).values(version=control.c.version + 1)
        self._check_write(statement)
        elevated = self._tenant is not None and self._connection.dialect.name == "postgresql"
        with in_words():
            if elevated:
                await _enter(self._connection, None)
            await self._connection.execute(statement)
            if elevated:
                await _enter(self._connection, self._tenant)

    async def _execute(self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None) -> CursorResult[Any]:
        self._check_write(statement)
        if self._tenant is not None:
            statement, rows = bounded(statement, rows, self._tenant)
        with in_words():
            return await self._connection.execute(statement, rows)

    def _check_write(self, statement: Executable) -> None:
        if isinstance(statement, UpdateBase) and not self._write:
            raise RuntimeError("This scope only reads. Open it with write=True.")


class Database:
    """Where the control plane is kept. `connect` makes it; nothing is opened before the first use.

    Belongs to the event loop that uses it first. Every use may raise `Unavailable` when the store does not answer,
    and `Misconfigured` when it cannot be used as it is.
    """

    def __init__(self, url: URL) -> None:
        """Take a checked URL; see `connect`."""
        self.dialect: Literal["sqlite", "postgresql"] = "sqlite" if url.drivername == "sqlite" else "postgresql"
        self.sqlite_path: Path | None = Path(url.database or "") if self.dialect == "sqlite" else None
        self._url = url
        self._engine: AsyncEngine | None = None

    def tenant(self, tenant: str, *, write: bool = False) -> AbstractAsyncContextManager[Scope]:
        """One transaction that reaches only the rows of `tenant`; commits on a clean exit, else rolls back."""
        if not tenant:
            raise ValueError("A tenant's scope needs the id of a tenant.")
        return self._scope(tenant, write=write)

    def system(self, *, write: bool = False) -> AbstractAsyncContextManager[Scope]:
        """One transaction that reaches every tenant's rows. For named use cases only."""
        return self._scope(None, write=write)

    @asynccontextmanager
    async def raw(self) -> AsyncGenerator[Any]:
        """PostgreSQL only: asyncpg's own connection, outside a transaction and without a role.

        It can reach nothing until a transaction begins with `RAW_SYSTEM` or `RAW_TENANT`.
        """
        if self.dialect != "postgresql":
            raise RuntimeError("Only PostgreSQL has a raw connection; use sqlite_path.")
        async with self._connected() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            try:
                yield driver
            finally:
                if driver.is_closed() or driver.is_in_transaction():
                    await connection.invalidate()

    async def revision(self) -> str | None:
        """The revision of the schema that is there, or None when there is none."""
        async with self._connected() as connection:
            with in_words():
                if (await connection.execute(_VERSION_TABLE[self.dialect])).scalar() is None:
                    return None
                if self.dialect == "postgresql":
                    await _enter(connection, None)
                return (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()

    async def check(self) -> None:
        """Reach the store, or raise with a sentence."""
        async with self._connected() as connection:
            with in_words():
                await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Give every connection back. The database may be used again after it."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    @asynccontextmanager
    async def begin(self, *, write: bool) -> AsyncGenerator[AsyncConnection]:
        """A transaction in the login role, for `kit/migrate.py`; rooms use `tenant` and `system`."""
        async with self._connected() as connection:
            await connection.execution_options(freehold_write=write, postgresql_readonly=not write)
            with in_words():
                transaction = await connection.begin()
            yield connection
            with in_words():
                await transaction.commit()

    @asynccontextmanager
    async def _scope(self, tenant: str | None, *, write: bool) -> AsyncGenerator[Scope]:
        async with self.begin(write=write) as connection:
            if self.dialect == "postgresql":
                with in_words():
                    await _enter(connection, tenant)
            yield Scope(connection, tenant=tenant, write=write)

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[AsyncConnection]:
        """A pooled connection; leaving rolls back what is not committed, also when cancelled."""
        async with AsyncExitStack() as stack:
            with in_words():
                connection = await stack.enter_async_context(self._opened().connect())
            yield connection

    def _opened(self) -> AsyncEngine:
        if self._engine is None:
            self._engine = _sqlite_engine(self._url) if self.dialect == "sqlite" else _postgresql_engine(self._url)
        return self._engine


def connect(url: str) -> Database:
    """A database by URL: `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user:password@host/name`. No I/O.

    Raises `Misconfigured` for any other.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername not in {"sqlite", "postgresql"}:
        raise Misconfigured(
            "The database URL is not one Freehold can use. Write sqlite:///freehold.db or postgresql://user:password@host/name."
        )
    if parsed.drivername == "sqlite" and (parsed.query or parsed.database in {None, "", ":memory:"}):
        raise Misconfigured("SQLite needs a plain file, for in memory it would forget every tenant. Write sqlite:///freehold.db.")
    return Database(parsed)


async def _enter(connection: AsyncConnection, tenant: str | None) -> None:
    """Take the role for this transaction, and the tenant with it; both end with the transaction."""
    role = {"role": SYSTEM_ROLE if tenant is None else TENANT_ROLE, "tenant": tenant or ""}
    try:
        await connection.execute(_ENTER, role)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in _POSTGRESQL_NO_ROLE:
            raise
        why = f"The database login may not act as {role['role']}."
        raise Misconfigured(f"{why} Run `freehold migrate`, or grant it the roles {TENANT_ROLE} and {SYSTEM_ROLE}.") from None


@contextmanager
def in_words() -> Generator[None]:
    """Failures of the store itself, in the house's words; a statement's own faults pass as they are."""
    try:
        yield
    except PoolExhausted:
        raise Unavailable("Every database connection is busy. Try again in a few seconds.") from None
    except TimeoutError:
        raise Unavailable("The database did not answer in time. Try again in a few seconds.") from None
    except DBAPIError as error:
        if (failure := _failure(error)) is None:
            raise
        raise failure from None


def _failure(error: DBAPIError) -> Unavailable | Misconfigured | None:
    sqlite_code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    if sqlite_code in _SQLITE_UNUSABLE:
        mend = "Give Freehold a SQLite file it owns, in a directory it may write to."
        return Misconfigured(f"The database file cannot be used ({error.orig}). {mend}")
    if sqlite_code in _SQLITE_UNAVAILABLE:
        return Unavailable(f"The database file is not available right now ({error.orig}). Try again in a few seconds.")
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    if error.connection_invalidated or sqlstate[:2] in _POSTGRESQL_UNAVAILABLE:
        return Unavailable(f"The database broke off ({sqlstate or type(error.orig).__name__}). Try again in a few seconds.")
    return None


def _sqlite_engine(url: URL) -> AsyncEngine:
    """Transactions are begun by hand (IMMEDIATE when they write), for the driver would begin them too late."""
    arguments = {"isolation_level": None, "timeout": _BUSY_SECONDS}
    engine = create_async_engine(url.set(drivername="sqlite+aiosqlite"), connect_args=arguments, **_POOL)
    event.listen(engine.sync_engine, "do_connect", _prepare_file)
    event.listen(engine.sync_engine, "connect", _set_pragmas)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_file(_dialect: object, _record: object, arguments: Sequence[Any], _keywords: object) -> None:
    """A new file is readable by its owner only, and so are its journals. What cannot be opened fails before a thread is started for it."""
    with suppress(OSError):  # there already, or not to be made: opening it says which
        os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    sqlite3.connect(arguments[0]).close()


def _set_pragmas(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    try:
        _switch_to_wal(cursor)
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise


def _switch_to_wal(cursor: DBAPICursor) -> None:
    """Two first connections to a new file can each wait for the other's lock; SQLite then refuses one at once, timeout or not."""
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            await_only(asyncio.sleep(_SWITCH_AGAIN_SECONDS))
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("freehold_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _postgresql_engine(url: URL) -> AsyncEngine:
    """The driver reads the URL itself, so that every libpq parameter means what it means elsewhere."""

    async def open_connection() -> object:
        return await _open_postgresql(url)

    return create_async_engine("postgresql+asyncpg://", async_creator=open_connection, **_POOL)


async def _open_postgresql(url: URL) -> object:
    import asyncpg  # pyright: ignore[reportMissingTypeStubs]  an extra without types, loaded at first use

    driver: Any = asyncpg
    try:
        return await driver.connect(url.render_as_string(hide_password=False), timeout=_CONNECT_SECONDS, command_timeout=_STATEMENT_SECONDS)
    except (driver.PostgresError, driver.InterfaceError, OSError) as error:
        where = f"PostgreSQL at {url.host or url.query.get('host', 'localhost')}"
        raise Unavailable(
            f"{where} cannot be reached ({type(error).__name__}). Check that it runs and that the database URL is right."
        ) from None
