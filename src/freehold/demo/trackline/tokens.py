"""Who is calling, and for which customer: checks the service token that Freehold puts on every call.

This is all a SaaS adds to its API. A token is an ES256 JWT made out to this API and valid for two minutes; its `tenant_id` is the
customer, and nothing else in the request may say who the customer is."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet
from joserfc.jws import extract_compact

REFETCH_SECONDS = 5.0
"""An unknown key id may cause one fetch in this time, so that forged ids cannot be used to flood the key server."""
MAX_AGE_SECONDS = 600.0
"""A key that was withdrawn is forgotten within this time."""
MAX_TOKEN_LENGTH = 8192
FETCH_SECONDS = 3.0
MAX_DOCUMENT_BYTES = 65_536
LEEWAY_SECONDS = 5
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks the key server itself, not a proxy that the environment happens to name."""

FetchKeys = Callable[[str], Awaitable[KeySet]]


@dataclass(frozen=True, slots=True)
class Caller:
    """The verified caller. `project` narrows what may be seen to one project; `agent` is the AI client acting for `user`."""

    tenant: str
    user: str
    agent: str
    project: str | None = None


class NotVerified(Exception):
    """The request carries no token this API accepts. Why is for the log, not for the caller."""


class KeysUnavailable(Exception):
    """The token may be good, but the keys to check it with cannot be fetched."""


async def fetch_keys(url: str) -> KeySet:
    """Read a JWKS document."""
    return await asyncio.to_thread(_read_keys, url)


def _read_keys(url: str) -> KeySet:
    try:
        with DIRECT.open(url, timeout=FETCH_SECONDS) as answer:
            return KeySet.import_key_set(json.loads(answer.read(MAX_DOCUMENT_BYTES)))
    except (OSError, ValueError, KeyError, JoseError) as error:
        raise KeysUnavailable(url) from error


class PublishedKeys:
    """Freehold's public keys, cached and fetched anew when a token names one that is not there yet."""

    def __init__(self, url: str, *, fetch: FetchKeys = fetch_keys, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`url` is Freehold's `/.well-known/jwks.json`; nothing is fetched until the first token comes."""
        self._url = url
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, Key] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, kid: str) -> Key:
        """The key with this id. Raises `NotVerified` when it is not published, `KeysUnavailable` when nobody can tell."""
        if not self._knows(kid):
            async with self._fetching:
                await self._refresh(kid)
        try:
            return self._keys[kid]
        except KeyError:
            raise NotVerified("unknown key") from None

    def _knows(self, kid: str) -> bool:
        return kid in self._keys and self._monotonic() - self._fetched_at < MAX_AGE_SECONDS

    async def _refresh(self, kid: str) -> None:
        now = self._monotonic()
        if self._knows(kid) or now - self._tried_at < REFETCH_SECONDS:
            return
        self._tried_at = now
        published = await self._fetch(self._url)
        self._keys = {key.kid: key for key in published.keys if key.kid}
        self._fetched_at = now


class ServiceTokens:
    """Checks signature, issuer, audience and time of a token, in that order, and reads the caller from it."""

    def __init__(self, *, issuer: str, audience: str, keys: PublishedKeys, now: Callable[[], float] = time.time) -> None:
        """`issuer` is Freehold's public URL, `audience` this API's own origin."""
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._now = now

    async def caller(self, authorization: str | None) -> Caller:
        """The caller named by an `Authorization` header. Raises `NotVerified` or `KeysUnavailable`."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or len(token) > MAX_TOKEN_LENGTH:
            raise NotVerified("no bearer token")
        try:
            return await self._verified(token)
        except (JoseError, ValueError) as error:
            raise NotVerified("not a token of ours") from error

    async def _verified(self, token: str) -> Caller:
        header = extract_compact(token.encode("ascii")).headers()
        key = await self._keys.find(str(header.get("kid")))
        claims = jwt.decode(token, key, algorithms=["ES256"]).claims
        self._rules().validate(claims)
        if claims["aud"] != self._audience:  # one audience, not one of several
            raise NotVerified("made out to several audiences")
        return read_caller(claims)

    def _rules(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self._now()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            exp={"essential": True},
            sub={"essential": True},
            tenant_id={"essential": True},
        )


def read_caller(claims: jwt.Claims) -> Caller:
    """Turn verified claims into a caller. A narrowing this API does not understand is refused, never ignored."""
    tenant = claims["tenant_id"]
    if not isinstance(tenant, str):
        raise NotVerified("tenant_id is not text")
    return Caller(tenant=tenant, user=str(claims["sub"]), agent=read_actor(claims), project=read_scope(claims.get("data_scope")))


def read_actor(claims: jwt.Claims) -> str:
    """The AI client that acts for the user (RFC 8693, section 4.1)."""
    try:
        return str(claims["act"]["sub"])
    except (KeyError, TypeError):
        return ""


def read_scope(scope: object) -> str | None:
    """The one project a token is narrowed to by a `data_scope` of `project:<id>`, or None for the whole workspace."""
    if scope in (None, ""):
        return None
    kind, _, project = str(scope).partition(":")
    if kind != "project" or not project:
        raise NotVerified("unknown data_scope")
    return project
