"""Replicas of the token endpoint's refresh over one database, each of which can be made to stop at any point of its work."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event, func, make_url, select

from freehold.adapters.login_password import Argon2Passwords
from freehold.adapters.state_memory import MemoryState
from freehold.core.deed import Deed
from freehold.domains.oauth.clients.model import Client
from freehold.domains.oauth.grants.codes import Codes
from freehold.domains.oauth.grants.minting import Minting
from freehold.domains.oauth.grants.model import Asked
from freehold.domains.oauth.grants.refresh import Refreshing
from freehold.domains.oauth.grants.rights import ScopeTerms
from freehold.domains.oauth.grants.sealing import Sealing
from freehold.domains.oauth.grants.withdraw import Withdrawal
from freehold.domains.oauth.tables import grants
from freehold.domains.tenancy.members import Members
from freehold.kit.changes import Changes
from freehold.kit.crypto import Seal
from freehold.kit.db import Database, Scope
from freehold.kit.ids import Ids
from tests.agents import USER, challenge
from tests.clocks import HandClock
from tests.identities import MASTER, RESOURCE, build

SCOPES = {"mcp:read": ScopeTerms("look"), "mcp:write": ScopeTerms("write"), "mcp:admin": ScopeTerms("all", frozenset({"admin"}))}
CHAT = Client(client_id="chat", name="Chat", redirect_uris=("https://chat.example/cb",))
VERIFIER = "v" * 43


class Crash(Exception):
    """The process was killed here."""


class Fuse:
    """Counts the points of the work and goes off at the one it is set to."""

    def __init__(self) -> None:
        """Not set."""
        self.left: int | None = None
        self.points = 0

    def burn(self) -> None:
        """One more point."""
        self.points += 1
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Crash


class Mortal(Database):
    """The database as a process that may be killed sees it: before a transaction, each statement, the commit, and after it."""

    fuse: Fuse

    def tenant(self, tenant: str, *, write: bool = False) -> Any:
        """One tenant's transaction."""
        return self._mortal(super().tenant(tenant, write=write))

    def system(self, *, write: bool = False) -> Any:
        """The system's."""
        return self._mortal(super().system(write=write))

    @asynccontextmanager
    async def _mortal(self, transaction: Any) -> AsyncIterator[Any]:
        self.fuse.burn()
        async with transaction as scope:
            yield Statements(scope, self.fuse)
            self.fuse.burn()
        self.fuse.burn()


class Statements:
    """A scope whose every statement is a point."""

    def __init__(self, scope: Scope, fuse: Fuse) -> None:
        """Around the real one."""
        self._scope = scope
        self._fuse = fuse

    async def all(self, statement: Any) -> Any:
        """Rows."""
        self._fuse.burn()
        return await self._scope.all(statement)

    async def one(self, statement: Any) -> Any:
        """A row."""
        self._fuse.burn()
        return await self._scope.one(statement)

    async def run(self, statement: Any, rows: Any = None) -> int:
        """A write."""
        self._fuse.burn()
        return await self._scope.run(statement, rows)

    async def touch(self, name: str) -> None:
        """The version."""
        self._fuse.burn()
        await self._scope.touch(name)


class Replica:
    """One process: its own connection, caches and clock offset; the master key and the database are shared."""

    def __init__(self, url: str, clock: HandClock) -> None:
        """Opens nothing."""
        self.fuse = Fuse()
        self.db = Mortal(make_url(url))
        self.db.fuse = self.fuse
        if self.db.dialect == "sqlite":
            event.listen(self.db._opened().sync_engine, "connect", _hurried)  # noqa: SLF001  after the settings of our own
        self.house = build(self.db, clock)
        self.deeds: list[Deed] = []
        self.changes = Changes(self.db, MemoryState(clock))
        self.sealing = sealing = Sealing(Seal(MASTER), os.urandom)
        self.members = Members(self.db, Argon2Passwords(), self.changes, clock=clock)
        minting = Minting(self.house.issuer, SCOPES)
        self.withdrawal = Withdrawal(self.db, sealing, self.changes, self, clock=clock)
        self.codes = Codes(self.db, sealing, minting, self.members, self.withdrawal, self, clock=clock, ids=Ids(clock))
        self.refreshing = Refreshing(self.db, sealing, minting, self.members, self.withdrawal, self, clock=clock)

    async def deed(self, deed: Deed) -> None:
        """The ledger's part: another point at which a process may stop."""
        self.fuse.burn()
        self.deeds.append(deed)

    async def refresh(self, token: str, *, stop_at: int | None = None) -> dict[str, Any]:
        """New tokens; killed at that point of the work, counted from zero."""
        self.fuse.left = stop_at
        try:
            issued = await self.refreshing.refresh(CHAT, {"refresh_token": token})
        finally:
            self.fuse.left = None
        return {"access": issued.access_token, "refresh": issued.refresh_token}

    async def allowed(self, page: str) -> str:
        """A code for what the user allowed on that page."""
        asked = Asked(
            client=CHAT,
            redirect_uri=CHAT.redirect_uris[0],
            scopes=frozenset({"mcp:read"}),
            state=None,
            challenge=challenge(VERIFIER),
            resource=RESOURCE,
        )
        return str(await self.codes.give(asked, page=page, tenant="acme", subject=USER, scopes=asked.scopes))

    async def exchange(self, code: str, *, stop_at: int | None = None) -> dict[str, Any]:
        """A code for tokens; killed at that point of the work, counted from zero."""
        self.fuse.left = stop_at
        try:
            issued = await self.codes.exchange(CHAT, {"code": code, "code_verifier": VERIFIER})
        finally:
            self.fuse.left = None
        return {"access": issued.access_token, "refresh": issued.refresh_token}

    async def begin(self, page: str) -> dict[str, Any]:
        """A new grant of the user's: its first tokens."""
        return await self.exchange(await self.allowed(page))

    async def rows(self) -> int:
        """How many grants there are."""
        async with self.db.system() as scope:
            return int((await scope.one(select(func.count()).select_from(grants)))[0])


def _hurried(connection: Any, _record: object) -> None:
    """Processes die here, not the power: what is written need not be on the disk."""
    connection.execute("PRAGMA synchronous=OFF")


async def replicas(url: str, clock: HandClock, count: int = 2) -> list[Replica]:
    """So many processes over one database, and the user a member of acme."""
    made = [Replica(url, clock) for _ in range(count)]
    await made[0].house.tenants.create("acme", "Acme", "free")
    await made[0].members.add("acme", USER, roles=("member",), password="correct horse battery")
    return made
