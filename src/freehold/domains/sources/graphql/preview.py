"""What a GraphQL schema would come to as a source: tools, skips and the size of the list."""

from typing import Final

from msgspec import Struct

from freehold.domains.sources.graphql.read import read
from freehold.domains.sources.graphql.tools import compile_schema
from freehold.domains.sources.openapi.preview import BYTES_PER_TOKEN, Encoded, weighed
from freehold.domains.sources.openapi.tools import Skip, Trimmed

_NOWHERE: Final = "https://api.invalid/graphql"
"""Stands in for the endpoint: a preview sends nothing."""


class Preview(Struct, frozen=True, kw_only=True):
    """The report, field for field as `freehold source preview --graphql --json` prints it."""

    operations: int
    """Fields of Query, Mutation and Subscription."""
    tools: int
    skipped: tuple[Skip, ...]
    trimmed: tuple[Trimmed, ...]
    """Tools whose input schema says less than the GraphQL schema."""
    list_bytes: int
    """Bytes of the whole tools/list result."""
    list_tokens: int
    """`list_bytes` divided by four, the usual estimate."""
    largest_tool_bytes: int


def preview(data: bytes, encoded: Encoded) -> Preview:
    """Import a schema and say what came of it, or raise `Refusal("document_invalid")`."""
    compiled = compile_schema(read(data), source="preview", endpoint=_NOWHERE)
    total, largest = weighed(compiled.tools, encoded)
    return Preview(
        operations=len(compiled.tools) + len(compiled.skipped),
        tools=len(compiled.tools),
        skipped=compiled.skipped,
        trimmed=compiled.trimmed,
        list_bytes=total,
        list_tokens=-(-total // BYTES_PER_TOKEN),
        largest_tool_bytes=largest,
    )
