"""Codes and grants as rows, always in one tenant's scope: the sealed value that names a row names its tenant too."""

from typing import Any

import msgspec
from sqlalchemy import Row, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from freehold.domains.oauth.grants.model import Code, GrantRow
from freehold.domains.oauth.tables import codes, grants
from freehold.kit.db import Scope


async def add_code(scope: Scope, code: Code) -> bool:
    """Keep a new code; False when its page has given one already."""
    try:
        await scope.run(insert(codes).values(msgspec.structs.asdict(code)))
    except IntegrityError:
        return False
    return True


async def hold_code(scope: Scope, code_id: str) -> Code | None:
    """The code, which nobody else changes before this transaction ends: an update that changes nothing locks the row."""
    await scope.run(update(codes).where(codes.c.code_id == code_id).values(wrong=codes.c.wrong))
    row = await scope.one(select(codes).where(codes.c.code_id == code_id))
    return None if row is None else Code(**dict(zip(Code.__struct_fields__, row, strict=True)))


async def use_code(scope: Scope, code_id: str, now: float) -> None:
    """It counts no more."""
    await scope.run(update(codes).where(codes.c.code_id == code_id).values(used_at=now))


async def miss_code(scope: Scope, code_id: str) -> None:
    """Note one wrong verifier."""
    await scope.run(update(codes).where(codes.c.code_id == code_id).values(wrong=codes.c.wrong + 1))


async def forget(scope: Scope, *, unused_before: float, before: float) -> None:
    """Delete what is long over: unused codes soon, used ones and grants once nothing that came of them can count."""
    unused = and_(codes.c.used_at.is_(None), codes.c.expires_at < unused_before)
    await scope.run(delete(codes).where(or_(unused, codes.c.used_at < before)))
    await scope.run(delete(grants).where(grants.c.issued_at < before))


async def add_grant(scope: Scope, grant: GrantRow) -> None:
    """Keep a new grant."""
    await scope.run(insert(grants).values(msgspec.structs.asdict(grant)))


async def find_grant(scope: Scope, grant_id: str) -> GrantRow | None:
    """The grant as it is now."""
    row = await scope.one(select(grants).where(grants.c.grant_id == grant_id))
    return None if row is None else _grant(row)


async def hold_grant(scope: Scope, grant_id: str) -> GrantRow | None:
    """As `find_grant`, and nobody else changes it before this transaction ends."""
    await scope.run(update(grants).where(grants.c.grant_id == grant_id).values(generation=grants.c.generation))
    return await find_grant(scope, grant_id)


async def rotate(scope: Scope, grant: GrantRow) -> None:
    """Write what a rotation changes."""
    values = {name: getattr(grant, name) for name in ("generation", "current", "previous", "successor", "rotated_at")}
    await scope.run(update(grants).where(grants.c.grant_id == grant.grant_id).values(values))


async def end_grant(scope: Scope, grant_id: str, now: float) -> bool:
    """End it, and let nothing be given out of it any more; False when it was over already."""
    values = {"ended_at": now, "previous": None, "successor": None}
    return await scope.run(update(grants).where(grants.c.grant_id == grant_id, grants.c.ended_at.is_(None)).values(values)) == 1


async def grants_of(scope: Scope, subject: str) -> list[GrantRow]:
    """The user's grants that are not over, oldest first."""
    of_user = and_(grants.c.subject == subject, grants.c.ended_at.is_(None))
    return [_grant(row) for row in await scope.all(select(grants).where(of_user).order_by(grants.c.grant_id))]


async def drop_codes(scope: Scope, subject: str) -> None:
    """Take back the user's codes that nobody has used yet. Waits for whoever uses one at this moment."""
    await scope.run(delete(codes).where(codes.c.subject == subject, codes.c.used_at.is_(None)))


def _grant(row: Row[Any]) -> GrantRow:
    return GrantRow(**dict(zip(GrantRow.__struct_fields__, row, strict=True)))
