"""Chores are done again and again until the server stops, whatever one of them comes to."""

import asyncio

import pytest

from freehold.tending import Chore, Tending

pytestmark = pytest.mark.anyio


async def test_a_chore_outlives_its_failures(caplog: pytest.LogCaptureFixture) -> None:
    """One that fails is done again, the other does not notice, the log names it without its words; after the end nothing is done."""
    done: list[str] = []
    often = asyncio.Event()

    async def failing() -> None:
        done.append("failing")
        if done.count("failing") == 3:
            often.set()
        raise RuntimeError("canary-3e1")

    async def steady() -> None:
        done.append("steady")

    tending = Tending([Chore("failing", failing, 0), Chore("steady", steady, 0)])
    tending.start()
    await asyncio.wait_for(often.wait(), 30)
    await tending.close()
    assert done.count("steady") >= 2
    assert "failing not tended" in caplog.text
    assert "steady not tended" not in caplog.text
    assert "canary-3e1" not in caplog.text
    times = len(done)
    await asyncio.sleep(0)
    assert len(done) == times
