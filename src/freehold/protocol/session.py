"""The value inside a 2025-x session id: all that `initialize` settled, so that no process has to remember it.

Sealing it is the door's; an id is never a credential, every request brings its own (2025-11-25, Session Management)."""

from typing import Final

import msgspec
from msgspec import Struct

from freehold.protocol.capabilities import Capabilities

LASTS: Final = 7 * 86_400.0
"""Seconds until a client must initialize again."""


class Session(Struct, frozen=True, array_like=True):
    """One initialized client. The order of the fields is the sealed form: a change of it needs another purpose of the seal."""

    revision: str
    capabilities: Capabilities
    tenant: str
    """Of the principal it was made for; whose sessions count together."""
    owner: bytes
    """Digest of that principal, whom every request must be of."""
    nonce: str
    """Names it on the bus; unguessable."""
    expires_at: float
    """Unix seconds."""
    shown: bytes
    """What the lists showed when it began."""


encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Session).decode


def decode(opened: bytes) -> Session:
    """The session in an opened value. Raises `msgspec.MsgspecError` for one of another shape."""
    return _decode(opened)
