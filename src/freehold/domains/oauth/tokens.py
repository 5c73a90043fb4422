"""Verify an access token: whose it is, whether it is for this server, what it says.

Revocation and the tenant's standing are looked up by `resource.py`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from freehold.domains.oauth.claims import KEY, SERVICE, Grant, audience, grant, renamed
from freehold.domains.oauth.issuer import ACCESS_TYPE
from freehold.domains.oauth.jwks import IssuerKeys, TrustedIssuer
from freehold.domains.oauth.keys import SigningKeys
from freehold.domains.oauth.opaque import OpaqueTokens
from freehold.kit.clock import Clock
from freehold.kit.errors import Misconfigured
from freehold.kit.http import Outbound
from freehold.kit.jose import MAX_TOKEN_BYTES, Claims, Compact, InvalidToken, PublicKey, parse, verify

_DOTS: Final = 2
"""In a signed token; any other number makes it opaque."""


class Trust(Struct, frozen=True, kw_only=True, eq=False):
    """One issuer whose tokens are accepted, with its keys and no other's."""

    issuer: str
    keys: Callable[[str], Awaitable[Mapping[str, PublicKey]]]
    """The issuer's keys by kid, given the kid that is wanted."""
    typ: str
    claims: Mapping[str, str]
    shared_audience: bool
    """Whether a token may be made out to others beside us. Our own never are."""
    opaque: OpaqueTokens | None = None
    """How its opaque tokens are read."""


def embedded(issuer: str, keys: SigningKeys) -> Trust:
    """Our own issuer."""
    return Trust(issuer=issuer, keys=partial(keys.verifying, "access"), typ=ACCESS_TYPE, claims={}, shared_audience=False)


def external(trusted: TrustedIssuer, outbound: Outbound, clock: Clock) -> Trust:
    """An issuer the operator configured."""
    keys = IssuerKeys(trusted, outbound, clock=clock)
    told = trusted.introspection
    opaque = None if told is None else OpaqueTokens(trusted, told, outbound, clock=clock)
    return Trust(issuer=trusted.issuer, keys=keys.verifying, typ=trusted.typ, claims=trusted.claims, shared_audience=True, opaque=opaque)


class AccessTokens:
    """Reads tokens of the trusted issuers, made out to exactly one canonical resource."""

    def __init__(self, issuers: Sequence[Trust], *, resource: str, clock: Clock) -> None:
        """Raises `Misconfigured` when two entries trust the same issuer, or two issuers would have to be asked about one token."""
        self._issuers = {trust.issuer: trust for trust in issuers}
        if len(self._issuers) != len(issuers):
            raise Misconfigured("The same issuer is trusted twice. Keep one entry for it; the embedded issuer is always trusted.")
        asking = [trust for trust in issuers if trust.opaque is not None]
        if len(asking) > 1:
            raise Misconfigured("Two issuers have introspection, and one must not see the other's tokens. Keep it for one of them.")
        self._asking = asking[0] if asking else None
        self._resource = resource
        self._clock = clock

    def may_be(self, presented: str) -> bool:
        """Whether it has the shape of a token that could be read here, at no cost."""
        return len(presented) <= MAX_TOKEN_BYTES and (self._asking is not None or presented.count(".") == _DOTS)

    async def read(self, token: str) -> Grant:
        """What a valid token grants. Raises `InvalidToken`, or `Unavailable` when the issuer's keys or its answer cannot be had."""
        trust, claims = await (self._signed(token) if token.count(".") == _DOTS else self._opaque(token))
        self._check_audience(claims, trust)
        granted = grant(claims)
        if granted.subject.startswith((KEY, SERVICE)):
            raise InvalidToken("sub")
        return granted

    async def _opaque(self, token: str) -> tuple[Trust, Claims]:
        if self._asking is None or self._asking.opaque is None:
            raise InvalidToken("shape")
        return self._asking, await self._asking.opaque.claims(token)

    async def _signed(self, token: str) -> tuple[Trust, Claims]:
        compact = parse(token)
        trust = self._trust(compact)
        kid = compact.header.get("kid")
        if not isinstance(kid, str):
            raise InvalidToken("kid")
        claims = verify(compact, await trust.keys(kid), typ=trust.typ, now=self._clock.now())
        return trust, renamed(claims, trust.claims)

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
