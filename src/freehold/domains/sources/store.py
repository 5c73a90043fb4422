"""SQL of the sources room."""

from collections.abc import Collection
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy import Row
from sqlalchemy.dialects.postgresql import insert  # SQLite writes its ON CONFLICT the same way

from freehold.domains.sources.releases import Naming, Release, Serving
from freehold.domains.sources.tables import release_pins, source_releases, source_serving
from freehold.kit.db import Scope

_NAMING: Final = msgspec.json.Decoder(Naming)
_OF: Final = source_releases.c


class Standing(Struct, frozen=True, kw_only=True):
    """What every replica serves of one source: told apart from any other by its fingerprint."""

    serving: Serving
    location: str
    """Where the current release's document came from."""
    digest: str
    """Of that document."""
    newest: int
    """The highest number a release of it has."""
    pins: dict[str, int]
    """Release by tenant."""

    @property
    def fingerprint(self) -> str:
        """The document's digest alone, where everybody is served one release."""
        canary = "" if self.serving.canary is None else f"+{self.serving.canary}/{self.serving.share}"
        pinned = "".join(f",{tenant}={number}" for tenant, number in sorted(self.pins.items()))
        return f"{self.digest}{canary}{pinned}"


async def standings(scope: Scope, name: str | None = None) -> dict[str, Standing]:
    """By source; without reading the documents."""
    current = sa.and_(_OF.name == source_serving.c.name, _OF.number == source_serving.c.current)
    other = source_releases.alias()
    newest = sa.select(sa.func.max(other.c.number)).where(other.c.name == source_serving.c.name).scalar_subquery()
    asked = sa.select(source_serving, _OF.location, _OF.digest, newest.label("newest")).join(source_releases, current)
    pinned = sa.select(release_pins)
    if name is not None:
        asked, pinned = asked.where(source_serving.c.name == name), pinned.where(release_pins.c.source == name)
    pins: dict[str, dict[str, int]] = {}
    for row in await scope.all(pinned):
        pins.setdefault(row.source, {})[row.tenant_id] = row.number
    return {row.name: _standing(row, pins.get(row.name, {})) for row in await scope.all(asked)}


def _standing(row: Row[Any], pins: dict[str, int]) -> Standing:
    serving = Serving(current=row.current, previous=row.previous, canary=row.canary, share=row.share)
    return Standing(serving=serving, location=row.location, digest=row.digest, newest=row.newest, pins=pins)


async def releases(scope: Scope, name: str, numbers: Collection[int] | None = None) -> list[Release]:
    """These releases of a source, with their documents; all of them for None."""
    asked = sa.select(source_releases).where(_OF.name == name).order_by(_OF.number)
    return [_release(row) for row in await scope.all(asked if numbers is None else asked.where(_OF.number.in_(numbers)))]


async def numbers(scope: Scope, name: str) -> list[int]:
    """Of the releases that are kept, without reading their documents."""
    return [row.number for row in await scope.all(sa.select(_OF.number).where(_OF.name == name).order_by(_OF.number))]


async def current(scope: Scope, name: str) -> Release | None:
    """The release that is served to whoever is not pinned."""
    number = sa.select(source_serving.c.current).where(source_serving.c.name == name).scalar_subquery()
    row = await scope.one(sa.select(source_releases).where(_OF.name == name, _OF.number == number))
    return None if row is None else _release(row)


async def confirm(scope: Scope, name: str, location: str, digest: str, at: float) -> bool:
    """Note that the current document is still the same; whether it is."""
    found = await current(scope, name)
    if found is None or (found.location, found.digest) != (location, digest):
        return False
    await scope.run(sa.update(source_releases).where(_OF.name == name, _OF.number == found.number).values(fetched_at=at))
    return True


async def replace_current(scope: Scope, name: str, release: Release) -> None:
    """Put the document in place of the current one, whose number it keeps."""
    serving = insert(source_serving).values(name=name, current=1, share=0)
    await scope.run(serving.on_conflict_do_nothing())
    number = await scope.one(sa.select(source_serving.c.current).where(source_serving.c.name == name))
    row = insert(source_releases).values(**_row(name, release) | {"number": 1 if number is None else number.current})
    changed = {column.name: row.excluded[column.name] for column in source_releases.c if not column.primary_key}
    await scope.run(row.on_conflict_do_update(index_elements=[_OF.name, _OF.number], set_=changed))


async def add(scope: Scope, name: str, release: Release) -> bool:
    """Keep one more release; false where another process has just added one of this number."""
    return await scope.run(insert(source_releases).values(**_row(name, release)).on_conflict_do_nothing()) == 1


async def serve(scope: Scope, name: str, serving: Serving) -> None:
    """From now on this is who is served which."""
    row = insert(source_serving).values(name=name, **msgspec.structs.asdict(serving))
    changed = {column.name: row.excluded[column.name] for column in source_serving.c if not column.primary_key}
    await scope.run(row.on_conflict_do_update(index_elements=[source_serving.c.name], set_=changed))


async def forget(scope: Scope, name: str, *, but: Collection[int]) -> None:
    """Drop every release but these."""
    await scope.run(sa.delete(source_releases).where(_OF.name == name, _OF.number.not_in(but)))


async def pin(scope: Scope, source: str, number: int) -> None:
    """The tenant whose scope this is stays with this release."""
    change = sa.update(release_pins).where(release_pins.c.source == source).values(number=number)
    row = insert(release_pins).values(source=source, number=number)
    if not await scope.run(change) and not await scope.run(row.on_conflict_do_nothing()):
        await scope.run(change)  # another process has just pinned it


async def unpin(scope: Scope, source: str) -> bool:
    """Whether the tenant whose scope this is was pinned."""
    return await scope.run(sa.delete(release_pins).where(release_pins.c.source == source)) == 1


def _row(name: str, release: Release) -> dict[str, Any]:
    said = msgspec.structs.asdict(release)
    return {**said, "name": name, "naming": msgspec.json.encode(release.naming).decode()}


def _release(row: Row[Any]) -> Release:
    said = {column: getattr(row, column) for column in Release.__struct_fields__ if column != "naming"}
    return Release(**said, naming=_NAMING.decode(row.naming))
