"""Verify an access token: whose it is, whether it is for this server, what it says.

Revocation and the tenant's standing are looked up by `resource.py`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from msgspec import Struct

from freehold.domains.oauth.claims import KEY, SERVICE, Grant, audience, grant, renamed
from freehold.domains.oauth.issuer import ACCESS_TYPE
from freehold.domains.oauth.jwks import IssuerKeys, TrustedIssuer
from freehold.domains.oauth.keys import SigningKeys
from freehold.kit.clock import Clock
from freehold.kit.errors import Misconfigured
from freehold.kit.http import Outbound
from freehold.kit.jose import Claims, Compact, InvalidToken, PublicKey, parse, verify


class Trust(Struct, frozen=True, kw_only=True, eq=False):
    """One issuer whose tokens are accepted, with its keys and no other's."""

    issuer: str
    keys: Callable[[str], Awaitable[Mapping[str, PublicKey]]]
    """The issuer's keys by kid, given the kid that is wanted."""
    typ: str
    claims: Mapping[str, str]
    shared_audience: bool
    """Whether a token may be made out to others beside us. Our own never are."""


def embedded(issuer: str, keys: SigningKeys) -> Trust:
    """Our own issuer."""
    return Trust(issuer=issuer, keys=partial(keys.verifying, "access"), typ=ACCESS_TYPE, claims={}, shared_audience=False)


def external(trusted: TrustedIssuer, outbound: Outbound, clock: Clock) -> Trust:
    """An issuer the operator configured."""
    keys = IssuerKeys(trusted, outbound, clock=clock)
    return Trust(issuer=trusted.issuer, keys=keys.verifying, typ=trusted.typ, claims=trusted.claims, shared_audience=True)


class AccessTokens:
    """Reads tokens of the trusted issuers, made out to exactly one canonical resource."""

    def __init__(self, issuers: Sequence[Trust], *, resource: str, clock: Clock) -> None:
        """Raises `Misconfigured` when two entries trust the same issuer."""
        self._issuers = {trust.issuer: trust for trust in issuers}
        if len(self._issuers) != len(issuers):
            raise Misconfigured("The same issuer is trusted twice. Keep one entry for it; the embedded issuer is always trusted.")
        self._resource = resource
        self._clock = clock

    async def read(self, token: str) -> Grant:
        """What a valid token grants. Raises `InvalidToken`, or `Unavailable` when the issuer's keys cannot be had."""
        compact = parse(token)
        trust = self._trust(compact)
        kid = compact.header.get("kid")
        if not isinstance(kid, str):
            raise InvalidToken("kid")
        claims = verify(compact, await trust.keys(kid), typ=trust.typ, now=self._clock.now())
        self._check_audience(claims, trust)
        granted = grant(renamed(claims, trust.claims))
        if granted.subject.startswith((KEY, SERVICE)):
            raise InvalidToken("sub")
        return granted

    def _trust(self, compact: Compact) -> Trust:
        """Chosen by a claim not yet authenticated, which only picks the keys it must now be authenticated with."""
        issuer = compact.claims().get("iss")
        trust = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if trust is None:
            raise InvalidToken("iss")
        return trust

    def _check_audience(self, claims: Claims, trust: Trust) -> None:
        named = audience(claims)
        if self._resource not in named or (len(named) > 1 and not trust.shared_audience):
            raise InvalidToken("aud")
