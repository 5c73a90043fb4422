"""A server for a whole file of tests about authorization, whose clock each test turns on by an hour so that no limit of another is felt."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from freehold.granting import ClientSettings
from freehold.settings import Settings
from tests.agents import Agent, Browser, enrol
from tests.clocks import HandClock
from tests.fixtures import PLANS, sample_functions
from tests.served import Served, served

PORTAL = "https://portal.example/cb"
SECRET = "s3cret-of-the-portal-" + "x" * 20
BOSS = "boss@acme.example"
BOTH = "cleo@both.example"


@dataclass(frozen=True)
class Town:
    """The server with its people: ana (a member) and boss (an admin) in acme, cleo in acme and globex."""

    server: Served
    clock: HandClock

    async def agent(self, redirect_uri: str = "http://127.0.0.1:43117/callback") -> Agent:
        """A client that registered itself."""
        agent = Agent(self.server, redirect_uri=redirect_uri)
        assert (await agent.register()).status == 201
        return agent

    async def works(self, access: str) -> bool:
        """Whether a tool can be called with it, as far as every replica knows."""
        self.server.application.resource.forget()
        return (await self.server.call("echo", {"text": "hi"}, token=access)).status == 200

    def portal(self) -> Agent:
        """The operator's own client, which has a secret."""
        return Agent(self.server, client_id="portal", redirect_uri=PORTAL, secret=SECRET)

    def stored(self) -> bytes:
        """Everything the database has written."""
        path = self.server.application.db.sqlite_path
        assert path is not None
        return b"".join(part.read_bytes() for part in path.parent.glob(f"{path.name}*"))

    def browser(self) -> Browser:
        """A person's, fresh."""
        return Browser(self.server)


@pytest.fixture(scope="module")
async def _town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    folder: Path = tmp_path_factory.mktemp("town")
    settings = Settings(
        data_dir=folder / "data",
        database_url=f"sqlite:///{folder / 'freehold.db'}",
        migrate_on_start=True,
        plans=PLANS,
        default_plan="open",
        title="Trackline",
        clients={"portal": ClientSettings(name="The portal", redirect_uris=(PORTAL, "https://portal.example/other"), secret=SECRET)},
    )
    clock = HandClock()
    async with served(settings, functions=[sample_functions()], clock=clock) as server:
        for tenant in ("acme", "globex"):
            await server.tenant(tenant)
        await enrol(server)
        await enrol(server, user=BOSS, roles=("admin",))
        await enrol(server, user=BOTH)
        await enrol(server, "globex", user=BOTH, roles=("owner",))
        yield Town(server, clock)


@pytest.fixture
def town(_town: Town) -> Town:
    """An hour later."""
    _town.clock.advance(3_600)
    return _town
