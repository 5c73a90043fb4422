"""The pool of random bytes: every byte is given once, in the system's own order, whatever is asked for."""

import itertools
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from freehold.kit.randomness import Pool


def source() -> tuple[Callable[[int], bytes], list[bytes]]:
    """Bytes in which every four of a place say where they are; and what was drawn so far."""
    drawn: list[bytes] = []
    places = itertools.count()

    def draw(count: int) -> bytes:
        made = b"".join(next(places).to_bytes(4, "big") for _ in range(-(-count // 4)))[:count]
        drawn.append(made)
        return made

    return draw, drawn


@given(st.lists(st.integers(0, 5_000), max_size=60))
def test_no_byte_is_given_twice(counts: list[int]) -> None:
    """Whatever is asked for in whatever order, each answer has its length and continues behind the last one in what was drawn."""
    draw, drawn = source()
    pool = Pool(draw)
    at = (0, 0)
    for count in counts:
        given_ = pool(count)
        assert len(given_) == count
        if count:
            draught = len(drawn) - 1
            where = at[1] if draught == at[0] else 0
            assert drawn[draught][where : where + count] == given_
            at = (draught, where + count)
    assert len(drawn) <= 1 + sum(counts) // 2_048 + sum(count > 2_048 for count in counts)


def test_the_system_is_asked_seldom_and_never_for_too_little() -> None:
    """A thousand ids' worth of bytes takes a few draughts; one request larger than a draught is met whole."""
    draw, drawn = source()
    pool = Pool(draw)
    tokens = {pool(12) for _ in range(1_000)}
    assert len(tokens) == 1_000
    assert len(drawn) == 3
    assert len(pool(10_000)) == 10_000


def test_two_pools_of_the_system_share_nothing() -> None:
    """Tokens from the system's randomness do not repeat, within one pool or between two."""
    one, other = Pool(), Pool()
    tokens = [pool(16) for _ in range(2_000) for pool in (one, other)]
    assert len(set(tokens)) == len(tokens)
