"""What a GraphQL tool needs to become one request: a document fixed at import, and how arguments become its variables."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from freehold.core.refusals import Refusal
from freehold.core.tool import Paging
from freehold.domains.sources.graphql.bounds import MAX_NODES, Pages, nodes

PAGE: Final = 20
"""Items asked for when the caller does not say how many."""


class GraphQlOperation(Struct, frozen=True, kw_only=True, eq=False):
    """One operation, ready to be sent. Nothing a caller gives becomes part of the document."""

    query: str
    name: str = ""
    """The operation's name, sent along; generated ones have none."""
    field: str = ""
    """The root field whose value is the tool's answer; empty: the answer is all of `data`."""
    owners: Mapping[str, str] = {}
    """The variable that an argument is a field of; empty for an argument that is a variable itself."""
    rest: str = ""
    """The same for arguments that `owners` does not name."""
    always: tuple[str, ...] = ()
    """Variables of that kind that are sent without any field, too."""
    usual_size: int = 0
    """Sent as `size_argument` when the caller gives none; 0: nothing is."""
    backwards: str = ""
    """The argument that asks for the last items instead; with it no usual size is sent, and no next page is told."""
    pages: tuple[Pages, ...] = ()
    sizes: Mapping[str, Any] = {}
    """What the document itself says for variables left out."""
    most: int = MAX_NODES
    """Nodes one call may come to."""

    page_path: tuple[str, ...] = ()
    """Response keys from `data` to the connection whose pages can be turned; empty when there is none.

    Below it lie `pageInfo.hasNextPage` and `pageInfo.endCursor`; the next page is the same call with that cursor as `cursor_argument`."""
    cursor_argument: str = ""
    """The tool's argument for the cursor."""
    size_argument: str = ""
    """The tool's argument for the items of a page; empty when the document fixes it."""

    @property
    def page_in_answer(self) -> tuple[str, ...]:
        """`page_path` as it lies in the tool's structured content, where that is not in part."""
        return self.page_path[1:] if self.field else self.page_path

    @property
    def paging(self) -> Paging | None:
        """How the tool's pages are turned; None when there is no connection to turn."""
        if not self.page_path:
            return None
        size, backwards = self.size_argument or None, self.backwards or None
        return Paging(cursor=self.cursor_argument, size=size, within=self.page_in_answer, backwards=backwards)

    def variables(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as the document's variables: null where null was given, nothing where nothing was."""
        made: dict[str, Any] = {name: {} for name in self.always}
        for name, value in arguments.items():
            owner = self.owners.get(name, self.rest)
            if owner:
                made.setdefault(owner, {})[name] = value
            else:
                made[name] = value
        if self.usual_size and made.get(self.size_argument) is None and made.get(self.backwards) is None:
            made[self.size_argument] = self.usual_size
        return made

    def body(self, arguments: dict[str, Any]) -> bytes:
        """The request's JSON, or `Refusal` when it would come to too many nodes."""
        variables = self.variables(arguments)
        count = nodes(self.pages, {**self.sizes, **variables})
        if count > self.most:
            raise Refusal("query_too_costly", nodes=count, limit=self.most, arguments=", ".join(sorted(set(_sizes(self.pages)))))
        named = {"operationName": self.name} if self.name else {}
        return msgspec.json.encode({"query": self.query, **named, "variables": variables})


def _sizes(pages: tuple[Pages, ...]) -> Iterator[str]:
    """The variables that page sizes come from."""
    for one in pages:
        yield from (size for size in one.sizes if isinstance(size, str))
        yield from _sizes(one.inside)
