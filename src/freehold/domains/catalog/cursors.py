"""Page cursors: opaque, and worth something only to the tenant and catalog version they were made for."""

import base64
import binascii
import hmac
from collections.abc import Callable
from typing import Final

from freehold.core.refusals import Refusal

_TAG: Final = 16


class Cursors:
    """Signs a page number with HMAC-SHA-256; every replica with the same key can open it."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        """`key` gives at least 32 bytes; asked at first use, since the master key is read when the server starts."""
        self._key = key

    def seal(self, tenant: str, version: str, page: int) -> str:
        """The cursor of a page."""
        number = page.to_bytes(4, "big")
        return base64.urlsafe_b64encode(number + self._tag(tenant, version, number)).decode()

    def open(self, tenant: str, version: str, cursor: str) -> int:
        """The page a cursor stands for, or `Refusal`."""
        try:
            raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise Refusal("invalid_cursor") from None
        number, tag = raw[:4], raw[4:]
        if not hmac.compare_digest(tag, self._tag(tenant, version, number)):
            raise Refusal("invalid_cursor")
        return int.from_bytes(number, "big")

    def _tag(self, tenant: str, version: str, number: bytes) -> bytes:
        return hmac.digest(self._key(), b"%b|%b|%b" % (version.encode(), tenant.encode(), number), "sha256")[:_TAG]
