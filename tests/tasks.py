"""Replicas of the tasks room over one database, and work whose end a test decides."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio

from freehold.adapters.state_memory import MemoryState
from freehold.core.channel import Ask, Channel
from freehold.core.deed import Deed
from freehold.core.principal import Principal
from freehold.domains.tasks.model import Changed, Finished, Task, Terms
from freehold.domains.tasks.tasks import Tasks
from freehold.kit.crypto import Seal
from freehold.kit.db import Database
from freehold.kit.errors import Unavailable
from freehold.kit.state import State
from tests.clocks import HandClock

MASTER = b"m" * 32
TTL_MS = 600_000
POLL_MS = 500
MOST = 3
PATIENT = 30.0
"""Seconds a wait may take where a slow machine must not decide the test."""


def who(tenant: str = "acme", subject: str = "ada") -> Principal:
    """A caller."""
    return Principal(tenant=tenant, subject=subject, client="agent", credential="key:k1", scopes=frozenset(), plan="open", expires_at=9e9)


ADA = who()


def question(key: str, message: str = "Sure?") -> Ask:
    """A form to fill in."""
    return Ask(key=key, method="elicitation/create", params={"message": message, "requestedSchema": {"type": "object", "properties": {}}})


def yes(**content: Any) -> dict[str, Any]:
    """The form, filled in."""
    return {"action": "accept", "content": content}


class Lossy(MemoryState):
    """A state whose broadcasts never arrive: each as lost, or refused because the server does not answer."""

    def __init__(self, *, answers: bool) -> None:
        """`answers` False: publishing raises, as it does while Redis is away."""
        super().__init__(HandClock())
        self._answers = answers

    async def publish(self, topic: str, message: str) -> None:
        """Lose it."""
        if not self._answers:
            raise Unavailable("away")


@dataclass
class Replica:
    """One process: its room, and what its watcher hears."""

    tasks: Tasks
    name: str
    deeds: list[Deed]
    heard: asyncio.Queue[Changed] = field(default_factory=asyncio.Queue)

    async def becomes(self, task_id: str, status: str, *, caller: Principal = ADA) -> Task:
        """The task once it has that status, looked at whenever this replica hears of a change."""
        with anyio.fail_after(PATIENT):
            while (task := await self.tasks.get(caller, task_id)).status != status:
                await self.heard.get()
        return task

    async def begin(self, work: Callable[[Channel], Awaitable[Finished]], caller: Principal = ADA) -> Task:
        """A task of the tool `export`."""
        return await self.tasks.begin(caller, "export", "call-1", work)


@asynccontextmanager
async def replica(db: Database, state: State, clock: HandClock, name: str = "here", *, start: bool = True) -> AsyncIterator[Replica]:
    """A started room; what it still runs is cut off at the end."""
    deeds: list[Deed] = []

    async def record(deed: Deed) -> None:
        deeds.append(deed)

    terms = Terms(ttl_ms=TTL_MS, poll_ms=POLL_MS, per_principal=MOST)
    tasks = Tasks(db, state, Seal(MASTER), record=record, clock=clock, randomness=os.urandom, runner=name, terms=terms)
    made = Replica(tasks, name, deeds)
    tasks.watch(made.heard.put_nowait)
    if start:
        await tasks.start()
        await state.check()
    yield made
    await tasks.close(0)


@dataclass
class Work:
    """Work that begins when it is called and ends when the test says so."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False
    result: Finished = field(default_factory=lambda: Finished(result=b'{"content":[]}'))

    async def __call__(self, channel: Channel) -> Finished:
        """Wait for `go_on`."""
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.ended.set()
        return self.result


async def at_once(_channel: Channel) -> Finished:
    """Work that is nothing."""
    return Finished(result=b'{"content":[]}')
