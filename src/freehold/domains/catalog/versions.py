"""Versions: tenants may be shown another release of a source than the current one. One arrangement of the catalog, the first.

Which release a tenant is shown, and what is in it, are the source's to say."""

from collections.abc import Hashable, Sequence
from typing import Any, Protocol, runtime_checkable

from freehold.domains.catalog.edition import Offer


@runtime_checkable
class Versioned(Protocol):
    """A source that is not the same for everybody."""

    def choice(self, tenant: str) -> Hashable:
        """What this tenant is shown of it; None: what everybody is."""
        ...

    def offer(self, choice: Any) -> Offer:
        """The source as it is then."""
        ...


class Versions:
    """What the sources there are now say of each tenant."""

    def __init__(self) -> None:
        """Nothing is versioned before `look`."""
        self._versioned: dict[str, Versioned] = {}

    def look(self, sources: Sequence[Offer]) -> None:
        """These are the sources now."""
        self._versioned = {source.name: source for source in sources if isinstance(source, Versioned)}

    def key(self, tenant: str) -> Hashable:
        """The choices that are not everybody's; None where there are none."""
        choices = [(name, choice) for name, source in self._versioned.items() if (choice := source.choice(tenant)) is not None]
        return tuple(choices) or None

    def arranged(self, tenant: str | None, offers: Sequence[Offer]) -> Sequence[Offer]:
        """The sources as this tenant is shown them; for None, as everybody is."""
        return offers if tenant is None else [self._of(tenant, offer) for offer in offers]

    def _of(self, tenant: str, offer: Offer) -> Offer:
        source = self._versioned.get(offer.name)
        choice = None if source is None else source.choice(tenant)
        return offer if source is None or choice is None else source.offer(choice)
