"""Folds the steps around the innermost one. The only place that knows the corridor is an onion."""

from collections.abc import Sequence
from functools import partial

from freehold.core.call import Next, Step


def fold(steps: Sequence[Step], innermost: Next) -> Next:
    """One callable that runs `steps`, outermost first, around `innermost`."""
    nxt = innermost
    for step in reversed(steps):
        nxt = partial(step, nxt=nxt)
    return nxt
