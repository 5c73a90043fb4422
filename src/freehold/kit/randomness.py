"""Random bytes drawn from the system in large draughts: asking it for a few costs more than what is done with them."""

import os
from collections.abc import Callable
from typing import Final

_DRAUGHT: Final = 4096


class Pool:
    """Gives bytes that are used once and forgotten here. For one thread; not across a fork."""

    def __init__(self, randomness: Callable[[int], bytes] = os.urandom) -> None:
        """`randomness` is the source, `os.urandom` outside tests."""
        self._randomness = randomness
        self._bytes = b""
        self._at = 0

    def __call__(self, count: int) -> bytes:
        """`count` fresh bytes, at most one draught."""
        end = self._at + count
        if end > len(self._bytes):
            self._bytes = self._randomness(max(_DRAUGHT, count))
            end = count
        self._at = end
        return self._bytes[end - count : end]
