"""Notices at start that the master key is not the one this database was sealed with."""

from pathlib import Path
from typing import Final

from sqlalchemy import select

from freehold.kit.crypto import Seal, Unsealable
from freehold.kit.db import Database, Scope, seals
from freehold.kit.errors import Misconfigured

_NAME: Final = "master"
_PURPOSE: Final = "key check"
_KNOWN: Final = b"freehold"


async def check_master_key(db: Database, seal: Seal, *, kept_at: Path | None = None) -> None:
    """Open the known value, or leave one when this database has none. Raises `Misconfigured` when the key is another.

    A key file that is gone from `kept_at` is not made anew, which would only hide the loss.
    """
    async with db.system(write=True) as scope:
        found = await _kept(scope)
        if found is not None and kept_at is not None and not kept_at.exists():  # noqa: ASYNC240  one look at a local file, at the start
            raise Misconfigured(f"There is no master key at {kept_at}, and this database was sealed with one. Put the key file back there.")
        if found is None:
            await _leave(scope, seal)
            found = await _kept(scope)
    try:
        seal.open(_PURPOSE, found or b"")
    except Unsealable:
        raise Misconfigured(
            "The master key is not the one this database was sealed with. Restore that key file, or use that database."
        ) from None


async def _kept(scope: Scope) -> bytes | None:
    row = await scope.one(select(seals.c.sealed).where(seals.c.name == _NAME))
    return None if row is None else row.sealed


async def _leave(scope: Scope, seal: Seal) -> None:
    """Of several processes that start first together one leaves its value; the others wait for it and find that one."""
    from sqlalchemy.dialects.postgresql import insert  # SQLite writes its ON CONFLICT the same way

    row = insert(seals).values(name=_NAME, sealed=seal.seal(_PURPOSE, _KNOWN))
    await scope.run(row.on_conflict_do_nothing(index_elements=[seals.c.name]))
