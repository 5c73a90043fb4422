"""Registered clients as rows. They are the house's: a client speaks for whichever user of whichever tenant allows it to."""

from typing import Final

import msgspec
from sqlalchemy import delete, func, insert, select, update

from freehold.domains.oauth.clients.model import AuthMethod, Client
from freehold.domains.oauth.tables import clients
from freehold.kit.db import Database, Scope

_URIS: Final = msgspec.json.Decoder(tuple[str, ...])


async def find(db: Database, client_id: str, now: float) -> Client | None:
    """The client of that id, unless its time is over."""
    async with db.system() as scope:
        row = await scope.one(select(clients).where(clients.c.client_id == client_id, clients.c.expires_at > now))
    if row is None:
        return None
    return Client(
        client_id=row.client_id,
        name=row.name,
        redirect_uris=_URIS.decode(row.redirect_uris),
        auth_method=msgspec.convert(row.auth_method, AuthMethod),
        secret=row.secret,
    )


async def add(scope: Scope, client: Client, *, now: float, until: float) -> None:
    """Keep a new one."""
    values = {
        "client_id": client.client_id,
        "name": client.name,
        "redirect_uris": msgspec.json.encode(client.redirect_uris).decode(),
        "auth_method": client.auth_method,
        "secret": client.secret,
        "created_at": now,
        "expires_at": until,
    }
    await scope.run(insert(clients).values(values))


async def keep(scope: Scope, client_id: str, until: float) -> None:
    """It is in use: let it live until then, or as long as it would have lived."""
    await scope.run(update(clients).where(clients.c.client_id == client_id, clients.c.expires_at < until).values(expires_at=until))


async def forget(scope: Scope, now: float) -> None:
    """Delete those whose time is over."""
    await scope.run(delete(clients).where(clients.c.expires_at <= now))


async def count(scope: Scope) -> int:
    """How many there are."""
    row = await scope.one(select(func.count()).select_from(clients))
    return 0 if row is None else int(row[0])
