"""The resource server: a presented credential becomes a `Principal`, or is refused without saying why.

What tokens say is `tokens.py`'s, what keys look like `apikeys.py`'s; here is what is remembered, for how long, and who is asked."""

import asyncio
import hmac
import logging
from collections.abc import Collection
from hashlib import sha256
from typing import Final, TypeVar

from msgspec import Struct

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.oauth import store
from freehold.domains.oauth.apikeys import PREFIX, public_id
from freehold.domains.oauth.claims import KEY, SERVICE, Grant
from freehold.domains.oauth.last_used import LastUsed
from freehold.domains.oauth.networks import Networks, parsed, within
from freehold.domains.oauth.standing import Tenants
from freehold.domains.oauth.store import KeyRecord
from freehold.domains.oauth.tokens import AccessTokens
from freehold.kit.clock import Clock
from freehold.kit.db import Database
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.kit.jose import END_OF_TIME, InvalidToken

REMEMBERED: Final = 60.0
REFUSED: Final = 5.0
_MOST_REFUSED: Final = 10_000
_MOST_STANDINGS: Final = 10_000
_log: Final = logging.getLogger(__name__)
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Known(Struct, frozen=True, eq=False):
    principal: Principal
    until: float
    key: str = ""
    """Its id, when it is an API key."""
    networks: Networks = ()
    """Where it may be used from; empty: anywhere."""
    bound_to: str = ""
    """Thumbprint of the key whose holder alone may use it."""


