"""A process that writes into the book as fast as it can and says each id once it is acknowledged. Started by `test_ledger_kill.py`."""

import asyncio
import os
import sys

from freehold.domains.ledger.writer import Ledger
from freehold.kit.clock import SystemClock
from freehold.kit.db import connect
from freehold.kit.ids import Ids
from tests.entries import DONE, a_call

_CALLERS = 24


async def _write(ledger: Ledger, ids: Ids) -> None:
    while True:
        call = a_call(ids.new())
        await ledger.call(call, DONE, microseconds=1, bytes_out=0)
        os.write(1, f"{call.id}\n".encode())


async def _run(url: str) -> None:
    clock = SystemClock()
    ids = Ids(clock)
    ledger = Ledger(connect(url), clock=clock, ids=ids)
    await ledger.start()
    await asyncio.gather(*[_write(ledger, ids) for _ in range(_CALLERS)])


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1]))
