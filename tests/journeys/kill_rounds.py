"""Rounds of SIGKILL under load, and what is then in the book.

The suite runs a few; by hand, as many as wanted: `python -m tests.journeys.kill_rounds --rounds 30`."""

import argparse
import asyncio
import itertools
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import aiohttp

from tests.journeys.things import Things, things
from tests.processes import OFFERED, Agent, Place, http, place
from tests.servers import private_postgres, private_redis

CLIENTS = 8
RATE = 200.0
SHORTEST, LONGEST = 0.1, 1.2
"""Seconds of load before the kill."""

Source = Literal["python", "openapi"]


@dataclass
class Killed:
    """A deployment that is killed again and again, and what its clients were told."""

    place: Place
    token: str
    api: Things
    source: Source
    chance: random.Random
    acknowledged: list[str] = field(default_factory=list)
    broken: int = 0
    """Calls that were under way when the server died."""

    async def round(self, number: int, rate: float) -> None:
        """Start, load, kill at a random moment. Every answer that came must be a good one.

        `rate` is calls a second of all clients together; 0 is as fast as answers come."""
        every = CLIENTS / rate if rate else 0.0
        async with self.place.serving() as server, http() as session:
            agent = Agent(session, server.url, self.token)
            clients = [asyncio.create_task(self._client(agent, f"{number}-{client}", every)) for client in range(CLIENTS)]
            await asyncio.sleep(self.chance.uniform(SHORTEST, LONGEST))  # real time: any moment under load is what this is about
            server.process.kill()
            await asyncio.gather(*clients)
            assert (await server.ended()).code == -9

    async def _client(self, agent: Agent, mine: str, every: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self.chance.random() * every
        for count in itertools.count():
            await asyncio.sleep(due - loop.time())  # real time: calls come at a rate
            due += every
            name = f"{mine}-{count}"
            try:
                await self.call(agent, name)
            except aiohttp.ClientConnectorError:
                return
            except (aiohttp.ClientError, ConnectionError):
                self.broken += 1
                return
            self.acknowledged.append(name)

    async def call(self, agent: Agent, name: str) -> None:
        """One call of that name, answered well."""
        tool, arguments = ("echo", {"text": name}) if self.source == "python" else ("get_thing", {"mark": name})
        reply = await agent.call(tool, arguments, name=name)
        assert reply.status == 200, reply.body
        assert name in reply.text
        assert "isError" not in reply.json["result"]

    async def found(self) -> "Found":
        """What the book says now."""
        entries, verified = await asyncio.gather(self.place.book("acme"), self.place.verified())
        named = Counter(entry["request_id"] for entry in entries)
        asked = self.api.asked()
        return Found(
            acknowledged=len(self.acknowledged),
            broken=self.broken,
            entries=len(entries),
            lost=[name for name in self.acknowledged if not named[name]],
            doubled=[name for name, times in named.items() if times > 1],
            ids=len({entry["id"] for entry in entries}),
            unasked=[name for name in self.acknowledged if asked[name] != 1] if self.source == "openapi" else [],
            verified=verified,
        )


@dataclass(frozen=True)
class Found:
    """The book beside what clients were told."""

    acknowledged: int
    broken: int
    entries: int
    lost: list[str]
    doubled: list[str]
    ids: int
    unasked: list[str]
    """Acknowledged, but the API was not asked for it exactly once."""
    verified: bool

    @property
    def whole(self) -> bool:
        """Whether everything acknowledged is there once, and nothing is there twice."""
        return self.verified and not self.lost and not self.doubled and not self.unasked and self.ids == self.entries

    def __str__(self) -> str:
        """One line for a person."""
        counts = f"{self.acknowledged} acknowledged, {self.broken} cut off, {self.entries} in the book"
        return f"{counts}, {len(self.lost)} lost, {len(self.doubled) + self.entries - self.ids} doubled, verified {self.verified}"


@asynccontextmanager
async def killed(folder: Path, stores: tuple[str, str], source: Source, *, seed: int = 7) -> AsyncIterator[Killed]:
    """A deployment with the tenant acme and both sources, ready to be started and killed."""
    async with things(folder) as (api, lines):
        deployed = place(folder, stores, lines + OFFERED, FREEHOLD_MIGRATE_ON_START="true")
        chance = random.Random(seed)  # noqa: S311  picks moments, keeps no secret
        yield Killed(deployed, await deployed.tenant("acme"), api, source, chance)


async def _by_hand(stores: tuple[str, str], source: Source, rounds: int, rate: float, seed: int) -> Found:
    with TemporaryDirectory(prefix="freehold-kill-") as name:
        async with killed(Path(name), stores, source, seed=seed) as one:
            for number in range(rounds):
                await one.round(number, rate)
                found = await one.found()
                _say(f"{number + 1:>5}  {found}")
            return found


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Both columns of stores, one after the other."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=30)
    asked.add_argument("--rate", type=float, default=RATE, help="calls a second; 0 is as fast as answers come")
    asked.add_argument("--source", choices=("python", "openapi"), default="python")
    asked.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    said = asked.parse_args()
    with ExitStack() as stack:
        columns = [("", "memory:"), (stack.enter_context(private_postgres()), stack.enter_context(private_redis()))]
        for stores in columns:
            _say(f"{stores[0].partition(':')[0] or 'sqlite'} + {stores[1].partition(':')[0]}, {said.source}, seed {said.seed}")
            _say(f"       {asyncio.run(_by_hand(stores, said.source, said.rounds, said.rate, said.seed))}")


if __name__ == "__main__":
    main()
