"""Multi round-trip requests of 2026-07-28: the value inside `requestState`, and the result that asks (basic/patterns/mrtr).

The value holds the answers so far, so any replica can go on. Sealing it and binding it to its caller are the door's."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec import Struct

LASTS: Final = 600.0
"""Seconds a client has for the answers of one round."""
LONGEST: Final = 262_144
"""Characters of a requestState that are looked at."""


class Round(Struct, frozen=True, array_like=True):
    """What is known when a client is asked."""

    expires_at: float
    """Unix seconds."""
    asked: tuple[str, ...]
    """Keys whose answers the next request may bring; any other is ignored."""
    answers: dict[str, Any]
    """By key, those of earlier rounds."""


encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Round).decode
_sorted: Final = msgspec.json.Encoder(order="sorted").encode


def decode(opened: bytes) -> Round:
    """The round in an opened value. Raises `msgspec.MsgspecError` for one of another shape."""
    return _decode(opened)


def binding(who: Iterable[str], method: str, name: str, arguments: dict[str, Any]) -> bytes:
    """What a state is bound to: its principal, the method and what it names, and the arguments, whatever their order."""
    return sha256(msgspec.msgpack.encode([*who, method, name, _sorted(arguments)])).digest()
