"""A process that stops anywhere in the exchange of a code leaves either a code that still counts or a whole grant, never a half."""

import pytest

from freehold.domains.oauth.denied import Denied
from tests.agents import USER
from tests.clocks import HandClock
from tests.families import Crash, replicas

pytestmark = pytest.mark.anyio

POINTS = 9
"""Of an exchange: one before its transaction, six statements, the commit and after it; the ledger is the last."""


async def test_an_exchange_that_stops_anywhere_gives_nothing_twice(database_url: str) -> None:
    """Before the commit the code is good for another try; after it the second try ends the grant nobody has (CODE-07, -08)."""
    first, second = await replicas(database_url, HandClock())
    outcomes: list[str] = []
    for point in range(POINTS + 2):
        code, before = await first.allowed(f"page-{point}"), await first.rows()
        try:
            await first.exchange(code, stop_at=point)
        except Crash:
            outcomes.append("whole" if await first.rows() > before else "nothing")
        else:
            outcomes.append("done")
        if outcomes[-1] == "nothing":
            given = await second.exchange(code)
            assert await first.rows() == before + 1
            assert (await second.refresh(given["refresh"]))["access"]
        else:
            with pytest.raises(Denied):
                await second.exchange(code)
            assert await first.rows() == before + 1
        await first.withdrawal.of_user("acme", USER, actor="test")
        assert await first.withdrawal.listed("acme", USER) == []
    assert outcomes == ["nothing"] * outcomes.count("nothing") + ["whole"] * outcomes.count("whole") + ["done"] * outcomes.count("done")
    assert outcomes.count("nothing") >= 6
    assert outcomes.count("whole") == 2
    assert outcomes[-1] == "done"
    for replica in (first, second):
        await replica.db.close()


async def test_a_replay_that_stops_is_caught_by_the_next(database_url: str) -> None:
    """Wherever the process that sees a code a second time stops, after the next one no token of the grant counts (CODE-02)."""
    first, second = await replicas(database_url, HandClock())
    for point in range(10):
        code = await first.allowed(f"page-{point}")
        given = await first.exchange(code)
        with pytest.raises((Crash, Denied)):
            await first.exchange(code, stop_at=point)
        with pytest.raises(Denied):
            await second.exchange(code)
        with pytest.raises(Denied):
            await second.refresh(given["refresh"])
        assert await second.withdrawal.listed("acme", USER) == []
    for replica in (first, second):
        await replica.db.close()
