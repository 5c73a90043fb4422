"""Identifiers: time-sortable ids for rows, random secrets for credentials."""

import os
from collections.abc import Callable

from freehold.kit.clock import Clock

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_RANDOM_BITS = 80
_RANDOM_POOL = 4096


class Ids:
    """Makes 26-character ids: 48 bits of milliseconds, then 80 random bits, in Crockford base 32.

    Ids of one instance strictly increase, also within one millisecond and when the clock goes back.
    """

    def __init__(self, clock: Clock, randomness: Callable[[int], bytes] = os.urandom) -> None:
        """Take the clock and a source of random bytes, `os.urandom` outside tests."""
        self._now = clock.now
        self._randomness = randomness
        self._pool = b""
        self._at = 0
        self._last = 0

    def new(self) -> str:
        """A new id, greater than every id this instance has made."""
        at = self._at
        if at >= len(self._pool):
            self._pool = self._randomness(_RANDOM_POOL)
            at = 0
        self._at = at + 10
        value = int(self._now() * 1000) << _RANDOM_BITS | int.from_bytes(self._pool[at : at + 10], "big")
        if value <= self._last:
            value = self._last + 1
        self._last = value
        pairs = _PAIRS
        return "".join([pairs[value >> shift & 1023] for shift in range(120, -1, -10)])
