"""Identifiers: time-sortable ids for rows, random secrets for credentials."""

import os
from collections.abc import Callable

from freehold.kit.clock import Clock
from freehold.kit.randomness import Pool

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_RANDOM_BYTES = 10
_RANDOM_BITS = 80


class Ids:
    """Makes 26-character ids: 48 bits of milliseconds, then 80 random bits, in Crockford base 32.

    Ids of one instance strictly increase, also within one millisecond and when the clock goes back.
    """

    def __init__(self, clock: Clock, randomness: Callable[[int], bytes] = os.urandom) -> None:
        """Take the clock and a source of random bytes, `os.urandom` outside tests."""
        self._now = clock.now
        self._pool = Pool(randomness)
        self._last = 0

    def new(self) -> str:
        """A new id, greater than every id this instance has made."""
        value = int(self._now() * 1000) << _RANDOM_BITS | int.from_bytes(self._pool(_RANDOM_BYTES), "big")
        if value <= self._last:
            value = self._last + 1
        self._last = value
        pairs = _PAIRS
        return "".join([pairs[value >> shift & 1023] for shift in range(120, -1, -10)])
