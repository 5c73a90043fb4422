"""What every test may ask for: the stores, each test with fresh ones, on SQLite and PostgreSQL alike."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import redis
from hypothesis import HealthCheck
from hypothesis import settings as laws
from sqlalchemy import make_url

from freehold.kit.db import SYSTEM_ROLE, TENANT_ROLE, Database, connect
from freehold.kit.migrate import migrate
from tests.fixtures import server, settings, store_urls  # noqa: F401  pytest finds fixtures here by name
from tests.servers import private_postgres, private_redis

# On a busy machine the first example of a text strategy may take a second: it builds the Unicode tables.
laws.register_profile("freehold", deadline=None, suppress_health_check=[HealthCheck.too_slow])
laws.load_profile("freehold")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Captured text may hold lone surrogates, which a test worker cannot send."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Every async test runs on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a login that may make databases and roles but is no superuser, on `FREEHOLD_TEST_POSTGRES` or a private server."""
    with ExitStack() as stack:
        url = os.environ.get("FREEHOLD_TEST_POSTGRES") or stack.enter_context(private_postgres())
        yield asyncio.run(_plain_login(url))


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """URL of a Redis without a database number: `FREEHOLD_TEST_REDIS`, else a private server's."""
    with ExitStack() as stack:
        yield os.environ.get("FREEHOLD_TEST_REDIS") or stack.enter_context(private_redis())


@pytest.fixture(scope="session")
def postgres_copy(postgres_server: str) -> Iterator[Callable[[], AbstractContextManager[str]]]:
    """Makes new PostgreSQL databases at the newest schema, copied from one that was migrated."""
    with _new_postgres(postgres_server) as template:
        asyncio.run(migrate(template))
        yield lambda: _new_postgres(postgres_server, like=template)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file that others are copied from."""
    path = tmp_path_factory.mktemp("template") / "freehold.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """A new PostgreSQL database without a schema."""
    with _new_postgres(postgres_server) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_copy: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """A new PostgreSQL database at the newest schema."""
    with postgres_copy() as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path, _sqlite_template: Path) -> str:
    """A new SQLite file at the newest schema."""
    return f"sqlite:///{shutil.copy(_sqlite_template, tmp_path / 'freehold.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A new database at the newest schema, on each store in turn."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database without a schema, on each store in turn."""
    return f"sqlite:///{tmp_path / 'freehold.db'}" if request.param == "sqlite" else request.getfixturevalue("empty_postgres_url")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """The database at `database_url`, open while the test runs."""
    database = connect(database_url)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def _redis_numbers(redis_server: str) -> Callable[[], int]:
    """Which database number comes next; they come round when the server has no more."""
    with redis.Redis.from_url(redis_server) as client:
        count = int(client.config_get("databases")["databases"])
    taken = 0

    def following() -> int:
        nonlocal taken
        taken += 1
        return taken % count

    return following


@pytest.fixture
def redis_url(redis_server: str, _redis_numbers: Callable[[], int]) -> str:
    """An empty numbered database of a Redis; channels are shared by all of them."""
    url = f"{redis_server}/{_redis_numbers()}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@contextmanager
def _new_postgres(beside: str, *, like: str | None = None) -> Iterator[str]:
    """A database of the same server as `beside` while the block runs, empty or a copy of the one at `like`."""
    name = f"freehold_{uuid4().hex}"
    template = f" TEMPLATE {make_url(like).database}" if like else ""
    asyncio.run(_execute(beside, f"CREATE DATABASE {name}{template}"))
    try:
        yield make_url(beside).set(database=name).render_as_string(hide_password=False)
    finally:
        asyncio.run(_drop(beside, name))


async def _plain_login(url: str) -> str:
    """The login of the URL; in the place of a superuser, whom no policy binds, one that has just the rights Freehold asks for."""
    connection = await asyncpg.connect(url)
    try:
        if not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            return url
        password = hashlib.sha256(url.encode()).hexdigest()
        verb = "ALTER" if await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = 'freehold_test'") else "CREATE"
        await connection.execute(f"{verb} ROLE freehold_test LOGIN CREATEDB CREATEROLE PASSWORD '{password}'")
        for role in (TENANT_ROLE, SYSTEM_ROLE):
            if await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
                await connection.execute(f"GRANT {role} TO freehold_test WITH ADMIN TRUE, INHERIT FALSE, SET TRUE")
    finally:
        await connection.close()
    return make_url(url).set(username="freehold_test", password=password).render_as_string(hide_password=False)


async def _drop(beside: str, name: str) -> None:
    """A worker of the server's own (autovacuum) may be in there; it is no superuser's to end, and is gone in a moment."""
    for _ in range(100):
        try:
            return await _execute(beside, f"DROP DATABASE {name} WITH (FORCE)")
        except (asyncpg.InsufficientPrivilegeError, asyncpg.ObjectInUseError):
            await asyncio.sleep(0.1)  # real time: another process leaves
    return await _execute(beside, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(url: str, statement: str) -> None:
    """One statement outside a transaction."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
