"""How much a document may say of each operation: the more operations share one list, the fewer words each gets.

The steps are few and far apart, so that a document that grows a little does not change what every tool says."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from freehold.domains.sources.openapi.document import Json, mapping

METHODS: Final = frozenset({"get", "put", "post", "delete", "patch", "head", "options", "trace"})
"""Words of a path item that are operations."""


class Allowance(Struct, frozen=True):
    """Bytes of UTF-8 or of JSON."""

    tool: int
    """A tool's description."""
    argument: int
    """The description of an argument or of a field inside one."""
    output: int
    """An output schema; a larger one is left out."""
    one_sentence: bool = False
    """Arguments are described by the first sentence alone."""


_FEW: Final = Allowance(tool=600, argument=200, output=1024)
_MORE: Final = Allowance(tool=400, argument=160, output=768)
_MANY: Final = Allowance(tool=200, argument=100, output=320, one_sentence=True)
_STEPS: Final = ((600, _MANY), (200, _MORE))
"""At least so many operations, the larger numbers first."""


def allowance(raw: Json) -> Allowance:
    """What this document's tools may say."""
    count = sum(1 for _ in _operations(raw))
    return next((given for least, given in _STEPS if count >= least), _FEW)


def _operations(raw: Json) -> Iterator[str]:
    for item in mapping(raw.get("paths")).values():
        yield from METHODS & mapping(item).keys()
