"""The room's SQL: API keys, revocations, signing keys, and what the resource server notes of grants.

`system` scopes appear only where a credential is what tells the tenant, and for keys no tenant owns."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import and_, bindparam, delete, insert, or_, select, tuple_, update

from freehold.domains.oauth.tables import api_keys, grants, revocations, signing_keys
from freehold.kit.db import Database, Scope

_NAMES: Final = msgspec.json.Decoder(frozenset[str])


class ApiKey(Struct, frozen=True, kw_only=True):
    """An API key as it may be shown: everything but the key itself."""

    key_id: str
    tenant_id: str
    name: str
    scopes: frozenset[str]
    tools: frozenset[str] | None
    test: bool
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    service: str | None = None
    """The service account it acts as; None: as itself."""
    networks: frozenset[str] | None = None
    """CIDR blocks it may be used from; None: from anywhere."""
    per_minute: int | None = None
    last_used_at: float | None = None
    """To the minute."""

    def ended(self, now: float) -> bool:
        """Whether it opens nothing any more."""
        return self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= now)


class KeyRecord(Struct, frozen=True):
    """A key with the digest it is recognised by."""

    key: ApiKey
    digest: bytes


class SealedKey(Struct, frozen=True):
    """A signing key as it lies in the database; its fields are the table's columns in order."""

    kid: str
    purpose: str
    algorithm: str
    public_jwk: str
    sealed: bytes
    created_at: float
    retired_at: float | None


_SETS: Final = ("scopes", "tools", "networks")
"""Columns that are JSON lists."""
_SHOWN: Final = tuple(api_keys.c[name] for name in ApiKey.__struct_fields__)


async def find_key(db: Database, key_id: str) -> KeyRecord | None:
    """The key of that public id, of whichever tenant: the key is what tells the tenant."""
    async with db.system() as scope:
        row = await scope.one(select(*_SHOWN, api_keys.c.digest).where(api_keys.c.key_id == key_id))
    return None if row is None else KeyRecord(_key(row[: len(_SHOWN)]), row.digest)


async def list_keys(db: Database, tenant: str) -> list[ApiKey]:
    """Every key of the tenant, oldest first, revoked and expired ones included."""
    async with db.tenant(tenant) as scope:
        rows = await scope.all(select(*_SHOWN).order_by(api_keys.c.key_id))
    return [_key(row) for row in rows]


async def add_key(scope: Scope, key: ApiKey, digest: bytes) -> None:
    """Keep a new key."""
    row = {name: getattr(key, name) for name in ApiKey.__struct_fields__}
    row |= {"digest": digest} | {name: None if (names := row[name]) is None else _written(names) for name in _SETS}
    await scope.run(insert(api_keys).values(row))


async def end_keys(scope: Scope, now: float, key_id: str | None = None) -> int:
    """Revoke one key of the scope's tenant, or all of them; gives how many were not revoked before."""
    statement = update(api_keys).where(api_keys.c.revoked_at.is_(None)).values(revoked_at=now)
    return await scope.run(statement if key_id is None else statement.where(api_keys.c.key_id == key_id))


async def own_key(scope: Scope, key_id: str) -> ApiKey | None:
    """The key of the scope's tenant with that id, ended or not."""
    row = await scope.one(select(*_SHOWN).where(api_keys.c.key_id == key_id))
    return None if row is None else _key(row)


async def shorten_key(scope: Scope, key_id: str, expires_at: float) -> None:
    """Let a key of the scope's tenant end at that moment."""
    await scope.run(update(api_keys).where(api_keys.c.key_id == key_id).values(expires_at=expires_at))


async def keys_expiring(db: Database, now: float, until: float) -> list[ApiKey]:
    """Keys of every tenant that end by themselves before `until`, the next one first."""
    due = and_(api_keys.c.revoked_at.is_(None), api_keys.c.expires_at > now, api_keys.c.expires_at <= until)
    async with db.system() as scope:
        return [_key(row) for row in await scope.all(select(*_SHOWN).where(due).order_by(api_keys.c.expires_at))]


async def keys_used(db: Database, uses: Mapping[str, float], *, apart: float) -> None:
    """Write down when keys that were verified here were last used, but for those for which it was done less than `apart` seconds ago."""
    at = bindparam("at", type_=api_keys.c.last_used_at.type)
    older = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at <= at - apart)
    statement = update(api_keys).where(api_keys.c.key_id == bindparam("key"), older).values(last_used_at=at)
    async with db.system(write=True) as scope:
        await scope.run(statement, [{"key": key, "at": used} for key, used in sorted(uses.items())])


async def is_revoked(db: Database, tenant: str, named: Collection[tuple[str, str]], issued_at: float, now: float) -> bool:
    """Whether one of the (kind, value) pairs, or everything of the tenant issued until then, has been revoked."""
    of_tenant = and_(revocations.c.kind == "tenant", revocations.c.at >= issued_at)
    of_token = tuple_(revocations.c.kind, revocations.c.value).in_(named)
    statement = select(revocations.c.kind).where(revocations.c.until > now, or_(of_tenant, of_token)).limit(1)
    async with db.tenant(tenant) as scope:
        return await scope.one(statement) is not None


async def add_revocation(scope: Scope, kind: str, value: str, *, now: float, until: float) -> None:
    """Revoke by name; a second time counts as the later one. Forgets the tenant's revocations whose time is over."""
    over = and_(revocations.c.kind == kind, revocations.c.value == value)
    await scope.run(delete(revocations).where(or_(over, revocations.c.until <= now)))
    await scope.run(insert(revocations).values(kind=kind, value=value, at=now, until=until))


async def note_arrival(db: Database, tenant: str, grant_id: str, generation: int) -> None:
    """An access token of that refresh was shown here, so the answer that brought it has arrived. Written once a refresh."""
    mine = grants.c.grant_id == grant_id
    async with db.tenant(tenant) as scope:
        row = await scope.one(select(grants.c.arrived).where(mine))
    if row is not None and row.arrived < generation:
        async with db.tenant(tenant, write=True) as scope:
            await scope.run(update(grants).where(mine, grants.c.arrived < generation).values(arrived=generation))


async def signing(scope: Scope, now: float) -> Sequence[SealedKey]:
    """The signing keys that are still published, oldest first."""
    current = or_(signing_keys.c.retired_at.is_(None), signing_keys.c.retired_at > now)
    rows = await scope.all(select(signing_keys).where(current).order_by(signing_keys.c.created_at, signing_keys.c.kid))
    return [SealedKey(*row) for row in rows]


async def add_signing(scope: Scope, key: SealedKey, *, retire_at: float) -> None:
    """Keep a new key of a purpose; the ones before it are published until `retire_at`, those past their time are deleted."""
    same = signing_keys.c.purpose == key.purpose
    await scope.run(delete(signing_keys).where(same, signing_keys.c.retired_at <= key.created_at))
    await scope.run(update(signing_keys).where(same, signing_keys.c.retired_at.is_(None)).values(retired_at=retire_at))
    await scope.run(insert(signing_keys).values(msgspec.structs.asdict(key)))


def _key(row: Sequence[Any]) -> ApiKey:
    held: dict[str, Any] = dict(zip(ApiKey.__struct_fields__, row, strict=True))
    held |= {name: _read(held[name]) for name in _SETS}
    return ApiKey(**held)


def _read(names: str | None) -> frozenset[str] | None:
    return None if names is None else _NAMES.decode(names)


def _written(names: Collection[str]) -> str:
    return msgspec.json.encode(sorted(names)).decode()
