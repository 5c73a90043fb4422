"""API keys: their shape, and the use cases create, list and revoke.

A key is `mcp_live_` or `mcp_test_`, a public id (26 characters, time-sortable), 192 random bits (33) and a checksum (6).
Only its SHA-256 is kept; recognising a presented key is `resource.py`'s."""

import hashlib
import zlib
from collections.abc import Callable, Collection
from typing import Final

from freehold.core.refusals import Refusal
from freehold.domains.oauth import store
from freehold.domains.oauth.claims import READ_SCOPE, check_scopes
from freehold.domains.oauth.standing import Tenants
from freehold.domains.oauth.store import ApiKey
from freehold.kit.changes import Changes
from freehold.kit.clock import Clock
from freehold.kit.db import Database
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
    ) -> tuple[str, ApiKey]:
        """Make a key that lives for `seconds`, or until it is revoked; the key itself is given here and never again.

        Raises `Refusal("tenant_unknown")` or `Refusal("scope_invalid")`, and `ValueError` for a name that cannot be shown in a table.
        """
        await self._check_tenant(tenant)
        if len(name) > _MAX_NAME or not name.isprintable():
            raise ValueError(f"A key's name is at most {_MAX_NAME} printable characters. Choose a shorter or plainer one.")
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
        )
        secret = written(key.key_id, self._randomness(SECRET_BYTES), test=test)
        async with self._db.tenant(tenant, write=True) as scope:
            await store.add_key(scope, key, hashlib.sha256(secret.encode()).digest())
            await self._changes.bump(scope)
        await self._changes.announce()
        return secret, key

    async def all(self, tenant: str) -> list[ApiKey]:
        """Every key of the tenant, oldest first, ended ones included. Raises `Refusal("tenant_unknown")`."""
        await self._check_tenant(tenant)
        return await store.list_keys(self._db, tenant)

    async def revoke(self, tenant: str, key_id: str) -> None:
        """End a key at once; ending it again changes nothing. Raises `Refusal("key_unknown")`, also for another tenant's key."""
        async with self._db.tenant(tenant, write=True) as scope:
            if not await store.has_key(scope, key_id):
                raise Refusal("key_unknown", tenant=tenant, key=key_id)
            await store.end_keys(scope, self._clock.now(), key_id)
            await self._changes.bump(scope)
        await self._changes.announce()

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
