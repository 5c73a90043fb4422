"""What settings say about scopes, clients the operator vouches for and external issuers; part of `settings.py`, in a file of its own.

Known to whoever knows the settings."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ScopeSettings(_Frozen):
    """A scope that users can give to clients."""

    description: str
    """What a client may then do, as the consent page says it after "It may": `read your invoices`."""
    roles: tuple[str, ...] = ()
    """Roles of which a user needs one to give it away; empty means anyone."""


class ClientSettings(_Frozen):
    """A client that you vouch for; its client_id is NAME."""

    name: str
    """Its name as the consent page shows it."""
    redirect_uris: Annotated[tuple[str, ...], Field(min_length=1)]
    """Addresses its answers may go to, byte for byte; on loopback the port may differ."""
    secret: SecretStr = SecretStr("")
    """Its client secret, at least 32 characters, sent by HTTP Basic; empty for an application that cannot keep one."""


class IntrospectionSettings(_Frozen):
    """How an issuer's opaque tokens are read (RFC 7662); at most one issuer has this, for none may see another's tokens."""

    url: str
    """Its introspection endpoint."""
    client_id: str
    """Who we are there."""
    client_secret: SecretStr
    """Our secret there, sent by HTTP Basic."""


class IssuerSettings(_Frozen):
    """An external authorization server whose access tokens are accepted."""

    issuer: str
    """Its issuer identifier, byte for byte as in the tokens' `iss`."""
    jwks_url: str | None = None
    """Where its keys are; without it, found through its metadata."""
    algorithms: tuple[Literal["ES256", "EdDSA", "RS256"], ...] = ("ES256", "EdDSA", "RS256")
    """Signature algorithms accepted from it."""
    token_type: Literal["at+jwt", "JWT"] = "at+jwt"  # noqa: S105  a media type
    """The `typ` of its access tokens; with `JWT` only the audience tells them from its ID tokens."""
    claims: dict[str, str] = {}
    """The claim as its tokens name it -> our name, e.g. `org_id = "tenant_id"`."""
    introspection: IntrospectionSettings | None = None
    """How its opaque tokens are read; see below. Unset: its tokens are signed."""


SHIPPED_SCOPES: Final = {
    "mcp:read": ScopeSettings(description="look at your data"),
    "mcp:write": ScopeSettings(description="add and change data in your name"),
    "mcp:admin": ScopeSettings(description="delete data and do what cannot be undone", roles=("owner", "admin")),
}
