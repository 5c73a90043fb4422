"""What we say about ourselves to clients that must find out how to authenticate (RFC 9728, RFC 6750 section 3). Pure."""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from msgspec import UNSET, Struct, UnsetType

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
PROOF_ALGORITHMS: Final = ("ES256", "EdDSA", "RS256")
_NOT_ASKED_FOR: Final = "offline_access"


class ProtectedResource(Struct, frozen=True, kw_only=True):
    """The metadata document of one canonical resource, in wire form."""

    resource: str
    authorization_servers: tuple[str, ...]
    scopes_supported: tuple[str, ...]
    bearer_methods_supported: tuple[str, ...] = ("header",)
    dpop_signing_alg_values_supported: tuple[str, ...] = PROOF_ALGORITHMS
    resource_name: str | UnsetType = UNSET
    resource_documentation: str | UnsetType = UNSET


def protected_resource(
    resource: str, *, issuers: Sequence[str], scopes: Iterable[str], name: str | None = None, documentation: str | None = None
) -> ProtectedResource:
    """The document for `resource`, exactly as clients call it; at least one issuer. `offline_access` is nobody's to see here."""
    if not issuers:
        raise ValueError("A protected resource names at least one authorization server (RFC 9728 via MCP).")
    return ProtectedResource(
        resource=resource,
        authorization_servers=tuple(issuers),
        scopes_supported=_listed(scopes),
        resource_name=UNSET if name is None else name,
        resource_documentation=UNSET if documentation is None else documentation,
    )


def metadata_path(resource: str) -> str:
    """Where on the resource's host its document is: the well-known part goes before the path (RFC 9728 section 3.1)."""
    path = urlsplit(resource).path
    return WELL_KNOWN if path == "/" else WELL_KNOWN + path


def metadata_url(resource: str) -> str:
    """The document's absolute address."""
    return urlsplit(resource)._replace(path=metadata_path(resource)).geturl()


def challenge(resource: str, scopes: Iterable[str]) -> str:
    """`WWW-Authenticate` when no credential came: no error, for none was made (RFC 6750 section 3.1)."""
    return _bearer(resource, scopes)


def challenge_invalid(resource: str, scopes: Iterable[str]) -> str:
    """`WWW-Authenticate` for a credential that is not valid; the same whatever is wrong with it."""
    return _bearer(resource, scopes, error="invalid_token", error_description="The credential is not valid.")


def challenge_proof(resource: str, scopes: Iterable[str]) -> str:
    """`WWW-Authenticate` for a proof of possession that is not valid (RFC 9449 section 7.1)."""
    algorithms = " ".join(PROOF_ALGORITHMS)
    return _challenge("DPoP", resource, scopes, error="invalid_dpop_proof", error_description="The proof is not valid.", algs=algorithms)


def challenge_scope(resource: str, scopes: Iterable[str]) -> str:
    """`WWW-Authenticate` beside a 403: every scope this one operation needs, in one go."""
    return _bearer(resource, scopes, error="insufficient_scope", error_description="The operation needs more scopes.")


def _bearer(resource: str, scopes: Iterable[str], **error: str) -> str:
    return _challenge("Bearer", resource, scopes, **error)


def _challenge(scheme: str, resource: str, scopes: Iterable[str], **error: str) -> str:
    parameters = {**error, "resource_metadata": metadata_url(resource)}
    if listed := _listed(scopes):
        parameters["scope"] = " ".join(listed)
    return f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())


def _listed(scopes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(scopes) - {_NOT_ASKED_FOR}))
