"""Each client in each era it speaks, running for a whole file, and tenants of its own for each test."""

import json
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from freehold import Caller, Freehold
from freehold.settings import Settings
from tests.clients.hosts import Host, host
from tests.features import everything
from tests.fixtures import PLANS, sample_functions
from tests.served import Served, served

BOTH = [(name, era) for name in ("client", "python", "fastmcp", "mcp-remote", "inspector") for era in ("modern", "legacy")]
EVERY = [*BOTH, ("sdk", "legacy")]  # the 1.x client knows the old era only
TALKING = [(name, era) for name, era in EVERY if name not in {"inspector", "mcp-remote"}]  # the other two have tests of their own
ORDERS = {"acme": ["a-1", "a-2"], "globex": ["g-1"]}


@dataclass(frozen=True)
class Customers:
    """Two tenants that only this test knows."""

    server: Served
    acme: str
    globex: str

    async def token(self, tenant: str, **said: Any) -> str:
        """A token of one of its users, with every right but what is said."""
        return await self.server.token(tenant, **said)

    async def calls(self, tenant: str) -> list[tuple[str, str]]:
        """Tool and outcome of every call in the tenant's book."""
        lines = b"".join([part async for part in self.server.application.book.export(tenant, "jsonl")]).splitlines()
        return [(entry["what"], entry["outcome"]) for entry in map(json.loads, lines) if entry["kind"] == "call"]


@pytest.fixture(scope="module", params=EVERY, ids="-".join)
async def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Host]:
    """A client, running."""
    name, era = request.param
    async with host(name, era, tmp_path_factory.mktemp(name)) as running:
        yield running


@pytest.fixture(scope="module", params=TALKING, ids="-".join)
async def talking(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Host]:
    """A client, running, that answers questions and hears what it is told."""
    name, era = request.param
    async with host(name, era, tmp_path_factory.mktemp(name)) as running:
        yield running


@pytest.fixture(scope="module")
def nobody() -> Iterator[str]:
    """An address at which nobody answers: where this server's tokens come from, as far as a client can find out."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture(scope="module")
async def shop(nobody: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A server with the sample functions and each tenant's orders, for a whole file."""
    async with served(_settings(nobody, tmp_path_factory.mktemp("shop")), functions=[sample_functions(), _orders().functions]) as running:
        yield running


@pytest.fixture
async def customers(shop: Served, _numbers: Iterator[int]) -> Customers:
    """Two tenants for one test."""
    return await _two(shop, next(_numbers))


@pytest.fixture(scope="module")
async def features(nobody: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A server with one of everything, for a whole file."""
    async with served(_settings(nobody, tmp_path_factory.mktemp("features")), functions=[everything([]).functions]) as running:
        yield running


@pytest.fixture
async def featured(features: Served, _numbers: Iterator[int]) -> Customers:
    """Two tenants of that server for one test."""
    return await _two(features, next(_numbers))


@pytest.fixture(scope="module")
def _numbers() -> Iterator[int]:
    """So that no two tests share a tenant."""
    return count(1)


async def _two(server: Served, number: int) -> Customers:
    both = Customers(server, f"acme-{number}", f"globex-{number}")
    await server.tenant(both.acme)
    await server.tenant(both.globex)
    return both


def _settings(public_url: str, folder: Path) -> Settings:
    return Settings(
        data_dir=folder / "data",
        database_url=f"sqlite:///{folder / 'freehold.db'}",
        migrate_on_start=True,
        public_url=public_url,
        instructions="Orders and arithmetic.",
        plans=PLANS,
        default_plan="open",
    )


def _orders() -> Freehold:
    app = Freehold("orders")

    @app.tool(read_only=True)
    async def orders(caller: Caller) -> list[str]:
        """The orders of the caller's company."""
        return ORDERS[caller.tenant.partition("-")[0]]

    return app
