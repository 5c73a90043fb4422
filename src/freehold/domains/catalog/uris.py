"""Which resource a URI belongs to. The same for every caller: who may see it is decided after."""

from collections.abc import Iterable, Sequence

from freehold.core.resource import Resource
from freehold.kit.uri_template import UriTemplate

Found = tuple[Resource, dict[str, str]]
"""A resource and its template's values, none for one without variables."""


class Uris:
    """The resources and templates of one catalog version."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        """Each URI once (`first_of_each`). Raises ValueError for a template that is none."""
        self._plain = {one.uri: one for one in resources if not one.template}
        self._templates = {one.uri: one for one in resources if one.template}
        compiled = [(UriTemplate(text), one) for text, one in self._templates.items()]
        self._compiled = sorted(compiled, key=lambda pair: pair[0].rank)

    def find(self, uri: str) -> Found | None:
        """The resource of exactly this URI, else that of the most telling template, of equal ones the first offered."""
        plain = self._plain.get(uri)
        return (plain, {}) if plain is not None else self._matching(uri)

    def template(self, text: str) -> Resource | None:
        """The template of exactly this text."""
        return self._templates.get(text)

    def _matching(self, uri: str) -> Found | None:
        for template, resource in self._compiled:
            values = template.match(uri)
            if values is not None:
                return resource, values
        return None


def first_of_each(offered: Iterable[tuple[str, Resource]]) -> list[tuple[str, Resource]]:
    """Without those whose URI an earlier one has: a URI cannot be given another name, and must not answer for two."""
    seen: dict[str, tuple[str, Resource]] = {}
    for source, resource in offered:
        seen.setdefault(resource.uri, (source, resource))
    return list(seen.values())
