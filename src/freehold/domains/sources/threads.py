"""Threads for tools that are plain functions: a pool of their own, of which one tenant holds a share at most.

A thread cannot be stopped: one whose caller gave up counts until it ends, so that nobody gathers them by giving up."""

import asyncio
import contextvars
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, Final

from freehold.core.refusals import Refusal

MOST: Final = 40
SHARE: Final = 8
_AGAIN: Final = 1.0


class Threads:
    """Made at the first use; counts by tenant."""

    def __init__(self, *, most: int = MOST, share: int = SHARE) -> None:
        """`most` threads in all, `share` of them for one tenant."""
        self._most = most
        self._share = share
        self._held: Counter[str] = Counter()
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None

    async def run(self, tenant: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """What the function returns. Raises Refusal `overloaded` when the tenant's share is taken."""
        with self._lock:
            if self._held[tenant] >= self._share:
                raise Refusal("overloaded", retry_after=_AGAIN)
            self._held[tenant] += 1
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="freehold-tool")
        work = self._pool.submit(contextvars.copy_context().run, _called, function, arguments)
        work.add_done_callback(lambda done: self._free(tenant, done))
        return await asyncio.wrap_future(work)

    def close(self) -> None:
        """Begin nothing that still waits; what runs goes on to its end."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _free(self, tenant: str, _: "Future[Any]") -> None:
        with self._lock:
            self._held[tenant] -= 1
            if not self._held[tenant]:
                del self._held[tenant]


def _called(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Before Python 3.12 no future takes StopIteration: whoever waits for the thread would wait for ever."""
    try:
        return function(**arguments)
    except StopIteration as ended:
        raise RuntimeError("StopIteration left the tool's function") from ended
