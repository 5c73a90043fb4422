"""Use case: mint an access token (RFC 9068) as the embedded issuer.

Whoever calls this has already decided that the subject may have it."""

from collections.abc import Collection
from typing import Final

from freehold.domains.oauth.claims import check_scopes
from freehold.domains.oauth.keys import LONGEST_TOKEN, SigningKeys
from freehold.kit.clock import Clock
from freehold.kit.ids import Ids
from freehold.kit.jose import sign

ACCESS_TYPE: Final = "at+jwt"


class Issuer:
    """The embedded issuer: our own URL, our own keys, one audience."""

    def __init__(self, keys: SigningKeys, *, issuer: str, resource: str, clock: Clock, ids: Ids, longest: float = LONGEST_TOKEN) -> None:
        """`resource` is the canonical resource every token is made out to; `longest` the most seconds a token may live."""
        self._keys = keys
        self._issuer = issuer
        self._resource = resource
        self._clock = clock
        self._ids = ids
        self._longest = longest

    async def ready(self) -> None:
        """Have a key to sign with, or raise `Unavailable` or `Misconfigured`."""
        await self._keys.current("access")

    async def mint(  # noqa: PLR0913  what a token says
        self,
        *,
        tenant: str,
        subject: str,
        client: str,
        scopes: Collection[str],
        tools: Collection[str] | None = None,
        roles: Collection[str] = (),
        data_scope: str = "",
        tier: str = "",
        grant: str = "",
        generation: int = 0,
        seconds: float = 600.0,
    ) -> str:
        """A signed token. `tools` None leaves it to the scopes, an empty collection allows none.

        `generation` is how often `grant` was refreshed.

        Raises `Refusal("scope_invalid")`, and `ValueError` for a life longer than this issuer gives.
        """
        if not 0 < seconds <= self._longest:
            raise ValueError(f"A token lives for more than 0 and at most {self._longest:.0f} seconds. Ask for less.")
        now = int(self._clock.now())
        claims: dict[str, object] = {
            "iss": self._issuer,
            "aud": self._resource,
            "sub": subject,
            "tenant_id": tenant,
            "client_id": client,
            "scope": " ".join(sorted(check_scopes(scopes))),
            "jti": self._ids.new(),
            "iat": now,
            "exp": now + int(seconds),
        }
        if tools is not None:
            claims["allowed_tools"] = sorted(tools)
        if roles:
            claims["roles"] = sorted(roles)
        claims |= {name: value for name, value in (("data_scope", data_scope), ("rate_limit_tier", tier), ("grant_id", grant)) if value}
        if generation:
            claims["grant_generation"] = generation
        return sign(claims, await self._keys.current("access"), ACCESS_TYPE)
