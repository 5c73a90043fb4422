"""One replica's identity parts, put together as the roof does, for every test about who is calling.

Two `House`s on one database are two replicas; `hear` is what `Changes` calls on the other one."""

import os
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET
from sqlalchemy import event, select

from freehold.adapters.state_memory import MemoryState
from freehold.core.refusals import Refusal
from freehold.domains.oauth.apikeys import ApiKeys
from freehold.domains.oauth.issuer import Issuer
from freehold.domains.oauth.jwks import TrustedIssuer
from freehold.domains.oauth.keys import SigningKeys
from freehold.domains.oauth.resource import Resource
from freehold.domains.oauth.revoke import Revoke
from freehold.domains.oauth.tables import signing_keys
from freehold.domains.oauth.tokens import AccessTokens, embedded, external
from freehold.domains.tenancy.tenants import Tenants
from freehold.kit.changes import Changes
from freehold.kit.crypto import Seal
from freehold.kit.db import Database
from freehold.kit.ids import Ids
from freehold.kit.jose import parse, sign
from freehold.kit.outbound import GuardedClient
from tests.clocks import HandClock

ISSUER = "https://mcp.example.com"
RESOURCE = "https://mcp.example.com/mcp"
MASTER = b"m" * 32
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
"""A database that does not answer."""


@dataclass
class House:
    """One replica's identity parts over a database."""

    db: Database
    clock: HandClock
    changes: Changes
    tenants: Tenants
    signing: SigningKeys
    issuer: Issuer
    tokens: AccessTokens
    resource: Resource
    keys: ApiKeys
    revoke: Revoke

    async def token(self, tenant: str = "acme", **claims: Any) -> str:
        """A token of the embedded issuer."""
        return await self.issuer.mint(**{"tenant": tenant, "subject": "user-1", "client": "claude", "scopes": ["mcp:read"]} | claims)

    async def forged(self, **changes: Any) -> str:
        """A token really signed by the embedded issuer, with any claims; UNSET leaves one out."""
        good = parse(await self.token()).claims()
        claims = {name: value for name, value in (good | changes).items() if value is not UNSET}
        return sign(claims, await self.signing.current("access"), "at+jwt")

    def unreachable(self, gone: Database) -> Resource:
        """A resource server of this house whose own store is `gone`, and which remembers nobody."""
        return Resource(gone, self.tokens, self.tenants, plans=(), clock=self.clock)

    async def rows(self) -> list[Any]:
        """Every signing key as it lies in the database, oldest first."""
        async with self.db.system() as scope:
            return list(await scope.all(select(signing_keys).order_by(signing_keys.c.created_at)))

    def hear(self) -> None:
        """What `Changes` tells every replica."""
        self.resource.forget()
        self.signing.forget()


def build(db: Database, clock: HandClock, *trusted: TrustedIssuer, master: bytes = MASTER, outbound: GuardedClient | None = None) -> House:
    """The parts as the roof puts them together, but nobody is told of changes unless `hear` is called."""
    changes = Changes(db, MemoryState(clock))
    tenants = Tenants(db, changes, clock)
    signing = SigningKeys(db, Seal(master), changes, clock=clock)
    issuers = [embedded(ISSUER, signing), *(external(each, outbound or GuardedClient(), clock) for each in trusted)]
    tokens = AccessTokens(issuers, resource=RESOURCE, clock=clock)
    ids = Ids(clock)
    return House(
        db=db,
        clock=clock,
        changes=changes,
        tenants=tenants,
        signing=signing,
        issuer=Issuer(signing, issuer=ISSUER, resource=RESOURCE, clock=clock, ids=ids),
        tokens=tokens,
        resource=Resource(db, tokens, tenants, plans={"free", "pro"}, clock=clock),
        keys=ApiKeys(db, tenants, changes, clock=clock, ids=ids, randomness=os.urandom),
        revoke=Revoke(db, changes, clock=clock),
    )


async def populated(db: Database, clock: HandClock) -> House:
    """A replica, and tenants acme (free) and globex (pro)."""
    built = build(db, clock)
    await built.tenants.create("acme", "Acme", "free")
    await built.tenants.create("globex", "Globex", "pro")
    return built


async def code_of(doing: Awaitable[object]) -> str:
    """The code it is refused with; empty when it is not."""
    try:
        await doing
    except Refusal as refused:
        return refused.code
    return ""


async def refusal(house: House, bearer: str | None, api_key: str | None = None) -> str:
    """The code a credential is refused with; empty when it is accepted."""
    return await code_of(house.resource.principal(bearer, api_key))


def watched(db: Database) -> list[str]:
    """Every statement the database is given from now on."""
    statements: list[str] = []

    def note(*seen: Any) -> None:
        statements.append(seen[2])

    event.listen(db._opened().sync_engine, "before_cursor_execute", note)  # noqa: SLF001  to see what is really asked
    return statements
