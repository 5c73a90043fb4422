"""Brings a database to the schema this code knows, and says whether one is there. The revisions are in `migrations/`.

Alembic is loaded by `migrate` alone: a start only compares one row with `HEAD`."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from freehold.kit.db import SYSTEM_ROLE, TENANT_ROLE, Database, connect, in_words
from freehold.kit.errors import Misconfigured

if TYPE_CHECKING:
    from sqlalchemy import Connection

REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Every revision this code knows, oldest first."""
HEAD: Final = REVISIONS[-1]

_SCRIPTS: Final = Path(__file__).parent.parent / "migrations"
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(6371046019243155301)")
_NOT_ALLOWED: Final = "42501"


class Schema(NamedTuple):
    """The revision a database is at (None: it is empty) and the one this code needs."""

    current: str | None
    expected: str


async def migrate(url: str) -> None:
    """Bring the database at `url` to `HEAD` in one transaction; nothing happens when it is there already.

    Safe to run twice at once. Raises `Misconfigured` when the database is newer than this code, when its file
    cannot be written or when the login may not make what is needed; `Unavailable` when it does not answer.
    """
    database = connect(url)
    try:
        if _known(await database.revision()) != HEAD:
            await _upgrade(database)
    finally:
        await database.close()


async def schema(url: str) -> Schema:
    """What the database at `url` has and what it should have."""
    database = connect(url)
    try:
        return Schema(await database.revision(), HEAD)
    finally:
        await database.close()


async def require_current(database: Database) -> None:
    """Return when the schema is `HEAD`, else raise `Misconfigured` with the mend."""
    current = _known(await database.revision())
    if current != HEAD:
        found = "has no schema yet" if current is None else f"is at schema {current}, this Freehold needs {HEAD}"
        raise Misconfigured(f"The database {found}. Run `freehold migrate`.")


def _known(revision: str | None) -> str | None:
    if revision is not None and revision not in REVISIONS:
        found = f"The database is at schema {revision}, which this Freehold does not know: it was made by a newer Freehold."
        raise Misconfigured(f"{found} Install that version, or point to another database.")
    return revision


async def _upgrade(database: Database) -> None:
    try:
        async with database.begin(write=True) as connection:
            with in_words():
                if database.dialect == "postgresql":
                    await connection.execute(_ONE_AT_A_TIME)
                await connection.run_sync(_run_alembic)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _NOT_ALLOWED:
            raise
        made = f"CREATE ROLE {TENANT_ROLE} NOLOGIN; CREATE ROLE {SYSTEM_ROLE} NOLOGIN; GRANT {TENANT_ROLE}, {SYSTEM_ROLE} TO <this login>;"
        mend = f"Let it own the database and have CREATEROLE, or have an administrator run once: {made}"
        raise Misconfigured(f"The database login may not make Freehold's tables and roles. {mend}") from None


def _run_alembic(connection: "Connection") -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
