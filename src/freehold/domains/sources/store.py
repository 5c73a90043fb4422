"""SQL of the sources room."""

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy.dialects.postgresql import insert  # SQLite writes its ON CONFLICT the same way

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


async def confirm(scope: Scope, name: str, location: str, digest: str, at: float) -> bool:
    """Note that the document is still the same; whether it is."""
    same = (source_documents.c.name == name, source_documents.c.location == location, source_documents.c.digest == digest)
    if await scope.one(sa.select(source_documents.c.name).where(*same)) is None:
        return False
    await scope.run(sa.update(source_documents).where(*same).values(fetched_at=at))
    return True


async def put(scope: Scope, stored: StoredDocument) -> None:
    """Replace a source's document, in one statement: replicas that start together all find it missing and all write it."""
    row = insert(source_documents).values(asdict(stored))
    changed = {column.name: row.excluded[column.name] for column in source_documents.c if not column.primary_key}
    await scope.run(row.on_conflict_do_update(index_elements=[source_documents.c.name], set_=changed))
