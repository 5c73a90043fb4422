"""An external issuer's keys: found through its metadata, fetched through the guarded client, kept for a while.

Keys stay with the issuer they were fetched from; which claims to believe is `tokens.py`'s."""

import logging
from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import urlsplit

from msgspec import Struct

from freehold.kit.clock import Clock
from freehold.kit.errors import Unavailable
from freehold.kit.http import Outbound, Request, SendFailed
from freehold.kit.jose import ALGORITHMS, InvalidKey, PublicKey, key_set
from freehold.kit.json import NotStrict, strict
from freehold.kit.turns import Turns

INTERVAL: Final = 60.0
MAX_AGE: Final = 300.0
STALE: Final = 86_400.0
_RETRY: Final = 5.0
_SECONDS: Final = 5.0
_CAP: Final = 256 * 1024
_OK: Final = 200
_log: Final = logging.getLogger(__name__)


class Introspection(Struct, frozen=True, kw_only=True):
    """Where an issuer says what its opaque tokens mean (RFC 7662), and who we are there."""

    url: str
    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        """The address; not the secret."""
        return f"Introspection({self.url!r})"


class TrustedIssuer(Struct, frozen=True, kw_only=True):
    """An issuer the operator trusts to name tenants."""

    issuer: str
    """Exactly what its tokens carry as `iss`."""
    jwks_uri: str | None = None
    """Where its keys are; None: ask its metadata (RFC 8414, then OpenID discovery)."""
    claims: dict[str, str] = {}
    """Its claim names to ours, for those that differ: `{"org_id": "tenant_id"}`."""
    algorithms: frozenset[str] = ALGORITHMS
    typ: str = "at+jwt"
    """The `typ` of its access tokens. With `JWT` only the audience tells them from its ID tokens."""
    introspection: Introspection | None = None
    """How its opaque tokens are read; None: it has none."""


class IssuerKeys:
    """The keys of one issuer. An unknown kid costs at most one fetch a minute; a failed fetch leaves the keys there are, for a day."""

    def __init__(self, trusted: TrustedIssuer, outbound: Outbound, *, clock: Clock) -> None:
        """Nothing is fetched before the first use."""
        self._trusted = trusted
        self._outbound = outbound
        self._now = clock.monotonic
        self._keys: dict[str, PublicKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching = Turns()

    async def verifying(self, kid: str, /) -> Mapping[str, PublicKey]:
        """The keys by kid. Raises `Unavailable` when there are none or they are too old."""
        if self._is_due(kid) or (self._fetching.here.locked() and kid not in self._keys):
            async with self._fetching.here:
                if self._is_due(kid):
                    await self._fetch()
        if self._fetched_at is None or self._now() - self._fetched_at > STALE:
            raise Unavailable("The keys of a trusted issuer cannot be fetched. See that its address is right and allowed.")
        return self._keys

    def _is_due(self, kid: str) -> bool:
        now = self._now()
        if self._fetched_at is None:
            return self._tried_at is None or now - self._tried_at >= _RETRY
        wanted = kid not in self._keys or now - self._fetched_at >= MAX_AGE
        return wanted and now - (self._tried_at or 0.0) >= INTERVAL

    async def _fetch(self) -> None:
        self._tried_at = self._now()
        try:
            self._keys = key_set(await self._get(await self._address()), self._trusted.algorithms)
        except (SendFailed, InvalidKey) as error:
            _log.warning("issuer_keys_not_fetched", extra={"failure": type(error).__name__})
            return
        self._fetched_at = self._tried_at

    async def _address(self) -> str:
        if self._trusted.jwks_uri is not None:
            return self._trusted.jwks_uri
        for url in metadata_urls(self._trusted.issuer):
            found = self._read_metadata(await self._get(url))
            if found is not None:
                return found
        raise InvalidKey("no metadata names the keys")

    def _read_metadata(self, document: bytes) -> str | None:
        """The `jwks_uri` of a document that is this issuer's own (RFC 8414 section 3.3), on the scheme the issuer is on."""
        try:
            metadata: object = strict(document)
        except NotStrict:
            return None
        if not isinstance(metadata, dict):
            return None
        issuer, address = (cast("dict[str, object]", metadata).get(name) for name in ("issuer", "jwks_uri"))
        if issuer != self._trusted.issuer or not isinstance(address, str):
            return None
        return address if urlsplit(address).scheme in {"https", urlsplit(self._trusted.issuer).scheme} else None

    async def _get(self, url: str) -> bytes:
        request = Request(method="GET", url=url, headers=(("accept", "application/json"),))
        answer = await self._outbound.send(request, seconds=_SECONDS, cap=_CAP)
        return answer.body if answer.status == _OK else b""


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Where an issuer's metadata may be: RFC 8414 section 3.1, then OpenID Connect Discovery section 4."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    inserted = parts._replace(path=f"/.well-known/oauth-authorization-server{path}").geturl()
    return inserted, parts._replace(path=f"{path}/.well-known/openid-configuration").geturl()
