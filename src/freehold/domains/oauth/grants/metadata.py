"""What the authorization server says about itself (RFC 8414, RFC 9207, client ID metadata documents). Pure."""

from collections.abc import Iterable
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from freehold.domains.oauth.clients.model import METHODS

AUTHORIZE: Final = "/authorize"
TOKEN: Final = "/token"  # noqa: S105  it is a path
REGISTER: Final = "/register"
REVOKE: Final = "/revoke"
INTROSPECT: Final = "/introspect"
KEYS: Final = "/.well-known/oauth-jwks.json"
DOCUMENTS: Final = (
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/mcp",
    "/mcp/.well-known/openid-configuration",
)
"""Where clients look: at the issuer's own place (RFC 8414, OpenID discovery), and, of older revisions, at the MCP endpoint's.

The issuer has no path, so every one of them names the same."""


class AuthorizationServer(Struct, frozen=True, kw_only=True):
    """The metadata document, in wire form."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    jwks_uri: str
    scopes_supported: tuple[str, ...]
    registration_endpoint: str | UnsetType = UNSET
    response_types_supported: tuple[str, ...] = ("code",)
    response_modes_supported: tuple[str, ...] = ("query",)
    grant_types_supported: tuple[str, ...] = ("authorization_code", "refresh_token")
    code_challenge_methods_supported: tuple[str, ...] = ("S256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = METHODS
    revocation_endpoint_auth_methods_supported: tuple[str, ...] = METHODS
    introspection_endpoint_auth_methods_supported: tuple[str, ...] = METHODS[1:]
    authorization_response_iss_parameter_supported: bool = True
    client_id_metadata_document_supported: bool = True


def authorization_server(issuer: str, *, scopes: Iterable[str], registers: bool) -> AuthorizationServer:
    """The document of the issuer at that address; `registers` says whether clients may register themselves."""
    return AuthorizationServer(
        issuer=issuer,
        authorization_endpoint=issuer + AUTHORIZE,
        token_endpoint=issuer + TOKEN,
        revocation_endpoint=issuer + REVOKE,
        introspection_endpoint=issuer + INTROSPECT,
        jwks_uri=issuer + KEYS,
        scopes_supported=tuple(sorted(scopes)),
        registration_endpoint=issuer + REGISTER if registers else UNSET,
    )
