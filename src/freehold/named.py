"""What the settings name, as the rooms know it: sources, issuers and the catalog. Part of the roof, for settings go no further."""

from freehold.domains.catalog.budget import Shortlist
from freehold.domains.exports.model import Terms
from freehold.domains.oauth.jwks import Introspection, TrustedIssuer
from freehold.domains.sources.specs import GraphQlSpec, OpenApiSpec
from freehold.domains.sources.upstream.upstreams import UpstreamSpec
from freehold.granting import IntrospectionSettings, IssuerSettings
from freehold.roster import NamedSource, PythonSpec
from freehold.settings import Settings, SourceSettings


def trusted(one: IssuerSettings) -> TrustedIssuer:
    """An issuer."""
    return TrustedIssuer(
        issuer=one.issuer,
        jwks_uri=one.jwks_url,
        claims=one.claims,
        algorithms=frozenset(one.algorithms),
        typ=one.token_type,
        introspection=None if one.introspection is None else _introspection(one.introspection),
    )


def _introspection(one: IntrospectionSettings) -> Introspection:
    return Introspection(url=one.url, client_id=one.client_id, client_secret=one.client_secret.get_secret_value())


def shortlist(settings: Settings) -> Shortlist | None:
    """How long the list may be and what comes first in it; None when it is not bounded."""
    if settings.catalog_tokens is None:
        return None
    return Shortlist(
        tokens=settings.catalog_tokens,
        first=settings.catalog_first,
        tags=frozenset(settings.catalog_tags),
        kinds=frozenset(settings.catalog_kinds),
    )


def exports(settings: Settings) -> Terms:
    """What an export is held to."""
    return Terms(
        rows=settings.export_rows,
        cap=settings.export_cap,
        seconds=settings.export_seconds,
        page_seconds=settings.export_page_seconds,
        keep_seconds=settings.export_keep_seconds,
        per_caller=settings.exports_per_caller,
    )


def named(settings: Settings) -> dict[str, NamedSource]:
    """Every source, by its name."""
    return {name: _spec(settings, name, one) for name, one in settings.sources.items()}


def _spec(settings: Settings, name: str, one: SourceSettings) -> NamedSource:
    if one.python is not None:
        return PythonSpec(name=name, place=one.python)
    if one.mcp is not None:
        headers = tuple((header, value.get_secret_value()) for header, value in one.headers.items())
        return UpstreamSpec(
            name=name, location=one.mcp, headers=headers, scopes=one.scopes, trusted=one.trusted, relays=one.relay_questions
        )
    location = settings.at(one.graphql or one.openapi or "")
    if one.graphql is not None:
        return GraphQlSpec(
            name=name,
            location=location,
            base_url=one.base_url,
            audience=one.audience,
            scopes=one.scopes,
            operations=None if one.operations is None else settings.at(one.operations),
            operations_only=one.operations_only,
            max_nodes=one.max_nodes,
        )
    return OpenApiSpec(
        name=name,
        location=location,
        base_url=one.base_url,
        audience=one.audience,
        scopes=one.scopes,
        overlays=tuple(map(settings.at, one.overlays)),
        resources=one.resources,
    )
