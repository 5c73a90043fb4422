"""What is done to a good JSON answer before the agent sees it: the fields that were asked for, and a word about the next page."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from freehold.core import records
from freehold.core.call import Call
from freehold.core.records import PAGE_KEY
from freehold.core.tool import Paging
from freehold.domains.sources.paging import hint, sentence

Shaped = tuple[Any, bytes, dict[str, Any] | None, tuple[str, ...]]
"""The value, the same as JSON, members of `_meta`, and lines of text for the agent."""


class Shaping(Struct, frozen=True, kw_only=True):
    """What one call wants of its answer."""

    arguments: Mapping[str, Any] = {}
    paging: Paging | None = None
    fields: tuple[str, ...] = ()
    repeatable: bool = False
    """Whether the call may be made twice without harm."""

    @classmethod
    def of(cls, call: Call) -> "Shaping":
        """As the call and its tool say."""
        fields = call.view.fields if call.view is not None else ()
        tool = call.tool
        return cls(arguments=call.arguments, paging=tool.paging, fields=fields, repeatable=tool.read_only or tool.idempotent)

    def shaped(self, value: Any, body: bytes, headers: Mapping[str, str]) -> Shaped:
        """A value that is left as it is keeps its very bytes."""
        page = None if self.paging is None else hint(value, headers, self.arguments, self.paging)
        lines: list[str] = []
        if self.fields:
            value, unknown = records.only(value, self.fields)
            body = msgspec.json.encode(value)
            if unknown:
                lines.append(f"No record has: {', '.join(unknown)}.")
        if page is not None:
            lines.append(sentence(page, self.arguments))
        return value, body, None if page is None else {PAGE_KEY: page}, tuple(lines)


PLAIN: Final = Shaping()
"""Leaves everything as it is."""
