"""Credential headers to a `Principal`, and the challenges that go with a refusal (protocol 3.1)."""

from collections.abc import Sequence
from typing import Final, Protocol

from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.domains.oauth.metadata import challenge, challenge_invalid, challenge_proof, challenge_scope
from freehold.web.edges import METHOD, PROVED, Headers, caller

_LONGEST: Final = 8_192


class Resource(Protocol):
    """What the door needs of the identity room."""

    async def principal(self, bearer: str | None, api_key: str | None, address: str, proved: str, /) -> Principal:
        """The verified caller, or `Refusal`."""
        ...


class Proofs(Protocol):
    """What the door needs of the identity room for tokens that are bound to a key."""

    def holder(self, proof: str, *, method: str, token: str) -> str:
        """Whose proof it is, or `Refusal`."""
        ...

    async def once(self, proof: str, holder: str) -> None:
        """Use it up, or `Refusal`."""
        ...


class Identity:
    """Reads the credential of one request and writes the challenge of a 401 or 403."""

    def __init__(self, guard: Resource, *, resource: str, scopes: Sequence[str], proofs: Proofs | None = None, hops: int = 0) -> None:
        """`resource` is the canonical identifier of this server, `scopes` what a first-time client should ask for.

        Without `proofs` there is no scheme but Bearer. `hops` are the proxies of ours in front, whose word for an address is taken.
        """
        self._guard = guard
        self._resource = resource
        self._scopes = scopes
        self._proofs = proofs
        self._hops = hops

    async def principal(self, headers: Headers) -> Principal:
        """Who is calling. Credentials count in headers only, never in an address.

        A proof of possession is used up the first time; as long as these headers are kept, it counts for the stream they opened.
        """
        authorization = headers.get(b"authorization")
        api_key = headers.get(b"x-api-key")
        if api_key is not None and len(api_key) > _LONGEST:
            raise Refusal("invalid_token")
        key = None if api_key is None else api_key.decode("latin-1")
        if authorization is not None and self._proofs is not None and authorization[:5].lower() == b"dpop ":
            return await self._proved(headers, _token(authorization[5:]), key, self._proofs)
        bearer = None if authorization is None else _bearer(authorization)
        return await self._guard.principal(bearer, key, caller(headers, self._hops), "")

    async def _proved(self, headers: Headers, token: str, key: str | None, proofs: Proofs) -> Principal:
        proof, holder = headers.get(b"dpop", b"").decode("latin-1"), headers.get(PROVED, b"").decode()
        if not holder:
            holder = proofs.holder(proof, method=headers.get(METHOD, b"").decode("latin-1"), token=token)
        principal = await self._guard.principal(token, key, caller(headers, self._hops), holder)
        if PROVED not in headers:
            await proofs.once(proof, holder)
            headers[PROVED] = holder.encode()
        return principal

    def challenge(self, refusal: Refusal) -> bytes:
        """The WWW-Authenticate value for a refusal of identity (RFC 6750 section 3, RFC 9728 section 5.1)."""
        if refusal.code == "insufficient_scope" and refusal.data is not None:
            return challenge_scope(self._resource, refusal.data["scopes"]).encode()
        if refusal.code == "invalid_token":
            return challenge_invalid(self._resource, self._scopes).encode()
        if refusal.code == "invalid_proof":
            return challenge_proof(self._resource, self._scopes).encode()
        return challenge(self._resource, self._scopes).encode()


class Anyone(Identity):
    """Whoever comes is the one local principal: for a server only this machine can reach. Credentials are not even looked at."""

    def __init__(self, local: Principal, *, resource: str) -> None:
        """`local` is who acts."""
        super().__init__(_Always(local), resource=resource, scopes=())
        self._local = local

    async def principal(self, headers: Headers) -> Principal:
        """The local one."""
        return self._local


class _Always:
    def __init__(self, principal: Principal) -> None:
        self._principal = principal

    async def principal(self, bearer: str | None, api_key: str | None, address: str, proved: str, /) -> Principal:
        return self._principal


def _bearer(authorization: bytes) -> str:
    """The token after exactly one space; any other scheme counts as no credential at all."""
    if authorization[:7].lower() != b"bearer " or len(authorization) > _LONGEST:
        if authorization[:6].lower() == b"bearer":
            raise Refusal("invalid_token")
        raise Refusal("unauthenticated")
    return _token(authorization[7:])


def _token(token: bytes) -> str:
    if len(token) > _LONGEST or not token or b" " in token or b"\t" in token or not token.isascii():
        raise Refusal("invalid_token")
    return token.decode()
