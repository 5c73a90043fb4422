"""Notices at start that the master key is not the one this database was sealed with."""

from typing import Final

from sqlalchemy import insert, select

from freehold.kit.crypto import Seal, Unsealable
from freehold.kit.db import Database, seals
from freehold.kit.errors import Misconfigured

_NAME: Final = "master"
_PURPOSE: Final = "key check"
_KNOWN: Final = b"freehold"


async def check_master_key(db: Database, seal: Seal) -> None:
    """Open the known value, or leave one when this database has none. Raises `Misconfigured` when the key is another."""
    async with db.system(write=True) as scope:
        row = await scope.one(select(seals.c.sealed).where(seals.c.name == _NAME))
        if row is None:
            await scope.run(insert(seals).values(name=_NAME, sealed=seal.seal(_PURPOSE, _KNOWN)))
            return
    try:
        seal.open(_PURPOSE, row.sealed)
    except Unsealable:
        raise Misconfigured(
            "The master key is not the one this database was sealed with. Restore that key file, or use that database."
        ) from None
