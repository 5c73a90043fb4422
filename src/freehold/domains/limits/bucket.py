"""GCRA: a token bucket kept as one number, the instant at which it would be full again.

Pure arithmetic in whole microseconds, so that nothing drifts. The Redis adapter repeats `take` in Lua."""

import math

from freehold.kit.state import Bucket

SECOND = 1_000_000
"""Microseconds in a second."""


def microseconds(seconds: float) -> int:
    """The nearest whole microsecond."""
    return int(seconds * SECOND + 0.5)


def interval(bucket: Bucket) -> int:
    """Microseconds one token takes to come back; rounded up, so a bucket never gives more than it promises."""
    return math.ceil(SECOND / bucket.per_second)


def take(full_at: int, now: int, bucket: Bucket, cost: int) -> tuple[int, int]:
    """When the bucket is full again, to be kept in any case, and how many microseconds are missing for the cost: 0 when it was taken.

    A bucket never owes more than all it holds: a clock set back, or a plan that became faster, makes nobody wait longer.
    """
    if cost > bucket.burst:
        raise ValueError(f"A cost of {cost} can never be taken from a bucket of {bucket.burst}; make the bucket larger.")
    each = interval(bucket)
    whole = each * bucket.burst
    held = min(max(full_at, now), now + whole)
    after = held + each * cost
    wait = after - whole - now
    return (held, wait) if wait > 0 else (after, 0)