class Resource:
    """Answers from memory for up to a minute, and never longer than the credential is valid.

    `forget` makes it ask again at once; what was being looked up meanwhile is not remembered.
    """

    def __init__(
        self,
        db: Database,
        tokens: AccessTokens,
        tenants: Tenants,
        *,
        plans: Collection[str],
        clock: Clock,
        capacity: int = 50_000,
    ) -> None:
        """`plans` are the plan names a token's `rate_limit_tier` may choose; `capacity` bounds the credentials remembered."""
        self._db = db
        self._tokens = tokens
        self._tenants = tenants
        self._plans = frozenset(plans)
        self._now = clock.now
        self._capacity = capacity
        self._known: dict[bytes, _Known] = {}
        self._refused: dict[bytes, float] = {}
        self._standings: dict[str, tuple[str, float]] = {}
        self._looking: dict[bytes, asyncio.Task[_Known | None]] = {}
        self._arrived: dict[tuple[str, int], None] = {}
        self.last_used = LastUsed(db, clock=clock)
        """Of every API key that is let in; to be written down by whoever tends to it."""
        self._generation = 0

    async def principal(self, bearer: str | None, api_key: str | None, address: str = "", proved: str = "") -> Principal:
        """Who presents this: the value of `Authorization: Bearer` or of `X-API-Key`; when both, they must be the same key.

        `address` is the caller's, empty when it is not known; keys that may be used from some networks only are then refused.
        `proved` is the thumbprint of the key the caller holds: a token that is bound needs its own, one that is not bound none.

        Raises `Refusal`: `unauthenticated` for nothing, `invalid_token` for anything not valid here and now,
        `identity_unavailable` when it cannot be found out.
        """
        presented = bearer if api_key is None else api_key
        if presented is None:
            raise Refusal("unauthenticated")
        if api_key is not None and not (api_key.startswith(PREFIX) and bearer in {None, api_key}):
            raise Refusal("invalid_token")
        digest = sha256(presented.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(digest)
        if known is None or known.until <= self._now():
            known = await self._found_out(presented, digest)
        if known.bound_to != proved:
            raise Refusal("invalid_token")
        if known.key:
            self._check_use(known, address)
        return known.principal

    def forget(self) -> None:
        """Remember nothing: keys, revocations or tenants may have changed."""
        self._generation += 1
        self._known.clear()
        self._refused.clear()
        self._standings.clear()
        self._looking.clear()

    def _check_use(self, known: _Known, address: str) -> None:
        if known.networks and not within(address, known.networks):
            _log.warning("key used from elsewhere", extra={"code": "key_elsewhere", "tenant": known.principal.tenant, "key": known.key})
            raise Refusal("invalid_token")
        self.last_used.note(known.key)

    async def _found_out(self, presented: str, digest: bytes) -> _Known:
        if not self._is_plausible(presented) or self._refused.get(digest, 0.0) > self._now():
            raise Refusal("invalid_token")
        try:
            found = await asyncio.shield(self._look(presented, digest))
        except (Unavailable, Misconfigured) as error:
            raise Refusal("identity_unavailable", retry_after=5) from error
        if found is None:
            raise Refusal("invalid_token")
        return found

    def _is_plausible(self, presented: str) -> bool:
        """Whether it is worth asking anyone: a key with the right checksum, or a token's shape. What begins as ours do stays here."""
        return public_id(presented) is not None if presented.startswith(PREFIX) else self._tokens.may_be(presented)

    def _look(self, presented: str, digest: bytes) -> asyncio.Task[_Known | None]:
        """One look for all who present the same thing at the same time; it outlives those who give up."""
        task = self._looking.get(digest)
        if task is None:
            task = self._looking[digest] = asyncio.get_running_loop().create_task(self._learn(presented, digest))
            task.add_done_callback(lambda done: self._looked(digest, done))
        return task

    def _looked(self, digest: bytes, task: asyncio.Task[_Known | None]) -> None:
        if self._looking.get(digest) is task:
            del self._looking[digest]
        if not task.cancelled():
            task.exception()  # whoever still waits has it; nobody else needs to hear of it

    async def _learn(self, presented: str, digest: bytes) -> _Known | None:
        generation = self._generation
        key_id = public_id(presented)
        found = await (self._of_token(presented) if key_id is None else self._of_key(key_id, digest))
        if generation == self._generation:
            self._remember(digest, found)
        return found

    async def _of_token(self, token: str) -> _Known | None:
        try:
            grant = await self._tokens.read(token)
        except InvalidToken:
            return None
        plan = await self.plan(grant.tenant)  # nearly always in memory, so that a cold token costs one round trip
        if plan is None or await store.is_revoked(self._db, grant.tenant, grant.revocable, grant.issued_at, self._now()):
            return None
        await self._note_arrival(grant)
        return self._now_known(grant, plan)

    async def _note_arrival(self, grant: Grant) -> None:
        """Once a refresh, and in this process once asked about: see `grants/rotation.py`."""
        if grant.family is not None and grant.family not in self._arrived:
            await store.note_arrival(self._db, grant.tenant, *grant.family)
            _put(self._arrived, grant.family, None, self._capacity)

    async def _of_key(self, key_id: str, digest: bytes) -> _Known | None:
        record = await store.find_key(self._db, key_id)
        if record is None or not hmac.compare_digest(record.digest, digest) or record.key.ended(self._now()):
            return None
        plan = await self.plan(record.key.tenant_id)
        if plan is None:
            return None
        networks = () if record.key.networks is None else parsed(record.key.networks)
        return self._now_known(_key_grant(record), plan, key_id, networks)

    def _now_known(self, grant: Grant, plan: str, key: str = "", networks: Networks = ()) -> _Known:
        return _Known(self._principal(grant, plan), min(grant.expires_at, self._now() + REMEMBERED), key, networks, grant.bound_to)

    async def plan(self, tenant: str) -> str | None:
        """The plan of an active tenant, else None."""
        plan, until = self._standings.get(tenant, ("", 0.0))
        if until > self._now():
            return plan
        generation = self._generation
        standing = await self._tenants.find(tenant)
        if standing is None or standing.status != "active":
            return None
        if generation == self._generation:
            _put(self._standings, tenant, (standing.plan, self._now() + REMEMBERED), _MOST_STANDINGS)
        return standing.plan

    def _principal(self, grant: Grant, plan: str) -> Principal:
        return Principal(
            tenant=grant.tenant,
            subject=grant.subject,
            client=grant.client,
            credential=grant.credential,
            scopes=grant.scopes,
            tools=grant.tools,
            roles=grant.roles,
            data_scope=grant.data_scope,
            plan=grant.tier if grant.tier in self._plans else plan,
            expires_at=grant.expires_at,
            per_minute=grant.per_minute,
            test=grant.test,
        )

    def _remember(self, digest: bytes, found: _Known | None) -> None:
        if found is None:
            _put(self._refused, digest, self._now() + REFUSED, _MOST_REFUSED)
        else:
            _put(self._known, digest, found, self._capacity)


def _key_grant(record: KeyRecord) -> Grant:
    key = record.key
    name = f"{KEY}{key.key_id}"
    return Grant(
        tenant=key.tenant_id,
        subject=name if key.service is None else f"{SERVICE}{key.service}",
        client=name,
        credential=name,
        scopes=key.scopes,
        tools=key.tools,
        issued_at=key.created_at,
        expires_at=END_OF_TIME if key.expires_at is None else key.expires_at,
        revocable=(("key", key.key_id),),
        per_minute=key.per_minute,
        test=key.test,
    )


def _put(kept: dict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    """Keep it as the newest; when full, the oldest goes."""
    kept.pop(key, None)
    if len(kept) >= most:
        del kept[next(iter(kept))]
    kept[key] = value
