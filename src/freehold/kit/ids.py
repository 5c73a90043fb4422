"""Identifiers of rows: time-sortable, unguessable enough not to collide, no secrets."""

import os
from collections.abc import Callable
from typing import Final

from freehold.kit.clock import Clock
from freehold.kit.randomness import Pool

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = [a + b for a in _ALPHABET for b in _ALPHABET]
_HALF: Final = 1 << 40
_HALF_BYTES: Final = 5


class Ids:
    """Makes 26-character ids in Crockford base 32: 48 bits of milliseconds, 80 random bits, counted up within one millisecond.

    Ids of one instance strictly increase, also when the clock goes back. An id tells its time; nothing else about it is to be relied on.
    """

    def __init__(self, clock: Clock, randomness: Callable[[int], bytes] = os.urandom) -> None:
        """Take the clock and a source of random bytes, `os.urandom` outside tests."""
        self._now = clock.now
        self._random = Pool(randomness)
        self._millisecond = -1
        self._head = ""
        self._tail = _HALF

    def new(self) -> str:
        """A new id, greater than every id this instance has made."""
        millisecond = int(self._now() * 1000)
        tail = self._tail + 1
        if millisecond > self._millisecond or tail >= _HALF:
            tail = self._begin(max(millisecond, self._millisecond + (tail >= _HALF)))
        self._tail = tail
        pairs = _PAIRS
        return self._head + pairs[tail >> 30] + pairs[tail >> 20 & 1023] + pairs[tail >> 10 & 1023] + pairs[tail & 1023]

    def _begin(self, millisecond: int) -> int:
        """Draw for a new millisecond: the first 18 characters, and where the rest begins to count."""
        self._millisecond = millisecond
        self._head = _written(millisecond, 5) + _written(int.from_bytes(self._random(_HALF_BYTES), "big"), 4)
        return int.from_bytes(self._random(_HALF_BYTES), "big") >> 1


def _written(value: int, pairs: int) -> str:
    return "".join(_PAIRS[value >> 10 * place & 1023] for place in range(pairs - 1, -1, -1))
