"""SQL of the sources room."""

import sqlalchemy as sa
from msgspec import Struct

from freehold.domains.sources.tables import source_documents
from freehold.kit.db import Scope


class StoredDocument(Struct, frozen=True):
    """A document as it was when last fetched."""

    name: str
    location: str
    base_url: str
    document: bytes
    digest: str
    fetched_at: float


async def find(scope: Scope, name: str) -> StoredDocument | None:
    """The stored document of a source."""
    row = await scope.one(sa.select(source_documents).where(source_documents.c.name == name))
    return None if row is None else StoredDocument(*row)


async def digests(scope: Scope) -> dict[str, str]:
    """Digest by source name, without reading the documents."""
    rows = await scope.all(sa.select(source_documents.c.name, source_documents.c.digest))
    return {row.name: row.digest for row in rows}


async def put(scope: Scope, stored: StoredDocument) -> None:
    """Replace a source's document."""
    await scope.run(sa.delete(source_documents).where(source_documents.c.name == stored.name))
    await scope.run(
        sa.insert(source_documents).values(
            name=stored.name,
            location=stored.location,
            base_url=stored.base_url,
            document=stored.document,
            digest=stored.digest,
            fetched_at=stored.fetched_at,
        )
    )
