"""The nouns: what a client asks for, a code, a grant, and what the token endpoint gives. How a resource is written."""

from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from freehold.domains.oauth.clients.model import Client

ACCESS_SECONDS: Final = 600.0
"""How long an access token lives."""
CODE_SECONDS: Final = 60.0
IDLE_SECONDS: Final = 90 * 86_400.0
"""A grant ends when it is not refreshed for so long."""
WHOLE_SECONDS: Final = 365 * 86_400.0
"""A grant ends so long after it was given, however often it is refreshed."""


class Asked(Struct, frozen=True, kw_only=True):
    """A good authorization request."""

    client: Client
    redirect_uri: str
    scopes: frozenset[str]
    state: str | None
    challenge: str
    resource: str


class Code(Struct, frozen=True, kw_only=True):
    """An authorization code as it lies in the database; its fields are the table's columns in order."""

    code_id: str
    tenant_id: str
    digest: bytes
    grant_id: str
    subject: str
    client_id: str
    client_name: str
    redirect_uri: str
    scopes: str
    resource: str
    challenge: str
    expires_at: float
    wrong: int = 0
    used_at: float | None = None


class GrantRow(Struct, frozen=True, kw_only=True):
    """A grant as it lies in the database; its fields are the table's columns in order."""

    grant_id: str
    tenant_id: str
    subject: str
    client_id: str
    client_name: str
    scopes: str
    resource: str
    issued_at: float
    expires_at: float
    ended_at: float | None = None
    generation: int = 0
    current: bytes
    previous: bytes | None = None
    successor: bytes | None = None
    rotated_at: float
    arrived: int = 0


class Issued(Struct, frozen=True, kw_only=True):
    """What the token endpoint gives."""

    access_token: str
    expires_in: int
    scope: str
    refresh_token: str | None = None


def canonical(resource: str) -> str:
    """A resource identifier with scheme and host in lower case, as RFC 8707 clients may write them either way."""
    parts = urlsplit(resource)
    return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()


def names(resource: str, ours: str) -> bool:
    """Whether a client means our resource: that and nothing that begins or ends like it."""
    try:
        return resource == ours or ("#" not in resource and canonical(resource) == canonical(ours))
    except ValueError:
        return False
