"""External issuers on loopback, and a replica that trusts them, for every test about tokens that are not ours."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from freehold.domains.oauth.jwks import TrustedIssuer
from freehold.kit.db import Database
from freehold.kit.jose import PrivateKey, new_private_key, sign
from freehold.kit.outbound import GuardedClient
from tests.clocks import HandClock
from tests.hostile import Line, Upstream, upstream, whole
from tests.identities import RESOURCE, House, build
from tests.vectors import reheaded


@dataclass
class Idp:
    """An external issuer on loopback: what its paths answer, and its key."""

    origin: str
    key: PrivateKey
    pages: dict[str, bytes]
    up: Upstream

    def keys(self, *more: object) -> bytes:
        """A JWKS with its key and others."""
        return json.dumps({"keys": [dict(self.key.public.document), *more]}).encode()

    def sign(
        self, clock: HandClock, key: PrivateKey | None = None, typ: str = "at+jwt", head: Mapping[str, Any] | None = None, **changes: Any
    ) -> str:
        """One of its access tokens, with its own claim names; `head` is more for the header, which `key` signs too."""
        claims = {"iss": self.origin, "aud": [RESOURCE, "https://userinfo.example"], "sub": "u", "org": "acme", "azp": "chat", "jti": "j"}
        claims |= {"scp": ["mcp:read"], "iat": clock.now(), "exp": clock.now() + 300} | changes
        token = sign({name: value for name, value in claims.items() if value is not UNSET}, key or self.key, typ)
        return token if head is None else reheaded(token, key or self.key, head)

    def fetches(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(request.startswith(f"GET {path} ".encode()) for request in self.up.requests)


@asynccontextmanager
async def idp(pages: dict[str, bytes] | None = None) -> AsyncIterator[Idp]:
    """Run one that answers 404 but for its pages."""
    served: dict[str, bytes] = {} if pages is None else pages

    async def script(line: Line) -> None:
        while request := await line.request():
            page = served.get(request.split(b" ")[1].decode())
            await line.write(whole(page) if page is not None else whole(b"no", status=b"404 Not Found"))

    async with upstream(script) as up:
        made = Idp(up.origin, new_private_key(), served, up)
        served.setdefault("/jwks", made.keys())
        yield made


NAMES = {"org": "tenant_id", "azp": "client_id", "scp": "scope"}


@asynccontextmanager
async def trusting(db: Database, clock: HandClock, *issuers: TrustedIssuer) -> AsyncIterator[House]:
    """A replica with tenant acme that trusts these issuers and may reach loopback."""
    outbound = GuardedClient(["127.0.0.1"])
    house = build(db, clock, *issuers, outbound=outbound)
    if await house.tenants.find("acme") is None:
        await house.tenants.create("acme", "Acme", "free")
    yield house
    await outbound.close()
