"""API keys: their shape, and the use cases create, list, rotate and revoke.

A key is `mcp_live_` or `mcp_test_`, a public id (26 characters, time-sortable), 192 random bits (33) and a checksum (6).
Only its SHA-256 is kept; recognising a presented key is `resource.py`'s."""

import hashlib
import hmac
import math
import re
import zlib
from collections.abc import Callable, Collection
from typing import Final

from msgspec.structs import replace

from freehold.core.refusals import Refusal
from freehold.domains.oauth import store
from freehold.domains.oauth.claims import READ_SCOPE, check_scopes
from freehold.domains.oauth.networks import parsed
from freehold.domains.oauth.standing import Tenants
from freehold.domains.oauth.store import ApiKey
from freehold.kit.changes import Changes
from freehold.kit.clock import Clock
from freehold.kit.db import Database, Scope
from freehold.kit.ids import Ids

PREFIX: Final = "mcp_"
LIVE: Final = "mcp_live_"
TEST: Final = "mcp_test_"
SECRET_BYTES: Final = 24
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID: Final = slice(len(LIVE), len(LIVE) + 26)
_SECRET_LENGTH: Final = 33
_CHECKSUM_LENGTH: Final = 6
_LENGTH: Final = _ID.stop + _SECRET_LENGTH + _CHECKSUM_LENGTH
_MAX_NAME: Final = 100
_SERVICE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def public_id(presented: str) -> str | None:
    """The public id of a well-formed key whose checksum is right, else None. Needs no database."""
    if len(presented) != _LENGTH or not presented.startswith((LIVE, TEST)) or not presented.isascii():
        return None
    body, checksum = presented[:-_CHECKSUM_LENGTH], presented[-_CHECKSUM_LENGTH:]
    return presented[_ID] if presented[len(LIVE) :].isalnum() and _checksum(body) == checksum else None


def written(key_id: str, secret: bytes, *, test: bool) -> str:
    """The key as its owner keeps it."""
    body = (TEST if test else LIVE) + key_id + _base62(int.from_bytes(secret, "big"), _SECRET_LENGTH)
    return body + _checksum(body)


class ApiKeys:
    """The use cases. Deeds are the caller's to record; every change reaches the other replicas."""

    def __init__(
        self, db: Database, tenants: Tenants, changes: Changes, *, clock: Clock, ids: Ids, randomness: Callable[[int], bytes]
    ) -> None:
        """`randomness` is `os.urandom` outside tests."""
        self._db = db
        self._tenants = tenants
        self._changes = changes
        self._clock = clock
        self._ids = ids
        self._randomness = randomness

    async def create(
        self,
        tenant: str,
        *,
        name: str,
        scopes: Collection[str] = (READ_SCOPE,),
        tools: Collection[str] | None = None,
        seconds: float | None = None,
        test: bool = False,
        service: str | None = None,
        networks: Collection[str] | None = None,
        per_minute: int | None = None,
    ) -> tuple[str, ApiKey]:
        """Make a key that lives for `seconds`, or until it is revoked; the key itself is given here and never again.

        `service` is the service account it acts as, `networks` where it may be used from, `per_minute` its own rate. Raises `Refusal`
        for an unknown tenant and for what cannot be a scope, network or account, and `ValueError` for a name that no table can show.
        """
        await self._check_tenant(tenant)
        if len(name) > _MAX_NAME or not name.isprintable():
            raise ValueError(f"A key's name is at most {_MAX_NAME} printable characters. Choose a shorter or plainer one.")
        if service is not None and not _SERVICE.fullmatch(service):
            raise Refusal("service_invalid", service=service)
        if per_minute is not None and per_minute < 1:
            raise ValueError("A key makes at least one call a minute. Allow more, or leave it to the plan.")
        now = self._clock.now()
        key = ApiKey(
            key_id=self._ids.new(),
            tenant_id=tenant,
            name=name,
            scopes=check_scopes(scopes),
            tools=None if tools is None else frozenset(tools),
            test=test,
            created_at=now,
            expires_at=None if seconds is None else now + seconds,
            revoked_at=None,
            service=service,
            networks=None if networks is None else frozenset(str(network) for network in parsed(networks)),
            per_minute=per_minute,
        )
        async with self._db.tenant(tenant, write=True) as scope:
            secret = await self._add(scope, key)
            await self._changes.bump(scope)
        await self._changes.announce()
        return secret, key

    async def rotate(self, tenant: str, key_id: str, *, overlap: float) -> tuple[str, ApiKey]:
        """A successor that may do the same and lives as long anew; the key itself goes on for `overlap` seconds and then ends.

        Raises `Refusal`: `key_unknown`, also for another tenant's key, or `key_ended`.
        """
        now = self._clock.now()
        async with self._db.tenant(tenant, write=True) as scope:
            old = await store.own_key(scope, key_id)
            if old is None:
                raise Refusal("key_unknown", tenant=tenant, key=key_id)
            if old.ended(now):
                raise Refusal("key_ended", tenant=tenant, key=key_id)
            expires = None if old.expires_at is None else now + old.expires_at - old.created_at
            successor = replace(old, key_id=self._ids.new(), created_at=now, expires_at=expires, last_used_at=None)
            secret = await self._add(scope, successor)
            await store.shorten_key(scope, key_id, min(now + overlap, old.expires_at or math.inf))
            await self._changes.bump(scope)
        await self._changes.announce()
        return secret, successor

    async def _add(self, scope: Scope, key: ApiKey) -> str:
        secret = written(key.key_id, self._randomness(SECRET_BYTES), test=key.test)
        await store.add_key(scope, key, hashlib.sha256(secret.encode()).digest())
        return secret

    async def all(self, tenant: str) -> list[ApiKey]:
        """Every key of the tenant, oldest first, ended ones included. Raises `Refusal("tenant_unknown")`."""
        await self._check_tenant(tenant)
        return await store.list_keys(self._db, tenant)

    async def revoke(self, tenant: str, key_id: str) -> None:
        """End a key at once; ending it again changes nothing. Raises `Refusal("key_unknown")`, also for another tenant's key."""
        async with self._db.tenant(tenant, write=True) as scope:
            if await store.own_key(scope, key_id) is None:
                raise Refusal("key_unknown", tenant=tenant, key=key_id)
            await store.end_keys(scope, self._clock.now(), key_id)
            await self._changes.bump(scope)
        await self._changes.announce()

    async def end(self, presented: str) -> ApiKey | None:
        """End the key that this is, as whoever has it may; None when it is no key of ours or has ended already."""
        key_id = public_id(presented)
        record = None if key_id is None else await store.find_key(self._db, key_id)
        digest = hashlib.sha256(presented.encode("utf-8", "surrogatepass")).digest()
        if record is None or not hmac.compare_digest(record.digest, digest) or record.key.ended(self._clock.now()):
            return None
        await self.revoke(record.key.tenant_id, record.key.key_id)
        return record.key

    async def _check_tenant(self, tenant: str) -> None:
        if await self._tenants.find(tenant) is None:
            raise Refusal("tenant_unknown", tenant=tenant)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
