"""A server's event stream, read in whatever parts it arrives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol.client import Garbled
from freehold.protocol.client_events import Events

STREAM = (
    b": hello\r\nid: 7\r\nretry: 250\r\ndata: one\r\n\r\ndata: two\ndata:  lines\n\nevent: x\rdata: three\r\r\ndata\n\nid: 8\ndata: 4\n\n"
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_parts_make_no_difference(cuts: list[int]) -> None:
    """Cut anywhere, also between CR and LF, the same events come out."""
    events, found, at = Events(longest=1_000), [], 0
    for cut in [*sorted(cuts), len(STREAM)]:
        found += events.feed(STREAM[at:cut])
        at = cut
    assert found == [b"one", b"two\n lines", b"three", b"4"]
    assert (events.last_id, events.retry) == ("8", 250)


def test_a_line_without_end_is_refused() -> None:
    """Neither one long line nor many short ones of one event go beyond the bound."""
    with pytest.raises(Garbled):
        Events(longest=100).feed(b"data: " + b"x" * 200)
    events = Events(longest=100)
    with pytest.raises(Garbled):
        events.feed(b"data: 12345678\n" * 50)
