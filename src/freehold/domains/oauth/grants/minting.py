"""The tokens that come of a grant: the embedded issuer's access token, never for more than the user may give now."""

from freehold.domains.oauth.denied import Denied
from freehold.domains.oauth.grants.model import ACCESS_SECONDS, GrantRow, Issued
from freehold.domains.oauth.grants.rights import Catalogue, givable
from freehold.domains.oauth.issuer import Issuer


class Minting:
    """Writes token answers."""

    def __init__(self, issuer: Issuer, scopes: Catalogue) -> None:
        """`scopes` is every scope there is."""
        self._issuer = issuer
        self._scopes = scopes

    async def ready(self) -> None:
        """Have the signing key at hand, so that signing cannot fail once something is written. Raises `Unavailable`."""
        await self._issuer.ready()

    def allowed(self, scopes: frozenset[str], roles: frozenset[str]) -> frozenset[str]:
        """The scopes that the user's roles still allow; when none is left, `Denied`."""
        left = givable(scopes, roles, self._scopes)
        if not left:
            raise Denied("invalid_grant", "The user may no longer give any of these scopes.")
        return left

    async def tokens(self, grant: GrantRow, scopes: frozenset[str], roles: frozenset[str], refresh_token: str) -> Issued:
        """The answer, for scopes that are `allowed` and the grant as it is after this refresh."""
        token = await self._issuer.mint(
            tenant=grant.tenant_id,
            subject=grant.subject,
            client=grant.client_id,
            scopes=scopes,
            roles=roles,
            grant=grant.grant_id,
            generation=grant.generation,
            seconds=ACCESS_SECONDS,
        )
        scope = " ".join(sorted(scopes))
        return Issued(access_token=token, expires_in=int(ACCESS_SECONDS), scope=scope, refresh_token=refresh_token)
