"""Threads for plain functions: shared out among tenants, counted until they end."""

import asyncio
import threading

import pytest

from freehold.core.refusals import Refusal
from freehold.domains.sources.threads import Threads

pytestmark = pytest.mark.anyio


async def test_one_tenants_slow_functions_leave_room_for_others() -> None:
    """A tenant whose share hangs is refused more of it, while another tenant's function runs at once (TEN-18)."""
    threads, release = Threads(most=4, share=2), threading.Event()
    slow = [asyncio.create_task(threads.run("acme", release.wait, {"timeout": 60})) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Refusal) as refused:
        await threads.run("acme", str, {})
    assert refused.value.code == "overloaded"
    assert await threads.run("globex", dict, {"x": 1}) == {"x": 1}
    release.set()
    assert await asyncio.gather(*slow) == [True, True]
    assert await threads.run("acme", dict, {}) == {}
    threads.close()


async def test_a_caller_that_gives_up_does_not_free_its_thread() -> None:
    """The share stays taken until the function ends, however often its caller gives up."""
    threads, release = Threads(most=2, share=1), threading.Event()
    call = asyncio.create_task(threads.run("acme", release.wait, {"timeout": 60}))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    with pytest.raises(Refusal):
        await threads.run("acme", str, {})
    release.set()
    for _ in range(1000):
        try:
            assert await threads.run("acme", dict, {}) == {}
            break
        except Refusal:
            await asyncio.sleep(0.001)  # real time: the thread ends on its own
    else:
        pytest.fail("the share was never given back")
    threads.close()
