"""What a tool's API is shown: a short-lived token saying for whom we call, signed with our service key.

Made from the principal; the caller's own token is not known here and cannot appear."""

from typing import Final

from msgspec import Struct

from freehold.core.call import Call
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.oauth.keys import SigningKeys
from freehold.kit.clock import Clock
from freehold.kit.errors import Misconfigured, Unavailable
from freehold.kit.ids import Ids
from freehold.kit.jose import sign

SERVICE_TYPE: Final = "JWT"
LIFE_SECONDS: Final = 120
Header = tuple[tuple[str, str], ...]


class _Made(Struct, frozen=True):
    header: Header
    fresh_until: float


class ServiceTokens:
    """Makes the header and uses it again until half the token's life is over, so that signing is off the hot path.

    A `jti` therefore covers up to a minute of calls: it names the token in logs, it does not detect replays.
    """

    def __init__(self, keys: SigningKeys, *, issuer: str, clock: Clock, ids: Ids, capacity: int = 10_000) -> None:
        """`issuer` is our public URL, under which the keys are published; `capacity` bounds how many tokens are kept."""
        self._keys = keys
        self._issuer = issuer
        self._now = clock.now
        self._ids = ids
        self._capacity = capacity
        self._made: dict[tuple[str, ...], _Made] = {}

    async def header(self, call: Call, /) -> Header:
        """The `authorization` header for the call's tool, empty when its API takes no token.

        Raises `Refusal("credential_unavailable")` when none can be made.
        """
        audience = call.tool.audience
        if audience is None:
            return ()
        who = call.principal
        # Everything the token says is in the key: credentials of two issuers may have the same id.
        key = (who.credential, audience, who.tenant, who.subject, who.client, who.data_scope)
        made = self._made.get(key)
        if made is None or made.fresh_until <= self._now():
            made = await self._make(who, audience)
            self._keep(key, made)
        return made.header

    async def _make(self, who: Principal, audience: str) -> _Made:
        try:
            key = await self._keys.current("service")
        except (Unavailable, Misconfigured) as error:
            raise Refusal("credential_unavailable", retry_after=5) from error
        now = self._now()
        token = sign(self._claims(who, audience, int(now)), key, SERVICE_TYPE)
        return _Made((("authorization", f"Bearer {token}"),), now + LIFE_SECONDS / 2)

    def _claims(self, who: Principal, audience: str, now: int) -> dict[str, object]:
        claims: dict[str, object] = {
            "iss": self._issuer,
            "aud": audience,
            "sub": who.subject,
            "tenant_id": who.tenant,
            "act": {"sub": who.client},
            "jti": self._ids.new(),
            "iat": now,
            "exp": now + LIFE_SECONDS,
        }
        if who.data_scope:
            claims["data_scope"] = who.data_scope
        return claims

    def _keep(self, key: tuple[str, ...], made: _Made) -> None:
        self._made.pop(key, None)
        if len(self._made) >= self._capacity:
            del self._made[next(iter(self._made))]
        self._made[key] = made
