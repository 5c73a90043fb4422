"""What the operator says of a source that has a document."""

from msgspec import Struct

from freehold.domains.sources.graphql.bounds import MAX_NODES


class OpenApiSpec(Struct, frozen=True, kw_only=True):
    """An OpenAPI source as the operator named it."""

    name: str
    location: str
    base_url: str | None = None
    audience: str | None = None
    scopes: dict[str, tuple[str, ...]] = {}
    overlays: tuple[str, ...] = ()
    """Files or URLs of overlays, in the order they are applied."""
    resources: dict[str, str] = {}
    """URI or URI template by the name of the tool that reads it."""


class GraphQlSpec(Struct, frozen=True, kw_only=True):
    """A GraphQL source as the operator named it."""

    name: str
    location: str
    """A file or URL of the schema, or the endpoint itself, which is then asked for it."""
    base_url: str | None = None
    """The endpoint; None: the location is it."""
    audience: str | None = None
    scopes: dict[str, tuple[str, ...]] = {}
    operations: str | None = None
    """A file or folder of the operator's own operations, read whenever the source is built."""
    operations_only: bool = False
    """Whether the schema's root fields are no tools."""
    max_nodes: int = MAX_NODES
