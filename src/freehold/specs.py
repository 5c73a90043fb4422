"""What the settings say of sources, issuers and the catalog, as the plain values their rooms take. Part of the roof."""

from freehold.domains.catalog.budget import Curation
from freehold.domains.oauth.jwks import TrustedIssuer
from freehold.domains.sources.load import GraphQlSpec, OpenApiSpec
from freehold.roster import NamedSource, PythonSpec
from freehold.settings import IssuerSettings, Settings, SourceSettings


def trusted(one: IssuerSettings) -> TrustedIssuer:
    """An external authorization server."""
    return TrustedIssuer(
        issuer=one.issuer, jwks_uri=one.jwks_url, claims=one.claims, algorithms=frozenset(one.algorithms), typ=one.token_type
    )


def curation(settings: Settings) -> Curation | None:
    """How long the list may be and what comes first in it; None when it is not bounded."""
    if settings.catalog_tokens is None:
        return None
    return Curation(
        tokens=settings.catalog_tokens,
        first=settings.catalog_first,
        tags=frozenset(settings.catalog_tags),
        kinds=frozenset(settings.catalog_kinds),
    )


def sources(settings: Settings) -> dict[str, NamedSource]:
    """Every source by its name."""
    return {name: _source(settings, name, one) for name, one in settings.sources.items()}


def _source(settings: Settings, name: str, one: SourceSettings) -> NamedSource:
    if one.python is not None:
        return PythonSpec(name=name, place=one.python)
    location = settings.at(one.graphql or one.openapi or "")
    if one.graphql is not None:
        return GraphQlSpec(name=name, location=location, base_url=one.base_url, audience=one.audience, scopes=one.scopes)
    return OpenApiSpec(
        name=name, location=location, base_url=one.base_url, audience=one.audience, scopes=one.scopes, resources=one.resources
    )
