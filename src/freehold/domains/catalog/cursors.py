"""Page cursors: opaque, and worth something only to the tenant, list and catalog version they were made for."""

import base64
import binascii
from typing import Final

import msgspec

from freehold.core.refusals import Refusal
from freehold.kit.crypto import Seal, Unsealable

_PURPOSE: Final = "cursor"
_NUMBER: Final = 4
_LENGTH: Final = 44
"""Characters of a cursor: 33 sealed bytes, so that base64 needs no padding and has no bits to spare."""

_bound: Final = msgspec.msgpack.Encoder().encode


class Cursors:
    """Seals a page number, so that nothing of it can be read; every replica with the same master key can open it."""

    def __init__(self, seal: Seal) -> None:
        """`seal` is used for the purpose `cursor` and no other."""
        self._seal = seal

    def seal(self, tenant: str, version: str, kind: str, page: int) -> str:
        """The cursor of a page; another one each time."""
        sealed = self._seal.seal(_PURPOSE, page.to_bytes(_NUMBER, "big"), _bound((tenant, version, kind)))
        return base64.urlsafe_b64encode(sealed).decode()

    def open(self, tenant: str, version: str, kind: str, cursor: str) -> int:
        """The page a cursor stands for, or `Refusal`."""
        if len(cursor) != _LENGTH:
            raise Refusal("invalid_cursor")
        try:
            sealed = base64.b64decode(cursor, altchars=b"-_", validate=True)
            opened = self._seal.open(_PURPOSE, sealed, _bound((tenant, version, kind)))
        except (binascii.Error, ValueError, Unsealable):
            raise Refusal("invalid_cursor") from None
        if base64.urlsafe_b64encode(sealed).decode() != cursor:  # the decoder takes + and / as well
            raise Refusal("invalid_cursor")
        return int.from_bytes(opened, "big")
