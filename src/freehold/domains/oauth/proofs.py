"""Proofs that a caller holds the key its token is bound to (DPoP, RFC 9449): each for one request, and taken once over all replicas.

Which token is bound to which key is `claims.py`'s; that proof and token belong together is `resource.py`'s."""

import hmac
import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from freehold.core.refusals import Refusal
from freehold.kit import jose
from freehold.kit.clock import Clock
from freehold.kit.errors import Unavailable
from freehold.kit.jose import LEEWAY, Claims, InvalidKey, InvalidToken
from freehold.kit.state import State

WINDOW: Final = 60.0
"""Seconds a proof is good for after it was made."""
TYPE: Final = "dpop+jwt"
_JTI: Final = re.compile(r"[\x21-\x7e]{8,256}")


class Proofs:
    """Checks proofs for one resource."""

    def __init__(self, state: State, *, resource: str, clock: Clock) -> None:
        """`resource` is the address that proofs have to name, without query."""
        self._state = state
        self._resource = resource
        self._clock = clock

    def holder(self, proof: str, *, method: str, token: str) -> str:
        """The thumbprint (RFC 7638) of the key that made this proof for this request and token; else `Refusal("invalid_proof")`.

        Costs no look-up; whether the proof was used before is `once`'s.
        """
        try:
            claims, thumbprint = jose.proved(proof, typ=TYPE)
            self._check(claims, method, token)
        except (InvalidToken, InvalidKey) as error:
            raise Refusal("invalid_proof") from error
        return thumbprint

    async def once(self, proof: str, holder: str) -> None:
        """Use the proof up; to be called for a proof that was checked and a token that is good.

        Raises `Refusal`: `invalid_proof` for a second use, `identity_unavailable` when that cannot be known.
        """
        name = sha256(f"{holder}:{jose.parse(proof, proving=True).claims()['jti']}".encode()).hexdigest()
        try:
            seen = await self._state.seen(f"dpop:{name}", WINDOW + 2 * LEEWAY)
        except Unavailable as error:
            raise Refusal("identity_unavailable", retry_after=5) from error
        if seen:
            raise Refusal("invalid_proof")

    def _check(self, claims: Claims, method: str, token: str) -> None:
        jti, made, ath, where = (claims.get(name) for name in ("jti", "iat", "ath", "htu"))
        if not isinstance(jti, str) or not _JTI.fullmatch(jti):
            raise InvalidToken("jti")
        if claims.get("htm") != method or not isinstance(where, str) or _bare(where) != self._resource:
            raise InvalidToken("htu")
        if isinstance(made, bool) or not isinstance(made, int | float) or not -WINDOW <= made - self._clock.now() <= LEEWAY:
            raise InvalidToken("iat")
        expected = urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()
        if not isinstance(ath, str) or not ath.isascii() or not hmac.compare_digest(ath, expected):
            raise InvalidToken("ath")


def _bare(address: str) -> str:
    """Without query and fragment (RFC 9449 section 4.3)."""
    try:
        return urlsplit(address)._replace(query="", fragment="").geturl()
    except ValueError:
        return ""
