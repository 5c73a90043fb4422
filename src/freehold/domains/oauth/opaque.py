"""Opaque tokens of an external issuer: what they mean is asked of the issuer (RFC 7662), through the guarded client and within bounds.

An answer is remembered by `resource.py`, for a minute at most; who may ask and be believed comes in as a `TrustedIssuer`."""

import logging
import re
from base64 import b64encode
from hashlib import sha256
from typing import Final, cast
from urllib.parse import quote_plus, urlencode

from freehold.domains.oauth.claims import renamed
from freehold.domains.oauth.jwks import Introspection, TrustedIssuer
from freehold.kit.clock import Clock
from freehold.kit.errors import Unavailable
from freehold.kit.http import Answer, Outbound, Request, SendFailed
from freehold.kit.jose import Claims, InvalidToken, check_times
from freehold.kit.json import NotStrict, strict

IN_FLIGHT: Final = 64
"""Tokens asked about at once, by all callers together; what comes on top is turned away, so that a flood costs the issuer no more."""
UNSAID: Final = 60.0
"""Seconds that a token counts whose end the issuer does not tell."""
_SECONDS: Final = 5.0
_RETRY: Final = 5.0
"""Seconds for which an issuer that did not answer is not asked again."""
_CAP: Final = 64 * 1024
_OK: Final = 200
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{16,4096}=*")
"""RFC 6750 section 2.1; shorter ones could be guessed."""
_log: Final = logging.getLogger(__name__)


class OpaqueTokens:
    """Asks one issuer, and for a while not at all when it does not answer."""

    def __init__(self, trusted: TrustedIssuer, introspection: Introspection, outbound: Outbound, *, clock: Clock) -> None:
        """Nothing is asked before the first token."""
        self._trusted = trusted
        self._endpoint = introspection
        self._outbound = outbound
        self._clock = clock
        self._in_flight = 0
        self._quiet_until = 0.0

    async def claims(self, token: str) -> Claims:
        """What an active token says, under our names, or `InvalidToken`. Raises `Unavailable` when the issuer gives no usable answer."""
        if not _TOKEN.fullmatch(token):
            raise InvalidToken("shape")
        told = await self._asked(token)
        if told.get("active") is not True or told.get("iss", self._trusted.issuer) != self._trusted.issuer:
            raise InvalidToken("inactive")
        kind = told.get("token_type", "Bearer")
        if not isinstance(kind, str) or kind.lower() not in ({"bearer", "dpop"} if "cnf" in told else {"bearer"}):
            raise InvalidToken("token_type")
        now = self._clock.now()
        found = {"iat": now, "exp": now + UNSAID, "jti": sha256(token.encode()).hexdigest()} | renamed(told, self._trusted.claims)
        check_times(found, now)
        return found

    async def _asked(self, token: str) -> Claims:
        if self._in_flight >= IN_FLIGHT or self._clock.monotonic() < self._quiet_until:
            raise Unavailable("A trusted issuer is not answering fast enough. Try again in a few seconds.")
        self._in_flight += 1
        try:
            return self._read(await self._send(token))
        finally:
            self._in_flight -= 1

    async def _send(self, token: str) -> Answer:
        try:
            return await self._outbound.send(self._request(token), seconds=_SECONDS, cap=_CAP)
        except SendFailed as failed:
            raise self._away(failed.failure) from failed

    def _request(self, token: str) -> Request:
        one = self._endpoint
        secret = b64encode(f"{quote_plus(one.client_id)}:{quote_plus(one.client_secret)}".encode()).decode()
        headers = (
            ("authorization", f"Basic {secret}"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "application/json"),
        )
        body = urlencode({"token": token, "token_type_hint": "access_token"}).encode()
        return Request(method="POST", url=one.url, headers=headers, body=body)

    def _read(self, answer: Answer) -> Claims:
        if answer.status != _OK:
            raise self._away(f"status {answer.status}")
        try:
            told: object = strict(answer.body)
        except NotStrict:
            told = None
        if not isinstance(told, dict):
            raise self._away("no JSON object")
        return cast("Claims", told)

    def _away(self, why: str) -> Unavailable:
        self._quiet_until = self._clock.monotonic() + _RETRY
        _log.warning("token not introspected", extra={"code": "token_not_introspected", "why": why})
        return Unavailable("A trusted issuer does not say what its tokens mean. See that its introspection settings are right.")
