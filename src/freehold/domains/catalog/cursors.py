"""Page cursors: opaque, and worth something only to the tenant and catalog version they were made for."""

import base64
import binascii
import hmac
from collections.abc import Callable
from typing import Final

from freehold.core.refusals import Refusal

_TAG: Final = 16
_NUMBER: Final = 4


class Cursors:
    """Signs a page number with HMAC-SHA-256; every replica with the same key can open it."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        """`key` gives at least 32 bytes; asked at first use, since the master key is read when the server starts."""
        self._key = key

    def seal(self, tenant: str, version: str, page: int) -> str:
        """The cursor of a page."""
        return self._sealed(tenant, version, page.to_bytes(_NUMBER, "big")).decode()

    def open(self, tenant: str, version: str, cursor: str) -> int:
        """The page a cursor stands for, or `Refusal`."""
        try:
            number = base64.urlsafe_b64decode(cursor)[:_NUMBER]
        except (binascii.Error, ValueError):
            raise Refusal("invalid_cursor") from None
        if not hmac.compare_digest(cursor.encode(), self._sealed(tenant, version, number)):
            raise Refusal("invalid_cursor")
        return int.from_bytes(number, "big")

    def _sealed(self, tenant: str, version: str, number: bytes) -> bytes:
        """The cursor's one spelling: base64 has others for the same bytes, and none of them opens."""
        tag = hmac.digest(self._key(), b"%b|%b|%b" % (version.encode(), tenant.encode(), number), "sha256")[:_TAG]
        return base64.urlsafe_b64encode(number + tag)
