"""What a verified credential says, in our words: scopes, tools, tenant, until when. Pure: nothing here checks a signature."""

import re
from collections.abc import Collection, Mapping
from typing import Final, cast

from msgspec import Struct

from freehold.core.refusals import Refusal
from freehold.kit.jose import LEEWAY, Claims, InvalidToken

READ_SCOPE: Final = "mcp:read"
MAX_TEXT: Final = 255
MAX_TENANT: Final = 63
MAX_NAMES: Final = 1024
KEY: Final = "key:"
SERVICE: Final = "service:"
"""How the subjects of keys and service accounts begin; no other issuer's may."""
LONGEST_ACCEPTED: Final = 366 * 86_400.0
"""Seconds between `iat` and `exp` at most, whoever issued the token: so long revocations are kept."""

_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")


class Grant(Struct, frozen=True, kw_only=True):
    """What a credential gives, before it is known whether the tenant is active or the credential revoked."""

    tenant: str
    subject: str
    client: str
    credential: str
    scopes: frozenset[str]
    tools: frozenset[str] | None
    roles: frozenset[str] = frozenset()
    data_scope: str = ""
    tier: str = ""
    """A plan the credential names itself; empty: the tenant's."""
    issued_at: float
    expires_at: float
    revocable: tuple[tuple[str, str], ...]
    """(kind, value) of every revocation that would end it, beside the tenant's."""
    per_minute: int | None = None
    test: bool = False
    family: tuple[str, int] | None = None
    """The grant it came of and how often that had been refreshed; None where there was no refresh yet."""
    bound_to: str = ""
    """Thumbprint of the key whose holder alone may use it; empty: whoever has it."""


def check_scopes(scopes: Collection[str]) -> frozenset[str]:
    """The scopes as a set, or `Refusal("scope_invalid")` for one outside RFC 6749 section 3.3."""
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise Refusal("scope_invalid", scope=scope)
    return frozenset(scopes)


def renamed(claims: Claims, names: Mapping[str, str]) -> Claims:
    """An external issuer's claims under our names; `names` maps theirs to ours.

    A claim of ours that somebody else's name is mapped to is taken from there only, so that an issuer cannot be
    played against its own map.
    """
    taken = names.keys() | frozenset(names.values())
    kept = {name: value for name, value in claims.items() if name not in taken}
    return kept | {ours: claims[theirs] for theirs, ours in names.items() if theirs in claims}


def grant(claims: Claims) -> Grant:
    """Read an access token's claims (RFC 9068 section 2.2 and ours), or raise `InvalidToken` for a missing or ill-typed one.

    An absent `allowed_tools` leaves it to the scopes, an empty one allows nothing, null is invalid. A token that is bound otherwise
    than to a key by its thumbprint (`cnf`, RFC 7800) is invalid: we could not see the proof.
    """
    jti, family = _text(claims, "jti"), _optional(claims, "grant_id")
    issued, expires = _number(claims, "iat"), _number(claims, "exp")
    if expires - issued > LONGEST_ACCEPTED:
        raise InvalidToken("exp")
    return Grant(
        tenant=_tenant(claims),
        subject=_text(claims, "sub"),
        client=_text(claims, "client_id"),
        credential=f"jti:{jti}",
        scopes=_scopes(claims),
        tools=_names(claims, "allowed_tools"),
        roles=_names(claims, "roles") or frozenset(),
        data_scope=_optional(claims, "data_scope"),
        tier=_optional(claims, "rate_limit_tier"),
        issued_at=issued,
        expires_at=expires + LEEWAY,
        revocable=(("jti", jti), *((("grant", family),) if family else ())),
        family=(family, int(_number(claims, "grant_generation"))) if family and "grant_generation" in claims else None,
        bound_to=_bound_to(claims),
    )


def audience(claims: Claims) -> frozenset[str]:
    """Who the token is made out to: a string or a list of strings (RFC 7519 section 4.1.3), else `InvalidToken`."""
    value = claims.get("aud")
    named = frozenset({value}) if isinstance(value, str) else _names(claims, "aud")
    if not named:
        raise InvalidToken("aud")
    return named


def _bound_to(claims: Claims) -> str:
    if "cnf" not in claims:
        return ""
    value = claims["cnf"]
    found = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    thumbprint = found.get("jkt")
    if len(found) != 1 or not isinstance(thumbprint, str) or not _THUMBPRINT.fullmatch(thumbprint):
        raise InvalidToken("cnf")
    return thumbprint


def _text(claims: Claims, name: str, most: int = MAX_TEXT) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable():
        raise InvalidToken(name)
    return value


def _optional(claims: Claims, name: str) -> str:
    return _text(claims, name) if name in claims else ""


def _tenant(claims: Claims) -> str:
    value = _text(claims, "tenant_id", MAX_TENANT)
    if not value.isascii():
        raise InvalidToken("tenant_id")
    return value


def _number(claims: Claims, name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(name)
    return float(value)


def _scopes(claims: Claims) -> frozenset[str]:
    value = claims.get("scope", "")
    listed = frozenset(value.split(" ")) - {""} if isinstance(value, str) else _names(claims, "scope")
    named = listed or frozenset()
    if any(not _SCOPE.fullmatch(scope) for scope in named):
        raise InvalidToken("scope")
    return named


def _names(claims: Claims, name: str) -> frozenset[str] | None:
    if name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, list) or len(cast("list[object]", value)) > MAX_NAMES:
        raise InvalidToken(name)
    listed = [entry for entry in cast("list[object]", value) if isinstance(entry, str)]
    if len(listed) != len(cast("list[object]", value)):
        raise InvalidToken(name)
    return frozenset(listed)
