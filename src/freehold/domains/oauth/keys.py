"""The keys we sign with: made at first use, sealed at rest, published, rotated with overlap.

What is signed, and for whom, is `issuer.py`'s (purpose `access`) and `service_tokens.py`'s (purpose `service`)."""

import logging
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from freehold.domains.oauth import store
from freehold.domains.oauth.store import SealedKey
from freehold.kit.changes import Changes
from freehold.kit.clock import Clock
from freehold.kit.crypto import Seal, Unsealable
from freehold.kit.db import Database, Scope
from freehold.kit.errors import Misconfigured
from freehold.kit.jose import PrivateKey, PublicKey, new_private_key, private_key
from freehold.kit.turns import Turns

Purpose = Literal["access", "service"]

OVERLAP: Final = 600.0
LONGEST_TOKEN: Final = 86_400.0
KEY_SECONDS: Final = 30 * 86_400.0
"""Age at which a signing key gets its successor."""
_SEAL: Final = "signing-key"
_RELOAD_SECONDS: Final = 5.0
_log: Final = logging.getLogger(__name__)


class _Held(msgspec.Struct, frozen=True, eq=False):
    created_at: float
    retired_at: float | None
    key: PrivateKey


class SigningKeys:
    """The house's keys, in memory after the first use.

    A key whose sealed half the master key does not open is not trusted, whatever the database says of its public half.
    Every method may raise `Unavailable`, and `Misconfigured` when the master key opens none of the keys there are.
    """

    def __init__(
        self,
        db: Database,
        seal: Seal,
        changes: Changes,
        *,
        clock: Clock,
        overlap: float = OVERLAP,
        longest: float = LONGEST_TOKEN,
    ) -> None:
        """`overlap`: seconds a new key is published before it signs. `longest`: seconds the longest-lived token is valid."""
        self._db = db
        self._seal = seal
        self._changes = changes
        self._clock = clock
        self._overlap = overlap
        self._longest = longest
        self._held: dict[str, tuple[_Held, ...]] | None = None
        self._loaded_at = clock.monotonic()
        self._loading = Turns()

    async def current(self, purpose: Purpose) -> PrivateKey:
        """The key that signs now; made when there is none."""
        held = await self._keys(purpose)
        ripe = [each for each in held if each.created_at + self._overlap <= self._clock.now()]
        return (ripe[-1] if ripe else held[0]).key

    async def published(self, purpose: Purpose) -> dict[str, list[Mapping[str, str]]]:
        """The JWKS document (RFC 7517): the key that signs, the next one, and those whose tokens may still be valid."""
        return {"keys": [each.key.public.document for each in await self._keys(purpose)]}

    async def verifying(self, purpose: Purpose, kid: str) -> Mapping[str, PublicKey]:
        """The published keys by kid; for a kid not among them the database is asked again, at most every 5 seconds."""
        held = await self._keys(purpose)
        if all(each.key.public.kid != kid for each in held) and self._clock.monotonic() - self._loaded_at >= _RELOAD_SECONDS:
            self.forget()
            held = await self._keys(purpose)
        return {each.key.public.kid: each.key.public for each in held}

    async def rotate(self, purpose: Purpose) -> str:
        """Make the next key; gives its kid. It is published at once, signs after the overlap, and then the old one retires."""
        async with self._db.system(write=True) as scope:
            await self._changes.bump(scope)
            kid = await self._add(scope, purpose)
        self.forget()
        await self._changes.announce()
        return kid

    async def renew(self, purpose: Purpose, *, after: float) -> bool:
        """Make the next key when the newest is older than `after` seconds; of several processes one does."""
        if (await self._keys(purpose))[-1].created_at + after > self._clock.now():
            return False
        async with self._db.system(write=True) as scope:
            await self._changes.bump(scope)
            newest = max((row.created_at for row in await store.signing(scope, self._clock.now()) if row.purpose == purpose), default=None)
            due = newest is not None and newest + after <= self._clock.now()
            if due:
                await self._add(scope, purpose)
        if due:
            self.forget()
            await self._changes.announce()
        return due

    async def renew_due(self) -> None:
        """Make successors of the keys that are old enough for one."""
        for purpose in ("access", "service"):
            await self.renew(purpose, after=KEY_SECONDS)

    def forget(self) -> None:
        """Read the keys again at the next use."""
        self._held = None

    async def check(self) -> None:
        """Have a key for each purpose, or raise."""
        await self.current("access")
        await self.current("service")

    async def _keys(self, purpose: Purpose) -> tuple[_Held, ...]:
        async with self._loading.here:
            loaded = self._held if self._held is not None else await self._load()
            if purpose not in loaded:
                await self._make_first(purpose)
                loaded = await self._load()
        if not loaded[purpose]:
            raise Misconfigured("The master key opens none of the signing keys. Put back the master key this database was made with.")
        now = self._clock.now()
        return tuple(each for each in loaded[purpose] if each.retired_at is None or each.retired_at > now)

    async def _load(self) -> dict[str, tuple[_Held, ...]]:
        self._loaded_at = self._clock.monotonic()
        async with self._db.system() as scope:
            rows = await store.signing(scope, self._clock.now())
        opened = [(row.purpose, self._open(row)) for row in rows]
        self._held = {purpose: tuple(held for of, held in opened if held and of == purpose) for purpose, _ in opened}
        return self._held

    async def _make_first(self, purpose: Purpose) -> None:
        """Of several processes one makes it: the version's row, touched first, is locked until the others may look."""
        async with self._db.system(write=True) as scope:
            await self._changes.bump(scope)
            if all(row.purpose != purpose for row in await store.signing(scope, self._clock.now())):
                await self._add(scope, purpose)

    async def _add(self, scope: Scope, purpose: Purpose) -> str:
        key, now = new_private_key(), self._clock.now()
        kid = key.public.kid
        sealed = self._seal.seal(_SEAL, key.export(), _bound(purpose, kid))
        document = msgspec.json.encode(key.public.document).decode()
        row = SealedKey(
            kid=kid, purpose=purpose, algorithm=key.public.algorithm, public_jwk=document, sealed=sealed, created_at=now, retired_at=None
        )
        await store.add_signing(scope, row, retire_at=now + self._overlap + self._longest)
        return kid

    def _open(self, row: SealedKey) -> _Held | None:
        try:
            document = self._seal.open(_SEAL, row.sealed, _bound(row.purpose, row.kid))
        except Unsealable:
            _log.warning("signing_key_not_opened")
            return None
        return _Held(row.created_at, row.retired_at, private_key(msgspec.json.decode(document, type=dict[str, str])))


def _bound(purpose: str, kid: str) -> bytes:
    return f"{purpose}:{kid}".encode()
