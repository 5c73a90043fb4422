"""Notices at start that the master key is not the one this database was sealed with."""

from pathlib import Path
from typing import Final

from sqlalchemy import insert, select

from freehold.kit.crypto import Seal, Unsealable
from freehold.kit.db import Database, seals
from freehold.kit.errors import Misconfigured

_NAME: Final = "master"
_PURPOSE: Final = "key check"
_KNOWN: Final = b"freehold"


async def check_master_key(db: Database, seal: Seal, *, kept_at: Path | None = None) -> None:
    """Open the known value, or leave one when this database has none. Raises `Misconfigured` when the key is another.

    A key file that is gone from `kept_at` is not made anew, which would only hide the loss.
    """
    async with db.system(write=True) as scope:
        row = await scope.one(select(seals.c.sealed).where(seals.c.name == _NAME))
        if row is not None and kept_at is not None and not kept_at.exists():  # noqa: ASYNC240  one look at a local file, at the start
            raise Misconfigured(f"There is no master key at {kept_at}, and this database was sealed with one. Put the key file back there.")
        if row is None:
            await scope.run(insert(seals).values(name=_NAME, sealed=seal.seal(_PURPOSE, _KNOWN)))
            return
    try:
        seal.open(_PURPOSE, row.sealed)
    except Unsealable:
        raise Misconfigured(
            "The master key is not the one this database was sealed with. Restore that key file, or use that database."
        ) from None
